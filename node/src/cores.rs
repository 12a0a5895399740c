//! Work shared out among the machine's cores.

/// Fewer items than this for one core are not worth a thread.
const LEAST: usize = 32;

/// Does the work on parts of the items, in order, each part on a core of its own.
///
/// # Panics
/// When the work does.
pub(crate) fn on_all_cores<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(LEAST);
    if items.len() <= share {
        return work(items);
    }
    let work = &work;
    std::thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks(share)
            .map(|part| scope.spawn(move || work(part)))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| match part.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_whatever_the_number() {
        for count in [0, 1, LEAST - 1, LEAST, LEAST + 1, 1_000] {
            let items: Vec<usize> = (0..count).collect();
            let done = on_all_cores(&items, |part| part.iter().map(|item| item * 3).collect());
            assert_eq!(done, items.iter().map(|item| item * 3).collect::<Vec<_>>());
        }
    }
}

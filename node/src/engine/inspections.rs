//! Keeps an answer of the blob store from undoing what a published folder brought meanwhile.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use pishtar_catalog::BlobHash;
use pishtar_mesh::{Held, Input};
use tokio::sync::mpsc;

/// Looks at the blob store that are not yet told to the core.
///
/// Always true: after [`Inspections::import`] of a blob the core hears nothing of a look that began before it.
#[derive(Debug)]
pub(crate) struct Inspections {
    open: Mutex<Open>,
    inputs: mpsc::UnboundedSender<Input>,
}

/// The core asks about few blobs at one time.
#[derive(Debug, Default)]
struct Open {
    looks: BTreeMap<u64, BlobHash>,
    next: u64,
}

/// One look at what the store holds of a blob, by its number.
#[derive(Debug)]
pub(super) struct Look(u64);

impl Inspections {
    pub(super) fn new(inputs: mpsc::UnboundedSender<Input>) -> Self {
        Self {
            open: Mutex::default(),
            inputs,
        }
    }

    /// To be called before the store is asked.
    pub(super) fn begin(&self, hash: BlobHash) -> Look {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let look = Look(open.next);
        open.next += 1;
        open.looks.insert(look.0, hash);
        look
    }

    /// Tells the core what the store held, unless a folder has brought the blob since.
    pub(super) fn end(&self, look: Look, held: Held) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hash) = open.looks.remove(&look.0) {
            self.tell(hash, held);
        }
    }

    /// Tells the core that a published folder has the blob.
    pub(super) fn import(&self, hash: BlobHash) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.looks.retain(|_, of| *of != hash);
        self.tell(hash, Held::Referenced);
    }

    fn tell(&self, hash: BlobHash, held: Held) {
        // A core that has stopped needs to know nothing.
        let _ = self.inputs.send(Input::BlobState { hash, held });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: BlobHash = BlobHash([1; 32]);
    const OTHER: BlobHash = BlobHash([2; 32]);

    fn told(heard: &mut mpsc::UnboundedReceiver<Input>) -> Vec<(BlobHash, Held)> {
        std::iter::from_fn(|| heard.try_recv().ok())
            .map(|input| match input {
                Input::BlobState { hash, held } => (hash, held),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_look_from_before_an_import_is_not_told_after_it() {
        let (inputs, mut heard) = mpsc::unbounded_channel();
        let inspections = Inspections::new(inputs);
        let (old, of_other) = (inspections.begin(BLOB), inspections.begin(OTHER));
        inspections.import(BLOB);
        let new = inspections.begin(BLOB);
        inspections.end(old, Held::Absent);
        inspections.end(of_other, Held::Absent);
        inspections.end(new, Held::Complete);
        let expected = [
            (BLOB, Held::Referenced),
            (OTHER, Held::Absent),
            (BLOB, Held::Complete),
        ];
        assert_eq!(told(&mut heard), expected);
        let open = inspections.open.lock().expect("no test panicked");
        assert!(open.looks.is_empty(), "{:?}", open.looks);
    }

    #[test]
    fn two_looks_at_one_blob_are_both_told() {
        let (inputs, mut heard) = mpsc::unbounded_channel();
        let inspections = Inspections::new(inputs);
        let (first, second) = (inspections.begin(BLOB), inspections.begin(BLOB));
        inspections.end(second, Held::Complete);
        inspections.end(first, Held::Absent);
        assert_eq!(
            told(&mut heard),
            [(BLOB, Held::Complete), (BLOB, Held::Absent)]
        );
    }
}

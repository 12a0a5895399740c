//! Times out of the nodes' logs: all hosts of the lab share one clock, so nobody has to be asked while it runs.

/// When in the day, in seconds, the first line after `after` was written that holds every one of `words`; times that
/// are smaller than `after` by more than half a day belong to the next day.
pub(super) fn time_of(log: &str, words: &[&str], after: f64) -> Option<f64> {
    let times = log
        .lines()
        .filter(|line| words.iter().all(|word| line.contains(word)))
        .filter_map(time_in_day);
    let on = |time: f64| {
        if time + DAY_S / 2.0 < after {
            time + DAY_S
        } else {
            time
        }
    };
    times.map(on).find(|time| *time >= after)
}

const DAY_S: f64 = 86_400.0;

/// `2026-11-24T03:30:38.123456Z  INFO …`
fn time_in_day(line: &str) -> Option<f64> {
    let stamp = line.split_whitespace().next()?.strip_suffix('Z')?;
    let (_, time) = stamp.split_once('T')?;
    let mut parts = time.splitn(3, ':');
    let (hours, minutes) = (parts.next()?.parse::<f64>().ok()?, parts.next()?);
    let seconds: f64 = parts.next()?.parse().ok()?;
    Some(hours * 3_600.0 + minutes.parse::<f64>().ok()? * 60.0 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_by_words_and_after_a_moment() {
        let log = "2026-11-24T03:30:38.500000Z  INFO lesson a is complete\n\
                   noise\n\
                   2026-11-24T03:30:40.250000Z  INFO lesson b is complete\n";
        assert_eq!(time_of(log, &["lesson", "complete"], 0.0), Some(12_638.5));
        assert_eq!(time_of(log, &["lesson b"], 0.0), Some(12_640.25));
        assert_eq!(time_of(log, &["complete"], 12_639.0), Some(12_640.25));
        assert_eq!(time_of(log, &["lesson c"], 0.0), None);
    }

    #[test]
    fn midnight_does_not_turn_time_back() {
        let log = "2026-11-24T23:59:59.000000Z  INFO one\n2026-11-25T00:00:01.000000Z  INFO two\n";
        assert_eq!(time_of(log, &["two"], 86_399.0), Some(86_401.0));
        assert_eq!(time_of(log, &["one"], 86_398.0), Some(86_399.0));
    }
}

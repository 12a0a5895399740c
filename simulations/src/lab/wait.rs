//! Waiting for a state with a deadline: the only way the lab waits.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::LabError;

/// How often the state is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Looks until `look` says `Ok(value)`; `Err` carries the state that is not there yet, for the message.
///
/// # Errors
/// [`LabError::Timeout`] with the last state seen.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> Result<T, LabError> {
    let began = Instant::now();
    loop {
        let last_seen = match look() {
            Ok(value) => return Ok(value),
            Err(state) => state,
        };
        if began.elapsed() >= limit {
            return Err(LabError::Timeout {
                what: what.to_owned(),
                seconds: limit.as_secs(),
                last_seen,
            });
        }
        thread::sleep(LOOK_EVERY);
    }
}

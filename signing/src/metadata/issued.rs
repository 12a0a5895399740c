//! When a metadata file was made: a field that TUF does not know and keeps (specification 4.1), and that tells a device
//! without a clock that it is at least so late.

use serde_json::{Map, Value};

use crate::UnixSeconds;

use super::{format_utc, parse_utc};

/// Name of the field in `signed`: a time of the form `2030-01-01T00:00:00Z`.
pub const ISSUED: &str = "x-pishtar-issued";

/// When the file with these unknown fields was made; `None` where it does not say, or not in a form that reads.
pub fn issued(extra: &Map<String, Value>) -> Option<UnixSeconds> {
    parse_utc(extra.get(ISSUED)?.as_str()?)
}

/// Notes that a file is made at `time`.
pub fn set_issued(extra: &mut Map<String, Value>, time: UnixSeconds) {
    extra.insert(ISSUED.to_owned(), format_utc(time).into());
}

//! The date that metadata bear: what devices without a clock know the time by.

use serde_json::{Map, Value};

use crate::UnixSeconds;
use crate::metadata;

use super::Repository;

impl Repository {
    /// From now on every new version says that it was made at `now`. What was made before keeps its date, because
    /// somebody may be signing it elsewhere. A repository that is never told the time makes undated files, which is
    /// allowed.
    pub fn issue_at(&mut self, now: UnixSeconds) {
        self.now = Some(now);
    }

    /// Notes the time in the fields of a version that is being made.
    pub(super) fn date(&self, extra: &mut Map<String, Value>) {
        if let Some(now) = self.now {
            metadata::set_issued(extra, now);
        }
    }

    /// The fields of a new version that has no others of its own.
    pub(super) fn dated(&self) -> Map<String, Value> {
        let mut extra = Map::new();
        self.date(&mut extra);
        extra
    }
}

//! What becomes of a ministry's dates and of its timestamp key.

use pishtar_signing::client::MetaRole;

use super::ministry::{EXPIRES, Ministry, signatory};

/// By how many versions a thief goes ahead.
const FAST_FORWARD: usize = 1_000;

impl Ministry {
    /// What is published from now on says that it was made at `now`.
    pub fn issue_at(&mut self, now: i64) {
        self.repository.issue_at(now);
    }

    /// Takes the present timestamp key away from who may have stolen it; published with the next catalogue.
    pub fn rotate_timestamp(&mut self) {
        self.timestamp_key += 100;
        let by = signatory(self, self.timestamp_key);
        self.repository
            .rotate(&MetaRole::Timestamp, &by, EXPIRES)
            .expect("one key meets the threshold of one");
    }

    /// What a thief of the timestamp key publishes: the same catalogue under a timestamp that bears this date, expires
    /// then, and has a version that the ministry does not reach for long.
    pub fn stolen_timestamp(&self, issued: i64, expires: i64) -> Ministry {
        let mut thief = self.clone();
        thief.issue_at(issued);
        for _ in 0..FAST_FORWARD {
            let built = thief.repository.build_timestamp(expires);
            built.expect("the snapshot is signed");
        }
        thief.sign(&MetaRole::Timestamp, thief.timestamp_key);
        let files = thief.repository.publish();
        thief.published.extend(files.expect("everything is signed"));
        thief
    }
}

//! What the store holds, in memory: for comparing sets, counting, and sharing the quota.

use std::collections::{BTreeMap, BTreeSet};

use pishtar_mesh::records::{Entry, SetDigest, SetKind, Snapshot};
use serde::{Deserialize, Serialize};

use super::RecordCounts;

type Id = [u8; 32];

/// What is remembered of one record beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Info {
    /// Made by this device.
    pub(super) own: bool,
    /// The peer that gave it; zeros for own ones.
    pub(super) source: Id,
    /// The store's age, in seconds, when it came.
    pub(super) arrived: i64,
    pub(super) hour: u32,
    pub(super) log_key: Id,
    pub(super) sequence: u64,
    pub(super) bytes: u32,
}

/// The latest acknowledgement of one log.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeldAck {
    pub(super) id: Id,
    pub(super) hour: u32,
    pub(super) up_to: u64,
}

/// Mirrors the tables; the writer alone changes it, in step with its transaction.
#[derive(Debug, Default)]
pub(super) struct Index {
    records: BTreeMap<Id, Info>,
    by_log: BTreeSet<(Id, u64, Id)>,
    /// Carried records by the peer they came from, in order of arrival.
    by_source: BTreeSet<(Id, i64, Id)>,
    usage: BTreeMap<Id, u64>,
    acks: BTreeMap<Id, HeldAck>,
    ack_logs: BTreeMap<Id, Id>,
    dropped: BTreeMap<Id, i64>,
    own: u64,
    /// Own records acknowledged so far.
    pub(super) acked: u64,
    /// Records are kept for a reader.
    pub(super) reading: bool,
    cached: BTreeMap<SetKind, SetDigest>,
    /// Counts changes of either set.
    pub(super) changes: u64,
}

impl Index {
    pub(super) fn add(&mut self, id: Id, info: Info) {
        self.touch(SetKind::Records);
        self.by_log.insert((info.log_key, info.sequence, id));
        if info.own {
            self.own += 1;
        } else {
            self.by_source.insert((info.source, info.arrived, id));
            *self.usage.entry(info.source).or_default() += u64::from(info.bytes);
        }
        self.records.insert(id, info);
    }

    pub(super) fn remove(&mut self, id: &Id) -> Option<Info> {
        let info = self.records.remove(id)?;
        self.touch(SetKind::Records);
        self.by_log.remove(&(info.log_key, info.sequence, *id));
        if info.own {
            self.own -= 1;
            return Some(info);
        }
        self.by_source.remove(&(info.source, info.arrived, *id));
        let used = self
            .usage
            .get_mut(&info.source)
            .expect("a carried record is counted for its source");
        *used -= u64::from(info.bytes);
        if *used == 0 {
            self.usage.remove(&info.source);
        }
        Some(info)
    }

    pub(super) fn set_ack(&mut self, log_key: Id, ack: HeldAck) {
        self.touch(SetKind::Acks);
        self.ack_logs.insert(ack.id, log_key);
        if let Some(old) = self.acks.insert(log_key, ack) {
            self.ack_logs.remove(&old.id);
        }
    }

    pub(super) fn remove_ack(&mut self, log_key: &Id) {
        if let Some(old) = self.acks.remove(log_key) {
            self.touch(SetKind::Acks);
            self.ack_logs.remove(&old.id);
        }
    }

    pub(super) fn drop_until(&mut self, id: Id, until: i64) {
        self.dropped.insert(id, until);
    }

    pub(super) fn forget_dropped(&mut self, id: &Id) {
        self.dropped.remove(id);
    }

    /// Whether a record need not be taken: held, acknowledged, or dropped for its age.
    pub(super) fn knows(&self, id: &Id, log_key: &Id, sequence: u64) -> bool {
        self.records.contains_key(id)
            || self.dropped.contains_key(id)
            || self.acked_up_to(log_key) >= sequence
    }

    pub(super) fn acked_up_to(&self, log_key: &Id) -> u64 {
        self.acks.get(log_key).map_or(0, |ack| ack.up_to)
    }

    pub(super) fn ack(&self, log_key: &Id) -> Option<HeldAck> {
        self.acks.get(log_key).copied()
    }

    /// Records of a log with sequence up to this one.
    pub(super) fn covered(&self, log_key: Id, up_to: u64) -> Vec<Id> {
        let range = (log_key, 0, [0; 32])..=(log_key, up_to, [0xff; 32]);
        self.by_log.range(range).map(|(_, _, id)| *id).collect()
    }

    pub(super) fn in_log_order(&self) -> Vec<Id> {
        self.by_log.iter().map(|(_, _, id)| *id).collect()
    }

    pub(super) fn carried_bytes(&self) -> u64 {
        self.usage.values().sum()
    }

    pub(super) fn used_by(&self, source: &Id) -> u64 {
        self.usage.get(source).copied().unwrap_or(0)
    }

    /// The peer whose records take most room.
    pub(super) fn largest_source(&self) -> Option<(Id, u64)> {
        let largest = self.usage.iter().max_by_key(|(_, used)| **used)?;
        Some((*largest.0, *largest.1))
    }

    /// The record that came last from this peer.
    pub(super) fn newest_of(&self, source: Id) -> Option<Id> {
        let range = (source, i64::MIN, [0; 32])..=(source, i64::MAX, [0xff; 32]);
        self.by_source
            .range(range)
            .next_back()
            .map(|(_, _, id)| *id)
    }

    /// Carried records that came before this age of the store.
    pub(super) fn carried_before(&self, age: i64) -> Vec<Id> {
        self.by_source
            .iter()
            .filter(|(_, arrived, _)| *arrived < age)
            .map(|(_, _, id)| *id)
            .collect()
    }

    pub(super) fn dropped_before(&self, age: i64) -> Vec<Id> {
        self.dropped
            .iter()
            .filter(|(_, until)| **until < age)
            .map(|(id, _)| *id)
            .collect()
    }

    pub(super) fn acks_before_hour(&self, hour: u32) -> Vec<Id> {
        self.acks
            .iter()
            .filter(|(_, ack)| ack.hour < hour)
            .map(|(log, _)| *log)
            .collect()
    }

    pub(super) fn logs_of_acks(&self, ids: &[Id]) -> Vec<Id> {
        ids.iter()
            .filter_map(|id| self.ack_logs.get(id).copied())
            .collect()
    }

    fn touch(&mut self, kind: SetKind) {
        self.changes += 1;
        self.cached.remove(&kind);
    }

    pub(super) fn counts(&self) -> RecordCounts {
        RecordCounts {
            own_unacked: self.own,
            carried: self.records.len() as u64 - self.own,
            acked: self.acked,
        }
    }

    pub(super) fn snapshot(&self, kind: SetKind) -> Snapshot {
        let entry = |stamp: u32, id: Id| Entry {
            stamp: u64::from(stamp),
            id,
        };
        Snapshot::new(match kind {
            SetKind::Records => self
                .records
                .iter()
                .map(|(id, info)| entry(info.hour, *id))
                .collect(),
            SetKind::Acks => self
                .acks
                .values()
                .map(|ack| entry(ack.hour, ack.id))
                .collect(),
        })
    }

    pub(super) fn digest(&mut self, kind: SetKind) -> SetDigest {
        if let Some(digest) = self.cached.get(&kind) {
            return *digest;
        }
        let digest = self.snapshot(kind).digest();
        self.cached.insert(kind, digest);
        digest
    }
}

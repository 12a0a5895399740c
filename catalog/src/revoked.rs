//! Keys that count no more: the list `ministry/revoked.json`, as the ministry's top-level targets role signs it.
//!
//! The list stands inline in that target's `custom.revoked`, one object for each key:
//! `{"key": ed25519 public key in hex, "kind": "node" | "device" | "school", "reason"?: text, "since"?: Unix seconds}`.
//! A key is revoked whatever its kind says: the kind is for people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::publishers::shown;

/// The most revoked keys: one in thirty-five of a country's learners lost a device and nobody tidied up. Bounds what
/// every node downloads and keeps.
pub const MAX_REVOKED: usize = 10_000;
/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 100;

/// What a revoked key was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// A node's libp2p key: its peer id.
    Node,
    /// A learner's device, as a school certified it.
    Device,
    /// A school's signing key.
    School,
    /// What a later version names.
    #[serde(other)]
    Other,
}

/// One revoked key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedKey {
    /// The ed25519 public key.
    #[serde(with = "hex::serde")]
    pub key: [u8; 32],
    /// What it was for.
    pub kind: KeyKind,
    /// Why, for people; names no learner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When the ministry revoked it, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
}

/// All revoked keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked(BTreeMap<[u8; 32], RevokedKey>);

impl Revoked {
    /// Reads the signed list; an entry that is malformed is left out and named.
    pub fn read(value: &Value) -> (Revoked, Vec<String>) {
        let Some(entries) = value.as_array() else {
            let problem = "the list of revoked keys is not a list".to_owned();
            return (Revoked::default(), vec![problem]);
        };
        let mut list = Revoked::default();
        let mut problems = Vec::new();
        for (at, entry) in (1..).zip(entries) {
            let entry = match RevokedKey::deserialize(entry) {
                Ok(entry) => entry,
                Err(error) => {
                    problems.push(format!(
                        "entry {at} of the list of revoked keys is malformed: {}",
                        shown(&error.to_string())
                    ));
                    continue;
                }
            };
            if !list.insert(entry) {
                problems.push(format!(
                    "more than {MAX_REVOKED} revoked keys are listed; entry {at} and those after it are left out"
                ));
                break;
            }
        }
        (list, problems)
    }

    /// Adds a key or replaces what is said of it; false when the list is full.
    pub fn insert(&mut self, mut entry: RevokedKey) -> bool {
        if self.0.len() >= MAX_REVOKED && !self.0.contains_key(&entry.key) {
            return false;
        }
        entry.reason = entry.reason.chars().take(MAX_REASON).collect();
        self.0.insert(entry.key, entry);
        true
    }

    /// Lets a key count again.
    pub fn remove(&mut self, key: &[u8; 32]) -> Option<RevokedKey> {
        self.0.remove(key)
    }

    /// Is this key revoked?
    pub fn contains(&self, key: &[u8; 32]) -> bool {
        self.0.contains_key(key)
    }

    /// What is said of a key.
    pub fn get(&self, key: &[u8; 32]) -> Option<&RevokedKey> {
        self.0.get(key)
    }

    /// All in key order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &RevokedKey> {
        self.0.values()
    }

    /// The list as it stands in signed metadata.
    pub fn to_value(&self) -> Value {
        let entries: Vec<&RevokedKey> = self.iter().collect();
        serde_json::to_value(entries).expect("strings and numbers are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(key: u8) -> RevokedKey {
        RevokedKey {
            key: [key; 32],
            kind: KeyKind::Node,
            reason: "lost on a bus".into(),
            since: Some(1_795_464_000),
        }
    }

    #[test]
    fn the_list_reads_back_as_written_and_a_key_may_be_restored() {
        let mut list = Revoked::default();
        assert!(list.insert(lost(1)) && list.insert(lost(2)));
        let (mut read, problems) = Revoked::read(&list.to_value());
        assert_eq!((&read, problems), (&list, vec![]));
        assert!(read.contains(&[1; 32]) && !read.contains(&[3; 32]));
        assert_eq!(read.remove(&[1; 32]), Some(lost(1)));
        assert!(!read.contains(&[1; 32]));
    }

    #[test]
    fn what_is_malformed_is_named_and_the_rest_counts() {
        let list = serde_json::json!([
            {"key": "01".repeat(32), "kind": "node"},
            {"key": "01", "kind": "node"},
            {"key": "02".repeat(32), "kind": "of a later version"},
        ]);
        let (read, problems) = Revoked::read(&list);
        assert!(read.contains(&[1; 32]) && read.contains(&[2; 32]));
        assert_eq!(read.get(&[2; 32]).unwrap().kind, KeyKind::Other);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("entry 2 "), "{}", problems[0]);
        assert_eq!(Revoked::read(&Value::Null).1.len(), 1);
    }

    #[test]
    fn the_list_is_bounded() {
        let key = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&(number as u64).to_le_bytes());
            serde_json::json!({"key": hex::encode(key), "kind": "device"})
        };
        let list: Vec<Value> = (0..MAX_REVOKED + 2).map(key).collect();
        let (read, problems) = Revoked::read(&Value::Array(list));
        assert_eq!((read.iter().len(), problems.len()), (MAX_REVOKED, 1));
    }
}

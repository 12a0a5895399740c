//! Schools that the ministry lists, with the keys that their own signed metadata names.

use std::collections::BTreeMap;

use pishtar_catalog::{Catalog, CollectionKeys};
use pishtar_signing::{ack::AckKey, people::Said, record::SealKey};
use serde::{Deserialize, Serialize};

/// One school, as a node that verified its metadata tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolKeys {
    /// Its publisher id.
    pub id: String,
    /// Its collection keys, this term's and earlier ones.
    pub keys: CollectionKeys,
}

/// All schools that are listed and not revoked.
#[derive(Debug, Clone, Default)]
pub struct Schools(BTreeMap<String, CollectionKeys>);

impl Schools {
    /// Those of a verified catalogue.
    pub fn of(catalog: &Catalog) -> Vec<SchoolKeys> {
        let listed = catalog.publishers().iter();
        let active = listed.filter(|publisher| publisher.revoked.is_none());
        active
            .filter_map(|publisher| {
                Some(SchoolKeys {
                    id: publisher.id.clone(),
                    keys: catalog.collection_keys(&publisher.id)?.clone(),
                })
            })
            .collect()
    }

    /// Puts them in order.
    pub fn new(schools: Vec<SchoolKeys>) -> Self {
        let by_id = schools.into_iter().map(|school| (school.id, school.keys));
        Self(by_id.collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// The school that signed, in this term or one that its metadata still names.
    pub(super) fn speaker<'s>(&self, said: &'s Said) -> Option<&'s str> {
        let keys = self.0.get(&said.from)?;
        let signed = |key: AckKey| said.is_by(&key);
        keys.ack_keys().any(signed).then_some(&said.from)
    }

    pub(super) fn seal(&self, id: &str) -> Option<SealKey> {
        Some(self.0.get(id)?.current().seal)
    }
}

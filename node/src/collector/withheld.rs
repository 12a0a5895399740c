//! Records of revoked devices: kept aside, in the collector's own file, and taken in should the ministry restore
//! the device.

use pishtar_mesh::learner::{LearnerId, pack_events, unpack_events};
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use super::{
    CollectError,
    open::OpenedRecord,
    state::{State, Tables, WITHHELD},
};

/// What is kept of a withheld record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Withheld {
    #[serde(with = "hex::serde")]
    pub(super) device: [u8; 32],
    /// The device's own hour.
    pub(super) hour: u32,
    #[serde(with = "hex::serde")]
    pub(super) payload: Vec<u8>,
}

impl Withheld {
    pub(super) fn of(record: &OpenedRecord) -> Self {
        Self {
            device: record.device,
            hour: record.header.hour,
            payload: record.payload.clone(),
        }
    }
}

impl State {
    /// All that is withheld, with its number.
    pub(super) fn withheld(&self) -> Result<Vec<(u64, Withheld)>, CollectError> {
        self.read(|txn| all(&txn.open_table(WITHHELD)?))
    }
}

impl Tables<'_> {
    pub(super) fn withhold(&mut self, withheld: &Withheld) -> Result<(), redb::Error> {
        let next = self.withheld.last()?.map_or(0, |(at, _)| at.value() + 1);
        let mut bytes = Vec::new();
        ciborium::into_writer(withheld, &mut bytes).expect("a vector takes all bytes");
        self.withheld.insert(next, bytes.as_slice())?;
        Ok(())
    }

    pub(super) fn all_withheld(&self) -> Result<Vec<(u64, Withheld)>, redb::Error> {
        all(&self.withheld)
    }

    /// Takes a learner out of what is withheld.
    pub(super) fn drop_withheld_of(&mut self, learner: &LearnerId) -> Result<(), redb::Error> {
        for (at, held) in self.all_withheld()? {
            let Ok(mut events) = unpack_events(&held.payload) else {
                continue;
            };
            let all = events.len();
            events.retain(|event| event.learner != *learner);
            if events.len() == all {
                continue;
            }
            self.drop_withheld(at)?;
            for payload in pack_events(&events).unwrap_or_default() {
                self.withhold(&Withheld { payload, ..held })?;
            }
        }
        Ok(())
    }

    pub(super) fn drop_withheld(&mut self, at: u64) -> Result<(), redb::Error> {
        self.withheld.remove(at)?;
        Ok(())
    }
}

fn all(
    table: &impl ReadableTable<u64, &'static [u8]>,
) -> Result<Vec<(u64, Withheld)>, redb::Error> {
    let mut rows = Vec::new();
    for row in table.iter()? {
        let (at, value) = row?;
        let held = ciborium::from_reader(value.value()).map_err(|error| {
            redb::Error::Corrupted(format!("a withheld record does not parse: {error}"))
        })?;
        rows.push((at.value(), held));
    }
    Ok(rows)
}

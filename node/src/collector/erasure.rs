//! Forgetting a learner for good: nothing is left here, and nothing that comes later is taken in.
//!
//! What a sink was handed before it was told stays with it: databases erase it themselves, other stores have to be asked.

use pishtar_mesh::learner::LearnerId;
use redb::{ReadableTable, TableDefinition};

use super::{delta::Delta, sinks::Feed, state::Tables};

/// BLAKE3 of an erased learner's id -> nothing. An id is random, so its hash tells nobody anything.
const ERASED: TableDefinition<'_, &[u8; 32], ()> = TableDefinition::new("erased");

impl Tables<'_> {
    /// Deletes the learner's progress, what waits for sinks and what was set aside, remembers never to take any in again,
    /// and tells databases to do the same. Who may ask for it is for the caller to check. `pseudonym` is what statements
    /// call the learner.
    pub(super) fn erase(
        &mut self,
        learner: &LearnerId,
        pseudonym: &str,
    ) -> Result<(), redb::Error> {
        {
            let mut erased = self.transaction().open_table(ERASED)?;
            erased.insert(blake3::hash(learner.as_str().as_bytes()).as_bytes(), ())?;
        }
        self.drop_progress(learner)?;
        self.drop_withheld_of(learner)?;
        self.queues
            .drop_about(|item| is_about(item, learner, pseudonym))?;
        self.changed()?;
        self.queues
            .push(Feed::Deltas, &Delta::Erased(learner.clone()).to_bytes())
    }

    /// Whether nothing of this learner is taken in any more.
    pub(super) fn is_erased(&self, learner: &LearnerId) -> Result<bool, redb::Error> {
        let erased = self.transaction().open_table(ERASED)?;
        let hash = blake3::hash(learner.as_str().as_bytes());
        Ok(erased.get(hash.as_bytes())?.is_some())
    }
}

/// Whether an item on its way to a sink says something of the learner.
pub(super) fn is_about(item: &[u8], learner: &LearnerId, pseudonym: &str) -> bool {
    match Delta::parse(item) {
        Some(Delta::Progress(delta)) => delta.learner == *learner,
        Some(Delta::Records(_) | Delta::Erased(_)) => false,
        None => item
            .windows(pseudonym.len())
            .any(|part| part == pseudonym.as_bytes()),
    }
}

//! `pishtar progress learner`: everything that the ministry holds on one learner (promise P6).

use std::path::Path;

use pishtar_mesh::learner::{LearnerId, unpack_events};
use pishtar_signing::rest::RestKey;
use serde_json::{Value, json};
use thiserror::Error;

use super::{
    CollectError, ExportError, Vocabulary,
    erasure::is_about,
    export::open_state,
    names,
    state::{State, Tables},
};
use crate::people::{StoreError, open_key};

/// Why it cannot be told what is held on a learner.
#[derive(Debug, Error)]
pub enum AboutError {
    /// The collector's folder.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The key of the rows about people.
    #[error(transparent)]
    People(#[from] StoreError),
    /// Neither an id nor a login.
    #[error("{0} is neither a learner's id nor a login that was given here")]
    Unknown(String),
}

/// All that lies in the collector's folder on the learner with this id or login. Sealed records that are not opened yet
/// say nobody's name and are not in it.
///
/// # Errors
/// [`AboutError`].
pub fn about(dir: &Path, learner: &str) -> Result<Value, AboutError> {
    let state = open_state(dir)?;
    let key = open_key(dir)?;
    let vocabulary = Vocabulary::new("", state.salt());
    let failed = |error: CollectError| AboutError::Export(error.into());
    let found = find(&state, &key, learner).map_err(failed)?;
    let Some(learner) = found else {
        return Err(AboutError::Unknown(learner.to_owned()));
    };
    let held = state.write(|tables| held_on(tables, &key, &vocabulary, &learner));
    held.map_err(failed)
}

/// The learner of this login, or else with this id.
fn find(state: &State, key: &RestKey, learner: &str) -> Result<Option<LearnerId>, CollectError> {
    if !learner.contains('@') {
        return Ok(LearnerId::new(learner).ok());
    }
    state.write(|tables| names::by_login(tables.transaction(), key, learner))
}

fn held_on(
    tables: &mut Tables<'_>,
    key: &RestKey,
    vocabulary: &Vocabulary,
    learner: &LearnerId,
) -> Result<Value, redb::Error> {
    let pseudonym = vocabulary.pseudonym(learner);
    let person = names::about(tables.transaction(), key, learner)?;
    let mut progress = Vec::new();
    for (lesson, row) in tables.progress_of(learner)? {
        progress.push(json!({
            "lesson": lesson,
            "progress": row.lesson,
            "last_hour": row.hour,
        }));
    }
    let mut set_aside = Vec::new();
    for (_, held) in tables.all_withheld()? {
        let events = unpack_events(&held.payload).unwrap_or_default();
        set_aside.extend(events.into_iter().filter(|event| event.learner == *learner));
    }
    let (waiting, refused) = tables
        .queues
        .count_about(|item| is_about(item, learner, &pseudonym))?;
    Ok(json!({
        "id": learner,
        "erased": tables.is_erased(learner)?,
        "pseudonym": pseudonym,
        "person": person,
        "progress": progress,
        "set_aside": set_aside,
        "items_waiting_for_sinks": waiting,
        "items_refused_by_sinks": refused,
    }))
}

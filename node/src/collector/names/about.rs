//! What the rows about people say of one learner.

use pishtar_mesh::learner::LearnerId;
use pishtar_signing::rest::RestKey;
use redb::WriteTransaction;
use serde_json::{Value, json};

use super::rows::Rows;

/// The id that was given this login.
pub(in super::super) fn by_login(
    txn: &WriteTransaction,
    key: &RestKey,
    login: &str,
) -> Result<Option<LearnerId>, redb::Error> {
    let wanted = |allotted: &pishtar_mesh::people::Allotted| allotted.login.as_str() == login;
    Rows::open(txn, key)?.find(|row| {
        let allotted = row.allotted.as_ref();
        // A repeated registration has the login of the first.
        allotted.is_some_and(|(_, allotted)| allotted.person == row.id && wanted(allotted))
    })
}

/// Registration, login, standing, and work that waits for a proof.
pub(in super::super) fn about(
    txn: &WriteTransaction,
    key: &RestKey,
    learner: &LearnerId,
) -> Result<Value, redb::Error> {
    let rows = Rows::open(txn, key)?;
    let row = rows.learner(learner)?;
    let row = row.as_ref();
    let allotted = row.and_then(|row| row.allotted.as_ref());
    let waiting = rows.held_of(learner)?;
    let waiting: Vec<Value> = waiting
        .iter()
        .map(|held| json!({"device": held.device, "hour": held.hour, "event": held.event}))
        .collect();
    Ok(json!({
        "school": row.and_then(|row| row.school.as_ref()),
        "registration": row.and_then(|row| row.registration.as_ref()),
        "login": allotted.map(|(_, allotted)| &allotted.login),
        "registered_first_as": allotted.map(|(_, allotted)| &allotted.person),
        "devices": row.map(|row| row.standing.devices()),
        "work_without_proof": waiting,
    }))
}

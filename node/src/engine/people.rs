//! Carries between the book of people and the rest of the node: keys, records, assigned lessons.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use pishtar_catalog::{CollectionKeys, MINISTRY};
use pishtar_mesh::{Input, learner::LearnerId};
use pishtar_signing::record::Recipients;

use super::{Engine, HOUSEKEEPING};
use crate::{
    handle::Shared,
    people::{Keys, accounts::Role},
    school,
};

/// How long changes are gathered before they are looked at.
const GATHER: Duration = Duration::from_millis(300);

impl Engine {
    /// Posts what the book of people has to say and opens what came for the school, whenever either changed.
    pub(super) fn watch_people(&self) {
        let shared = self.shared.clone();
        let stop = self.stop.clone();
        let mut book = shared.people.subscribe();
        let mut records = shared.records.subscribe();
        self.tasks.spawn(async move {
            loop {
                book.mark_unchanged();
                records.mark_unchanged();
                if let Err(error) = round(&shared).await {
                    tracing::warn!(%error, "people's records wait for the next try");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = book.changed() => if changed.is_err() { return },
                    changed = records.changed() => if changed.is_err() { return },
                    // Keys come with catalogues, and a school begins with a command of its own.
                    () = tokio::time::sleep(HOUSEKEEPING) => {}
                }
                // A class that works at the same time is one round, not thirty.
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(GATHER) => {}
                }
            }
        });
    }
}

async fn round(shared: &Shared) -> Result<(), crate::people::PostError> {
    let people = &shared.people;
    let school = school::own_id(&shared.data);
    people.set_school(school.clone());
    let keys = keys(shared, school.as_deref());
    people.set_revoked(is_revoked(shared));
    let assigned = people.assigned_lessons();
    let _ = shared.inputs.send(Input::SetAssigned(assigned));
    if people.is_revoked() {
        return Ok(());
    }
    let revoked = shared.mesh().catalog().revoked().clone();
    people
        .withdraw_revoked(|device| revoked.contains(&device.0))
        .await?;
    let now = shared.clock.now().wall;
    people.post(&shared.records, &keys, now).await?;
    people.collect(&shared.records, &keys, now).await?;
    people.rekey_if_due().await?;
    forget_accounts(shared);
    Ok(())
}

/// Nobody signs in any more as a learner who was erased, by whichever of the school's nodes or commands.
fn forget_accounts(shared: &Shared) {
    for (account, _) in shared.accounts.with_role(Role::Learner) {
        let Ok(learner) = LearnerId::new(account.as_str()) else {
            continue;
        };
        if shared.people.is_erased(&learner)
            && let Err(error) = shared.accounts.remove(&account)
        {
            tracing::warn!(%error, "an erased learner's account stays until the next try");
        }
    }
}

/// Is this node's network key or the key in its records on the ministry's list?
pub(crate) fn is_revoked(shared: &Shared) -> bool {
    let mesh = shared.mesh();
    mesh.is_revoked(&shared.net.local_id().0) || mesh.is_revoked(&shared.records.device().0)
}

fn keys(shared: &Shared, own: Option<&str>) -> Keys {
    let secrets = own.map(|_| school::secrets(&shared.data));
    let secrets = secrets.transpose().unwrap_or_else(|error| {
        tracing::warn!(%error, "the school's own records stay unread");
        None
    });
    let mut schools: BTreeSet<String> = shared.people.home_schools();
    schools.extend(own.map(str::to_owned));
    let mesh = shared.mesh();
    let catalog = mesh.catalog();
    let mut to = BTreeMap::new();
    if let Some(ministry) = catalog.collection_key(MINISTRY) {
        for id in schools {
            let Some(key) = catalog.collection_key(&id) else {
                continue;
            };
            let recipients = Recipients {
                ministry: *ministry,
                school: Some(key.seal),
            };
            to.insert(id, recipients);
        }
    }
    let ministry = catalog.collection_keys(MINISTRY);
    Keys {
        to,
        secrets: secrets.unwrap_or_default(),
        ministry: ministry
            .into_iter()
            .flat_map(CollectionKeys::ack_keys)
            .collect(),
    }
}

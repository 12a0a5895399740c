//! Which publishers are asked for: the ministry always, others while it lists them.
//!
//! What the ministry's installed metadata says counts at once, whether it is fresh or not: AUTHENTIC and NEWER decided
//! that it is in use. A publisher that leaves is forgotten in order: first no more is asked, then the shell ends what it
//! is writing, then its state is deleted, and only then may the same id begin anew.

use std::collections::BTreeMap;

use pishtar_catalog::{MINISTRY, Publishers};

use super::{CatalogSync, Job, Newcomer, Publisher};
use crate::{desk::Cx, ids::PublisherId, io::Output};

/// A publisher on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// The shell still writes something of it.
    WhileWritten,
    /// The shell deletes its state.
    Deleting,
    /// Its state could not be deleted: it waits for the next start.
    Stuck,
}

/// What happened when the ministry's list was applied.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Publishers whose trust begins, as soon as their root is found.
    pub(crate) joined: Vec<PublisherId>,
    /// Publishers of which nothing counts any more.
    pub(crate) left: Vec<PublisherId>,
}

impl CatalogSync {
    /// Follows the ministry's list of publishers.
    pub(crate) fn follow_list(&mut self, cx: &mut Cx<'_>, list: &Publishers) -> Listed {
        let stands = |id: &str, first_root: Option<&[u8; 32]>| {
            id == MINISTRY
                || list
                    .active(id)
                    .is_some_and(|entry| first_root == Some(&entry.first_root))
        };
        let roots = &self.roots;
        let gone = |id: &PublisherId| !stands(id, roots.get(id));
        let mut left: Vec<PublisherId> = self
            .publishers
            .keys()
            .filter(|id| gone(id))
            .cloned()
            .collect();
        left.extend(self.damaged.keys().filter(|id| gone(id)).cloned());
        for id in &left {
            let publisher = self.publishers.remove(id);
            self.damaged.remove(id);
            self.roots.remove(id);
            let written = publisher.is_some_and(|publisher| is_being_written(&publisher));
            self.leave(cx, id, written);
        }
        let strangers: Vec<PublisherId> = self
            .newcomers
            .iter()
            .filter(|(id, newcomer)| !stands(id, Some(&newcomer.first_root)))
            .map(|(id, _)| id.clone())
            .collect();
        for id in &strangers {
            let newcomer = self.newcomers.remove(id);
            if newcomer.is_some_and(|newcomer| newcomer.is_being_written()) {
                self.leave(cx, id, true);
            }
        }
        let joined = self.take_in(cx, list);
        Listed { joined, left }
    }

    /// The shell deleted a publisher's state, or could not.
    pub(crate) fn forgotten(
        &mut self,
        cx: &mut Cx<'_>,
        id: &PublisherId,
        result: Result<(), String>,
    ) {
        if self.leaving.get(id) != Some(&Leaving::Deleting) {
            return;
        }
        match result {
            Ok(()) => drop(self.leaving.remove(id)),
            // Mixed with an old state a new one could not be told apart; the next start deletes it.
            Err(_) => drop(self.leaving.insert(id.clone(), Leaving::Stuck)),
        }
        let list = cx.catalog.publishers();
        self.take_in(cx, list);
    }

    /// The shell ended writing something of a publisher that has left; true when this was it.
    pub(super) fn end_of_writing(&mut self, cx: &mut Cx<'_>, id: &PublisherId) -> bool {
        let waited = self.leaving.get(id) == Some(&Leaving::WhileWritten);
        if waited {
            self.leave(cx, id, false);
        }
        waited
    }

    fn leave(&mut self, cx: &mut Cx<'_>, id: &PublisherId, written: bool) {
        let state = match written {
            true => Leaving::WhileWritten,
            false => Leaving::Deleting,
        };
        self.leaving.insert(id.clone(), state);
        if !written {
            cx.desk.push(Output::ForgetPublisher {
                publisher: id.clone(),
            });
        }
    }

    /// Begins with listed publishers that are not here, and asks every source for what it has of them.
    fn take_in(&mut self, cx: &mut Cx<'_>, list: &Publishers) -> Vec<PublisherId> {
        let mut joined = Vec::new();
        for entry in list.iter().filter(|entry| entry.revoked.is_none()) {
            let id = &entry.id;
            let known = self.publishers.contains_key(id)
                || self.newcomers.contains_key(id)
                || self.damaged.contains_key(id)
                || self.leaving.contains_key(id);
            if !known {
                self.newcomers
                    .insert(id.clone(), Newcomer::new(entry.first_root));
                joined.push(id.clone());
            }
        }
        if !joined.is_empty() {
            let now = cx.mono();
            for asking in self.sources.values_mut() {
                asking.next_at = Some(now);
            }
        }
        joined
    }

    /// Remembers the first roots of publishers that were restored, and takes those in that are listed and not here.
    pub(crate) fn begin_list(&mut self, cx: &mut Cx<'_>, list: &Publishers) {
        let here = self.publishers.keys().chain(self.damaged.keys());
        let roots: BTreeMap<PublisherId, [u8; 32]> = here
            .filter_map(|id| Some((id.clone(), list.active(id)?.first_root)))
            .collect();
        self.roots = roots;
        self.follow_list(cx, list);
    }
}

fn is_being_written(publisher: &Publisher) -> bool {
    matches!(publisher.job, Job::Installing { retry_at: None, .. })
}

//! The walk over all targets roles, delegators before those they delegate to, in order of priority (TUF 5.6.7, pre-order).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::UnixSeconds;
use crate::metadata::{FileMeta, RoleName};

use super::delegated::{authority, listed, most_bytes};
use super::set::{Chain, Reach, Scopes, TargetsRoles, TrustedSet, TrustedTargets};
use super::{MetaFile, MetaRole, Policy, TrustError, verify};

mod queue;

/// What the walk needs to go on.
pub(super) enum Next {
    /// This file, of at most so many bytes.
    Fetch(MetaFile, u64),
    /// Nothing: every role is settled.
    End,
}

/// Progress of the walk.
///
/// Unlike the search for one target, this visits every role, since a device lists all lessons; what a role may vouch for
/// is what a search for it would find there. A role that two roles delegate to must satisfy both of them.
#[derive(Debug)]
pub(super) struct Walk {
    /// Roles with the scopes that were in force when the set was last installed.
    before: Arc<TargetsRoles>,
    before_ended: Arc<Vec<Chain>>,
    /// What is still to be done, next one last.
    pending: Vec<Task>,
    /// Chains of the terminating delegations left behind.
    ended: Vec<Chain>,
    visited: BTreeMap<RoleName, Visited>,
    fetched: BTreeSet<RoleName>,
    /// Visits queued so far.
    queued: usize,
    removed: Vec<RoleName>,
    top_only: bool,
}

#[derive(Debug)]
enum Task {
    Visit(Visit),
    /// A terminating delegation and all below it are done: no search for a path in its chain goes on from here.
    Leave(Chain),
}

/// One delegation to follow.
#[derive(Debug, Clone)]
struct Visit {
    role: RoleName,
    /// `None` for the top-level role, which the root describes.
    delegator: Option<RoleName>,
    /// Scopes of every delegation from the top down to this one.
    chain: Chain,
    /// Fetch even what is held, because only the bytes can tell what a changed scope means.
    fetch: bool,
}

#[derive(Debug)]
struct Visited {
    first: Visit,
    scopes: Scopes,
}

impl Walk {
    pub(super) fn new(set: &TrustedSet) -> Walk {
        Walk {
            before: set.targets.clone(),
            before_ended: set.ended.clone(),
            pending: Vec::new(),
            ended: Vec::new(),
            visited: BTreeMap::new(),
            fetched: BTreeSet::new(),
            queued: 0,
            removed: Vec::new(),
            top_only: false,
        }
    }

    /// Follows no delegation, and leaves delegated roles as they are.
    pub(super) fn stay_on_top(&mut self) {
        self.top_only = true;
    }

    /// Begins at the top-level targets role.
    pub(super) fn start(&mut self) {
        self.pending.push(Task::Visit(Visit {
            role: RoleName::targets(),
            delegator: None,
            chain: Vec::new(),
            fetch: false,
        }));
    }

    /// Roles held before that nobody delegates to any more.
    pub(super) fn take_removed(&mut self) -> Vec<RoleName> {
        std::mem::take(&mut self.removed)
    }

    /// Makes visits until one needs a file.
    pub(super) fn go_on(
        &mut self,
        set: &mut TrustedSet,
        now: UnixSeconds,
        policy: Policy,
    ) -> Result<Next, TrustError> {
        loop {
            let visit = match self.pending.pop() {
                Some(Task::Visit(visit)) => visit,
                Some(Task::Leave(chain)) => {
                    self.ended.push(chain);
                    continue;
                }
                None if self.queue_rescoped() => continue,
                None => {
                    self.finish(set);
                    return Ok(Next::End);
                }
            };
            let (file, meta) = listed(set, &visit.role)?;
            if !self.is_settled(set, &visit, &meta)? {
                self.pending.push(Task::Visit(visit));
                return Ok(Next::Fetch(file, most_bytes(&meta)));
            }
            if let Some(held) = set.targets.get(&visit.role) {
                // 5.6.5
                verify::check_expiry(&file, held.held.expires, now, policy)?;
            }
            self.arrive(set, visit)?;
        }
    }

    /// Files that visits queued by now need, in their order, at most `most`.
    pub(super) fn upcoming(&self, set: &TrustedSet, most: usize) -> Vec<(MetaFile, u64)> {
        let mut files: Vec<(MetaFile, u64)> = Vec::new();
        for task in self.pending.iter().rev() {
            let Task::Visit(visit) = task else { continue };
            if files.len() >= most {
                break;
            }
            // What is wrong with a listing or a delegation is said when the visit is made.
            let Ok((file, meta)) = listed(set, &visit.role) else {
                continue;
            };
            let settled = self.is_settled(set, visit, &meta).unwrap_or(true);
            if !settled && files.iter().all(|(known, _)| *known != file) {
                files.push((file, most_bytes(&meta)));
            }
        }
        files
    }

    /// Takes the file of the visit at hand.
    pub(super) fn take(
        &mut self,
        set: &mut TrustedSet,
        file: &MetaFile,
        bytes: Vec<u8>,
        new_files: &mut Vec<(MetaFile, Vec<u8>)>,
    ) -> Result<(), TrustError> {
        let Some(Task::Visit(visit)) = self.pending.last_mut() else {
            return Err(TrustError::Unexpected { file: file.clone() });
        };
        let (_, meta) = listed(set, &visit.role)?;
        let (mut held, targets) = TrustedSet::check_targets(
            file,
            &meta,
            &authority(set, &visit.role, visit.delegator.as_ref())?,
            &bytes,
        )?;
        // What was taken must settle the visit, else the walk would ask for it for ever.
        debug_assert!(
            verify::is_listed(&held, &meta),
            "the checks above are those of `is_listed`"
        );
        // Two delegators: both must be satisfied, and stay so, by the very same bytes.
        match set.targets.get(&visit.role) {
            Some(known) if known.held.sha256 == held.sha256 => {
                held.signers.extend(&known.held.signers)
            }
            Some(_) if self.fetched.contains(&visit.role) => {
                return Err(TrustError::Hash {
                    file: file.clone(),
                    listed_in: MetaRole::Snapshot,
                });
            }
            _ => {}
        }
        visit.fetch = false;
        set.put_targets(
            visit.role.clone(),
            TrustedTargets {
                held,
                delegations: targets.delegations,
                scopes: Scopes::new(),
            },
        );
        if self.fetched.insert(visit.role.clone()) {
            new_files.push((file.clone(), bytes));
        }
        Ok(())
    }

    /// Whether the file held is the listed one and satisfies the delegator of this visit (after a rotation it may not).
    fn is_settled(
        &self,
        set: &TrustedSet,
        visit: &Visit,
        meta: &FileMeta,
    ) -> Result<bool, TrustError> {
        let Some(targets) = set.targets.get(&visit.role) else {
            return Ok(false);
        };
        let stands =
            authority(set, &visit.role, visit.delegator.as_ref())?.is_met_by(&targets.held.signers);
        Ok(!visit.fetch && stands && verify::is_listed(&targets.held, meta))
    }

    fn arrive(&mut self, set: &TrustedSet, visit: Visit) -> Result<(), TrustError> {
        let reach = Reach {
            chain: visit.chain.clone(),
            ended: self.ended.len(),
        };
        if let Some(visited) = self.visited.get_mut(&visit.role) {
            // 5.6.7.1: a role is entered once, which also ends cycles.
            if visited
                .scopes
                .iter()
                .all(|known| known.chain != reach.chain)
            {
                visited.scopes.push(reach);
            }
            return Ok(());
        }
        let targets = set.targets.get(&visit.role);
        if let Some(delegations) = targets.and_then(|targets| targets.delegations.as_ref())
            && !self.top_only
        {
            self.queue_children(&visit, delegations)?;
        }
        let (role, scopes) = (visit.role.clone(), vec![reach]);
        self.visited.insert(
            role,
            Visited {
                first: visit,
                scopes,
            },
        );
        Ok(())
    }
}

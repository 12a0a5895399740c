//! What the walk still has to visit: the delegations of a role that was entered, and files whose scope changed.

use std::sync::Arc;

use crate::metadata::{Delegations, RoleName, Scope};

use super::{Task, Visit, Walk};
use crate::client::set::{Chain, Scopes, TrustedSet};
use crate::client::{MAX_DELEGATION_DEPTH, MAX_DELEGATIONS, MetaFile, MetaRole, TrustError};

impl Walk {
    pub(super) fn queue_children(
        &mut self,
        visit: &Visit,
        delegations: &Delegations,
    ) -> Result<(), TrustError> {
        let bins = delegations
            .succinct
            .as_ref()
            .map_or(0, |succinct| succinct.count());
        let count = delegations
            .roles
            .len()
            .saturating_add(usize::try_from(bins).unwrap_or(usize::MAX));
        self.queued = self.queued.saturating_add(count);
        if count > 0 && (self.queued > MAX_DELEGATIONS || visit.chain.len() >= MAX_DELEGATION_DEPTH)
        {
            return Err(TrustError::TooManyDelegations {
                delegator: MetaRole::from(&visit.role),
            });
        }
        let mut tasks = Vec::with_capacity(count);
        let mut child = |role: RoleName, scope: Scope, terminating: bool| {
            let scope = Arc::new(scope);
            let chain: Chain = visit.chain.iter().cloned().chain([scope]).collect();
            let leave = terminating.then(|| Task::Leave(chain.clone()));
            tasks.push(Task::Visit(Visit {
                role,
                delegator: Some(visit.role.clone()),
                chain,
                fetch: false,
            }));
            tasks.extend(leave);
        };
        for role in &delegations.roles {
            child(role.name.clone(), role.scope.clone(), role.terminating);
        }
        if let Some(succinct) = &delegations.succinct {
            let file = MetaFile {
                role: MetaRole::from(&visit.role),
                version: None,
            };
            for index in 0..bins {
                let malformed = |problem| TrustError::Malformed {
                    file: file.clone(),
                    problem,
                };
                let scope = Scope::Bin {
                    bit_length: succinct.bit_length,
                    index,
                };
                child(succinct.bin(index).map_err(malformed)?, scope, false);
            }
        }
        self.pending.extend(tasks.into_iter().rev());
        Ok(())
    }

    /// Queues unchanged files whose scope changed, since what they may vouch for must be told anew.
    pub(super) fn queue_rescoped(&mut self) -> bool {
        let rescoped = self.visited.iter().filter(|(name, visited)| {
            !self.fetched.contains(*name)
                && !self.is_scope_of(self.before.get(*name), &visited.scopes)
        });
        let visits: Vec<Task> = rescoped
            .map(|(_, visited)| {
                Task::Visit(Visit {
                    fetch: true,
                    ..visited.first.clone()
                })
            })
            .collect();
        self.pending.extend(visits);
        !self.pending.is_empty()
    }

    /// Whether scopes from before mean the same as these do now.
    fn is_scope_of(&self, before: Option<&Scopes>, now: &Scopes) -> bool {
        before.is_some_and(|before| {
            before.len() == now.len()
                && before.iter().zip(now).all(|(before, now)| {
                    before.chain == now.chain
                        && self.before_ended.get(..before.ended) == self.ended.get(..now.ended)
                })
        })
    }

    pub(super) fn finish(&mut self, set: &mut TrustedSet) {
        for (name, visited) in std::mem::take(&mut self.visited) {
            if let Some(targets) = set.targets.get_mut(&name) {
                targets.scopes = visited.scopes;
            }
            self.before.remove(&name);
        }
        if !self.top_only {
            set.ended = std::mem::take(&mut self.ended);
        }
        self.removed = std::mem::take(&mut self.before).into_keys().collect();
        for name in &self.removed {
            set.targets.remove(name);
        }
    }
}

//! What the walk still has to visit: the delegations of a role that was entered, and files whose scope changed.

use std::sync::Arc;

use crate::metadata::{Delegations, RoleName, Scope};

use super::{Task, Visit, Visited, Walk};
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
                && !self.is_scope_of(
                    self.before.get(*name).map(|role| &role.scopes),
                    &visited.scopes,
                )
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
        let visited = std::mem::take(&mut self.visited);
        let before = std::mem::take(&mut self.before);
        let gone =
            |name: &&RoleName| !visited.contains_key(*name) && (!self.top_only || name.is_top());
        self.removed = before.keys().filter(gone).cloned().collect();
        // What stays as it is stays shared with the copies of this set.
        let rescoped = |(name, visited): &(RoleName, Visited)| {
            let held = set.targets.get(name);
            held.is_some_and(|held| held.scopes != visited.scopes)
        };
        let rescoped: Vec<_> = visited.into_iter().filter(rescoped).collect();
        if !rescoped.is_empty() || !self.removed.is_empty() {
            let roles = Arc::make_mut(&mut set.targets);
            for (name, visited) in rescoped {
                if let Some(targets) = roles.get_mut(&name) {
                    Arc::make_mut(targets).scopes = visited.scopes;
                }
            }
            for name in &self.removed {
                roles.remove(name);
            }
        }
        if !self.top_only && *set.ended != self.ended {
            set.ended = Arc::new(std::mem::take(&mut self.ended));
        }
    }
}

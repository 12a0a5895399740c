//! The search for one target (TUF 5.6.7): pre-order, depth first, a role's file asked for only when the search reaches it.
//!
//! For whoever wants single files of a foreign repository. A node, which lists every lesson, runs an
//! [`Update`](super::Update) over all roles instead.

use std::collections::BTreeSet;

use crate::UnixSeconds;
use crate::metadata::{Delegations, FileMeta, RoleName, TargetFile, TargetPath};

use super::delegated::{authority, listed, most_bytes};
use super::set::{Scopes, TrustedSet, TrustedTargets};
use super::{Fetched, MetaFile, MetaRole, Policy, TrustError, verify};

/// Most roles one search looks into; a longer way to a target is a mistake or an attack.
pub const MAX_SEARCHED_ROLES: usize = 32;

/// One search. Call [`Search::next`], fetch, [`Search::provide`], until `Done`.
#[derive(Debug)]
pub struct Search {
    set: TrustedSet,
    path: TargetPath,
    now: UnixSeconds,
    policy: Policy,
    /// Delegations still to follow, next one last.
    pending: Vec<Hop>,
    visited: BTreeSet<RoleName>,
    wanted: Option<Wanted>,
    result: Option<Option<(RoleName, TargetFile)>>,
    new_files: Vec<(MetaFile, Vec<u8>)>,
}

#[derive(Debug, Clone)]
struct Hop {
    role: RoleName,
    delegator: Option<RoleName>,
}

#[derive(Debug)]
struct Wanted {
    hop: Hop,
    file: MetaFile,
    meta: FileMeta,
    own: bool,
}

/// What a [`Search`] wants.
#[derive(Debug)]
pub enum SearchStep {
    /// Give this file to [`Search::provide`].
    Fetch {
        /// Which.
        file: MetaFile,
        /// Read no more than this many bytes of it.
        max_bytes: u64,
        /// To be looked for on the own disk. If it is not there, outdated or damaged, the search asks again with `false`.
        own: bool,
    },
    /// The search is over. Returned once.
    Done(Box<Found>),
    /// Nothing more: the search failed before, or its result was already taken.
    Over,
}

/// Result of a search.
#[derive(Debug, Clone)]
pub struct Found {
    /// The new state; to be used once `new_files` are safely on disk.
    pub set: TrustedSet,
    /// The target and the role that vouches for it; `None` when no role on the way lists it.
    pub target: Option<(RoleName, TargetFile)>,
    /// Verified files to store.
    pub new_files: Vec<(MetaFile, Vec<u8>)>,
}

impl TrustedSet {
    /// Searches one target in a repository whose timestamp and snapshot are up to date.
    ///
    /// # Errors
    /// [`TrustError::NotListed`] when the snapshot lists no targets role, or there is no snapshot yet.
    pub fn begin_search(
        &self,
        path: TargetPath,
        now: UnixSeconds,
        policy: Policy,
    ) -> Result<Search, TrustError> {
        let mut search = Search {
            set: self.clone(),
            path,
            now,
            policy,
            pending: vec![Hop {
                role: RoleName::targets(),
                delegator: None,
            }],
            visited: BTreeSet::new(),
            wanted: None,
            result: None,
            new_files: Vec::new(),
        };
        search.advance()?;
        Ok(search)
    }
}

impl Search {
    /// What to do next.
    #[expect(
        clippy::should_implement_trait,
        reason = "the next step depends on what is provided; this is no iterator"
    )]
    pub fn next(&mut self) -> SearchStep {
        if let Some(Wanted {
            file, meta, own, ..
        }) = &self.wanted
        {
            let max_bytes = most_bytes(meta);
            return SearchStep::Fetch {
                file: file.clone(),
                max_bytes,
                own: *own,
            };
        }
        let Some(target) = self.result.take() else {
            return SearchStep::Over;
        };
        let new_files = std::mem::take(&mut self.new_files);
        SearchStep::Done(Box::new(Found {
            set: self.set.clone(),
            target,
            new_files,
        }))
    }

    /// Takes the answer for the file that [`Search::next`] asked for.
    ///
    /// # Errors
    /// [`TrustError::Unexpected`] when `file` is not the one asked for: ignore it. Any other error ends the search.
    pub fn provide(&mut self, file: &MetaFile, answer: Fetched) -> Result<(), TrustError> {
        let Some(wanted) = self.wanted.take_if(|wanted| wanted.file == *file) else {
            return Err(TrustError::Unexpected { file: file.clone() });
        };
        let taken = self.take(&wanted, answer);
        if taken.is_err() && wanted.own {
            self.wanted = Some(Wanted {
                own: false,
                ..wanted
            });
            return Ok(());
        }
        taken
    }

    /// Files verified since the last call, to be stored at once, also those from before an error (TUF 5.6.6). The
    /// result then lists only the rest.
    pub fn take_verified(&mut self) -> Vec<(MetaFile, Vec<u8>)> {
        std::mem::take(&mut self.new_files)
    }

    fn take(&mut self, wanted: &Wanted, answer: Fetched) -> Result<(), TrustError> {
        let Wanted {
            hop,
            file,
            meta,
            own,
        } = wanted;
        let Fetched::Bytes(bytes) = answer else {
            return Err(TrustError::Missing { file: file.clone() });
        };
        let by = authority(&self.set, &hop.role, hop.delegator.as_ref())?;
        let (held, mut targets) = TrustedSet::check_targets(file, meta, &by, &bytes)?;
        // 5.6.5
        verify::check_expiry(file, held.expires, self.now, self.policy)?;
        let scopes = self
            .set
            .targets
            .get(&hop.role)
            .map_or_else(Scopes::new, |known| known.scopes.clone());
        let delegations = targets.delegations.take();
        let trusted = TrustedTargets {
            held,
            delegations: delegations.clone(),
            scopes,
        };
        self.set.put_targets(hop.role.clone(), trusted);
        if !own {
            self.new_files.push((file.clone(), bytes));
        }
        // 5.6.7.1: what this role lists ends the search.
        if let Some(target) = targets.targets.remove(&self.path) {
            self.result = Some(Some((hop.role.clone(), target)));
            return Ok(());
        }
        if let Some(delegations) = &delegations {
            self.descend(&hop.role, delegations)?;
        }
        self.advance()
    }

    /// 5.6.7.2: the delegations that cover the path, in order; a terminating one ends the search behind it (5.6.7.2.1).
    fn descend(
        &mut self,
        delegator: &RoleName,
        delegations: &Delegations,
    ) -> Result<(), TrustError> {
        let hop = |role| Hop {
            role,
            delegator: Some(delegator.clone()),
        };
        let mut children = Vec::new();
        for role in delegations
            .roles
            .iter()
            .filter(|role| role.scope.covers(&self.path))
        {
            children.push(hop(role.name.clone()));
            if role.terminating {
                self.pending.clear();
                break;
            }
        }
        if let Some(succinct) = &delegations.succinct {
            let file = MetaFile {
                role: MetaRole::from(delegator),
                version: None,
            };
            let bin = succinct.bin(succinct.index_of(&self.path));
            children.push(hop(
                bin.map_err(|problem| TrustError::Malformed { file, problem })?
            ));
        }
        // 5.6.7.2.2: the next one follows when nothing was found below this one.
        self.pending.extend(children.into_iter().rev());
        Ok(())
    }

    fn advance(&mut self) -> Result<(), TrustError> {
        while let Some(hop) = self.pending.pop() {
            // 5.6.7.1: each role once, which also ends cycles.
            if !self.visited.insert(hop.role.clone()) {
                continue;
            }
            if self.visited.len() > MAX_SEARCHED_ROLES {
                return Err(TrustError::TooManyDelegations {
                    delegator: MetaRole::from(&hop.role),
                });
            }
            let (file, meta) = listed(&self.set, &hop.role)?;
            self.wanted = Some(Wanted {
                hop,
                file,
                meta,
                own: true,
            });
            return Ok(());
        }
        self.result = Some(None);
        Ok(())
    }
}

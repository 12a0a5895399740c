//! Further publishers before their trust begins: the ministry lists them, their first root is still to be found.
//!
//! The root is asked of whoever claims to have the publisher's catalogue. It counts only when its SHA-256 is the one that
//! the ministry signed, and is on disk before anything else of the publisher is asked for.

use std::time::Duration;

use pishtar_signing::{
    client::{MAX_ROOT_BYTES, MetaFile, MetaRole, TrustedSet},
    metadata::Hashes,
};

use super::{
    INSTALL_RETRY,
    claims::{Claims, mark_refused},
};
use crate::{
    desk::Cx,
    event::Event,
    ids::{Mono, PublisherId, RequestId, Source},
    io::{MetaAnswer, MetaAsk, MetaFailure, Output},
};

/// A listed publisher whose first root is not on disk yet.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) first_root: [u8; 32],
    pub(super) claims: Claims,
    job: Job,
}

#[derive(Debug, Default)]
enum Job {
    #[default]
    Idle,
    Asking {
        source: Source,
        request: RequestId,
        lost_at: Mono,
    },
    Installing {
        root: Vec<u8>,
        set: Box<TrustedSet>,
        retry_at: Option<Mono>,
    },
}

impl Newcomer {
    pub(super) fn new(first_root: [u8; 32]) -> Self {
        Newcomer {
            first_root,
            claims: Claims::default(),
            job: Job::Idle,
        }
    }

    pub(super) fn waits_for(&self, request: RequestId) -> bool {
        matches!(&self.job, Job::Asking { request: open, .. } if *open == request)
    }

    /// Is the shell writing the root at this moment?
    pub(super) fn is_being_written(&self) -> bool {
        matches!(self.job, Job::Installing { retry_at: None, .. })
    }

    pub(super) fn disconnected(&mut self, now: Mono, source: Source) {
        // Kept while it has to wait: a liar that reconnects is no new source.
        self.claims
            .retain(|of, claim| *of != source || claim.not_before > now);
        if matches!(self.job, Job::Asking { source: asked, .. } if asked == source) {
            self.job = Job::Idle;
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Mono> {
        match &self.job {
            Job::Idle => self.claims.values().map(|claim| claim.not_before).min(),
            Job::Asking { lost_at, .. } => Some(*lost_at),
            Job::Installing { retry_at, .. } => *retry_at,
        }
    }

    /// Asks the next source whose time has come, or writes once more what the disk refused.
    pub(super) fn pump(&mut self, cx: &mut Cx<'_>, id: &PublisherId) {
        let now = cx.mono();
        match &mut self.job {
            Job::Asking {
                source, lost_at, ..
            } if *lost_at <= now => {
                let source = *source;
                self.job = Job::Idle;
                self.claims.back_off(cx, source, Duration::from_secs(1));
            }
            Job::Installing { root, retry_at, .. } if retry_at.is_some_and(|at| at <= now) => {
                *retry_at = None;
                push_install(cx, id, root);
            }
            _ => {}
        }
        if !matches!(self.job, Job::Idle) {
            return;
        }
        let due = self
            .claims
            .iter()
            .filter(|(_, claim)| claim.not_before <= now);
        let Some((&source, _)) = due.min_by_key(|(_, claim)| claim.failures) else {
            return;
        };
        let request = cx.desk.request();
        cx.desk.push(Output::RequestMeta {
            request,
            source,
            ask: MetaAsk::File {
                publisher: id.clone(),
                file: first_root(),
                held_version: None,
            },
            max_bytes: MAX_ROOT_BYTES,
        });
        self.job = Job::Asking {
            source,
            request,
            lost_at: now.plus(cx.config.meta_timeout),
        };
    }

    /// A source answered.
    pub(super) fn arrived(
        &mut self,
        cx: &mut Cx<'_>,
        id: &PublisherId,
        result: Result<MetaAnswer, MetaFailure>,
    ) {
        let Job::Asking { source, .. } = std::mem::take(&mut self.job) else {
            return;
        };
        let root = match result {
            Ok(MetaAnswer::Bytes(root)) => root,
            // It spoke of a catalogue that it cannot begin: nothing to charge it with.
            Ok(_) | Err(_) => return self.claims.back_off(cx, source, Duration::from_secs(1)),
        };
        match check(&root, &self.first_root) {
            Ok(set) => {
                push_install(cx, id, &root);
                self.job = Job::Installing {
                    root,
                    set: Box::new(set),
                    retry_at: None,
                };
            }
            Err(reason) => {
                mark_refused(cx, id, source, reason);
                self.claims.back_off(cx, source, Duration::from_secs(60));
            }
        }
    }

    /// The shell wrote the root, or could not; gives what is trusted from now on.
    pub(super) fn installed(
        &mut self,
        cx: &mut Cx<'_>,
        id: &PublisherId,
        result: Result<(), String>,
    ) -> Option<TrustedSet> {
        let Job::Installing { set, retry_at, .. } = &mut self.job else {
            return None;
        };
        let Err(reason) = result else {
            return Some(TrustedSet::clone(set));
        };
        *retry_at = Some(cx.mono().plus(INSTALL_RETRY));
        cx.tell(Event::InstallFailed {
            publisher: id.clone(),
            reason,
        });
        None
    }
}

fn first_root() -> MetaFile {
    MetaFile {
        role: MetaRole::Root,
        version: Some(1),
    }
}

/// Is this the root whose hash the ministry signed?
fn check(root: &[u8], listed: &[u8; 32]) -> Result<TrustedSet, String> {
    if Hashes::of(root).sha256() != Some(*listed) {
        return Err("its first root is not the one that the ministry lists".to_owned());
    }
    let set = TrustedSet::pin(root).map_err(|error| error.to_string())?;
    match set.version(&MetaRole::Root) {
        Some(1) => Ok(set),
        _ => Err("the root that the ministry lists is not a first one".to_owned()),
    }
}

fn push_install(cx: &mut Cx<'_>, id: &PublisherId, root: &[u8]) {
    cx.desk.push(Output::InstallCatalog {
        publisher: id.clone(),
        files: vec![(first_root(), root.to_vec())],
        removed: Vec::new(),
    });
}

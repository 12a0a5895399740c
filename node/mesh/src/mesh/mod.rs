//! The facade: one input at a time, outputs to take, views to read.

/// Splits the mesh into the surroundings of an input and the part that handles it.
macro_rules! cx {
    ($mesh:ident, $now:expr) => {
        &mut Cx {
            now: $now,
            config: &$mesh.config,
            desk: &mut $mesh.desk,
            ledger: &mut $mesh.ledger,
            catalog: &$mesh.catalog,
        }
    };
}

mod publishers;
mod views;

use std::ops::Range;

use pishtar_catalog::{BlobHash, Catalog, Diff, MINISTRY, Problem};

use crate::{
    catalog_sync::{CatalogSync, Installed},
    choices::Choices,
    config::Config,
    desk::{Cx, Desk},
    event::Event,
    exchange::Exchange,
    fetch::Fetch,
    holdings,
    ids::{Attachment, Mono, NodeId, Now, PublisherId},
    inventory::Holding,
    io::{Held, Hint, Input, Output, Restored},
    ledger::Ledger,
    spread::{self, Ask, Give, Spread},
};

/// The mesh core of one node.
///
/// # Run loop
/// Call [`Mesh::handle`] with one input, then [`Mesh::poll_output`] until it gives `None`, then
/// ask [`Mesh::next_deadline`] and wait for an input or, at that time, give [`Input::Tick`].
/// Every request carries an id that its answer returns; late, repeated and unknown answers are
/// harmless. Nothing here panics on an input; a panic is a bug.
#[derive(Debug)]
pub struct Mesh {
    config: Config,
    catalog: Catalog,
    choices: Choices,
    sync: CatalogSync,
    fetch: Fetch,
    exchange: Exchange,
    spread: Spread,
    ledger: Ledger,
    desk: Desk,
    /// Random id of this run; generations of holdings count within it.
    instance: u64,
    /// When the last generation of our holdings was announced.
    announced: Mono,
}

/// Numbers for the status page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Lessons in all trusted catalogues.
    pub lessons_known: u64,
    /// Lessons that the choices keep here.
    pub lessons_followed: u64,
    /// Followed lessons of which every file is held.
    pub lessons_complete: u64,
    /// Files held whole.
    pub blobs_complete: u64,
    /// Files held in part.
    pub blobs_partial: u64,
    /// Bytes held, referenced ones included.
    pub held_bytes: u64,
    /// Held bytes that count in the quota.
    pub quota_used: u64,
}

/// How much of a lesson is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LessonState {
    /// Is it to be kept here?
    pub followed: bool,
    /// Is it never removed to make room?
    pub pinned: bool,
    /// Are all its files held?
    pub complete: bool,
    /// Held bytes of its files.
    pub held_bytes: u64,
    /// Bytes of its files.
    pub total_bytes: u64,
}

impl Mesh {
    /// A mesh with what was found on disk. Follow rules come as [`Input::SetFollow`].
    pub fn new(config: Config, now: Now, restored: Restored) -> Self {
        let mut desk = Desk::new(&config);
        let mut mesh = Mesh {
            catalog: restored.catalog,
            choices: Choices::default(),
            sync: CatalogSync::new(
                restored.publishers.into_iter(),
                restored.damaged.into_iter(),
            ),
            fetch: Fetch::new(config.quota_bytes),
            exchange: Exchange::new(restored.records),
            spread: Spread::default(),
            ledger: Ledger::default(),
            instance: desk.random() | 1,
            announced: now.mono,
            desk,
            config,
        };
        mesh.fetch.inventory.listed = restored.blobs.is_some();
        let roles: Vec<(String, String)> = mesh
            .catalog
            .roles()
            .map(|(publisher, role, _)| (publisher.to_owned(), role.to_owned()))
            .collect();
        for (publisher, role) in roles {
            mesh.fetch.role_changed(cx!(mesh, now), &publisher, &role);
        }
        for (hash, held) in restored.blobs.unwrap_or_default() {
            mesh.restore_blob(hash, held);
        }
        for (hash, bytes) in restored.unnamed {
            mesh.fetch.inventory.leave(hash, bytes);
            mesh.desk.push(Output::RemoveBlob { hash });
        }
        // What was listed says nothing about blobs that appear with later catalogues.
        mesh.fetch.inventory.listed = false;
        mesh.fetch.inventory.bump();
        let list = mesh.catalog.publishers();
        mesh.sync.begin_list(cx!(mesh, now), list);
        mesh
    }

    /// Takes one input in. Outputs wait in [`Mesh::poll_output`].
    pub fn handle(&mut self, now: Now, input: Input) {
        self.take(now, input);
        let cx = cx!(self, now);
        self.sync.pump(cx);
        self.exchange.pump(cx);
        holdings::ask(cx, &mut self.fetch.peers);
        self.fetch.inspect_some(cx);
        self.fetch.plan(cx);
        self.announce(now);
    }

    /// The next thing for the shell to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.desk.pop()
    }

    /// When to give [`Input::Tick`] at the latest, unless an input comes before. May lie in the
    /// past: then at once.
    pub fn next_deadline(&self, now: Now) -> Option<Mono> {
        let announce = self.announces_at();
        let parts = [
            self.sync.next_deadline(),
            self.exchange.next_deadline(),
            holdings::next_deadline(&self.fetch.peers),
            self.fetch
                .next_deadline(&self.config, &self.ledger, now.mono),
            announce,
        ];
        parts.into_iter().flatten().min()
    }

    /// A peer asks for a range of a blob: give it, send the peer elsewhere, or `None` where it may not be served at all.
    /// What was verified a moment ago counts as here, although the store may still be writing it.
    pub fn give(
        &mut self,
        now: Now,
        peer: NodeId,
        hash: &BlobHash,
        range: Range<u64>,
        ask: Ask,
    ) -> Option<Give> {
        if !self.may_serve(hash) {
            return None;
        }
        let ix = self.fetch.inventory.find(hash)?;
        let file = self.fetch.inventory.file(ix);
        let range = range.start.min(file.length)..range.end.min(file.length);
        if !file.is_complete() {
            return Some(match &file.holding {
                Holding::Partial(held) if !held.covers(range) => Give::Absent,
                _ => Give::This,
            });
        }
        if self.fetch.costs_air_elsewhere(&self.config, &peer) {
            return Some(Give::This);
        }
        let request = spread::Request {
            peer,
            hash: *hash,
            length: file.length,
            range: range.clone(),
            ask,
            has: self.fetch.peers.get(&peer).and_then(|peer| peer.part(ix)),
            elsewhere: self.fetch.peers.has_in_part(ix, &range, peer),
        };
        Some(self.spread.give(now.mono, &request))
    }

    fn take(&mut self, now: Now, input: Input) {
        let cx = cx!(self, now);
        match input {
            Input::PeerConnected { peer } => self.connected(now, peer),
            Input::PeerAttached { peer, attachment } => self.fetch.attached(peer, attachment),
            Input::PeerDisconnected { peer } => self.disconnected(now, peer),
            Input::HintHeard { peer, hint } => match hint {
                Hint::Timestamp { publisher, version } => {
                    self.sync.hint(now.mono, peer, &publisher, version)
                }
                Hint::Records { digest, .. } => self.exchange.hint(cx, peer, digest),
                // The shell keeps them, and tells of the changed set.
                Hint::Fresh { .. } => {}
            },
            Input::FolderChanged { folder } => self.sync.folder_changed(now.mono, folder),
            Input::MetaArrived { request, result } => self.sync.arrived(cx, request, result),
            Input::CatalogInstalled { publisher, result } => {
                if let Some(installed) = self.sync.installed(cx, publisher, result) {
                    self.use_catalog(now, installed);
                }
            }
            Input::PublisherForgotten { publisher, result } => {
                self.sync.forgotten(cx, &publisher, result)
            }
            Input::HoldingsArrived { request, result } => {
                let changes = holdings::arrived(
                    cx,
                    &self.fetch.inventory,
                    &mut self.fetch.peers,
                    request,
                    result,
                );
                if let Some((peer, files)) = changes {
                    self.fetch.claims_changed(peer, files);
                }
            }
            Input::BlobState { hash, held } => self.fetch.blob_state(cx, hash, held),
            Input::RangeProgress { request, bytes } => self.fetch.progress(cx, request, bytes),
            Input::RangeFinished {
                request,
                result,
                held,
            } => self.fetch.finished(cx, request, result, held),
            Input::FilesArrived { ended } => self.fetch.files_arrived(cx, ended),
            Input::Demand {
                id,
                hash,
                window,
                priority,
            } => self.fetch.demand(cx, id, &hash, window, priority),
            Input::DropDemand { id } => self.fetch.drop_demand(cx, id),
            Input::SetFollow(selections) => {
                self.choices.rules = selections;
                self.fetch.follow(cx, &self.choices);
            }
            Input::SetChoices(choices) => {
                let assigned = std::mem::take(&mut self.choices.assigned);
                self.choices = Choices {
                    assigned,
                    ..choices
                };
                self.fetch.follow(cx, &self.choices);
            }
            Input::SetAssigned(lessons) => {
                if self.choices.assigned != lessons {
                    self.choices.assigned = lessons;
                    self.fetch.follow(cx, &self.choices);
                }
            }
            Input::RemoveLesson(lesson) => {
                let files = self
                    .catalog
                    .lesson(&lesson)
                    .into_iter()
                    .flat_map(|l| &l.files);
                let files: Vec<BlobHash> = files.map(|file| file.blake3).collect();
                self.fetch.remove_files(cx, &files);
            }
            Input::SetQuota(quota) => self.fetch.set_quota(quota),
            Input::DiskRoom(left) => self.fetch.set_disk_room(left),
            Input::BlobRemoved { hash } => self.fetch.blob_removed(&hash),
            Input::BlobDamaged { hash, held } => self.fetch.blob_damaged(cx, hash, held),
            Input::RecordsChanged { count, digest } => self.exchange.changed(cx, count, digest),
            Input::RecordsExchanged { request, result } => self.exchange.ended(cx, request, result),
            Input::Served { peer, bytes } => self.ledger.account(peer).tx_bytes += bytes,
            Input::Tick => {}
        }
    }

    fn connected(&mut self, now: Now, peer: NodeId) {
        let full = self.fetch.peers.len() >= self.config.max_peers;
        if peer == self.config.me || full || !self.fetch.connected(peer) {
            return;
        }
        self.ledger.set_connected(now, peer, true);
        self.sync.connected(now.mono, peer);
        match self.revocation(peer) {
            Some(_) => self.tell_revoked(now, peer),
            None => self.exchange.connected(cx!(self, now), peer),
        }
    }

    fn disconnected(&mut self, now: Now, peer: NodeId) {
        self.fetch.disconnected(cx!(self, now), peer);
        self.spread.gone(peer);
        self.sync.disconnected(now.mono, peer);
        self.exchange.disconnected(peer);
        self.ledger.set_connected(now, peer, false);
    }

    /// A catalogue is on disk: lessons, files, demands follow it from here on.
    fn use_catalog(&mut self, now: Now, installed: Installed) {
        let Installed {
            publisher,
            version,
            outcome,
        } = installed;
        let mut diff = Diff::default();
        let mut problems: Vec<Problem> = Vec::new();
        let mut roles = Vec::new();
        for accepted in outcome.targets() {
            let role = accepted.role.as_str().to_owned();
            let (changes, odd) = self.catalog.accept_role(&publisher, &accepted);
            diff.merge(changes);
            problems.extend(odd);
            roles.push(role);
        }
        for role in &outcome.removed_roles {
            diff.merge(self.catalog.remove_role(&publisher, role.as_str()));
            roles.push(role.as_str().to_owned());
        }
        let cx = cx!(self, now);
        for role in &roles {
            self.fetch.role_changed(cx, &publisher, role);
        }
        self.fetch.follow(cx, &self.choices);
        if !roles.is_empty() {
            holdings::ask_again(&mut self.fetch.peers, now.mono);
        }
        tell_catalog(cx, &publisher, version, &diff, problems);
        let lists = publisher == MINISTRY && roles.iter().any(|role| role == "targets");
        self.desk.push(Output::CatalogChanged { publisher, diff });
        if lists {
            self.follow_ministry(now);
        }
    }

    fn restore_blob(&mut self, hash: BlobHash, held: Held) {
        if let Some(ix) = self.fetch.inventory.find(&hash) {
            self.fetch.inventory.set_held(ix, held);
        }
    }

    /// When our holdings are announced, if there is news. Every neighbour asks for them then: further bytes of a file
    /// have to be worth that.
    fn announces_at(&self) -> Option<Mono> {
        let (inventory, config) = (&self.fetch.inventory, &self.config);
        let neighbours = self.fetch.peers.len() as u64;
        let (worth, patience) = match config.attachment {
            Attachment::Air => (
                config.announce_bytes_on_air,
                config.holdings_patience_on_air,
            ),
            _ => (config.announce_bytes, config.holdings_patience),
        };
        let after = match inventory.has_weighty_news(neighbours * worth) {
            true => config.holdings_interval,
            false => patience,
        };
        inventory.has_news().then(|| self.announced.plus(after))
    }

    fn announce(&mut self, now: Now) {
        let due = self.announces_at().is_some_and(|at| at <= now.mono);
        if due && self.fetch.inventory.bump() {
            self.announced = now.mono;
            let generation = self.fetch.inventory.generation;
            self.desk.push(Output::HoldingsChanged { generation });
        }
    }
}

/// Most problems of one catalogue that are told one by one.
const MAX_PROBLEMS_TOLD: usize = 16;

fn tell_catalog(
    cx: &mut Cx<'_>,
    publisher: &PublisherId,
    version: u64,
    diff: &Diff,
    problems: Vec<Problem>,
) {
    for problem in problems.into_iter().take(MAX_PROBLEMS_TOLD) {
        let (publisher, violation) = (publisher.clone(), problem.is_scope_violation());
        let problem = problem.to_string();
        cx.tell(match violation {
            true => Event::ScopeViolation { publisher, problem },
            false => Event::CatalogProblem { publisher, problem },
        });
    }
    for lesson in &diff.withdrawn {
        cx.tell(Event::LessonWithdrawn {
            lesson: lesson.clone(),
        });
    }
    cx.tell(Event::CatalogInstalled {
        publisher: publisher.clone(),
        version,
        added: diff.added.len() as u64,
        changed: diff.changed.len() as u64,
        withdrawn: diff.withdrawn.len() as u64,
    });
}

#[cfg(any(test, feature = "testing"))]
impl Mesh {
    /// Asserts everything that must hold between inputs; looks at every file. For tests.
    ///
    /// # Panics
    /// When something does not hold: a bug.
    pub fn check(&self) {
        self.fetch.check(&self.config);
    }
}

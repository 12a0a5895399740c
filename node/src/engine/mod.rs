//! Runs the sans-IO mesh core: feeds it what happened, carries out what it decides.
//!
//! One task owns the order of events. It takes an input, hands it to the core, drains the outputs and starts
//! a task for each; whatever a task finds comes back as an input. No decision is made here.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use libp2p::Multiaddr;
use pishtar_catalog::{BlobHash, Selection};
use pishtar_mesh::{Attachment, Checked, Hint, Input, Mono, NodeId, Output, wire};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    control::ControlSocket,
    handle::{Handle, Shared},
    net::{Limits, NetEvent, Server, blobs::ProviderLimits},
    school,
    store::meta_history::MetaHistory,
    web::TlsChoice,
};

mod actions;
pub mod clock;
pub(crate) mod disk;
mod folders;
mod fresh;
pub(crate) mod inspections;
mod metadata;
pub(crate) mod people;
mod restore;
pub(crate) mod scrub;
mod search;
mod serve;
pub(crate) mod settings;
mod transfers;

use folders::Folders;
use inspections::Inspections;
pub use restore::StartError;
pub(crate) use restore::known_schools;
use search::SearchJob;
use transfers::Transfers;

/// Inputs handed to the core before its outputs are taken; keeps one burst from starving the rest.
const MAX_BATCH: usize = 64;

/// How often what may be lost without harm is written down, and what is too old is dropped.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// What `pishtar run` was told.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// The data folder.
    pub data: PathBuf,
    /// The ministry's first root file, to be pinned.
    pub first_root: Option<PathBuf>,
    /// Where to accept neighbours.
    pub listen: Vec<Multiaddr>,
    /// Where to show the pages.
    pub web: SocketAddr,
    /// Whose certificate they show over HTTPS.
    pub tls: TlsChoice,
    /// How this machine hangs on its network; `None`: as the system says.
    pub attachment: Option<Attachment>,
    /// Neighbours given by address.
    pub peers: Vec<Multiaddr>,
    /// Whether to use mDNS.
    pub mdns: bool,
    /// Bounds that protect this node from its neighbours. The one on memory counts the whole process.
    pub limits: Limits,
    /// Published folders to seed from.
    pub publish: Vec<PathBuf>,
    /// Lessons to keep; empty = as chosen before.
    pub follow: Vec<Selection>,
    /// Most that lessons may take on the disk, bytes.
    pub quota_bytes: Option<u64>,
    /// Most that is sent to neighbours altogether, bytes per second.
    pub up_bytes_per_second: Option<u64>,
    /// Whether records are passed on to the collector.
    pub sync_point: bool,
    /// Whether any browser may choose what is kept, not only one on this device.
    pub choose_from_lan: bool,
    /// The school that the device belongs to, by publisher id; `None`: as it was.
    pub school: Option<String>,
    /// Network tag.
    pub network: String,
}

/// A running node. It stops in order with [`Node::stop`].
pub struct Node {
    handle: Handle,
    stop: CancellationToken,
    engine: JoinHandle<()>,
    shared: Arc<Shared>,
    pages: JoinHandle<()>,
    control: JoinHandle<()>,
    _lock: crate::store::lock::FolderLock,
}

impl Node {
    /// What pages and commands may ask.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Stops in the order that loses nothing: no new work, running transfers end, stores are synced and closed.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.engine.await;
        let _ = self.pages.await;
        self.control.abort();
        let _ = self.control.await;
        self.shared.net.shutdown().await;
        if let Err(error) = self.shared.blobs.shutdown().await {
            tracing::warn!(%error, "the lesson store did not close cleanly; it is checked at the next start");
        }
        self.shared.records.close().await;
        self.shared.people.close();
        self.shared.accounts.close();
        self.shared.index.flush();
    }
}

/// Starts a node: data folder, trust, stores, network, pages, local socket.
///
/// # Errors
/// [`StartError`]: a sentence that says what is wrong and what to do.
pub async fn start(options: NodeOptions) -> Result<Node, StartError> {
    let clock = clock::Clock::start();
    let web = TcpListener::bind(options.web)
        .await
        .map_err(|cause| StartError::Web {
            address: options.web,
            cause,
        })?;
    let web_address = web.local_addr().map_err(|cause| StartError::Web {
        address: options.web,
        cause,
    })?;
    let opened = restore::open(&options, clock).await?;
    let (inputs, input_queue) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let shared = Arc::new(Shared {
        mesh: Mutex::new(opened.mesh),
        clock,
        inspections: Inspections::new(inputs.clone()),
        inputs,
        net: opened.net,
        blobs: opened.blobs,
        records: opened.records,
        people: opened.people,
        accounts: Arc::new(opened.accounts),
        tls: opened.tls.map(Arc::new),
        search: opened.search,
        index: opened.index,
        trust: opened.trust,
        history: MetaHistory::open(options.data.join("meta-history")),
        events: Default::default(),
        web: Some(web_address),
        sync_point: options.sync_point,
        next_demand: AtomicU64::new(1),
        settings: Mutex::new(opened.settings),
        rules_told: Default::default(),
        data: opened.data,
        choose_from_lan: options.choose_from_lan,
        scrub: Default::default(),
        stop: stop.clone(),
        tasks: TaskTracker::new(),
    });
    let handle = Handle::new(shared.clone());
    let control = ControlSocket::bind(&options.data).map_err(|cause| StartError::Control {
        folder: options.data.clone(),
        cause,
    })?;
    let control = tokio::spawn(control.serve(handle.clone()));
    let pages = tokio::spawn(serve_pages(web, handle.clone(), stop.clone()));
    let holdings = watch::channel(0).0;
    let limits = ProviderLimits {
        bytes_per_second: options.up_bytes_per_second,
        ..ProviderLimits::default()
    };
    let (search, search_jobs) = mpsc::unbounded_channel();
    let (removals, to_remove) = mpsc::unbounded_channel();
    let folders = Folders::new(options.publish, school::published(&options.data));
    let engine = Engine {
        search,
        removals,
        shared: shared.clone(),
        tasks: shared.tasks.clone(),
        stop: stop.clone(),
        transfers: Transfers::default(),
        server: serve::server(&shared, &folders, holdings.subscribe(), limits),
        exchanges: serve::exchange_places(),
        pushes: fresh::places(),
        holdings,
        folders,
    };
    engine.begin(search_jobs);
    engine.keep_removing(to_remove);
    let engine = tokio::spawn(engine.run(input_queue, opened.net_events));
    Ok(Node {
        handle,
        stop,
        engine,
        shared,
        pages,
        control,
        _lock: opened.lock,
    })
}

async fn serve_pages(listener: TcpListener, handle: Handle, stop: CancellationToken) {
    if let Err(error) = crate::web::serve(listener, handle, stop.cancelled_owned()).await {
        tracing::error!(%error, "the pages stopped");
    }
}

/// The task that feeds the core.
struct Engine {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// What is on its way, to cancel it.
    transfers: Transfers,
    /// Our holdings' generation, for peers that wait for a change.
    holdings: watch::Sender<u64>,
    server: Server,
    /// Places for record exchanges that neighbours begin.
    exchanges: Arc<Semaphore>,
    /// Places for writing records that neighbours push.
    pushes: Arc<Semaphore>,
    folders: Folders,
    /// What the search index has to follow, in order.
    search: mpsc::UnboundedSender<SearchJob>,
    /// Blobs that are to be removed.
    removals: mpsc::UnboundedSender<BlobHash>,
}

impl Engine {
    /// Takes up what an earlier run left: the index follows the catalogue, and published files that were not
    /// seeded yet are.
    fn begin(&self, search_jobs: mpsc::UnboundedReceiver<SearchJob>) {
        let lessons: Vec<_> = self.shared.mesh().catalog().lessons().cloned().collect();
        let folders = self.folders.importer(&self.shared, &self.stop);
        self.keep_search(search_jobs);
        let _ = self.search.send(SearchJob::Rebuild(lessons.clone()));
        self.tasks.spawn_blocking(move || folders.import(&lessons));
    }

    async fn run(
        mut self,
        mut inputs: mpsc::UnboundedReceiver<Input>,
        mut net: mpsc::Receiver<NetEvent>,
    ) {
        self.folders.watch(&self.shared, &self.tasks, &self.stop);
        self.watch_records();
        self.watch_people();
        self.keep_house();
        self.watch_disk();
        self.watch_damage();
        self.perform_all();
        loop {
            let deadline = self.shared.mesh().next_deadline(self.shared.clock.now());
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(input) = inputs.recv() => {
                    self.feed(input);
                    for _ in 1..MAX_BATCH {
                        let Ok(input) = inputs.try_recv() else { break };
                        self.feed(input);
                    }
                }
                Some(event) = net.recv() => self.on_net(event),
                () = sleep_until(&self.shared, deadline) => self.feed(Input::Tick),
            }
            self.perform_all();
        }
        self.transfers.stop_all();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn feed(&mut self, input: Input) {
        self.transfers.note(&input);
        let now = self.shared.clock.now();
        self.shared.mesh().handle(now, input);
    }

    fn perform_all(&mut self) {
        loop {
            let output: Option<Output> = self.shared.mesh().poll_output();
            let Some(output) = output else { return };
            self.perform(output);
        }
    }

    fn on_net(&mut self, event: NetEvent) {
        match event {
            NetEvent::Listening(address) => tracing::info!(%address, "accepting neighbours"),
            NetEvent::Connected { peer, .. } => {
                self.note(
                    "peer_connected",
                    format!("Found neighbour {peer}; its key is proven."),
                );
                self.feed(Input::PeerConnected { peer });
            }
            NetEvent::Attached { peer, attachment } => {
                self.feed(Input::PeerAttached { peer, attachment });
            }
            NetEvent::Disconnected { peer } => {
                self.note("peer_gone", format!("Neighbour {peer} is gone."));
                self.feed(Input::PeerDisconnected { peer });
            }
            NetEvent::Hint { peer, bytes } => {
                let Ok(message) = wire::decode::<wire::HintMessage>(&bytes) else {
                    return;
                };
                match message.hint {
                    Hint::Fresh { records } => self.keep_fresh(peer, records),
                    hint => {
                        tracing::debug!(?hint, "heard a hint");
                        self.feed(Input::HintHeard { peer, hint });
                    }
                }
            }
            NetEvent::Inbound {
                peer,
                protocol,
                stream,
            } => self.serve(peer, protocol, stream),
        }
    }

    fn keep_fresh(&self, peer: NodeId, pushed: Vec<Vec<u8>>) {
        if !self.shared.mesh().exchanges_records_with(peer) {
            return;
        }
        let Ok(place) = self.pushes.clone().try_acquire_owned() else {
            return;
        };
        let (records, now) = (self.shared.records.clone(), self.shared.clock.now().wall);
        let source = fresh::source(&self.shared, peer);
        self.tasks.spawn(async move {
            let _place = place;
            fresh::keep(records, pushed, source, now).await;
        });
    }

    /// Tells the core whenever the set of carried records changes.
    fn watch_records(&self) {
        let shared = self.shared.clone();
        let stop = self.stop.clone();
        let mut changes = self.shared.records.subscribe();
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = changes.changed() => if changed.is_err() { return },
                }
                changes.mark_unchanged();
                fresh::publish(&shared);
                let (count, digest) = restore::records_state(&shared.records);
                let _ = shared.inputs.send(Input::RecordsChanged { count, digest });
            }
        });
    }

    /// Drops records that were carried too long, and remembers when catalogues were last confirmed.
    fn keep_house(&self) {
        let shared = self.shared.clone();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            loop {
                if let Err(error) = shared.records.expire(shared.clock.now().wall).await {
                    tracing::warn!(%error, "records that were carried too long stay for now");
                }
                note_checks(&shared);
                let index = shared.index.clone();
                // It only fails by a panic of sled, and then the next start rebuilds the index.
                let _ = tokio::task::spawn_blocking(move || index.flush()).await;
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(HOUSEKEEPING) => {}
                }
            }
            note_checks(&shared);
        });
    }

    /// One sentence for people, the log and the demo.
    fn note(&self, kind: &str, text: String) {
        tracing::info!("{text}");
        let at_ms = u64::try_from(self.shared.clock.now().mono.0.as_millis()).unwrap_or(u64::MAX);
        self.shared.events.push(at_ms, kind, text);
    }

    fn publish_hint(&self, hint: Hint) {
        tracing::debug!(?hint, "tells a hint");
        if let Ok(bytes) = wire::encode(&wire::HintMessage { hint }) {
            self.shared.net.publish_hint(bytes);
        }
    }
}

fn note_checks(shared: &Shared) {
    let checked: Vec<(String, Checked)> = {
        let mesh = shared.mesh();
        let views = mesh
            .publishers(shared.clock.now())
            .filter_map(|view| Some((view.id.to_owned(), view.checked?)));
        views.collect()
    };
    for (publisher, checked) in checked {
        let before = shared.index.checked_at(&publisher);
        // Without a sane clock the date is a lower bound: an earlier and better one stays.
        let at = match (checked.exact, before) {
            (false, Some(before)) => checked.at.max(before),
            _ => checked.at,
        };
        shared.index.set_checked_at(&publisher, at);
    }
}

async fn sleep_until(shared: &Shared, deadline: Option<Mono>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(shared.clock.instant(deadline)).await,
        None => std::future::pending().await,
    }
}

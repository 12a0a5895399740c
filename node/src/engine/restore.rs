//! Start-up: the data folder's lock and key, trust state verified again, stores opened, the core rebuilt.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use pishtar_catalog::{Catalog, CollectionKeys, MINISTRY};
use pishtar_mesh::{
    Attachment, Config, Input, Mesh, PublisherId, Restored, records::SetKind, wire,
};
use pishtar_signing::{
    client::{MetaFile, TrustError, TrustedSet},
    metadata::Hashes,
};
use tokio::sync::mpsc;

use super::{
    NodeOptions,
    actions::held_where,
    clock::{BUILT, Clock},
    settings::{Settings, SettingsError},
};
use crate::{
    collector::{SchoolKeys, Schools},
    net::{NetConfig, NetError, NetEvent, NetHandle, Network, NodeKey, attachment},
    people::{
        People, StoreError as PeopleStoreError,
        accounts::{self, Accounts},
    },
    search::Search,
    store::{
        blobs::BlobStore,
        index::{Index, IndexError},
        lock::{FolderLock, LockError},
        records::{RecordOptions, RecordStore},
        trust::{TrustStore, TrustStoreError, how_to_seed},
    },
    web::{Tls, TlsError},
};

/// Why a node does not start. Each is a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The pages' address cannot be had.
    #[error(
        "the pages cannot be shown at {address}: {cause}. Stop the program that uses that port, or choose another with --web ADDR:PORT"
    )]
    Web {
        /// The wanted address.
        address: SocketAddr,
        /// What the operating system said.
        cause: io::Error,
    },
    /// Another node uses the folder.
    #[error(
        "another node is running on {folder}: stop it, or give this one a data folder of its own with --data"
    )]
    Locked {
        /// The data folder.
        folder: PathBuf,
    },
    /// The data folder cannot be used.
    #[error("cannot use {path}: {cause}. The data folder must be on a writable disk with room")]
    Folder {
        /// The path in question.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The node's key is not a key.
    #[error(
        "{path} is not a node key; move it aside and the node gets a new identity, records of its own that wait there stay readable to the ministry"
    )]
    Key {
        /// The key file.
        path: PathBuf,
    },
    /// Nobody is pinned.
    #[error(
        "no ministry is pinned in {folder}: give the ministry's first root file once with --root FIRST_ROOT.json"
    )]
    NoRoot {
        /// The data folder.
        folder: PathBuf,
    },
    /// The root file cannot be read.
    #[error("cannot read the ministry's first root file {path}: {cause}")]
    RootFile {
        /// The file given with `--root` or found in a published folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The root file is no root.
    #[error("{path} is not a ministry's first root file: {cause}")]
    BadRoot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: Box<TrustError>,
    },
    /// A folder given with `--publish` is not a repository.
    #[error(
        "{folder} is not a published folder: it has no metadata/1.root.json. `pishtar ministry publish` makes one"
    )]
    NotARepository {
        /// The folder.
        folder: PathBuf,
    },
    /// Trust state on disk fails verification.
    #[error(
        "the trust state of {publisher} on disk does not verify: {cause}. {}",
        how_to_seed(publisher, folder)
    )]
    Trust {
        /// Whose state.
        publisher: String,
        /// The folder to move aside.
        folder: PathBuf,
        /// What is wrong.
        cause: Box<TrustError>,
    },
    /// Trust state cannot be read.
    #[error(transparent)]
    TrustStore(#[from] TrustStoreError),
    /// The settings cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The index cannot be opened.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The lesson or record store cannot be opened.
    #[error("cannot open the {store} store in {folder}: {cause}")]
    Store {
        /// Which store.
        store: &'static str,
        /// Where.
        folder: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The book of people cannot be opened.
    #[error(transparent)]
    People(#[from] PeopleStoreError),
    /// Who may sign in cannot be read.
    #[error(transparent)]
    Accounts(#[from] accounts::StoreError),
    /// HTTPS cannot be offered.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The network does not start.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The local socket cannot be made.
    #[error("cannot listen for commands in {folder}: {cause}")]
    Control {
        /// The data folder.
        folder: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}

/// Everything that start-up opened.
pub(super) struct Opened {
    pub(super) data: PathBuf,
    pub(super) lock: FolderLock,
    pub(super) mesh: Mesh,
    pub(super) settings: Settings,
    pub(super) net: NetHandle,
    pub(super) net_events: mpsc::Receiver<NetEvent>,
    pub(super) blobs: BlobStore,
    pub(super) records: RecordStore,
    pub(super) people: People,
    pub(super) accounts: Accounts,
    pub(super) tls: Option<Tls>,
    pub(super) search: Search,
    pub(super) index: Index,
    pub(super) trust: TrustStore,
}

/// Opens the data folder and rebuilds the core from it.
pub(super) async fn open(options: &NodeOptions, clock: Clock) -> Result<Opened, StartError> {
    let data = make_folder(&options.data)?;
    let lock = lock(&data)?;
    let seed = node_seed(&data)?;
    let key = NodeKey::from_seed(seed);
    let trust = TrustStore::open(data.join("trust"))?;
    pin(&trust, options, &data)?;
    let Trusted {
        publishers,
        damaged,
        catalog,
    } = restore_publishers(&trust, &data)?;
    let settings = load_settings(&data, options)?;
    let index = Index::open(&data.join("index.sled"))?;
    let store_error = |store, path: &Path, cause: String| StartError::Store {
        store,
        folder: path.to_owned(),
        cause,
    };
    let blobs_folder = data.join("blobs");
    let blobs = BlobStore::open(&blobs_folder)
        .await
        .map_err(|error| store_error("lesson", &blobs_folder, error.to_string()))?;
    let records_file = data.join("records.redb");
    let records = RecordStore::open(&records_file, RecordOptions::default())
        .map_err(|error| store_error("record", &records_file, error.to_string()))?;
    let people = People::open(&data, records.device())?;
    let accounts = Accounts::open(&data.join("accounts.redb"), clock.now())?;
    let tls = Tls::open(&options.tls, &data.join("tls"))?;
    let mut config = Config::new(key.node_id(), random_seed(&data)?);
    config.built = BUILT;
    config.quota_bytes = options.quota_bytes;
    // Asked once: the core and the neighbours have to hear the same.
    let attachment = options.attachment.unwrap_or_else(attachment::detect);
    config.attachment = attachment;
    let states = blobs
        .states(|hash| catalog.file(hash).map(|(_, file)| file.length))
        .await
        .map_err(|error| store_error("lesson", &blobs_folder, error.to_string()))?;
    let stored = states.into_iter().filter_map(|(hash, holding)| {
        let (_, file) = catalog.file(&hash)?;
        Some((hash, held_where(&blobs, hash, file.length, holding)))
    });
    let stored = stored.collect();
    // A publisher whose state does not read names files too: they wait until it is seeded again.
    let unnamed = blobs
        .unnamed(|hash| !damaged.is_empty() || catalog.file(hash).is_some())
        .await
        .map_err(|error| store_error("lesson", &blobs_folder, error.to_string()))?;
    if !unnamed.is_empty() {
        tracing::info!(
            files = unnamed.len(),
            "removing files that no catalogue names"
        );
    }
    let restored = Restored {
        publishers,
        damaged,
        catalog,
        blobs: Some(stored),
        unnamed,
        records: records_state(&records),
    };
    let mut mesh = Mesh::new(config, clock.now(), restored);
    mesh.handle(clock.now(), Input::SetChoices(settings.choices().clone()));
    set_ack_key(&records, &mesh);
    let search_folder = data.join("search");
    let search = Search::open(&search_folder)
        .map_err(|error| store_error("search", &search_folder, error.to_string()))?;
    let (net, net_events) = start_network(options, attachment, key)?;
    Ok(Opened {
        lock,
        data,
        mesh,
        settings,
        net,
        net_events,
        blobs,
        records,
        people,
        accounts,
        tls,
        search,
        index,
        trust,
    })
}

/// The schools that the verified metadata of a stopped node names, with their collection keys.
///
/// # Errors
/// [`StartError`] as when the node starts.
pub(crate) fn known_schools(data: &Path) -> Result<Vec<SchoolKeys>, StartError> {
    let _lock = lock(data)?;
    let trust = TrustStore::open(data.join("trust"))?;
    let trusted = restore_publishers(&trust, data)?;
    Ok(Schools::of(&trusted.catalog))
}

/// What people chose on this node; rules of the command line replace the remembered ones.
fn load_settings(data: &Path, options: &NodeOptions) -> Result<Settings, StartError> {
    let mut settings = Settings::load(data)?;
    if !options.follow.is_empty() {
        let mut choices = settings.choices().clone();
        choices.rules.clone_from(&options.follow);
        settings.replace(choices)?;
    }
    if options.school.is_some() {
        settings.set_school(options.school.clone())?;
    }
    Ok(settings)
}

/// Acknowledgements count only when the ministry's collection key of this term or of one that its metadata still names
/// signed them.
pub(super) fn set_ack_key(records: &RecordStore, mesh: &Mesh) {
    let keys = mesh.catalog().collection_keys(MINISTRY);
    records.set_ack_keys(
        keys.into_iter()
            .flat_map(CollectionKeys::ack_keys)
            .collect(),
    );
}

/// Number of records, and one digest over records and acknowledgements: both travel by exchange.
pub(super) fn records_state(records: &RecordStore) -> (u64, [u8; 32]) {
    let (own, acks) = (
        records.digest(SetKind::Records),
        records.digest(SetKind::Acks),
    );
    let mut both = blake3::Hasher::new();
    both.update(&own.digest).update(&acks.digest);
    (own.count, *both.finalize().as_bytes())
}

fn start_network(
    options: &NodeOptions,
    attachment: Attachment,
    key: NodeKey,
) -> Result<(NetHandle, mpsc::Receiver<NetEvent>), NetError> {
    let mut config = NetConfig::new(key);
    config.listen.clone_from(&options.listen);
    config.tag.clone_from(&options.network);
    config.mdns = options.mdns;
    config.dial.clone_from(&options.peers);
    config.attachment = attachment;
    config.limits = options.limits;
    config.hint_is_valid = |bytes| wire::decode::<wire::HintMessage>(bytes).is_ok();
    Network::start(config)
}

/// Makes the folder and gives its absolute path: the lesson store needs one.
fn make_folder(data: &Path) -> Result<PathBuf, StartError> {
    let error = |cause| StartError::Folder {
        path: data.to_owned(),
        cause,
    };
    fs::create_dir_all(data).map_err(error)?;
    fs::canonicalize(data).map_err(error)
}

pub(super) fn lock(data: &Path) -> Result<FolderLock, StartError> {
    let path = data.join("lock");
    FolderLock::take(&path).map_err(|error| match error {
        LockError::Held => StartError::Locked {
            folder: data.to_owned(),
        },
        LockError::Io(cause) => StartError::Folder { path, cause },
    })
}

/// The node's secret: 32 random bytes, made at first start, readable by the owner only.
fn node_seed(data: &Path) -> Result<[u8; 32], StartError> {
    let path = data.join("node.key");
    let error = |cause| StartError::Folder {
        path: path.clone(),
        cause,
    };
    match fs::read(&path) {
        Ok(bytes) => <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(|_| StartError::Key { path: path.clone() }),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let seed = random_seed(data)?;
            let temporary = path.with_extension("tmp");
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&temporary)
                .map_err(error)?;
            file.write_all(&seed)
                .and_then(|()| file.sync_all())
                .map_err(error)?;
            fs::rename(&temporary, &path).map_err(error)?;
            File::open(data)
                .and_then(|folder| folder.sync_all())
                .map_err(error)?;
            Ok(seed)
        }
        Err(cause) => Err(error(cause)),
    }
}

fn random_seed(data: &Path) -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|cause| StartError::Folder {
        path: data.to_owned(),
        cause: io::Error::other(cause),
    })?;
    Ok(seed)
}

/// Pins the ministry: by `--root`, or by the published folder that the ministry itself seeds from.
fn pin(trust: &TrustStore, options: &NodeOptions, data: &Path) -> Result<(), StartError> {
    for folder in &options.publish {
        if !folder.join("metadata/1.root.json").is_file() {
            return Err(StartError::NotARepository {
                folder: folder.clone(),
            });
        }
    }
    let pinned = trust
        .publishers()?
        .iter()
        .any(|publisher| publisher == MINISTRY);
    let from_folder = options
        .publish
        .first()
        .map(|folder| folder.join("metadata/1.root.json"));
    let given = options
        .first_root
        .clone()
        .or(if pinned { None } else { from_folder });
    let Some(path) = given else {
        return if pinned {
            Ok(())
        } else {
            Err(StartError::NoRoot {
                folder: data.to_owned(),
            })
        };
    };
    let bytes = fs::read(&path).map_err(|cause| StartError::RootFile {
        path: path.clone(),
        cause,
    })?;
    TrustedSet::pin(&bytes).map_err(|cause| StartError::BadRoot {
        path: path.clone(),
        cause: Box::new(cause),
    })?;
    Ok(trust.pin(MINISTRY, &bytes)?)
}

/// What the disk holds of publishers, verified again.
#[derive(Default)]
pub(super) struct Trusted {
    publishers: Vec<(PublisherId, TrustedSet)>,
    damaged: Vec<(PublisherId, String)>,
    pub(super) catalog: Catalog,
}

/// Verifies what the disk holds of every publisher again, and fills the catalogue role by role, so that no
/// more than one role's file is in memory at a time.
///
/// The ministry comes first: its list says which others count. Damage to the ministry's state stops the start; damage to
/// another publisher's closes that publisher alone.
pub(super) fn restore_publishers(trust: &TrustStore, data: &Path) -> Result<Trusted, StartError> {
    let mut trusted = Trusted::default();
    let ministry = restore_one(trust, data, MINISTRY, &mut trusted.catalog)?;
    trusted.publishers.push((MINISTRY.to_owned(), ministry));
    for publisher in trust.publishers()? {
        if publisher != MINISTRY {
            restore_further(trust, data, publisher, &mut trusted);
        }
    }
    Ok(trusted)
}

fn restore_further(trust: &TrustStore, data: &Path, publisher: String, trusted: &mut Trusted) {
    let listed = trusted.catalog.publishers().active(&publisher);
    let listed = listed.map(|entry| entry.first_root);
    let restored = match (trust.first_root(&publisher), listed) {
        (Ok(root), Some(listed)) if Hashes::of(&root).sha256() == Some(listed) => {
            restore_one(trust, data, &publisher, &mut trusted.catalog)
        }
        (Err(error), Some(_)) => Err(error.into()),
        // Revoked, listed no more, or listed with other keys.
        _ => {
            if let Err(error) = trust.forget(&publisher) {
                tracing::warn!(%error, "what is left of a publisher that the ministry does not list stays for now");
                let reason = error.to_string();
                trusted.damaged.push((publisher, reason));
            }
            return;
        }
    };
    match restored {
        Ok(set) => trusted.publishers.push((publisher, set)),
        Err(error) => {
            tracing::error!(%error, "a publisher's lessons are not shown");
            trusted.catalog.remove_publisher(&publisher);
            trusted.damaged.push((publisher, error.to_string()));
        }
    }
}

fn restore_one(
    trust: &TrustStore,
    data: &Path,
    publisher: &str,
    catalog: &mut Catalog,
) -> Result<TrustedSet, StartError> {
    let first_root = trust.first_root(publisher)?;
    let mut unreadable = None;
    let read = |file: &MetaFile| {
        trust.read(publisher, file).unwrap_or_else(|error| {
            unreadable = Some(error);
            None
        })
    };
    let restored = TrustedSet::restore(&first_root, read, |role| {
        catalog.accept_role(publisher, &role);
    });
    if let Some(error) = unreadable {
        return Err(error.into());
    }
    restored.map_err(|cause| StartError::Trust {
        publisher: publisher.to_owned(),
        folder: data.join("trust").join(publisher),
        cause: Box::new(cause),
    })
}

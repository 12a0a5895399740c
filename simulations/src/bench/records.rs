//! Sealed records between two stores over the real protocol: bytes on the line, and a sync point that has seen millions.

use std::{
    collections::BTreeSet,
    io,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::{AsyncRead, AsyncWrite};
use pishtar::{
    net::records::{ExchangeLimits, initiate, respond},
    store::records::{RecordOptions, RecordStore},
};
use pishtar_mesh::records::{ExchangeStats, Limits, SetKind};
use pishtar_signing::record::{CollectionSecret, LogKey, LogSigner, Recipients, SealSecret, seal};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use serde::Serialize;

const NOW: i64 = 1_790_000_000;
/// Records of one log: a device's week.
const PER_LOG: u64 = 100;
const BATCH: usize = 128;

/// Two carriers with nearly the same records.
#[derive(Debug, Clone, Serialize)]
pub struct ExchangeBytes {
    /// Where the records that differ stand among the others.
    pub differing: &'static str,
    /// Records on each side.
    pub records: usize,
    /// Records that one side alone had, both sides together.
    pub differ: u64,
    /// Bytes of the stream, both ways.
    pub bytes: u64,
    /// Of these, the records that had to move.
    pub record_bytes: u64,
    /// Comparison rounds.
    pub rounds: u32,
}

/// A sync point and a carrier that comes with an offer.
#[derive(Debug, Clone, Serialize)]
pub struct SyncPoint {
    /// Records that it has seen.
    pub seen: u64,
    /// Of these, still held because nobody has acknowledged them.
    pub held: u64,
    /// Records that the carrier offers.
    pub offered: u64,
    /// A carrier that offers what is held already: from the opening to the end, in seconds.
    pub known_s: f64,
    /// A carrier that offers what is new: until all of it is on the disk and both have compared digests, in seconds.
    pub new_s: f64,
    /// Opening its store, in seconds.
    pub open_s: f64,
    /// Resident memory of the process afterwards, with a carrier's store in it, in MiB.
    pub rss_mib: f64,
    /// The most in the life of the process, in MiB.
    pub peak_mib: f64,
}

/// A sync point that one neighbour floods.
#[derive(Debug, Clone, Serialize)]
pub struct Flood {
    /// Sealed and signed records that belong to nobody, offered by one neighbour.
    pub junk: u64,
    /// Of these, those that the sync point still holds at the end.
    pub junk_kept: usize,
    /// Honest records of four other neighbours, half from before the flood, half in its middle.
    pub honest: usize,
    /// Of these, those that are still held at the end.
    pub honest_kept: usize,
    /// Junk that was offered a second time and counted as new.
    pub taken_twice: usize,
    /// Items that are no records, offered at the end.
    pub noise: usize,
    /// Of these, those that were refused.
    pub noise_refused: usize,
    /// Bytes of others' records held at the end.
    pub carried_bytes: u64,
    /// The room that they have.
    pub quota_bytes: u64,
    /// Time from an own record's save to its being on the disk while the flood goes on, in milliseconds; half are faster.
    pub save_median_ms: f64,
    /// The slowest of these saves, in milliseconds.
    pub save_slowest_ms: f64,
    /// Records that one second of the flood had looked at.
    pub records_per_s: f64,
    /// Size of the store's file at the end, in MiB.
    pub file_mib: f64,
    /// By how much the process's most memory grew in the flood, in MiB.
    pub grown_mib: f64,
}

/// Seals records as devices do: a hundred in each log, thirty in an hour.
struct Maker {
    rng: ChaCha20Rng,
    ministry: CollectionSecret,
    school: SealSecret,
    made: u64,
}

impl Maker {
    fn new() -> Maker {
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        Maker {
            ministry: CollectionSecret::generate(1, &mut rng),
            school: SealSecret::generate(&mut rng),
            rng,
            made: 0,
        }
    }

    fn signer(log: u64) -> LogSigner {
        let seed = |what: &[u8]| *blake3::hash(&[what, &log.to_be_bytes()].concat()).as_bytes();
        let device = ed25519_dalek::SigningKey::from_bytes(&seed(b"device"));
        LogSigner::new(&device, &seed(b"log"))
    }

    fn record(&mut self) -> Result<Vec<u8>> {
        let (log, sequence) = (self.made / PER_LOG, self.made % PER_LOG + 1);
        let hour = u32::try_from(NOW / 3600 - 2_000 + (self.made / 30 % 2_000) as i64)?;
        let to = Recipients {
            ministry: self.ministry.public(),
            school: Some(self.school.public()),
        };
        self.made += 1;
        let mut events = [0; 100];
        self.rng.fill_bytes(&mut events);
        let record = seal(
            &events,
            &Self::signer(log),
            sequence,
            hour,
            &to,
            &mut self.rng,
        )?;
        Ok(record.into_bytes())
    }

    fn records(&mut self, count: u64) -> Result<Vec<Vec<u8>>> {
        (0..count).map(|_| self.record()).collect()
    }

    fn open(&self, path: &Path) -> Result<RecordStore> {
        let store = RecordStore::open(path, RecordOptions::default())?;
        store.set_ack_keys(vec![self.ministry.public().ack]);
        Ok(store)
    }
}

async fn fill(store: &RecordStore, kind: SetKind, items: Vec<Vec<u8>>) -> Result<()> {
    let parts = items.chunks(BATCH * 16);
    for part in parts {
        let stored = store.store(kind, part.to_vec(), [1; 32], NOW).await?;
        ensure!(stored.refused == 0, "the store refused {}", stored.refused);
    }
    Ok(())
}

/// Counts what passes.
struct Counted<S> {
    inner: S,
    bytes: Arc<AtomicU64>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// One exchange; bytes both ways.
async fn exchange(
    left: &RecordStore,
    right: &RecordStore,
    limits: ExchangeLimits,
) -> Result<(ExchangeStats, u64)> {
    use tokio_util::compat::TokioAsyncReadCompatExt;
    let bytes = Arc::new(AtomicU64::new(0));
    let (a, b) = tokio::io::duplex(64 << 10);
    let [a, b] = [a, b].map(|inner| Counted {
        inner: inner.compat(),
        bytes: bytes.clone(),
    });
    let (ours, theirs) = tokio::join!(
        initiate(a, left, [2; 32], NOW, limits),
        respond(b, right, [3; 32], NOW, limits),
    );
    theirs?;
    Ok((ours?, bytes.load(Ordering::Relaxed)))
}

/// Two carriers with `records` each, of which `differ` are held by one alone: once the newest, once any.
///
/// # Errors
/// When a store fails, or the carriers do not end equal.
pub async fn exchange_bytes(
    scratch: &Path,
    records: usize,
    differ: u64,
) -> Result<Vec<ExchangeBytes>> {
    let mut rows = Vec::new();
    for (place, differing) in ["the newest", "anywhere"].into_iter().enumerate() {
        let mut maker = Maker::new();
        let all = maker.records(records as u64 + differ / 2)?;
        let step = all.len() / differ as usize;
        let only = |at: usize| match place {
            0 => at + differ as usize >= all.len(),
            _ => at % step == step / 2 && at / step < differ as usize,
        };
        let (mut left, mut right, mut turn) = (Vec::new(), Vec::new(), 0);
        for (at, record) in all.iter().enumerate() {
            turn += u64::from(only(at));
            if !only(at) || turn % 2 == 0 {
                left.push(record.clone());
            }
            if !only(at) || turn % 2 == 1 {
                right.push(record.clone());
            }
        }
        let stores = [format!("left-{place}"), format!("right-{place}")];
        let [a, b] = stores.map(|name| maker.open(&scratch.join(name).join("records.redb")));
        let (a, b) = (a?, b?);
        fill(&a, SetKind::Records, left).await?;
        fill(&b, SetKind::Records, right).await?;
        let held = usize::try_from(a.digest(SetKind::Records).count)?;
        let (stats, bytes) = exchange(&a, &b, ExchangeLimits::default()).await?;
        ensure!(stats.equal, "the carriers did not end equal");
        let moved = stats.records_in + stats.records_out;
        rows.push(ExchangeBytes {
            differing,
            records: held,
            differ: moved as u64,
            bytes,
            record_bytes: moved as u64 * 512,
            rounds: stats.rounds,
        });
    }
    Ok(rows)
}

/// Writes the store of a sync point that has seen `seen` records, of which it still holds `held`, and two carriers with
/// `offered` each: one comes with what is held there already, one with what is new. What was acknowledged is made as its
/// acknowledgements alone, which is all that a store keeps of it.
///
/// # Errors
/// When a store fails.
pub async fn prepare_sync_point(scratch: &Path, seen: u64, held: u64, offered: u64) -> Result<()> {
    let mut maker = Maker::new();
    let acknowledged = (seen - held) / PER_LOG;
    let hour = u32::try_from(NOW / 3600)?;
    let acks = (0..acknowledged).map(|log| {
        let key: LogKey = Maker::signer(log).log_key();
        let ack = maker.ministry.acknowledge(hour, key, PER_LOG);
        ack.to_bytes().to_vec()
    });
    let acks: Vec<Vec<u8>> = acks.collect();
    maker.made = acknowledged * PER_LOG;
    let kept = maker.records(held)?;
    let again = kept[..usize::try_from(offered)?].to_vec();
    let new = maker.records(offered)?;
    for (name, records) in [("point", kept), ("again", again), ("new", new)] {
        let store = maker.open(&scratch.join(name).join("records.redb"))?;
        fill(&store, SetKind::Acks, acks.clone()).await?;
        fill(&store, SetKind::Records, records).await?;
        store.close().await;
    }
    Ok(())
}

/// Opens what [`prepare_sync_point`] wrote and lets the carriers come, one after the other.
///
/// # Errors
/// When a store fails, or a record that was new is not there afterwards.
pub async fn sync_point(scratch: &Path, seen: u64) -> Result<SyncPoint> {
    let maker = Maker::new();
    let began = Instant::now();
    let point = maker.open(&scratch.join("point/records.redb"))?;
    let open_s = began.elapsed().as_secs_f64();
    let held = point.digest(SetKind::Records).count;
    let offer = async |name: &str| -> Result<(u64, f64)> {
        let carrier = maker.open(&scratch.join(name).join("records.redb"))?;
        let offered = carrier.digest(SetKind::Records).count;
        // The sync point has more than a session moves; it pushes what the carrier lacks in later ones.
        let limits = ExchangeLimits {
            session: Limits {
                max_items: usize::try_from(offered)?,
            },
            ..ExchangeLimits::default()
        };
        let began = Instant::now();
        exchange(&carrier, &point, limits).await?;
        let took = began.elapsed().as_secs_f64();
        carrier.close().await;
        Ok((offered, took))
    };
    let (offered, known_s) = offer("again").await?;
    let (_, new_s) = offer("new").await?;
    let new = point.digest(SetKind::Records).count - held;
    ensure!(new == offered, "{new} of {offered} came");
    Ok(SyncPoint {
        seen,
        held,
        offered,
        known_s,
        new_s,
        open_s,
        rss_mib: memory("VmRSS")?,
        peak_mib: memory("VmHWM")?,
    })
}

/// One neighbour offers `junk` records that pass every check of a carrier, as fast as they can be made; four others come with
/// `honest` records, half before and half in the middle, and the sync point saves work of its own all the while.
///
/// # Errors
/// When the store fails.
pub async fn flood(scratch: &Path, junk: u64, honest: u64) -> Result<Flood> {
    const FLOODER: [u8; 32] = [9; 32];
    let mut makers = [Maker::new(), Maker::new()];
    let mut others = Maker::new();
    // Logs of their own for each.
    makers[1].made = junk.next_multiple_of(PER_LOG) / 2 / PER_LOG * PER_LOG;
    others.made = 2 * junk.next_multiple_of(PER_LOG);
    let to = Recipients {
        ministry: others.ministry.public(),
        school: Some(others.school.public()),
    };
    let path = scratch.join("records.redb");
    let point = others.open(&path)?;
    let honest_records = others.records(honest)?;
    let bring = async |part: &[Vec<u8>]| -> Result<()> {
        for (at, batch) in part.chunks(part.len().div_ceil(4).max(1)).enumerate() {
            let source = [u8::try_from(at)? + 1; 32];
            point
                .store(SetKind::Records, batch.to_vec(), source, NOW)
                .await?;
        }
        Ok(())
    };
    let (early, late) = honest_records.split_at(honest_records.len() / 2);
    bring(early).await?;
    let before = memory("VmHWM")?;
    let mut saves = Vec::new();
    let mut looking = Duration::ZERO;
    let (mut made, mut come, mut first) = (0, false, Vec::new());
    let mut ids = BTreeSet::new();
    while made < junk {
        let batch = usize::try_from((junk - made).min(8 * BATCH as u64))?;
        let halves = [batch / 2, batch - batch / 2];
        let parts = std::thread::scope(|scope| {
            let work = makers.each_mut().into_iter().zip(halves);
            let work = work.map(|(maker, count)| scope.spawn(move || maker.records(count as u64)));
            let threads: Vec<_> = work.collect();
            let parts = threads
                .into_iter()
                .map(|t| t.join().expect("sealing never panics"));
            parts.collect::<Result<Vec<_>>>()
        })?;
        let parts = parts.concat();
        ids.extend(parts.iter().map(|item| short_id(item)));
        if first.is_empty() {
            first = parts[..BATCH.min(parts.len())].to_vec();
        }
        let began = Instant::now();
        let own = async {
            let began = Instant::now();
            point.append_payloads(vec![vec![0; 100]], to, NOW).await?;
            anyhow::Ok(began.elapsed())
        };
        let (stored, saved) = tokio::join!(point.store(SetKind::Records, parts, FLOODER, NOW), own);
        stored?;
        looking += began.elapsed();
        saves.push(saved?);
        made += batch as u64;
        if !come && made >= junk / 2 {
            bring(late).await?;
            come = true;
        }
    }
    let again = point.store(SetKind::Records, first, FLOODER, NOW).await?;
    let noise: Vec<Vec<u8>> = (0..BATCH).map(|n| vec![n as u8; 512]).collect();
    let offered = noise.len();
    let refused = point.store(SetKind::Records, noise, FLOODER, NOW).await?;
    let held = point.snapshot(SetKind::Records);
    let held: BTreeSet<[u8; 8]> = held.entries().iter().map(|entry| cut(&entry.id)).collect();
    let kept = honest_records
        .iter()
        .filter(|item| held.contains(&short_id(item)));
    let honest_kept = kept.count();
    let junk_kept = ids.intersection(&held).count();
    saves.sort_unstable();
    let ms = |at: usize| saves.get(at).map_or(0.0, |took| took.as_secs_f64() * 1e3);
    let grown_mib = memory("VmHWM")? - before;
    point.close().await;
    Ok(Flood {
        junk,
        junk_kept,
        honest: honest_records.len(),
        honest_kept,
        taken_twice: again.accepted,
        noise: offered,
        noise_refused: refused.refused,
        carried_bytes: (junk_kept + honest_kept) as u64 * 512,
        quota_bytes: RecordOptions::default().carry_quota_bytes,
        save_median_ms: ms(saves.len() / 2),
        save_slowest_ms: ms(saves.len().saturating_sub(1)),
        records_per_s: junk as f64 / looking.as_secs_f64(),
        file_mib: std::fs::metadata(&path)?.len() as f64 / f64::from(1 << 20),
        grown_mib,
    })
}

/// Enough of an id to tell a million apart.
fn short_id(item: &[u8]) -> [u8; 8] {
    cut(blake3::hash(item).as_bytes())
}

fn cut(id: &[u8; 32]) -> [u8; 8] {
    *id.first_chunk().expect("an id is longer")
}

fn memory(line: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let found = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kib: f64 = found
        .and_then(|text| text.split_whitespace().next())
        .context("no such line")?
        .parse()?;
    Ok(kib / 1024.0)
}

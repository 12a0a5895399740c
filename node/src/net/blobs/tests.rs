//! Provider and getter over pipes, with real stores.

use std::{path::Path, sync::Arc};

use pishtar_mesh::{RequestId, WantedFile};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::{
    net::testing::{PEER, Tables, pipe, sample},
    store::blobs::{GROUP_BYTES, Holding},
};

/// A store that holds one complete blob, if any.
async fn store(folder: &Path, blob: Option<&[u8]>) -> BlobStore {
    let store = BlobStore::open(&folder.join("store"))
        .await
        .expect("a new store");
    if let Some(blob) = blob {
        let path = folder.join("published.bin");
        std::fs::write(&path, blob).expect("space on the disk");
        let imported = store
            .import_reference(&path, BlobHash::of(blob), blob.len() as u64)
            .await;
        imported.expect("its own hash");
    }
    store
}

/// A provider of one blob and a getter without anything.
pub(super) struct World {
    pub(super) provider: Arc<Provider>,
    tables: Arc<Tables>,
    getter: BlobStore,
    blob: Vec<u8>,
    pub(super) hash: BlobHash,
    _folders: [TempDir; 2],
}

impl World {
    pub(super) async fn new(limits: ProviderLimits) -> World {
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
        let blob = sample(1_000_000);
        let hash = BlobHash::of(&blob);
        let tables = Arc::new(Tables {
            blobs: [hash, BlobHash([1; 32])].into(),
            ..Tables::default()
        });
        let provided = store(folders[0].path(), Some(&blob)).await;
        World {
            provider: Arc::new(Provider::new(tables.clone(), provided, limits)),
            tables,
            getter: store(folders[1].path(), None).await,
            blob,
            hash,
            _folders: folders,
        }
    }

    /// The getter's end of a stream that the provider serves.
    fn stream(&self) -> impl AsyncRead + AsyncWrite + Unpin + use<> {
        let (near, far) = pipe();
        let provider = self.provider.clone();
        tokio::spawn(async move { provider.serve(far, PEER).await });
        near
    }

    async fn get(&self, hash: BlobHash, range: Range<u64>) -> Fetched {
        fetch(
            self.stream(),
            &self.getter,
            hash,
            1_000_000,
            range,
            Ask::Any,
            |_| {},
        )
        .await
    }

    /// What the provider answers to these bytes.
    async fn answer_to(&self, request: Vec<u8>) -> Vec<u8> {
        let mut stream = self.stream();
        // The provider may stop listening before it has read everything.
        let _all_of_it = stream.write_all(&request).await;
        let _half = stream.close().await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        answer
    }
}

/// Answers any request with these bytes.
fn fake(
    answer: Vec<u8>,
) -> (
    impl AsyncRead + AsyncWrite + Unpin,
    JoinHandle<io::Result<()>>,
) {
    let (near, mut far) = pipe();
    let serving = tokio::spawn(async move {
        let mut length = [0; 4];
        far.read_exact(&mut length).await?;
        let mut request = vec![0; u32::from_le_bytes(length) as usize];
        far.read_exact(&mut request).await?;
        far.write_all(&answer).await?;
        far.close().await
    });
    (near, serving)
}

/// A request as it goes over the wire.
fn asked(request: &Request) -> Vec<u8> {
    framed(&postcard::to_extend(request, vec![Ask::Any.to_byte()]).expect("plain data"))
}

pub(super) fn get_request(ranges: bao_tree::ChunkRanges, hash: BlobHash) -> Vec<u8> {
    let get = GetRequest::blob_ranges(Hash::from_bytes(hash.0), ranges);
    asked(&Request::Get(get))
}

#[tokio::test]
async fn ranges_from_several_streams_make_the_blob() {
    let world = World::new(ProviderLimits::default()).await;
    let cuts = [0, 16 * GROUP_BYTES, 40 * GROUP_BYTES, 1_000_000];
    let gets = cuts
        .windows(2)
        .map(|cut| world.get(world.hash, cut[0]..cut[1]));
    for got in futures::future::join_all(gets).await {
        assert_eq!(got.result, Ok(()));
    }
    let read = world
        .getter
        .read_to_vec(world.hash, 1_000_000, 0..1_000_000)
        .await;
    assert_eq!(read.expect("complete"), world.blob);
    let sent = *world.tables.sent.lock().expect("not poisoned");
    assert!((1_000_000..1_010_000).contains(&sent), "{sent}");
}

#[tokio::test]
async fn a_hash_that_no_catalogue_names_is_denied_and_a_blob_not_held_is_absent() {
    let world = World::new(ProviderLimits::default()).await;
    let denied = world.get(BlobHash([8; 32]), 0..1_000_000).await;
    assert_eq!(denied.result, Err(FetchFailure::Denied));
    let absent = world.get(BlobHash([1; 32]), 0..1_000_000).await;
    assert_eq!(absent.result, Err(FetchFailure::Absent));
}

#[tokio::test]
async fn a_provider_may_rather_give_other_bytes() {
    let advice = 32 * GROUP_BYTES..48 * GROUP_BYTES;
    let world = World::new(ProviderLimits::default()).await;
    let tables = Tables {
        blobs: world.tables.blobs.clone(),
        rather: Some(advice.clone()),
        ..Tables::default()
    };
    let store = world.provider.store().clone();
    let steering = Arc::new(Provider::new(
        Arc::new(tables),
        store,
        ProviderLimits::default(),
    ));
    let get = async |range: Range<u64>, ask| {
        let (near, far) = pipe();
        let provider = steering.clone();
        tokio::spawn(async move { provider.serve(far, PEER).await });
        let got = fetch(
            near,
            &world.getter,
            world.hash,
            1_000_000,
            range,
            ask,
            |_| {},
        )
        .await;
        got.result
    };
    let range = 16 * GROUP_BYTES..32 * GROUP_BYTES;
    let rather = Err(FetchFailure::Rather(Some(advice)));
    assert_eq!(get(range.clone(), Ask::Any).await, rather);
    assert_eq!(get(range, Ask::Playback).await, Ok(()));
    assert_eq!(get(0..16 * GROUP_BYTES, Ask::Any).await, Ok(()));
}

#[tokio::test]
async fn above_its_limit_the_provider_is_busy() {
    let one = ProviderLimits {
        per_peer: 1,
        ..ProviderLimits::default()
    };
    let world = World::new(one).await;
    // The first getter does not read, so that its turn lasts.
    let mut first = world.stream();
    let all = get_request(bao_tree::ChunkRanges::all(), world.hash);
    first.write_all(&all).await.expect("the provider listens");
    first.close().await.expect("half closed");
    let mut status = [9];
    first.read_exact(&mut status).await.expect("a status");
    assert_eq!(status, [BlobStatus::Ok.to_byte()]);
    let second = world.get(world.hash, 0..1_000_000).await;
    assert_eq!(second.result, Err(FetchFailure::Busy));
    first.read_to_end(&mut Vec::new()).await.expect("the rest");
    drop(first);
    // The turn ends a moment after its last byte.
    let third = loop {
        let got = world.get(world.hash, 0..1_000_000).await;
        if got.result != Err(FetchFailure::Busy) {
            break got;
        }
    };
    assert!(third.result.is_ok() && third.complete);
}

#[tokio::test]
async fn only_a_get_of_one_raw_blob_is_served() {
    let world = World::new(ProviderLimits::default()).await;
    let hash = Hash::from_bytes(world.hash.0);
    let denied = vec![BlobStatus::Denied.to_byte()];
    let sequence = Request::Get(GetRequest::all(hash));
    let observe = Request::Observe(iroh_blobs::protocol::ObserveRequest::new(hash));
    for request in [sequence, observe] {
        assert_eq!(world.answer_to(asked(&request)).await, denied);
    }
    assert_eq!(world.answer_to(b"GET / HTTP/1.1".to_vec()).await, denied);
    assert_eq!(world.answer_to(Vec::new()).await, denied);
}

#[tokio::test]
async fn an_oversize_request_is_refused_without_reading_it_all() {
    let world = World::new(ProviderLimits::default()).await;
    let mut request = get_request(bao_tree::ChunkRanges::all(), world.hash);
    request.resize(10 * MAX_REQUEST_BYTES, 0);
    request[..4].copy_from_slice(&(10 * MAX_REQUEST_BYTES as u32).to_le_bytes());
    let (near, far) = pipe();
    let provider = world.provider.clone();
    let serving = tokio::spawn(async move { provider.serve(far, PEER).await });
    let (mut read, mut write) = near.split();
    let writing = async {
        // Fails when the provider hangs up, which it does.
        let _all_of_it = write.write_all(&request).await;
    };
    let mut answer = Vec::new();
    let (_, read) = tokio::join!(writing, read.read_to_end(&mut answer));
    read.expect("an answer");
    assert_eq!(answer, vec![BlobStatus::Denied.to_byte()]);
    assert!(serving.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn a_liar_is_found_out_and_another_source_finishes() {
    let world = World::new(ProviderLimits::default()).await;
    let all = get_request(bao_tree::ChunkRanges::all(), world.hash);
    let mut honest = world.answer_to(all).await;
    let middle = honest.len() / 2;
    honest[middle] ^= 0x40;
    let (stream, _serving) = fake(honest);
    let lied = fetch(
        stream,
        &world.getter,
        world.hash,
        1_000_000,
        0..1_000_000,
        Ask::Any,
        |_| {},
    )
    .await;
    assert_eq!(lied.result, Err(FetchFailure::WrongBytes));
    let [held] = &lied.held[..] else {
        panic!("what came before the lie is kept: {:?}", lied.held);
    };
    assert!(held.end > 450_000 && held.end <= 500_000, "{held:?}");
    let rest = world.get(world.hash, held.end..1_000_000).await;
    assert!(rest.result.is_ok() && rest.complete);
}

#[tokio::test]
async fn nonsense_and_silence_are_told_apart() {
    let world = World::new(ProviderLimits::default()).await;
    let range = 0..1_000_000;
    let get = async |answer: Vec<u8>| {
        let (stream, _serving) = fake(answer);
        let got = fetch(
            stream,
            &world.getter,
            world.hash,
            1_000_000,
            range.clone(),
            Ask::Any,
            |_| {},
        )
        .await;
        got.result
    };
    assert_eq!(get(vec![99]).await, Err(FetchFailure::WrongBytes));
    assert_eq!(get(vec![]).await, Err(FetchFailure::Busy));
    assert_eq!(get(vec![0]).await, Err(FetchFailure::Absent));
    let state = world.getter.state(world.hash, 1_000_000).await;
    assert_eq!(state.expect("the store works"), Holding::Absent);
}

#[tokio::test]
async fn a_silent_provider_stalls() {
    let world = World::new(ProviderLimits::default()).await;
    let (near, _far) = pipe();
    tokio::time::pause();
    let got = fetch(
        near,
        &world.getter,
        world.hash,
        1_000_000,
        0..1_000_000,
        Ask::Any,
        |_| {},
    )
    .await;
    assert_eq!(got.result, Err(FetchFailure::Stalled));
}

/// Files of these lengths, and who wants them.
fn small_files(lengths: &[usize]) -> (Vec<Vec<u8>>, Vec<WantedFile>) {
    let all = sample(lengths.iter().sum());
    let mut rest = &all[..];
    let mut files = Vec::new();
    for length in lengths {
        let (file, left) = rest.split_at(*length);
        files.push(file.to_vec());
        rest = left;
    }
    let wanted = files.iter().zip(1..).map(|(file, id)| WantedFile {
        request: RequestId(id),
        hash: BlobHash::of(file),
        length: file.len() as u64,
    });
    let wanted = wanted.collect();
    (files, wanted)
}

/// A world whose provider holds small files too.
async fn world_of_files(files: &[Vec<u8>], held: usize, denied: &[usize]) -> World {
    let mut world = World::new(ProviderLimits::default()).await;
    let known = files.iter().enumerate();
    let known = known.filter(|(at, _)| !denied.contains(at));
    let tables = Arc::new(Tables {
        blobs: known.map(|(_, file)| BlobHash::of(file)).collect(),
        ..Tables::default()
    });
    let store = world.provider.store().clone();
    let held = files.iter().take(held);
    let held = held.map(|file| (BlobHash::of(file), file.clone().into()));
    store.add_files(held.collect()).await.expect("stored");
    world.tables = tables.clone();
    world.provider = Arc::new(Provider::new(tables, store, ProviderLimits::default()));
    world
}

async fn get_files(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    store: &BlobStore,
    wanted: Vec<WantedFile>,
) -> Ended {
    let mut all = Ended::new();
    fetch_files(stream, store, wanted, |ended| all.extend(ended)).await;
    all
}

#[tokio::test]
async fn small_files_come_together_and_each_is_told_of_once() {
    let (files, wanted) = small_files(&[1, 16_384, 16_385, 65_536, 40_000, 700, 5_000]);
    let world = world_of_files(&files, 6, &[1]).await;
    let ended = get_files(world.stream(), &world.getter, wanted.clone()).await;
    let expected: Ended = wanted
        .iter()
        .enumerate()
        .map(|(at, file)| {
            let result = match at {
                1 => Err(FetchFailure::Denied),
                6 => Err(FetchFailure::Absent),
                _ => Ok(()),
            };
            (file.request, result)
        })
        .collect();
    assert_eq!(ended, expected);
    for (file, (_, result)) in files.iter().zip(&ended) {
        let (hash, length) = (BlobHash::of(file), file.len() as u64);
        let state = world.getter.state(hash, length).await.expect("it works");
        assert_eq!(state == Holding::Complete, result.is_ok());
        if result.is_ok() {
            let read = world.getter.read_to_vec(hash, length, 0..length).await;
            assert_eq!(&read.expect("held"), file);
        }
    }
}

#[tokio::test]
async fn a_wrong_byte_in_a_batch_costs_its_file_and_what_follows() {
    let (files, wanted) = small_files(&[9_000, 20_000, 30_000, 40_000]);
    let mut answer = vec![BlobStatus::Ok.to_byte()];
    for file in &files {
        answer.push(BlobStatus::Ok.to_byte());
        answer.extend_from_slice(file);
    }
    answer[1 + 1 + 9_000 + 1 + 20_000 + 1 + 15_000] ^= 1;
    let world = World::new(ProviderLimits::default()).await;
    let (stream, _serving) = fake(answer);
    let mut ended = get_files(stream, &world.getter, wanted).await;
    ended.sort_by_key(|(request, _)| *request);
    let results: Vec<_> = ended.into_iter().map(|(_, result)| result).collect();
    let expected = [
        Ok(()),
        Ok(()),
        Err(FetchFailure::WrongBytes),
        Err(FetchFailure::Cancelled),
    ];
    assert_eq!(results, expected);
    let state = world.getter.state(BlobHash::of(&files[2]), 30_000).await;
    assert_eq!(state.expect("the store works"), Holding::Absent);
}

#[tokio::test]
async fn a_batch_that_ends_early_frees_the_rest_of_its_files() {
    let (files, wanted) = small_files(&[9_000, 20_000, 30_000]);
    let world = World::new(ProviderLimits::default()).await;
    let results = async |answer: Vec<u8>| {
        let (stream, _serving) = fake(answer);
        let ended = get_files(stream, &world.getter, wanted.clone()).await;
        ended
            .into_iter()
            .map(|(_, result)| result)
            .collect::<Vec<_>>()
    };
    let cancelled = Err(FetchFailure::Cancelled);
    let busy = [
        Err(FetchFailure::Busy),
        cancelled.clone(),
        cancelled.clone(),
    ];
    assert_eq!(results(vec![]).await, busy);
    assert_eq!(results(vec![BlobStatus::Busy.to_byte()]).await, busy);
    let mut cut = vec![BlobStatus::Ok.to_byte(), BlobStatus::Ok.to_byte()];
    cut.extend_from_slice(&files[0]);
    cut.push(BlobStatus::Ok.to_byte());
    cut.extend_from_slice(&files[1][..100]);
    assert_eq!(
        results(cut).await,
        [Ok(()), Err(FetchFailure::Disconnected), cancelled]
    );
}

#[tokio::test]
async fn a_malformed_request_for_files_is_denied() {
    let world = World::new(ProviderLimits::default()).await;
    let denied = vec![BlobStatus::Denied.to_byte()];
    for length in [1, 32, 34, 1 + 32 * 257] {
        let request = vec![3; length];
        assert_eq!(world.answer_to(request).await, denied, "{length}");
    }
}

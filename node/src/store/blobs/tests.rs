//! Against real files in temporary folders.

use std::path::PathBuf;

use bao_tree::io::round_up_to_chunks;
use futures::io::Cursor;
use tempfile::TempDir;

use super::{encode::Patience, *};

/// Bytes that look random and are the same every time.
pub(super) fn sample(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

pub(super) struct World {
    // Dropped last.
    pub folder: TempDir,
    pub store: BlobStore,
}

impl World {
    pub(super) async fn new() -> World {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = BlobStore::open(folder.path()).await.expect("a new store");
        World { folder, store }
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("published.bin");
        std::fs::write(&path, bytes).expect("space on the disk");
        path
    }

    pub(super) async fn state(&self, bytes: &[u8]) -> Holding {
        let state = self
            .store
            .state(BlobHash::of(bytes), bytes.len() as u64)
            .await;
        state.expect("the store works")
    }
}

/// What an honest provider sends for a range.
pub(super) fn bao(bytes: &[u8], range: Range<u64>) -> Vec<u8> {
    use bao_tree::io::{outboard::PreOrderMemOutboard, sync::encode_ranges_validated};
    let outboard = PreOrderMemOutboard::create(bytes, bao_tree::BlockSize::from_chunk_log(4));
    let ranges = round_up_to_chunks(&bao_tree::ByteRanges::from(range));
    let mut encoded = (bytes.len() as u64).to_le_bytes().to_vec();
    encode_ranges_validated(bytes, &outboard, &ranges, &mut encoded).expect("in memory");
    encoded
}

pub(super) async fn receive(
    store: &BlobStore,
    bytes: &[u8],
    range: Range<u64>,
    stream: Vec<u8>,
) -> Received {
    let (hash, length) = (BlobHash::of(bytes), bytes.len() as u64);
    let mut stream = Cursor::new(stream);
    store
        .receive_range(&mut stream, hash, length, range, Steps::Large, |_| {})
        .await
}

#[tokio::test]
async fn ranges_arrive_in_any_order_until_the_blob_is_complete() {
    let world = World::new().await;
    for length in [1, 1024, 16_384, 16_385, 1_000_000] {
        let bytes = sample(length);
        let end = length as u64;
        let half = (end / 2).next_multiple_of(GROUP_BYTES).min(end);
        for range in [half..end, 0..half] {
            if range.is_empty() {
                continue;
            }
            let stream = bao(&bytes, range.clone());
            let received = receive(&world.store, &bytes, range.clone(), stream).await;
            assert!(
                received.result.is_ok(),
                "{length} {range:?} {:?}",
                received.result
            );
            assert_eq!(received.held, vec![range]);
        }
        assert_eq!(world.state(&bytes).await, Holding::Complete, "{length}");
        let (hash, from) = (BlobHash::of(&bytes), end / 3);
        let read = world.store.read_to_vec(hash, end, from..end).await;
        assert_eq!(read.expect("held"), &bytes[from as usize..]);
    }
}

#[tokio::test]
async fn one_wrong_bit_costs_one_group_and_the_rest_stays() {
    let world = World::new().await;
    let bytes = sample(200_000);
    let mut stream = bao(&bytes, 0..200_000);
    let at = stream.len() - 60_000;
    stream[at] ^= 1;
    let received = receive(&world.store, &bytes, 0..200_000, stream).await;
    assert!(matches!(received.result, Err(ReceiveError::WrongBytes)));
    let [held] = &received.held[..] else {
        panic!("{:?}", received.held);
    };
    assert!(
        held.start == 0 && held.end > 120_000 && held.end < 145_000,
        "{held:?}"
    );
    let rest = held.end..200_000;
    let received = receive(&world.store, &bytes, rest.clone(), bao(&bytes, rest)).await;
    assert!(received.result.is_ok() && received.complete);
    let read = world
        .store
        .read_to_vec(BlobHash::of(&bytes), 200_000, 0..200_000)
        .await;
    assert_eq!(read.expect("complete"), bytes);
}

#[tokio::test]
async fn another_length_than_the_signed_one_is_a_lie() {
    let world = World::new().await;
    let bytes = sample(50_000);
    let mut stream = bao(&bytes, 0..50_000);
    stream[7] = 1;
    let received = receive(&world.store, &bytes, 0..50_000, stream).await;
    assert!(matches!(received.result, Err(ReceiveError::WrongBytes)));
    assert_eq!(world.state(&bytes).await, Holding::Absent);
}

#[tokio::test]
async fn a_stream_that_ends_early_keeps_what_came() {
    let world = World::new().await;
    let bytes = sample(300_000);
    let mut stream = bao(&bytes, 0..300_000);
    stream.truncate(100_000);
    let received = receive(&world.store, &bytes, 0..300_000, stream).await;
    assert!(matches!(received.result, Err(ReceiveError::Ended)));
    let held = received.held.clone();
    assert_eq!(held.len(), 1);
    assert_eq!(world.state(&bytes).await, Holding::Partial(held));
}

#[tokio::test]
async fn reading_waits_for_arriving_bytes() {
    let world = World::new().await;
    let bytes = sample(100_000);
    let hash = BlobHash::of(&bytes);
    let hole = world.store.read_to_vec(hash, 100_000, 0..10).await;
    assert!(hole.is_err(), "a hole is an error");
    let wanted = 40_000..50_000;
    let waiting = world.store.wait_for(hash, 100_000, &wanted);
    let arriving = receive(
        &world.store,
        &bytes,
        32_768..65_536,
        bao(&bytes, 32_768..65_536),
    );
    let ((), _received) = tokio::join!(waiting, arriving);
    let read = world
        .store
        .read_to_vec(hash, 100_000, wanted)
        .await
        .expect("held");
    assert_eq!(read, &bytes[40_000..50_000]);
}

#[tokio::test]
async fn a_published_file_is_taken_by_reference_and_checked() {
    let world = World::new().await;
    let bytes = sample(300_000);
    let (hash, length) = (BlobHash::of(&bytes), 300_000);
    let path = world.file(&bytes);
    let wrong = world
        .store
        .import_reference(&path, BlobHash([9; 32]), length)
        .await;
    assert!(matches!(wrong, Err(BlobError::WrongFile(_))));
    assert_eq!(
        world.state(&bytes).await,
        Holding::Absent,
        "the wrong file is let go"
    );
    for _ in 0..2 {
        let imported = world.store.import_reference(&path, hash, length).await;
        imported.expect("the right file");
    }
    assert_eq!(world.state(&bytes).await, Holding::Complete);
    let copied = world.folder.path().join(format!("data/{hash}.data"));
    assert!(!copied.exists());

    std::fs::write(&path, vec![0; 300_000]).expect("space on the disk");
    let read = world.store.read_to_vec(hash, length, 0..length).await;
    assert!(read.is_err(), "a changed file is found out");
}

/// What the encoder sends of a range, in buffers of `step` bytes.
async fn encoded(
    store: &BlobStore,
    bytes: &[u8],
    range: Range<u64>,
    step: usize,
) -> io::Result<Vec<u8>> {
    let chunks = chunk_ranges(&range, bytes.len() as u64);
    let encoder = store.encoder(BlobHash::of(bytes), chunks).await;
    let mut encoder = encoder.expect("a large blob lies in files");
    let mut sent = encoder.length().to_le_bytes().to_vec();
    let mut buffer = vec![0; step];
    loop {
        let filled = match encoder.fill(&mut buffer, Patience::None) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                encoder.fill(&mut buffer, Patience::Wait)
            }
            other => other,
        };
        match filled {
            Ok(0) => return Ok(sent),
            Ok(filled) => sent.extend_from_slice(&buffer[..filled]),
            Err(error) => {
                encoder.failed().await;
                return Err(error);
            }
        }
    }
}

#[tokio::test]
async fn what_goes_out_straight_from_the_files_is_what_the_protocol_asks_for() {
    let bytes = sample(5_000_001);
    let (hash, length) = (BlobHash::of(&bytes), bytes.len() as u64);
    let published = World::new().await;
    let path = published.file(&bytes);
    let imported = published.store.import_reference(&path, hash, length);
    imported.await.expect("the right file");
    let received = World::new().await;
    let part = 16_384..2_000_000u64.next_multiple_of(GROUP_BYTES);
    receive(
        &received.store,
        &bytes,
        part.clone(),
        bao(&bytes, part.clone()),
    )
    .await
    .result
    .unwrap();
    for (world, ranges) in [
        (
            &published,
            vec![
                0..length,
                0..16_384,
                4_980_736..length,
                1_048_576..3_145_728,
            ],
        ),
        (&received, vec![part.clone(), 1_048_576..1_064_960]),
    ] {
        for range in ranges {
            for step in [16_384, 16_385, 131_072, 8_000_000] {
                let sent = encoded(&world.store, &bytes, range.clone(), step)
                    .await
                    .unwrap();
                assert!(
                    sent == bao(&bytes, range.clone()),
                    "{range:?} in steps of {step}"
                );
            }
        }
    }
    let small = sample(300_000);
    let range = 0..300_000;
    receive(&received.store, &small, range.clone(), bao(&small, range))
        .await
        .result
        .unwrap();
    let none = received
        .store
        .encoder(BlobHash::of(&small), ChunkRanges::all())
        .await;
    assert!(none.is_none(), "small ones lie in the table");
}

#[tokio::test]
async fn damage_that_a_peer_asks_for_is_not_sent_and_is_noted() {
    use std::os::unix::fs::FileExt;
    let world = World::new().await;
    let bytes = sample(5_000_000);
    let (hash, length) = (BlobHash::of(&bytes), bytes.len() as u64);
    receive(&world.store, &bytes, 0..length, bao(&bytes, 0..length))
        .await
        .result
        .unwrap();
    let data = world.folder.path().join(format!("data/{hash}.data"));
    let file = std::fs::File::options().write(true).open(data).unwrap();
    file.write_all_at(b"x", 3_000_000).unwrap();
    let group = 3_000_000 / GROUP_BYTES * GROUP_BYTES;
    let around = group - 4 * GROUP_BYTES..group + 4 * GROUP_BYTES;
    let error = encoded(&world.store, &bytes, around.clone(), 131_072)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let wanted = |range: Range<u64>| chunk_ranges(&range, length);
    assert!(world.store.is_damaged(hash, &wanted(around)));
    assert!(!world.store.is_damaged(hash, &wanted(0..group)));
    encoded(&world.store, &bytes, 0..group, 131_072)
        .await
        .expect("the rest is sound");
}

/// The store reads from where it took the file first; that another copy was changed harms nobody for long.
#[tokio::test]
async fn a_second_copy_that_was_changed_is_left_alone() {
    let world = World::new().await;
    let bytes = sample(5_000_000);
    let (hash, length) = (BlobHash::of(&bytes), bytes.len() as u64);
    let first = world.file(&bytes);
    world
        .store
        .import_reference(&first, hash, length)
        .await
        .unwrap();
    let second = world.folder.path().join("second.bin");
    std::fs::write(&second, &bytes).unwrap();
    world
        .store
        .import_reference(&second, hash, length)
        .await
        .unwrap();
    std::fs::write(&second, vec![0; bytes.len()]).unwrap();
    encoded(&world.store, &bytes, 0..length, 131_072)
        .await
        .unwrap_err();
    assert!(
        !world.store.is_damaged(hash, &ChunkRanges::all()),
        "the first copy is sound"
    );
    let none = world.store.encoder(hash, ChunkRanges::all()).await;
    assert!(none.is_none(), "the store's own way, from now on");
}

#[tokio::test]
async fn removed_blobs_leave_nothing_and_others_stay() {
    let world = World::new().await;
    let (gone, kept) = (sample(100_000), sample(90_000));
    for bytes in [&gone, &kept] {
        let range = 0..bytes.len() as u64;
        let received = receive(&world.store, bytes, range.clone(), bao(bytes, range)).await;
        assert!(received.complete);
    }
    world
        .store
        .remove(&[BlobHash::of(&gone)])
        .await
        .expect("not in use");
    assert_eq!(world.state(&gone).await, Holding::Absent);
    assert_eq!(world.state(&kept).await, Holding::Complete);
    let data = world.folder.path().join("data");
    let names: Vec<String> = std::fs::read_dir(data)
        .expect("the folder is there")
        .map(|file| {
            file.expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let kept_hash = BlobHash::of(&kept).to_string();
    assert!(
        names.iter().all(|name| name.starts_with(&kept_hash)),
        "{names:?}"
    );
    let again = receive(&world.store, &gone, 0..100_000, bao(&gone, 0..100_000)).await;
    assert!(again.complete, "what was removed can come back");
}

#[tokio::test]
async fn an_import_that_ends_while_a_removal_is_planned_is_not_swept_away() {
    let world = World::new().await;
    let (gone, new) = (sample(100_000), sample(70_000));
    let range = 0..gone.len() as u64;
    let received = receive(&world.store, &gone, range.clone(), bao(&gone, range)).await;
    assert!(received.complete);
    let remover = world.store.inner.remover.clone();
    let begun = remover.starting(to_hash(BlobHash::of(&new))).await;
    let store = world.store.clone();
    let removal = tokio::spawn(async move { store.remove(&[BlobHash::of(&gone)]).await });
    // Until the removal either waits for the import, or has planned without it.
    let planning = async {
        while !remover.is_planning() {
            tokio::task::yield_now().await;
        }
    };
    let planning = tokio::time::timeout(std::time::Duration::from_secs(10), planning);
    planning.await.expect("the removal gets that far");
    let added = world.store.fs().add_bytes(new.clone()).temp_tag().await;
    drop(added.expect("space on the disk"));
    drop(begun);
    let removed = removal.await.expect("it ends").expect("not in use");
    assert_eq!(removed, [BlobHash::of(&sample(100_000))]);
    assert_eq!(world.state(&new).await, Holding::Complete);
}

#[tokio::test]
async fn a_closed_store_opens_again_with_its_partial_blobs_and_without_litter() {
    let mut world = World::new().await;
    let bytes = sample(500_000);
    let received = receive(&world.store, &bytes, 0..163_840, bao(&bytes, 0..163_840)).await;
    world.store.shutdown().await.expect("nothing is in use");
    let litter = [
        world.folder.path().join("temp/x.temp"),
        world.folder.path().join("data/y.data"),
    ];
    for path in &litter {
        std::fs::write(path, b"x").expect("space on the disk");
    }
    world.store = BlobStore::open(world.folder.path())
        .await
        .expect("closed before");
    assert_eq!(world.state(&bytes).await, Holding::Partial(received.held));
    assert!(litter.iter().all(|path| !path.exists()));
    let states = world
        .store
        .states(|_| Some(500_000))
        .await
        .expect("the store works");
    assert_eq!(states.len(), 1);
}

#[tokio::test]
async fn small_files_that_arrived_whole_survive_a_restart() {
    let world = World::new().await;
    let files: Vec<Vec<u8>> = [1, 900, 16_384, 16_385, 50_000, 65_536]
        .map(|length| sample(length).into_iter().map(|byte| byte ^ 0x5a).collect())
        .to_vec();
    let named = files
        .iter()
        .map(|file| (BlobHash::of(file), file.clone().into()));
    world
        .store
        .add_files(named.collect())
        .await
        .expect("stored");
    world.store.settle_files();
    for file in &files {
        assert_eq!(world.state(file).await, Holding::Complete, "{}", file.len());
    }
    world.store.shutdown().await.expect("closes");
    let World { folder, store } = world;
    drop(store);
    let store = BlobStore::open(folder.path()).await.expect("opens again");
    for file in &files {
        let read = store.read_file(BlobHash::of(file), 65_536).await;
        assert_eq!(read.as_ref(), Some(file));
    }
    assert_eq!(
        store.read_file(BlobHash::of(&files[4]), 49_999).await,
        None,
        "too long"
    );
    assert_eq!(store.read_file(BlobHash::of(b"absent"), 65_536).await, None);
}

#[tokio::test]
async fn a_reader_may_begin_with_what_has_arrived() {
    let world = World::new().await;
    let bytes = sample(400_000);
    let hash = BlobHash::of(&bytes);
    let held_to = async |range: Range<u64>| world.store.held_to(hash, 400_000, &range).await;
    assert_eq!(held_to(5..400_000).await, 5, "nothing is there");
    let range = 32_768..131_072;
    receive(&world.store, &bytes, range.clone(), bao(&bytes, range)).await;
    assert_eq!(held_to(40_000..400_000).await, 131_072);
    assert_eq!(held_to(40_000..41_000).await, 41_000);
    assert_eq!(held_to(5..400_000).await, 5);
    let range = 131_072..400_000;
    receive(&world.store, &bytes, range.clone(), bao(&bytes, range)).await;
    assert_eq!(held_to(40_000..400_000).await, 400_000);
}

//! What a kill of the process leaves.

use std::path::PathBuf;

use futures::io::Cursor;
use tempfile::TempDir;

use super::{
    tests::{World, bao, receive, sample},
    *,
};

/// Where the child of the kill test works.
const KILLED_FOLDER: &str = "PISHTAR_TEST_KILLED_FOLDER";
const MIB: u64 = 1 << 20;
const KILLED_LENGTH: usize = 24 * MIB as usize;

/// Not a test of its own: the process that is killed. It stores one range, and of a second one as
/// much as its source sends before it falls silent; then it says so and waits for its end.
#[tokio::test]
#[ignore = "the child process of the test below"]
async fn child_that_is_killed() {
    use std::io::Write;

    use futures::AsyncReadExt;

    let Ok(folder) = std::env::var(KILLED_FOLDER) else {
        return;
    };
    let bytes = sample(KILLED_LENGTH);
    let (hash, length) = (BlobHash::of(&bytes), bytes.len() as u64);
    let store = BlobStore::open(Path::new(&folder))
        .await
        .expect("a new store");
    let first = receive(&store, &bytes, 0..8 * MIB, bao(&bytes, 0..8 * MIB)).await;
    first.result.expect("an honest source");
    let mut cut = bao(&bytes, 8 * MIB..length);
    cut.truncate(4 * MIB as usize);
    let (silence, _open) = tokio::io::duplex(1);
    let silence = tokio_util::compat::TokioAsyncReadCompatExt::compat(silence);
    let mut stream = Cursor::new(cut).chain(silence);
    let arriving = store.receive_range(
        &mut stream,
        hash,
        length,
        8 * MIB..length,
        Steps::Large,
        |_| {},
    );
    let stored = store.wait_for(hash, length, &(8 * MIB..11 * MIB));
    tokio::select! {
        received = arriving => panic!("the source is silent: {received:?}"),
        () = stored => {}
    }
    println!("stored");
    std::io::stdout().flush().expect("a pipe");
    std::future::pending().await
}

#[tokio::test]
async fn after_a_kill_only_what_was_in_flight_is_fetched_again() {
    use std::io::BufRead;

    let mut world = World::new().await;
    world.store.shutdown().await.expect("nothing is in use");
    let mut child = std::process::Command::new(std::env::current_exe().expect("this test"))
        .args([
            "store::blobs::tests_kills::child_that_is_killed",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(KILLED_FOLDER, world.folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("this test starts");
    let lines = std::io::BufReader::new(child.stdout.take().expect("piped")).lines();
    let stored = lines
        .map_while(Result::ok)
        .any(|line| line.ends_with("stored"));
    child.kill().expect("it runs");
    child.wait().expect("it ran");
    assert!(stored, "the child got as far as it should");

    world.store = BlobStore::open(world.folder.path())
        .await
        .expect("after a kill");
    let bytes = sample(KILLED_LENGTH);
    let (hash, length) = (BlobHash::of(&bytes), bytes.len() as u64);
    let Holding::Partial(held) = world.state(&bytes).await else {
        panic!("a kill loses what was begun");
    };
    let [held] = &held[..] else {
        panic!("no holes: {held:?}");
    };
    assert!(held.start == 0 && held.end >= 11 * MIB, "{held:?}");
    let rest = held.end..length;
    let received = receive(&world.store, &bytes, rest.clone(), bao(&bytes, rest)).await;
    assert!(received.result.is_ok() && received.complete);
    let read = world.store.read_to_vec(hash, length, 0..length).await;
    assert!(read.expect("complete") == bytes);
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("readable");
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&place).expect("space");
            copy_folder(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).expect("space");
        }
    }
}

/// The first `sent` bytes of a range's stream; when they have been read, the folder is as a kill leaves it and is copied.
struct CutShort {
    stream: Cursor<Vec<u8>>,
    folder: PathBuf,
    copy: PathBuf,
}

impl AsyncRead for CutShort {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buffer: &mut [u8],
    ) -> std::task::Poll<io::Result<usize>> {
        if self.stream.position() == self.stream.get_ref().len() as u64 {
            copy_folder(&self.folder, &self.copy);
            return std::task::Poll::Ready(Ok(0));
        }
        std::pin::Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

/// Receives into the store in `folder` and gives what a kill at that moment leaves.
async fn killed_while_receiving(
    folder: &Path,
    bytes: &[u8],
    range: Range<u64>,
    sent: usize,
) -> TempDir {
    let store = BlobStore::open(folder).await.expect("opens");
    let mut stream = bao(bytes, range.clone());
    stream.truncate(sent);
    let copy = tempfile::tempdir().expect("a temporary folder");
    let mut stream = CutShort {
        stream: Cursor::new(stream),
        folder: folder.to_owned(),
        copy: copy.path().to_owned(),
    };
    let (hash, length) = (BlobHash::of(bytes), bytes.len() as u64);
    let received = store.receive_range(&mut stream, hash, length, range, Steps::Large, |_| {});
    let ended = received.await.result;
    assert!(matches!(ended, Err(ReceiveError::Ended)), "{ended:?}");
    store.shutdown().await.expect("closes");
    copy
}

#[tokio::test]
async fn what_one_kill_lost_is_not_lost_by_the_next() {
    let world = World::new().await;
    let bytes = sample(2_000_000);
    let (hash, first) = (BlobHash::of(&bytes), 0..262_144);
    let received = receive(
        &world.store,
        &bytes,
        first.clone(),
        bao(&bytes, first.clone()),
    )
    .await;
    received.result.expect("an honest source");
    world.store.shutdown().await.expect("closes");

    // Six groups and a part of the seventh are read and wait in memory.
    let (rest, sent) = (262_144..2_000_000, 110_000);
    let held = async |folder: &Path| {
        let store = BlobStore::open(folder).await.expect("opens");
        let to = store.held_to(hash, 2_000_000, &(0..2_000_000)).await;
        store.shutdown().await.expect("closes");
        to
    };
    let once = killed_while_receiving(world.folder.path(), &bytes, rest.clone(), sent).await;
    assert_eq!(
        held(once.path()).await,
        262_144,
        "the first kill loses what waits in memory"
    );
    let twice = killed_while_receiving(once.path(), &bytes, rest.clone(), sent).await;
    assert_eq!(held(twice.path()).await, 262_144 + 6 * GROUP_BYTES);
    // A disk that spoils the kept stream costs what was in it, and what is stored is right.
    let again = killed_while_receiving(
        once.path(),
        &bytes,
        262_144 + 6 * GROUP_BYTES..2_000_000,
        sent,
    )
    .await;
    let kept = std::fs::read_dir(again.path().join("arriving")).expect("the folder");
    let mut kept = kept.map(|entry| entry.expect("readable").path());
    let stream = kept.find(|path| path.extension().is_some_and(|name| name == "stream"));
    let stream = stream.expect("its stream is kept");
    let mut spoiled = std::fs::read(&stream).expect("readable");
    let middle = spoiled.len() / 2;
    spoiled[middle] ^= 1;
    std::fs::write(&stream, spoiled).expect("space");
    let to = held(again.path()).await;
    assert!(
        to > 262_144 + 6 * GROUP_BYTES && to < 262_144 + 12 * GROUP_BYTES,
        "{to}"
    );
    assert!(!stream.exists(), "it is played back once");
    let store = BlobStore::open(again.path()).await.expect("opens");
    let read = store.read_to_vec(hash, 2_000_000, 0..to).await;
    assert!(read.expect("held") == bytes[..to as usize]);
}

#[tokio::test]
async fn what_two_kills_lose_of_a_new_blob_is_not_lost_either() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = sample(500_000);
    let once = killed_while_receiving(folder.path(), &bytes, 0..500_000, 110_000).await;
    let twice = killed_while_receiving(once.path(), &bytes, 0..500_000, 110_000).await;
    let store = BlobStore::open(twice.path()).await.expect("opens");
    let to = store
        .held_to(BlobHash::of(&bytes), 500_000, &(0..500_000))
        .await;
    assert_eq!(to, 6 * GROUP_BYTES);
}

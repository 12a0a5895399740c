//! A small world of real nodes in this process: a published folder, a node that seeds it, nodes that keep some.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use pishtar::{
    engine::{self, Node, NodeOptions},
    handle::Handle,
    net::Limits,
};
use pishtar_catalog::LessonId;

/// Longest that anything here may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The bounds of a node, but for memory: all nodes of all tests here share one process, which the bound counts.
pub(crate) fn limits() -> Limits {
    Limits {
        max_resident_bytes: 4 << 30,
        ..Limits::default()
    }
}

/// A ministry's published folder with lessons of chosen sizes.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

/// Runs a command of the program, which must succeed; gives what it printed.
pub(crate) fn pishtar(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pishtar"))
        .args(arguments)
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

pub(crate) fn id(name: &str) -> LessonId {
    LessonId::new(&format!("ministry/art-1-en/{name}")).expect("a plain name")
}

impl World {
    /// Publishes one lesson for each name and size in bytes.
    pub(crate) fn publish(lessons: &[(&str, usize)]) -> World {
        let lessons = lessons.iter();
        let files = lessons.map(|(name, bytes)| (*name, "pdf", content(name, *bytes)));
        World::publish_files(&files.collect::<Vec<_>>())
    }

    /// Publishes one lesson for each name, file extension and content.
    pub(crate) fn publish_files(lessons: &[(&str, &str, Vec<u8>)]) -> World {
        let world = World {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let (from, workshop) = (world.path("from"), world.path("workshop"));
        fs::create_dir(&from).expect("a folder");
        let mut table = String::from("file,id,title,lang,grade,subject\n");
        for (name, extension, bytes) in lessons {
            fs::write(from.join(format!("{name}.{extension}")), bytes).expect("space");
            table += &format!("{name}.{extension},{name},{name},en,1,art\n");
        }
        fs::write(from.join("lessons.csv"), table).expect("space");
        let [from, workshop, out] =
            [&from, &workshop, &world.path("out")].map(|p| text(p).to_owned());
        pishtar(&["ministry", "init", &workshop]);
        pishtar(&[
            "ministry",
            "add",
            &workshop,
            "--from",
            &from,
            "--csv",
            &format!("{from}/lessons.csv"),
        ]);
        pishtar(&["ministry", "sign", &workshop]);
        pishtar(&["ministry", "publish", &workshop, "--to", &out]);
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Options of a quiet node on loopback.
    pub(crate) fn options(&self, name: &str) -> NodeOptions {
        NodeOptions {
            data: self.path(name),
            first_root: Some(self.path("out/metadata/1.root.json")),
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")],
            tls: pishtar::web::TlsChoice::Off,
            web: "127.0.0.1:0".parse().expect("an address"),
            attachment: None,
            peers: Vec::new(),
            mdns: false,
            limits: limits(),
            publish: Vec::new(),
            follow: Vec::new(),
            quota_bytes: None,
            up_bytes_per_second: None,
            sync_point: false,
            choose_from_lan: false,
            school: None,
            network: "keeping".to_owned(),
        }
    }

    /// A node that seeds everything by reference.
    pub(crate) async fn source(&self) -> Node {
        let mut options = self.options("source");
        options.publish = vec![self.path("out")];
        self.source_with(options).await
    }

    /// The same with options of its own.
    pub(crate) async fn source_with(&self, options: NodeOptions) -> Node {
        let node = engine::start(options).await.expect("a node");
        until("the source to hold everything", || {
            let status = node.handle().status();
            status.blobs.complete > 0 && status.blobs.complete >= status.lessons.known
        })
        .await;
        node
    }

    /// A node that knows `source` by address.
    pub(crate) async fn home(
        &self,
        name: &str,
        source: &Handle,
        change: impl FnOnce(&mut NodeOptions),
    ) -> Node {
        let mut options = self.options(name);
        options.peers = vec![address(source).await];
        change(&mut options);
        engine::start(options).await.expect("a node")
    }
}

/// Bytes that are different for each name and the same every time.
pub(crate) fn content(name: &str, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    blake3::Hasher::new()
        .update(name.as_bytes())
        .finalize_xof()
        .fill(&mut content);
    content
}

/// Where a node can be dialled.
pub(crate) async fn address(node: &Handle) -> libp2p::Multiaddr {
    until("an address", || !node.status().listen.is_empty()).await;
    let status = node.status();
    let address = format!("{}/p2p/{}", status.listen[0], status.peer_id);
    address.parse().expect("an address")
}

/// Waits until `done`, looking every few milliseconds.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + LIMIT;
    while !done() {
        assert!(
            tokio::time::Instant::now() < end,
            "waited too long for {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Is all of a lesson held?
pub(crate) fn complete(node: &Handle, name: &str) -> bool {
    let lesson = node.lesson(id(name).as_str());
    lesson.is_some_and(|lesson| lesson.complete)
}

/// Bytes that the files of a folder take on the disk.
pub(crate) fn allocated(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    // A file may go between the listing and the look.
    let sizes = entries.flatten().filter_map(|entry| {
        let found = entry.metadata().ok()?;
        Some(match found.is_dir() {
            true => allocated(&entry.path()),
            false => found.blocks() * 512,
        })
    });
    sizes.sum()
}

//! A [`Publication`] on a [`Server`], and the program that follows it.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

pub(crate) use crate::publication::*;
use crate::server::{Answer, Server};

/// A publication, its server, and the folder of one client.
pub(crate) struct World {
    pub(crate) server: Server,
    publication: Publication,
    folder: TempDir,
}

impl Deref for World {
    type Target = Publication;

    fn deref(&self) -> &Publication {
        &self.publication
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Publication {
        &mut self.publication
    }
}

impl World {
    /// Version 1 of everything, published; the client knows the root.
    pub(crate) fn new() -> World {
        let world = World::unknown();
        let first = world.folder.path().join("first.json");
        std::fs::write(&first, &world.files["metadata/1.root.json"]).unwrap();
        assert!(
            world
                .run(&["init", first.to_str().unwrap()])
                .status
                .success()
        );
        assert_eq!(world.server.asked(), [""; 0]);
        world
    }

    /// The same, but no root was given to the client yet.
    pub(crate) fn unknown() -> World {
        let server = Server::start();
        let shown = server.clone();
        let show = move |path: &str, bytes: &[u8]| shown.set(path, Answer::Bytes(bytes.to_vec()));
        World {
            server,
            publication: Publication::new(Box::new(show)),
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn metadata_dir(&self) -> PathBuf {
        self.folder.path().join("metadata")
    }

    pub(crate) fn target_dir(&self) -> PathBuf {
        self.folder.path().join("targets")
    }

    /// A command line of the program, folders and addresses included.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tuf-client"));
        command
            .args(["--metadata-dir", self.metadata_dir().to_str().unwrap()])
            .args(["--metadata-url", &self.server.url("metadata")])
            .args(["--target-dir", self.target_dir().to_str().unwrap()])
            // With and without a slash at the end must be the same.
            .args(["--target-base-url", &self.server.url("targets/")])
            .args(arguments)
            // Nobody can be reached there: loopback goes without a proxy.
            .env("http_proxy", "http://127.0.0.1:1");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn refresh(&self) {
        let output = self.run(&["refresh"]);
        assert!(output.status.success(), "{output:?}");
    }

    /// What the failing command says.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        said.trim().strip_prefix("tuf-client: ").unwrap().to_owned()
    }

    pub(crate) fn refresh_fails(&self) -> String {
        self.fails(&["refresh"])
    }

    pub(crate) fn download(&self, path: &str) {
        let output = self.run(&["--target-name", path, "download"]);
        assert!(output.status.success(), "{output:?}");
    }

    /// Stored metadata as `role version`, in order of names.
    pub(crate) fn stored(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(self.metadata_dir()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let bytes = std::fs::read(entry.path()).unwrap();
            let json = pishtar_signing::canonical::parse(&bytes, 1 << 24).unwrap();
            let name = name.strip_suffix(".json").expect("nothing else is there");
            found.push(format!("{name} {}", json["signed"]["version"]));
        }
        found.sort();
        found
    }

    /// Downloaded files by name.
    pub(crate) fn downloaded(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = std::fs::read_dir(self.target_dir()) else {
            return BTreeMap::new();
        };
        let entries = entries.map(|entry| entry.unwrap());
        entries
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, std::fs::read(entry.path()).unwrap())
            })
            .collect()
    }

    /// Changes the stored file of a role.
    pub(crate) fn store(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.metadata_dir().join(format!("{name}.json")), bytes).unwrap();
    }
}

/// The names of metadata files as the server sees them.
pub(crate) fn metadata(names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| format!("metadata/{name}"))
        .collect()
}

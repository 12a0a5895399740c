//! The programs that are measured: ours and its peers, started on hosts of the lab as people would start them.

mod program;
mod running;
mod torrent;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

pub use self::{running::Running, torrent::track};
use super::{
    nodes::{publish_folder, publish_large},
    playback::Video,
};
use crate::lab::Host;

/// Who moves the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// `pishtar run`
    Node,
    /// rqbit, BitTorrent
    Rqbit,
    /// aria2, BitTorrent
    Aria2,
    /// rsync from its daemon: neither verified nor encrypted
    Rsync,
    /// curl from nginx: neither verified nor encrypted
    Http,
}

impl Peer {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Node => "pishtar",
            Peer::Rqbit => "rqbit",
            Peer::Aria2 => "aria2",
            Peer::Rsync => "rsync",
            Peer::Http => "nginx+curl",
        }
    }

    /// Can it be run on this machine?
    pub fn is_installed(self) -> bool {
        match self {
            Peer::Node => true,
            Peer::Rqbit => found("rqbit"),
            Peer::Aria2 => found("aria2c"),
            Peer::Rsync => found("rsync"),
            Peer::Http => found("nginx") && found("curl"),
        }
    }
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    folders.any(|folder| folder.join(program).is_file()) || program::cargo_bin(program).is_file()
}

/// What is moved: one file, or a folder of small ones.
pub struct Content {
    pub(super) folder: PathBuf,
    /// Paths inside the folder `files`; empty for the one file `file.bin`.
    files: Vec<String>,
    published: Option<PathBuf>,
    /// Bytes in all.
    pub size: u64,
}

impl Content {
    /// One file of random bytes, published for us as a lesson.
    ///
    /// # Errors
    /// When the disk or a `pishtar ministry` command fails.
    pub fn file(folder: &Path, size: u64, for_us: bool) -> Result<Content> {
        super::one_to_one::write_random(
            &mut std::fs::File::create(folder.join("file.bin"))?,
            size,
        )?;
        let published = for_us
            .then(|| publish_large(folder, &sample(), size))
            .transpose()?;
        Ok(Content {
            folder: folder.to_owned(),
            files: Vec::new(),
            published,
            size,
        })
    }

    /// Many small files of random bytes and lengths, in folders of 100; for us one lesson each.
    ///
    /// # Errors
    /// When the disk or a `pishtar ministry` command fails.
    pub fn small_files(folder: &Path, count: usize, for_us: bool) -> Result<Content> {
        let (files, size) = super::small_files::write(&folder.join("files"), count)?;
        let published = for_us
            .then(|| publish_folder(folder, &folder.join("files"), &files))
            .transpose()?;
        Ok(Content {
            folder: folder.to_owned(),
            files,
            published,
            size,
        })
    }

    pub(super) fn path(&self) -> PathBuf {
        match self.files.is_empty() {
            true => self.folder.join("file.bin"),
            false => self.folder.join("files"),
        }
    }

    /// A video of 2 Mbit/s and so many seconds, as `file.bin`; published for us as a lesson.
    ///
    /// # Errors
    /// When the disk or a `pishtar ministry` command fails.
    pub fn video(
        folder: &Path,
        seconds: u64,
        moov_last: bool,
        for_us: bool,
    ) -> Result<(Content, Video)> {
        let video = Video::write(&folder.join("file.bin"), seconds, moov_last)?;
        let lessons = folder.join("lessons");
        std::fs::create_dir(&lessons)?;
        std::fs::hard_link(folder.join("file.bin"), lessons.join("video.mp4"))?;
        let published = for_us
            .then(|| publish_folder(folder, &lessons, &["video.mp4".to_owned()]))
            .transpose()?;
        let content = Content {
            folder: folder.to_owned(),
            files: Vec::new(),
            published,
            size: video.length,
        };
        Ok((content, video))
    }

    /// Lessons that our receivers complete.
    fn lessons(&self) -> u64 {
        self.files.len().max(1) as u64
    }

    fn published(&self) -> Result<&Path> {
        self.published.as_deref().context("published for us")
    }
}

/// The video that lessons of benchmarks are made of.
pub(super) fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/samples/v1/shkronjat/lesson.mp4")
}

/// A tracker on a host of its own, for programs that need one.
pub struct Tracker {
    host: Host,
    _running: Running,
}

impl Tracker {
    /// Starts it on a host.
    ///
    /// # Errors
    /// When this program cannot be started.
    pub fn start(host: Host) -> Result<Tracker> {
        let mut command = host.command(std::env::current_exe()?);
        command.arg("tracker");
        let running = Running::start(command, running::Done::Never, None)?;
        Ok(Tracker {
            host,
            _running: running,
        })
    }
}

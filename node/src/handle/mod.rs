//! What pages and commands may ask of a running node. They never touch the network part.

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{Stream, stream};
use pishtar_catalog::{BlobHash, Lesson};
use pishtar_mesh::learner::LearnerEvent;

pub mod status;

use status::Status;

/// A running node, as pages and commands see it. No value of it exists before there is an engine to make one.
#[derive(Debug, Clone)]
pub enum Handle {}

/// A file that a trusted catalogue names, open for reading.
#[derive(Debug, Clone)]
pub struct OpenFile {
    /// Bytes, as signed.
    pub length: u64,
    /// Media type, as signed.
    pub media_type: Arc<str>,
    never: Handle,
}

/// One lesson with what is held of it.
#[derive(Debug, Clone)]
pub struct LessonView {
    /// The lesson as signed.
    pub lesson: Arc<Lesson>,
    /// Whether this node wants it.
    pub followed: bool,
    /// Whether every file is held.
    pub complete: bool,
    /// Verified bytes held.
    pub held_bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
}

/// A report that is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Sealed records that it became.
    pub records: usize,
}

/// Why a report was not saved. Nothing was acknowledged; the page keeps it and tries again.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The catalogue that names the ministry's collection key is not here yet.
    #[error(
        "no catalogue is here yet, so nobody's key to seal progress for; it is kept on the page until one arrives"
    )]
    NoCollectionKey,
    /// The disk refused.
    #[error(
        "progress could not be written to the disk of this node: {0}; free some space and it is tried again"
    )]
    Store(String),
}

impl Handle {
    /// The node in one page.
    pub fn status(&self) -> Status {
        match *self {}
    }

    /// Followed lessons; withdrawn ones are gone.
    pub fn lessons(&self) -> Vec<LessonView> {
        match *self {}
    }

    /// One lesson, followed or not; `None` where no trusted catalogue has it.
    pub fn lesson(&self, _id: &str) -> Option<LessonView> {
        match *self {}
    }

    /// Whether the lesson was withdrawn.
    pub fn was_withdrawn(&self, _id: &str) -> bool {
        match *self {}
    }

    /// Lessons that match what a person typed, best first.
    pub fn search(&self, _text: &str, _limit: usize) -> Vec<LessonView> {
        match *self {}
    }

    /// Opens a file of a lesson that a trusted catalogue names; `None` for any other hash.
    pub fn open_file(&self, _hash: BlobHash) -> Option<OpenFile> {
        match *self {}
    }

    /// Seals and writes what learners did; returns only when it is on disk.
    ///
    /// # Errors
    /// [`SaveError`]; then nothing counts as saved.
    pub async fn save_events(&self, _events: Vec<LearnerEvent>) -> Result<Saved, SaveError> {
        match *self {}
    }
}

impl OpenFile {
    /// Verified bytes of `range` in order, waiting for those that are still on their way.
    pub fn stream(
        self,
        _range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        stream::once(async move { match self.never {} })
    }
}

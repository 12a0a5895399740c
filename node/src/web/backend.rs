//! What the pages ask of the node: a narrow seam, so that pages are tested without a network.

use std::{io, net::IpAddr, ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use pishtar_catalog::{BlobHash, Selection};
use pishtar_mesh::{Now, learner::LearnerEvent};

use super::tls::Tls;
use crate::{
    handle::{Choice, ChooseError, Handle, Keeping, LessonView, SaveError, Saved, status::Status},
    people::{People, accounts::Accounts},
};

/// A node as the pages see it. [`crate::handle::Handle`] is the real one.
pub trait Backend: Send + Sync + 'static {
    /// The node's figures, as `status --json` prints them.
    fn status(&self) -> Status;
    /// Every followed lesson.
    fn lessons(&self) -> Vec<LessonView>;
    /// A lesson of a trusted catalogue by its id, followed or not; absent once it is withdrawn.
    fn lesson(&self, id: &str) -> Option<LessonView>;
    /// Whether the id named a lesson that its publisher withdrew.
    fn was_withdrawn(&self, id: &str) -> bool;
    /// Followed lessons that match `text`, best first, at most `limit`.
    fn search(&self, text: &str, limit: usize) -> Vec<LessonView>;
    /// The same among lessons that this device does not keep.
    fn search_elsewhere(&self, text: &str, limit: usize) -> Vec<LessonView>;
    /// A file that a trusted catalogue names, if there is one with this hash.
    fn open_file(&self, hash: BlobHash) -> Option<FileReader>;
    /// What this device keeps, and what `rules` instead of the ones in force would come to.
    fn keeping(&self, rules: Option<&[Selection]>) -> Keeping;
    /// Whether a browser at this address may choose what is kept.
    fn may_choose(&self, from: Option<IpAddr>) -> bool;
    /// Takes a choice over; answers once it is on the disk.
    ///
    /// # Errors
    /// [`ChooseError`] when the old choice stays.
    fn choose(&self, choice: Choice) -> BoxFuture<'_, Result<(), ChooseError>>;
    /// What time it is.
    fn now(&self) -> Now;
    /// Who may sign in here.
    fn accounts(&self) -> Option<Arc<Accounts>>;
    /// The school's book, or the family's.
    fn people(&self) -> Option<People>;
    /// HTTPS, where this node offers it.
    fn tls(&self) -> Option<Arc<Tls>>;
    /// Seals and stores `events`; answers only once they are on the disk.
    ///
    /// # Errors
    /// [`SaveError`] when they are not durably stored; the page keeps them and tries again.
    fn save_events(&self, events: Vec<LearnerEvent>) -> BoxFuture<'_, Result<Saved, SaveError>>;
}

/// A file that may still be arriving.
pub struct FileReader {
    /// Bytes, as signed.
    pub length: u64,
    /// Media type, as signed.
    pub media_type: String,
    /// Gives verified bytes of a range inside `0..length`, in order, waiting for those on their way.
    pub stream: StreamBytes,
}

/// Opens the byte stream of a range.
pub type StreamBytes = Box<dyn FnOnce(Range<u64>) -> BoxStream<'static, io::Result<Bytes>> + Send>;

impl Backend for Handle {
    fn status(&self) -> Status {
        Handle::status(self)
    }

    fn lessons(&self) -> Vec<LessonView> {
        Handle::lessons(self)
    }

    fn lesson(&self, id: &str) -> Option<LessonView> {
        Handle::lesson(self, id)
    }

    fn was_withdrawn(&self, id: &str) -> bool {
        Handle::was_withdrawn(self, id)
    }

    fn search(&self, text: &str, limit: usize) -> Vec<LessonView> {
        Handle::search(self, text, limit)
    }

    fn search_elsewhere(&self, text: &str, limit: usize) -> Vec<LessonView> {
        Handle::search_elsewhere(self, text, limit)
    }

    fn open_file(&self, hash: BlobHash) -> Option<FileReader> {
        let file = Handle::open_file(self, hash)?;
        Some(FileReader {
            length: file.length,
            media_type: file.media_type.to_string(),
            stream: Box::new(move |range| file.stream(range).boxed()),
        })
    }

    fn keeping(&self, rules: Option<&[Selection]>) -> Keeping {
        Handle::keeping(self, rules)
    }

    fn may_choose(&self, from: Option<IpAddr>) -> bool {
        Handle::may_choose(self, from)
    }

    fn choose(&self, choice: Choice) -> BoxFuture<'_, Result<(), ChooseError>> {
        let handle = self.clone();
        async move {
            let done = tokio::task::spawn_blocking(move || handle.choose(&choice)).await;
            done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
        }
        .boxed()
    }

    fn now(&self) -> Now {
        Handle::now(self)
    }

    fn accounts(&self) -> Option<Arc<Accounts>> {
        Some(Handle::accounts(self).clone())
    }

    fn people(&self) -> Option<People> {
        Some(Handle::people(self).clone())
    }

    fn tls(&self) -> Option<Arc<Tls>> {
        Handle::tls(self).cloned()
    }

    fn save_events(&self, events: Vec<LearnerEvent>) -> BoxFuture<'_, Result<Saved, SaveError>> {
        Handle::save_events(self, events).boxed()
    }
}

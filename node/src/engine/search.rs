//! Keeps the search index in step with the catalogue, one job after the other, beside everything else.

use std::sync::Arc;

use pishtar_catalog::{Lesson, LessonId};
use tokio::sync::mpsc;

use super::Engine;

/// What the index has to follow.
#[derive(Debug)]
pub(super) enum SearchJob {
    /// The whole catalogue, at start.
    Rebuild(Vec<Arc<Lesson>>),
    /// One installed catalogue.
    Update {
        /// Added and changed lessons.
        changed: Vec<Arc<Lesson>>,
        /// Lessons that are gone.
        withdrawn: Vec<LessonId>,
    },
}

impl Engine {
    /// Starts the worker. Order matters: a removal must not overtake the write that it undoes.
    pub(super) fn keep_search(&self, mut jobs: mpsc::UnboundedReceiver<SearchJob>) {
        let shared = self.shared.clone();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            loop {
                let job = tokio::select! {
                    () = stop.cancelled() => return,
                    job = jobs.recv() => job,
                };
                let Some(job) = job else { return };
                let shared = shared.clone();
                let done = tokio::task::spawn_blocking(move || match job {
                    SearchJob::Rebuild(lessons) => shared.search.replace_all(&lessons),
                    SearchJob::Update { changed, withdrawn } => {
                        shared.search.remove(&withdrawn);
                        shared.search.put(&changed);
                    }
                });
                if done.await.is_err() {
                    tracing::warn!("the search index fell behind; it is rebuilt at the next start");
                }
            }
        });
    }
}

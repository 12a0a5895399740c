//! What a lesson is, how lessons map to TUF targets, and how a catalogue is searched, selected from and imported.
//!
//! Nothing here does I/O, reads a clock or draws random numbers.

pub mod catalog;
pub mod ids;
pub mod import;
pub mod lesson;
pub mod media;
pub mod publishers;
pub mod revoked;
mod role;
pub mod search_text;
pub mod selection;
pub mod target;

pub use catalog::{Catalog, Diff, Problem};
pub use ids::{BadId, BlobHash, LessonId, Word};
pub use lesson::{Completion, Lesson, LessonFile, Localized, Part};
pub use pishtar_signing::record::{CollectionKey, CollectionKeys};
pub use publishers::{PathPrefix, Publisher, Publishers};
pub use revoked::Revoked;
pub use selection::{BadSelection, Selection};

/// The publisher id of the ministry, whose paths no other publisher may use.
pub const MINISTRY: &str = "ministry";

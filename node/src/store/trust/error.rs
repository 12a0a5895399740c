//! Why trust state cannot be used: each variant fails closed and says what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

use pishtar_catalog::MINISTRY;

/// Why trust state cannot be used. Every variant fails closed.
#[derive(Debug, thiserror::Error)]
pub enum TrustStoreError {
    /// The disk said no.
    #[error("cannot {action} {path}: {cause}{}", remedy(cause))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A file is not what was written.
    #[error(
        "the trust state of publisher {publisher} is damaged ({detail}), so nothing of it is believed. {}",
        how_to_seed(publisher, folder)
    )]
    Damaged {
        /// Whose state.
        publisher: String,
        /// The folder to move aside.
        folder: PathBuf,
        /// Which file, and what is wrong with it.
        detail: String,
    },
    /// Another first root is pinned already.
    #[error(
        "publisher {publisher} is pinned here by another first root; this data folder stays with the ministry it was \
         made for. Use another --data folder for another ministry"
    )]
    PinnedOtherwise {
        /// Whose state.
        publisher: String,
    },
}

impl TrustStoreError {
    pub(super) fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        TrustStoreError::Io {
            action,
            path: path.to_owned(),
            cause,
        }
    }
}

/// How a person gets from damaged trust state in `folder` back to a working node.
pub fn how_to_seed(publisher: &str, folder: &Path) -> String {
    let folder = folder.display();
    if publisher == MINISTRY {
        format!(
            "Move {folder} aside and start once with --root FIRST_ROOT.json: lessons and records stay, and the catalogue \
             comes again from any neighbour, or from a stick with the published folder, given as --publish"
        )
    } else {
        format!(
            "Move {folder} aside and start again: the ministry's catalogue names this publisher, and its files come \
             again from any neighbour"
        )
    }
}

/// What a person can do about a disk that said no.
fn remedy(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ". The disk is full: make room; what was there before stays in use, and it is tried again"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            ". The data folder must be writable for whoever runs the node"
        }
        _ => "",
    }
}

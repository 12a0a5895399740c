//! Why a command failed.

use std::io;
use std::path::PathBuf;

use pishtar_signing::client::TrustError;
use pishtar_signing::metadata::TargetPath;

/// Why a command failed; the message is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// An argument that this command needs is missing.
    #[error("this command needs {argument}; see --help")]
    Usage {
        /// Which.
        argument: &'static str,
    },
    /// A URL that we cannot use.
    #[error(
        "{url} is not a plain http:// address; this client needs no TLS, since it believes signatures only"
    )]
    Url {
        /// As given.
        url: String,
    },
    /// The folder of metadata has no root.
    #[error("{} holds no root.json; run `init` with a root file that you trust first", folder.display())]
    NotInitialised {
        /// The folder.
        folder: PathBuf,
    },
    /// Something of the repository does not verify, or is older than what is trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A stored file is damaged: it must not be taken for \"nothing stored\".
    #[error(
        "the metadata in {} are damaged: {problem}. Begin anew in an empty folder, with a root file that you trust",
        folder.display()
    )]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        problem: TrustError,
    },
    /// The server could not be asked, or broke off.
    #[error("{url}: {problem}; try again later")]
    Network {
        /// What was asked for.
        url: String,
        /// What happened.
        problem: String,
    },
    /// The own disk failed.
    #[error("{}: {problem}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What the system says.
        problem: io::Error,
    },
    /// No role on the way of the search lists the path.
    #[error("the repository has no file `{path}`")]
    NoSuchTarget {
        /// The path.
        path: TargetPath,
    },
    /// The server has not the file that the metadata promise.
    #[error("the server has no {url}, which the metadata promise")]
    TargetMissing {
        /// What was asked for.
        url: String,
    },
    /// Length or hash differ from what the metadata say, or there is no hash that we can compute.
    #[error("{url} is not the file `{path}` of the metadata: length or hash differ")]
    TargetDiffers {
        /// What was asked for.
        url: String,
        /// The path.
        path: TargetPath,
    },
}

impl ClientError {
    pub(crate) fn usage(argument: &'static str) -> ClientError {
        ClientError::Usage { argument }
    }
}

//! Metadata files from where this node has them: in use, replaced lately, or in a published folder.

use pishtar_mesh::wire::MAX_HELD_VERSIONS;
use pishtar_signing::client::MetaFile;

use super::folders::Folders;
use crate::{
    handle::Shared,
    net::{FoundMeta, meta::Bases},
    store::trust::TrustStoreError,
};

/// The file that a neighbour asks for by name, and the first of the versions that it holds which is here too.
///
/// A version that was replaced while the neighbour was in the middle of an update is still given.
pub(super) fn find(
    shared: &Shared,
    folders: &Folders,
    publisher: &str,
    name: &str,
    held_versions: &[u64],
) -> Result<Option<FoundMeta>, TrustStoreError> {
    let Some(file) = MetaFile::parse(name) else {
        return Ok(None);
    };
    let bytes = match shared.trust.read_named(publisher, name)? {
        Some(bytes) => bytes,
        None => match shared.history.read(publisher, &file) {
            Some(bytes) => bytes,
            None => return Ok(None),
        },
    };
    let others = held_versions
        .iter()
        .filter(|version| file.version.is_some() && file.version != Some(**version));
    let base = others.into_iter().find_map(|&version| {
        let file = MetaFile::new(file.role.clone(), version);
        Some((version, earlier(shared, folders, publisher, &file)?))
    });
    Ok(Some(FoundMeta { bytes, base }))
}

/// What this node can offer as bases for a packed `file`, the version in use first.
pub(super) fn bases(
    shared: &Shared,
    folders: &Folders,
    publisher: &str,
    file: &MetaFile,
    in_use: Option<u64>,
) -> Bases {
    if file.version.is_none() {
        return Bases::new();
    }
    let history = shared.history.versions(publisher, &file.role);
    let mut versions: Vec<u64> = in_use.into_iter().chain(history).collect();
    versions.dedup();
    versions.truncate(MAX_HELD_VERSIONS);
    let read = |version| {
        let file = MetaFile::new(file.role.clone(), version);
        Some((version, earlier(shared, folders, publisher, &file)?))
    };
    versions.into_iter().filter_map(read).collect()
}

/// Keeps what an install is about to replace, so that differences to it can be given and taken.
pub(super) fn keep_replaced(
    shared: &Shared,
    publisher: &str,
    new: &[(MetaFile, Vec<u8>)],
    removed: &[MetaFile],
) {
    let replaced = removed
        .iter()
        .filter(|old| new.iter().any(|(file, _)| file.role == old.role));
    for file in replaced {
        // A damaged file is the install's business.
        let Ok(Some(bytes)) = shared.trust.read(publisher, file) else {
            continue;
        };
        if let Err(error) = shared.history.keep(publisher, file, &bytes) {
            tracing::warn!(%error, "an earlier version is not kept; neighbours get whole files instead of differences");
            return;
        }
    }
}

fn earlier(
    shared: &Shared,
    folders: &Folders,
    publisher: &str,
    file: &MetaFile,
) -> Option<Vec<u8>> {
    let in_use = shared.trust.read(publisher, file).ok().flatten();
    in_use
        .or_else(|| shared.history.read(publisher, file))
        .or_else(|| folders.metadata(publisher, file))
}

//! Publishers beside the ministry, and revoked devices, as pages and commands show them.

use std::collections::BTreeMap;

use pishtar_catalog::{Localized, MINISTRY};
use pishtar_mesh::Mesh;

use super::status::{CatalogStatus, FreshnessWord, RevokedPublisher};

/// A publisher's name by language; empty for the ministry, whose name the pages know.
pub(super) fn name(mesh: &Mesh, publisher: &str) -> BTreeMap<String, String> {
    let entry = mesh.catalog().publishers().get(publisher);
    entry.map(|entry| entry.name.clone()).unwrap_or_default()
}

/// The same as a text of the pages; `None` for the ministry.
pub(super) fn localized(mesh: &Mesh, publisher: &str) -> Option<Localized> {
    if publisher == MINISTRY {
        return None;
    }
    let names = name(mesh, publisher);
    let pairs = names.iter().map(|(tag, text)| (&**tag, &**text));
    Some(Localized::from_pairs(pairs))
}

/// Rows for publishers that are closed because their state is damaged.
pub(super) fn damaged(mesh: &Mesh) -> Vec<CatalogStatus> {
    let row = |publisher: &String| CatalogStatus {
        publisher: publisher.clone(),
        version: 0,
        checked_at: None,
        checked_age_s: None,
        fresh: false,
        freshness: FreshnessWord::Unknown,
        no_fresh_source: false,
        name: name(mesh, publisher),
        faults: mesh.publisher_faults(publisher),
    };
    mesh.damaged_publishers().map(row).collect()
}

/// The publishers that the ministry revoked, and why it revoked this very device, if so.
pub(super) fn revoked(mesh: &Mesh) -> (Vec<RevokedPublisher>, Option<String>) {
    let revoked = mesh.catalog().publishers().iter().filter_map(|entry| {
        Some(RevokedPublisher {
            publisher: entry.id.clone(),
            name: entry.name.clone(),
            reason: entry.revoked.clone()?,
        })
    });
    let own = mesh.revocation(mesh.me()).map(str::to_owned);
    (revoked.collect(), own)
}

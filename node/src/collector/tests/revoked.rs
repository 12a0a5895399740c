//! Revoked devices, and collectors that share a key.

use super::*;

/// A catalogue that revokes the device with this seed since `since`.
pub(super) fn revoking(seed: u8, since: i64) -> Arc<Guide> {
    use pishtar_catalog::revoked::{KeyKind, RevokedKey};
    let device = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let mut revoked = pishtar_catalog::Revoked::default();
    revoked.insert(RevokedKey {
        key: device.verifying_key().to_bytes(),
        kind: KeyKind::Device,
        reason: "lost on a bus".into(),
        since: Some(since),
    });
    Arc::new(Guide::revoking(revoked))
}

#[test]
fn what_a_revoked_device_did_is_set_aside_until_it_is_restored() {
    let dir = tempfile::tempdir().unwrap();
    let mut collector = open(dir.path());
    let (first, second) = two_tablets();
    collector
        .set_guide(revoking(1, 494_000 * 3600 - 1), NOW)
        .unwrap();
    let (acks, report) = collector
        .ingest(&[first, second].concat(), 494_000 * 3600 + 60)
        .unwrap();
    // It is counted and acknowledged, or carriers would carry it for ever.
    assert_eq!((acks.len(), report.counted, report.withheld), (2, 5, 3));
    assert_eq!(
        verbs(&statements(dir.path())),
        ["initialized", "answered", "terminated"]
    );
    let restored = collector.set_guide(Arc::default(), NOW).unwrap();
    assert_eq!(restored, 3);
    collector.settle(Duration::from_secs(10));
    assert_eq!(
        verbs(&statements(dir.path()))[3..],
        ["answered", "terminated", "completed"]
    );
    assert_eq!(collector.set_guide(Arc::default(), NOW).unwrap(), 0);
}

#[test]
fn another_collectors_acknowledgement_closes_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let mut collector = open(dir.path());
    let (first, _) = two_tablets();
    let (acks, _) = collector.ingest(&first[2..], NOW).unwrap();
    assert_eq!(acks, []);
    let log = first[0].header().log_key;
    collector.state.learn_counted(&[(log, 2)].into()).unwrap();
    let (acks, report) = collector.ingest(&first, NOW).unwrap();
    assert_eq!((acks[0].up_to, report.counted, report.duplicate), (3, 0, 3));
}

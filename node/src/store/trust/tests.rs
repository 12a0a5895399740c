//! What the trust store holds, and how it refuses what does not read back.

use std::fs;

use pishtar_signing::client::{MetaFile, MetaRole};

use super::{manifest::MANIFEST, *};

fn file(role: MetaRole, version: Option<u64>) -> MetaFile {
    MetaFile { role, version }
}

fn store() -> (tempfile::TempDir, TrustStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = TrustStore::open(dir.path().join("trust")).unwrap();
    store.pin("ministry", b"root one").unwrap();
    (dir, store)
}

#[test]
fn an_install_replaces_roles_and_keeps_every_root() {
    let (_dir, store) = store();
    let first = [
        (file(MetaRole::Timestamp, None), b"t1".to_vec()),
        (file(MetaRole::Snapshot, Some(1)), b"s1".to_vec()),
    ];
    store.install("ministry", &first, &[]).unwrap();
    let second = [
        (file(MetaRole::Root, Some(2)), b"root two".to_vec()),
        (file(MetaRole::Timestamp, None), b"t2".to_vec()),
        (file(MetaRole::Snapshot, Some(2)), b"s2".to_vec()),
    ];
    store.install("ministry", &second, &[]).unwrap();
    assert_eq!(store.first_root("ministry").unwrap(), b"root one");
    assert_eq!(
        store
            .read("ministry", &file(MetaRole::Root, Some(2)))
            .unwrap()
            .unwrap(),
        b"root two"
    );
    assert_eq!(
        store
            .read("ministry", &file(MetaRole::Timestamp, None))
            .unwrap()
            .unwrap(),
        b"t2"
    );
    assert_eq!(
        store
            .read("ministry", &file(MetaRole::Snapshot, Some(1)))
            .unwrap(),
        None
    );
    let left = fs::read_dir(store.folder.join("ministry")).unwrap().count();
    assert_eq!(left, 5, "manifest, two roots, timestamp, snapshot");
}

#[test]
fn a_damaged_file_fails_closed_and_names_the_remedy() {
    let (_dir, store) = store();
    let entry = store.manifest("ministry").unwrap().files[0].file.clone();
    fs::write(store.folder.join("ministry").join(entry), b"root 0ne").unwrap();
    let error = store.first_root("ministry").unwrap_err();
    assert!(matches!(error, TrustStoreError::Damaged { .. }));
    assert!(error.to_string().contains("--root"), "{error}");
    for garbage in [&b""[..], b"{", b"null", b"{\"format\":9,\"files\":[]}"] {
        fs::write(store.folder.join("ministry").join(MANIFEST), garbage).unwrap();
        assert!(matches!(
            store.held("ministry"),
            Err(TrustStoreError::Damaged { .. })
        ));
        assert!(matches!(
            store.pin("ministry", b"root one"),
            Err(TrustStoreError::Damaged { .. })
        ));
    }
}

#[test]
fn another_ministry_cannot_take_over_a_data_folder() {
    let (_dir, store) = store();
    store.pin("ministry", b"root one").unwrap();
    assert!(matches!(
        store.pin("ministry", b"other"),
        Err(TrustStoreError::PinnedOtherwise { .. })
    ));
}

#[test]
fn a_lost_manifest_is_not_no_floor() {
    let (_dir, store) = store();
    let timestamp = (file(MetaRole::Timestamp, None), b"t1".to_vec());
    store.install("ministry", &[timestamp], &[]).unwrap();
    fs::remove_file(store.folder.join("ministry").join(MANIFEST)).unwrap();
    assert_eq!(store.publishers().unwrap(), ["ministry"]);
    for refused in [
        store.pin("ministry", b"root one").unwrap_err(),
        store.first_root("ministry").unwrap_err(),
        store
            .read("ministry", &file(MetaRole::Timestamp, None))
            .unwrap_err(),
        store
            .install(
                "ministry",
                &[(file(MetaRole::Timestamp, None), b"t0".to_vec())],
                &[],
            )
            .unwrap_err(),
    ] {
        let said = refused.to_string();
        assert!(said.contains("manifest.json is missing"), "{said}");
    }
}

#[test]
fn a_first_pin_cut_short_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = TrustStore::open(dir.path().join("trust")).unwrap();
    let folder = store.folder.join("ministry");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("0123456789abcdef.1.root.json"), b"root").unwrap();
    fs::write(folder.join("manifest.json.tmp"), b"{").unwrap();
    assert_eq!(store.publishers().unwrap(), [""; 0]);
    store.pin("ministry", b"root one").unwrap();
    assert_eq!(store.first_root("ministry").unwrap(), b"root one");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn a_flipped_bit_in_a_version_is_no_lower_floor() {
    let (_dir, store) = store();
    let second = (file(MetaRole::Root, Some(2)), b"root two".to_vec());
    store.install("ministry", &[second], &[]).unwrap();
    let path = store.folder.join("ministry").join(MANIFEST);
    let written = fs::read_to_string(&path).unwrap();
    fs::write(&path, written.replace("\"version\":2", "\"version\":3")).unwrap();
    let said = store.first_root("ministry").unwrap_err().to_string();
    assert!(
        said.contains("manifest.json is not what was written"),
        "{said}"
    );
}

#[test]
fn opening_sweeps_what_a_stop_left_behind_and_nothing_else() {
    let (dir, store) = store();
    let folder = store.folder.join("ministry");
    for left in [
        "0123.7.snapshot.json",
        "0123.7.targets.json.tmp",
        "manifest.json.tmp",
    ] {
        fs::write(folder.join(left), b"{").unwrap();
    }
    let again = TrustStore::open(dir.path().join("trust")).unwrap();
    assert_eq!(again.first_root("ministry").unwrap(), b"root one");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
}

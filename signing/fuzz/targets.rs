//! What every fuzz target does with its bytes. `tests/fuzz.rs` runs the same functions in the test suite.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use pishtar_signing::UnixSeconds;
use pishtar_signing::ack::Ack;
use pishtar_signing::canonical::{parse, to_canonical};
use pishtar_signing::client::{
    Fetched, MAX_ROOTS, MAX_SEARCHED_ROLES, MetaFile, MetaRole, Policy, SearchStep, Step, Stored,
    TrustedSet,
};
use pishtar_signing::metadata::{
    Document, Envelope, Root, Snapshot, TargetPath, Targets, Timestamp,
};
use pishtar_signing::record::{CollectionSecret, LogSigner, Recipients, Record, Slot, seal};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use publication::Publication;

#[path = "../tests/support/publication.rs"]
pub(crate) mod publication;

const MAX_BYTES: u64 = 1 << 20;
/// 2026-11-23T20:00:00Z
const NOW: UnixSeconds = 1_795_464_000;

/// Canonical JSON: what parses is what serde_json reads, and its form does not depend on how it was written.
pub(crate) fn canonical(data: &[u8]) {
    let Ok(value) = parse(data, MAX_BYTES) else {
        return;
    };
    let reference: serde_json::Value = serde_json::from_slice(data).expect("we accept no more");
    assert_eq!(value, reference);
    if let Ok(bytes) = to_canonical(&value) {
        let rewritten = value.to_string();
        let again = parse(rewritten.as_bytes(), u64::MAX).expect("we wrote it");
        assert_eq!(to_canonical(&again).as_deref(), Ok(bytes.as_slice()));
    }
}

/// A metadata file: what is read survives being written and read again.
pub(crate) fn metadata(data: &[u8]) {
    match data.split_first() {
        Some((0, file)) => read_again::<Root>(file),
        Some((1, file)) => read_again::<Timestamp>(file),
        Some((2, file)) => read_again::<Snapshot>(file),
        Some((_, file)) => read_again::<Targets>(file),
        None => {}
    }
}

fn read_again<T: Document + PartialEq + std::fmt::Debug>(file: &[u8]) {
    let Ok(envelope) = Envelope::<T>::parse(file, MAX_BYTES) else {
        return;
    };
    let again = Envelope::<T>::parse(&envelope.to_bytes(), u64::MAX).expect("we wrote it");
    assert_eq!(again.document, envelope.document);
    assert_eq!(again.signatures, envelope.signatures);
}

/// One publisher at three times, the last two with keys rotated in between.
struct Honest {
    times: Vec<BTreeMap<String, Vec<u8>>>,
    /// What was ever signed, in canonical form.
    signed: BTreeSet<Vec<u8>>,
    /// Clients: one that knows the root only, and one for each time.
    clients: Vec<TrustedSet>,
}

fn honest() -> &'static Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(|| {
        let mut it = Publication::new(Box::new(|_, _| {}));
        it.delegate("targets", "a", &["a/*"], false);
        it.delegate("targets", "b", &["*/*"], true);
        it.delegate("b", "a", &["a/*"], false);
        it.delegate("b", "ë/?", &["*/*"], false);
        it.file("a", "a/1", b"one");
        it.file("ë/?", "b/1", b"two");
        for name in ["a", "b", "ë/?"] {
            it.publish(name);
        }
        it.next("targets");
        let mut times = vec![it.files.clone()];
        it.next("a");
        it.rotate(&MetaRole::Snapshot, 50);
        it.next_snapshot();
        times.push(it.files.clone());
        it.rotate(&MetaRole::Timestamp, 51);
        it.timestamp.version = 1;
        it.next("b");
        times.push(it.files.clone());
        let files = times.iter().flatten();
        let metadata = files.filter(|(name, _)| name.starts_with("metadata/"));
        let signed = metadata.map(|(_, bytes)| signed_part(bytes)).collect();
        let pinned = TrustedSet::pin(&times[0]["metadata/1.root.json"]).expect("it is a root");
        let mut clients = vec![pinned.clone()];
        clients.extend(times.iter().map(|files| up_to_date(&pinned, files)));
        Honest {
            times,
            signed,
            clients,
        }
    })
}

fn up_to_date(pinned: &TrustedSet, files: &BTreeMap<String, Vec<u8>>) -> TrustedSet {
    let mut update = pinned.begin_update(NOW, Policy::Strict);
    loop {
        match update.next() {
            Step::Fetch { file, .. } => {
                let bytes = files.get(&format!("metadata/{file}")).cloned();
                let answer = bytes.map_or(Fetched::Absent, Fetched::Bytes);
                update
                    .provide(&file, answer)
                    .expect("the publisher is honest");
            }
            Step::Done(outcome) => return outcome.set,
            Step::Over => unreachable!("done or failed before"),
        }
    }
}

/// Canonical form of what a file says is signed.
fn signed_part(file: &[u8]) -> Vec<u8> {
    let file = parse(file, u64::MAX).expect("it was accepted");
    to_canonical(&file["signed"]).expect("it was accepted")
}

/// Bytes as decisions; zeros when they are used up.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> usize {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*first)
    }

    /// What the source makes of a request.
    fn answer(&mut self, name: &str) -> Fetched {
        let times = &honest().times;
        let present = |time: usize| times[time].get(&format!("metadata/{name}")).cloned();
        let bytes = match self.byte() % 8 {
            0..3 => present(2),
            3 => present(self.byte() % 3),
            4 => present(2).map(|bytes| self.changed(bytes)),
            5 => {
                let files: Vec<_> = times[self.byte() % 3].values().collect();
                Some(files[self.byte() % files.len()].clone())
            }
            6 => {
                let (raw, rest) = self.0.split_at(self.0.len().min(16));
                self.0 = rest;
                Some(raw.to_vec())
            }
            _ => None,
        };
        bytes.map_or(Fetched::Absent, Fetched::Bytes)
    }

    fn changed(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.byte() % 3 {
            let place = (self.byte() << 8 | self.byte()) % bytes.len();
            match self.byte() % 3 {
                0 => bytes[place] ^= 1 << (self.byte() % 8),
                1 => bytes.insert(place, u8::try_from(self.byte()).expect("it is a byte")),
                _ => drop(bytes.remove(place)),
            }
        }
        bytes
    }
}

/// A whole update, and a search in what came of it: it ends, takes nothing that nobody signed, and lowers no floor.
pub(crate) fn update(data: &[u8]) {
    let mut script = Script(data);
    let honest = honest();
    let client = &honest.clients[script.byte() % honest.clients.len()];
    let policy = [Policy::Strict, Policy::Offline][script.byte() % 2];
    let set = run_update(&mut script, client, policy);
    search(&mut script, &set, policy);
    reload(&mut script);
}

fn run_update(script: &mut Script<'_>, before: &TrustedSet, policy: Policy) -> TrustedSet {
    let mut update = before.begin_update(NOW, policy);
    for _ in 0..MAX_ROOTS + 64 {
        match update.next() {
            Step::Fetch { file, max_bytes } => {
                assert!(max_bytes <= 16 << 20);
                if update
                    .provide(&file, script.answer(&file.file_name()))
                    .is_err()
                {
                    let kept = update.salvage().map(|outcome| outcome.new_files);
                    all_signed(kept.unwrap_or_default());
                    all_signed(update.take_verified());
                    return before.clone();
                }
            }
            Step::Done(outcome) => {
                let roots = [before, &outcome.set].map(|set| set.version(&MetaRole::Root));
                for role in [MetaRole::Timestamp, MetaRole::Snapshot, MetaRole::Targets] {
                    let (old, new) = (before.version(&role), outcome.set.version(&role));
                    assert!(roots[0] < roots[1] || old <= new, "{role}: {old:?} {new:?}");
                }
                all_signed(outcome.new_files);
                return outcome.set;
            }
            Step::Over => unreachable!("left above"),
        }
    }
    panic!("the update does not end");
}

fn all_signed(files: Vec<(MetaFile, Vec<u8>)>) {
    for (file, bytes) in files {
        let known = honest().signed.contains(&signed_part(&bytes));
        assert!(known, "nobody signed this {file}");
    }
}

fn search(script: &mut Script<'_>, set: &TrustedSet, policy: Policy) {
    let path = ["a/1", "b/1", "nothing", "a/b/c"][script.byte() % 4];
    let path = TargetPath::new(path).expect("a short path");
    let Ok(mut search) = set.begin_search(path, NOW, policy) else {
        return;
    };
    for _ in 0..2 * MAX_SEARCHED_ROLES + 4 {
        match search.next() {
            SearchStep::Fetch { file, .. } => {
                if search
                    .provide(&file, script.answer(&file.file_name()))
                    .is_err()
                {
                    return all_signed(search.take_verified());
                }
            }
            SearchStep::Done(found) => return all_signed(found.new_files),
            SearchStep::Over => return,
        }
    }
    panic!("the search does not end");
}

/// Own files in any state: read back, or refused.
fn reload(script: &mut Script<'_>) {
    let bytes = |answer| match answer {
        Fetched::Bytes(bytes) => Some(bytes),
        Fetched::Absent => None,
    };
    let stored = Stored {
        root: bytes(script.answer("1.root.json")).unwrap_or_default(),
        timestamp: bytes(script.answer("timestamp.json")),
        snapshot: bytes(script.answer("2.snapshot.json")),
        targets: bytes(script.answer("2.targets.json")),
    };
    if let Ok(set) = TrustedSet::reload(&stored) {
        run_update(script, &set, Policy::Strict);
    }
    let first_root = &honest().times[0]["metadata/1.root.json"];
    let mut roles = 0;
    let own = |file: &MetaFile| bytes(script.answer(&file.file_name()));
    if TrustedSet::restore(first_root, own, |_| roles += 1).is_ok() {
        assert!(roles <= 4);
    }
}

/// A genuine record and acknowledgement, and the keys that open and check them.
pub(crate) struct Sealed {
    pub(crate) record: Vec<u8>,
    pub(crate) ack: Vec<u8>,
    secret: CollectionSecret,
}

pub(crate) fn sealed() -> &'static Sealed {
    static SEALED: OnceLock<Sealed> = OnceLock::new();
    SEALED.get_or_init(|| {
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let secret = CollectionSecret::generate(4, &mut rng);
        let device = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
        let signer = LogSigner::new(&device, &[2; 32]);
        let to = Recipients {
            ministry: secret.public(),
            school: None,
        };
        let record = seal(b"watched", &signer, 7, 495_000, &to, &mut rng).expect("it is short");
        let ack = secret.acknowledge(495_001, signer.log_key(), 7);
        Sealed {
            record: record.into_bytes(),
            ack: ack.to_bytes().to_vec(),
            secret,
        }
    })
}

/// Opening of strangers' bytes: only the genuine ones open or verify.
pub(crate) fn record(data: &[u8]) {
    let sealed = sealed();
    if let Ok(record) = Record::parse(data.to_vec()) {
        assert_eq!(record.as_bytes(), data);
        for slot in [Slot::Ministry, Slot::School] {
            if record.open(slot, sealed.secret.seal_secret()).is_ok() {
                assert_eq!(data, sealed.record);
            }
        }
    }
    if let Ok(ack) = Ack::parse(data) {
        assert_eq!(ack.to_bytes(), data);
        if ack.verify(&sealed.secret.public().ack).is_ok() {
            assert_eq!(data, sealed.ack);
        }
    }
}

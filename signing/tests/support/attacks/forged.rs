//! Arbitrary software: files that the wrong keys, or too few, signed.

use pishtar_signing::key::{KeyId, PublicKey, RoleKeys, Signature};
use pishtar_signing::metadata::Envelope;

use super::*;

const fn forged(
    name: &'static str,
    what: &'static str,
    error: &'static str,
    act: fn(&mut Publication),
) -> Attack {
    Attack {
        name,
        what,
        client: Client::UpToDate,
        rule: Rule::Strict,
        error,
        act,
    }
}

pub(super) const ATTACKS: &[&Attack] = &[
    &forged(
        "forged-root",
        "A root that a stranger signed.",
        "2.root.json has 0 valid signatures of distinct keys that 1.root.json names, 1 are needed",
        |it| {
            it.root_signers = vec![99];
            it.next_root();
        },
    ),
    &forged(
        "forged-timestamp",
        "A timestamp that a stranger signed.",
        "timestamp.json has 0 valid signatures of distinct keys that 1.root.json names, 1 are needed",
        |it| {
            it.timestamp_signers = vec![99];
            it.next_timestamp();
        },
    ),
    &forged(
        "forged-snapshot",
        "The thief of the timestamp key lists a snapshot of his own.",
        "3.snapshot.json has 0 valid signatures of distinct keys that 1.root.json names, 1 are needed",
        |it| {
            it.snapshot_signers = vec![30];
            it.next_snapshot();
        },
    ),
    &forged(
        "forged-targets",
        "The thief of the timestamp and snapshot keys lists lessons of his own.",
        "3.targets.json has 0 valid signatures of distinct keys that 1.root.json names, 1 are needed",
        |it| {
            it.targets_signers = vec![20, 30];
            it.next("targets");
        },
    ),
    &forged(
        "forged-course",
        "The thief of the timestamp and snapshot keys writes a course.",
        "2.math-6-sq.json has 0 valid signatures of distinct keys that targets names, 1 are needed",
        |it| {
            it.course_signers = vec![10, 20, 30];
            it.next(COURSE);
        },
    ),
    &forged(
        "root-by-its-own-keys",
        "A root that names new root keys and is signed by these alone.",
        "2.root.json has 0 valid signatures of distinct keys that 1.root.json names, 1 are needed",
        |it| {
            let thief = key(99).public();
            it.root.root = RoleKeys::new([&thief], 1);
            it.root.keys.insert(thief.id(), thief);
            it.root_signers = vec![99];
            it.next_root();
        },
    ),
    &forged(
        "root-by-the-old-keys-only",
        "A root that the old keys signed, but not the keys that it names.",
        "2.root.json has 0 valid signatures of distinct keys that 2.root.json names, 1 are needed",
        |it| {
            let unwilling = key(2).public();
            it.root.root = RoleKeys::new([&unwilling], 1);
            it.root.keys.insert(unwilling.id(), unwilling);
            it.next_root();
        },
    ),
    &forged(
        "one-key-of-two",
        "The thief of one snapshot key, where two must sign.",
        "3.snapshot.json has 1 valid signatures of distinct keys that 2.root.json names, 2 are needed",
        |it| {
            let second = key(21).public();
            it.root.snapshot = RoleKeys::new([&key(20).public(), &second], 2);
            it.root.keys.insert(second.id(), second);
            it.next_root();
            it.next_snapshot();
        },
    ),
    &forged(
        "one-key-under-nine-ids",
        "One key listed under nine ids signs nine times, where two keys must sign.",
        "timestamp.json has 1 valid signatures of distinct keys that 2.root.json names, 2 are needed",
        nine_ids,
    ),
    &forged(
        "two-signatures-under-one-id",
        "One key signs twice under its own id.",
        "timestamp.json is malformed: field `signatures`: key id `a303a72316a605f7b653e8403253f265a650c24df098ebd34a181437990979d9` is listed twice",
        |it| {
            it.timestamp_signers = vec![30, 30];
            it.next_timestamp();
        },
    ),
    &forged(
        "empty-and-foreign-signatures",
        "Beside the good signature an empty one, one that is not hex, and those of strangers: no harm.",
        "none",
        |it| {
            let second = key(31).public();
            it.root.timestamp = RoleKeys::new([&key(30).public(), &second], 1);
            it.root.keys.insert(second.id(), second.clone());
            it.next_root();
            it.timestamp.version += 1;
            let mut envelope = Envelope::unsigned(it.timestamp.clone()).unwrap();
            let good = key(30).sign(&envelope.canonical);
            let extra = |keyid: KeyId, sig: &str| Signature {
                keyid,
                sig: sig.to_owned(),
            };
            envelope.signatures = vec![
                extra(second.id(), ""),
                extra(KeyId("a stranger".to_owned()), "not hex"),
                key(99).sign(&envelope.canonical),
                good,
            ];
            it.put("metadata/timestamp.json", envelope.to_bytes());
        },
    ),
    &forged(
        "the-key-of-another-role",
        "The snapshot key signs the timestamp.",
        "timestamp.json has 0 valid signatures of distinct keys that 1.root.json names, 1 are needed",
        |it| {
            it.timestamp_signers = vec![20];
            it.next_timestamp();
        },
    ),
    &forged(
        "second-delegator-not-satisfied",
        "Two roles delegate to a third; its file satisfies only the one that is reached first.",
        "1.shared.json has 0 valid signatures of distinct keys that second names, 1 are needed",
        |it| {
            for name in ["first", "second"] {
                it.delegate("targets", name, &["*"], false);
                it.delegate(name, "shared", &["*"], false);
            }
            let second = it.targets.get_mut("second").unwrap();
            let delegations = second.delegations.as_mut().unwrap();
            let other = key(41).public();
            delegations.keys = [(other.id(), other.clone())].into();
            delegations.roles[0].keys = RoleKeys::new([&other], 1);
            for name in ["first", "second", "shared"] {
                it.publish(name);
            }
            it.next("targets");
        },
    ),
];

fn nine_ids(it: &mut Publication) {
    let twin = |number: usize| {
        let mut json = key(30).public().to_json().clone();
        json.insert("number".to_owned(), number.into());
        (
            KeyId(format!("{number:064}")),
            PublicKey::from_json(json).unwrap(),
        )
    };
    let twins: Vec<_> = (1..=9).map(twin).collect();
    it.root.timestamp = RoleKeys {
        keyids: twins.iter().map(|(id, _)| id.clone()).collect(),
        threshold: 2,
    };
    it.root.keys.extend(twins.clone());
    it.next_root();
    it.timestamp.version += 1;
    let mut envelope = Envelope::unsigned(it.timestamp.clone()).unwrap();
    let sig = key(30).sign(&envelope.canonical).sig;
    let signatures = twins.into_iter().map(|(keyid, _)| Signature {
        keyid,
        sig: sig.clone(),
    });
    envelope.signatures = signatures.collect();
    it.put("metadata/timestamp.json", envelope.to_bytes());
}

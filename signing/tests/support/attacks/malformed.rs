//! Endless, deep, ambiguous and impossible files.

use pishtar_signing::key::RoleKeys;
use pishtar_signing::metadata::{Delegations, PathPattern, Scope, Succinct};

use super::*;

const fn malformed(
    name: &'static str,
    what: &'static str,
    error: &'static str,
    act: fn(&mut Publication),
) -> Attack {
    Attack {
        name,
        what,
        client: Client::Fresh,
        rule: Rule::Offline,
        error,
        act,
    }
}

/// The timestamp with a part of its text replaced; the signature is no longer right, which is not looked at first.
fn edit(it: &mut Publication, from: &str, to: &str) {
    let text = String::from_utf8(it.files["metadata/timestamp.json"].clone()).unwrap();
    assert!(text.contains(from), "{text}");
    it.put(
        "metadata/timestamp.json",
        text.replacen(from, to, 1).into_bytes(),
    );
}

/// The list of courses with its delegations changed in any way, published.
fn delegations(it: &mut Publication, change: impl FnOnce(&mut Delegations)) {
    let top = it.targets.get_mut("targets").unwrap();
    change(top.delegations.as_mut().unwrap());
    it.next("targets");
}

pub(super) const ATTACKS: &[&Attack] = &[
    &malformed(
        "endless-timestamp",
        "A timestamp that does not end.",
        "timestamp.json has 16385 bytes; at most 16384 are allowed",
        |it| it.put("metadata/timestamp.json", vec![b' '; 20_000]),
    ),
    &malformed(
        "endless-course",
        "A course longer than the snapshot says.",
        "1.math-6-sq.json is not the file that snapshot lists: length or hash differ",
        |it| {
            let mut bytes = it.files["metadata/1.math-6-sq.json"].clone();
            bytes.extend([b' '; 5000]);
            it.put("metadata/1.math-6-sq.json", bytes);
        },
    ),
    &malformed(
        "json-a-thousand-deep",
        "Arrays within arrays, to exhaust the stack.",
        "timestamp.json is malformed: JSON nested deeper than 64",
        |it| {
            let deep = ["{\"signed\":", &"[".repeat(1000), &"]".repeat(1000), "}"].concat();
            it.put("metadata/timestamp.json", deep.into_bytes());
        },
    ),
    &malformed(
        "json-key-twice",
        "Two versions in one file: which one counts depends on the reader.",
        "timestamp.json is malformed: the key `version` occurs twice in one object",
        |it| edit(it, "\"version\":2}}", "\"version\":2,\"version\":9}}"),
    ),
    &malformed(
        "json-key-twice-escaped",
        "The same with the second key written in another way.",
        "timestamp.json is malformed: the key `version` occurs twice in one object",
        |it| edit(it, "\"version\":2}}", "\"version\":2,\"v\\u0065rsion\":9}}"),
    ),
    &malformed(
        "version-with-a-fraction",
        "A version that is no integer.",
        "timestamp.json is malformed: the number 2.0 is not a 64-bit integer; signed metadata may hold integers only",
        |it| edit(it, "\"version\":2}}", "\"version\":2.0}}"),
    ),
    &malformed(
        "version-beyond-64-bits",
        "A version that fits into no integer.",
        "timestamp.json is malformed: the number 1.8446744073709552e+19 is not a 64-bit integer; signed metadata may hold integers only",
        |it| edit(it, "\"version\":2}}", "\"version\":18446744073709551616}}"),
    ),
    &malformed(
        "version-zero",
        "A version below the first.",
        "timestamp.json is malformed: field `version`: must be at least 1",
        |it| edit(it, "\"version\":2}}", "\"version\":0}}"),
    ),
    &malformed(
        "version-below-zero",
        "A negative version.",
        "timestamp.json is malformed: field `version`: invalid value: integer `-1`, expected u64",
        |it| edit(it, "\"version\":2}}", "\"version\":-1}}"),
    ),
    &malformed(
        "not-json",
        "Something else altogether.",
        "timestamp.json is malformed: not acceptable JSON: expected value at line 1 column 1",
        |it| {
            it.put(
                "metadata/timestamp.json",
                b"<html>Sign in to the Wi-Fi</html>".to_vec(),
            )
        },
    ),
    &malformed(
        "not-utf-8",
        "Bytes that are no text.",
        "timestamp.json is malformed: not acceptable JSON: invalid unicode code point at line 1 column 2",
        |it| it.put("metadata/timestamp.json", b"\"\xff\xfe\"".to_vec()),
    ),
    &malformed(
        "half-a-surrogate",
        "A string that no text can hold.",
        "timestamp.json is malformed: not acceptable JSON: unexpected end of hex escape at line 1 column 9",
        |it| it.put("metadata/timestamp.json", b"[\"\\ud800\"]".to_vec()),
    ),
    &malformed(
        "another-specification",
        "Metadata of a TUF 2 that this program does not know.",
        "timestamp.json follows TUF specification 2.0.0; this program knows 1.x, update it",
        |it| {
            it.timestamp.spec_version = "2.0.0".to_owned();
            it.next_timestamp();
        },
    ),
    &malformed(
        "expiry-that-is-no-time",
        "An expiry on a day that does not exist.",
        "timestamp.json is malformed: field `expires`: `2100-02-30T00:00:00Z` is not of the form 2030-01-01T00:00:00Z",
        |it| edit(it, "2100-01-01", "2100-02-30"),
    ),
    &malformed(
        "threshold-zero",
        "A delegation that nobody needs to sign.",
        "3.targets.json is malformed: field `threshold`: must be at least 1",
        |it| delegations(it, |d| d.roles[0].keys.threshold = 0),
    ),
    &malformed(
        "role-delegated-twice",
        "One role listed twice by one delegator, with different keys perhaps.",
        "3.targets.json is malformed: field `delegations`: the same role is listed twice",
        |it| delegations(it, |d| d.roles.push(d.roles[0].clone())),
    ),
    &malformed(
        "delegation-to-targets",
        "A delegation that calls itself the top-level role.",
        "3.targets.json is malformed: field `name`: a delegated role cannot be called `targets`",
        |it| delegations(it, |d| d.roles[0].name = role("targets")),
    ),
    &malformed(
        "a-million-delegations",
        "Hashed bins without end.",
        "targets leads beyond 16384 delegations or deeper than 8",
        |it| {
            delegations(it, |d| {
                d.succinct = Some(Succinct {
                    keys: RoleKeys::new([&key(40).public()], 1),
                    bit_length: 20,
                    name_prefix: "bin".to_owned(),
                    extra: Default::default(),
                });
            });
        },
    ),
    &malformed(
        "patterns-without-end",
        "A delegation with so many patterns that comparing a path with all of them takes for ever.",
        "3.targets.json is malformed: field `roles`: more than 4096 path patterns or hash prefixes in one role",
        |it| {
            delegations(it, |d| {
                let patterns = (0..=4096).map(|n| PathPattern(n.to_string()));
                d.roles[0].scope = Scope::Paths(patterns.collect());
            });
        },
    ),
    &malformed(
        "delegations-without-bottom",
        "Each role delegates to the next.",
        "r8 leads beyond 16384 delegations or deeper than 8",
        |it| {
            let names: Vec<String> = (1..=9).map(|number| format!("r{number}")).collect();
            let mut delegator = "targets".to_owned();
            for name in &names {
                it.delegate(&delegator, name, &["*"], false);
                delegator = name.clone();
            }
            names.iter().for_each(|name| it.publish(name));
            it.next("targets");
        },
    ),
    &malformed(
        "delegations-in-a-circle",
        "Two roles that delegate to each other and to themselves: each is visited once.",
        "none",
        |it| {
            it.delegate("targets", "one", &["*"], false);
            it.delegate("one", "two", &["*"], false);
            it.delegate("two", "one", &["*"], false);
            it.delegate("two", "two", &["*"], false);
            it.publish("one");
            it.publish("two");
            it.next("targets");
        },
    ),
    &malformed(
        "names-in-other-forms",
        "Hindi, Arabic and combining marks that Unicode would write in another way: taken byte by byte, nothing mixed up.",
        "none",
        |it| {
            for name in [
                "\u{958}-6",
                "\u{915}\u{93c}-6",
                "\u{644}\u{627}",
                "\u{fefb}",
                "e\u{301}",
                "\u{e9}",
            ] {
                it.delegate("targets", name, &[&format!("{name}/*")], false);
                it.file(name, &format!("{name}/x.mp4"), name.as_bytes());
                it.publish(name);
            }
            it.next("targets");
        },
    ),
];

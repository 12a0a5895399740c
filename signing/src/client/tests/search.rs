//! Tests of the search: which files it asks for, in which order, and what it finds.

use std::collections::BTreeMap;

use crate::key::RoleKeys;
use crate::metadata::{DelegatedRole, Delegations, FileMeta, Snapshot, TargetFile, Timestamp};

use super::*;

/// A repository of one key per role beside the root's, built from a table: role, its files, its delegations.
struct Tree {
    ministry: Ministry,
    files: Files,
}

type Edge = (&'static str, &'static str, bool);

impl Tree {
    /// Rows: role, paths it lists, delegations as (role, glob, terminating).
    fn new(rows: &[(&str, &[&str], &[Edge])]) -> Tree {
        let ministry = Ministry::new();
        let mut files = Files::from([("1.root.json".to_owned(), ministry.first_root())]);
        let mut meta = BTreeMap::new();
        for (name, paths, edges) in rows {
            let mut targets = Targets::empty(1, LATER);
            targets.targets = paths.iter().map(|p| (path(p), target(name))).collect();
            targets.delegations = (!edges.is_empty()).then(|| delegations(edges));
            let signer = if *name == "targets" { key(10) } else { key(40) };
            let bytes = forge(targets, &[&signer]);
            meta.insert(role(name), FileMeta::of(1, &bytes));
            files.insert(
                MetaFile::new(MetaRole::from(&role(name)), 1).file_name(),
                bytes,
            );
        }
        let mut snapshot: Snapshot = read(&ministry.files(), "1.snapshot.json");
        snapshot.meta = meta;
        let snapshot = forge(snapshot, &[&ministry.snapshot]);
        let mut timestamp: Timestamp = read(&ministry.files(), "timestamp.json");
        timestamp.snapshot = FileMeta::of(1, &snapshot);
        files.insert("1.snapshot.json".to_owned(), snapshot);
        files.insert(
            "timestamp.json".to_owned(),
            forge(timestamp, &[&ministry.timestamp]),
        );
        Tree { ministry, files }
    }

    /// The delegator b names another key for a.
    fn delegate_by_another_key(&mut self) {
        let mut b: Targets = read(&self.files, "1.b.json");
        let delegations = b.delegations.as_mut().unwrap();
        delegations.keys = [(key(41).public().id(), key(41).public())].into();
        delegations.roles[0].keys = RoleKeys::new(&[key(41).public()], 1);
        self.replace("b", forge(b, &[&key(40)]));
    }

    /// Publishes other bytes for version 1 of a role.
    fn replace(&mut self, name: &str, bytes: Vec<u8>) {
        let mut snapshot: Snapshot = read(&self.files, "1.snapshot.json");
        snapshot.meta.insert(role(name), FileMeta::of(1, &bytes));
        let snapshot = forge(snapshot, &[&self.ministry.snapshot]);
        let mut timestamp: Timestamp = read(&self.files, "timestamp.json");
        timestamp.snapshot = FileMeta::of(1, &snapshot);
        self.files.insert(format!("1.{name}.json"), bytes);
        self.files.insert("1.snapshot.json".to_owned(), snapshot);
        self.files.insert(
            "timestamp.json".to_owned(),
            forge(timestamp, &[&self.ministry.timestamp]),
        );
    }

    fn refreshed(&self) -> TrustedSet {
        let mut update = TrustedSet::pin(&self.ministry.first_root())
            .unwrap()
            .begin_refresh(NOW, Policy::Strict);
        loop {
            match update.next() {
                Step::Fetch { file, .. } => {
                    let answer = self.files.get(&file.file_name()).cloned();
                    update
                        .provide(&file, answer.map_or(Fetched::Absent, Fetched::Bytes))
                        .unwrap();
                }
                Step::Done(outcome) => return outcome.set,
                Step::Over => unreachable!(),
            }
        }
    }

    /// Searches with an own disk of the roles that `set` knows. Result, and what was asked of the source.
    fn search(&self, set: &TrustedSet, wanted: &str) -> (Result<Found, TrustError>, Vec<String>) {
        let mut asked = Vec::new();
        let mut search = set.begin_search(path(wanted), NOW, Policy::Strict).unwrap();
        loop {
            match search.next() {
                SearchStep::Fetch { file, own, .. } => {
                    if !own {
                        asked.push(file.file_name());
                    }
                    let held = !own || set.version(&file.role).is_some();
                    let bytes = self.files.get(&file.file_name());
                    let answer = bytes.filter(|_| held).cloned();
                    if let Err(error) =
                        search.provide(&file, answer.map_or(Fetched::Absent, Fetched::Bytes))
                    {
                        assert!(matches!(search.next(), SearchStep::Over));
                        return (Err(error), asked);
                    }
                }
                SearchStep::Done(found) => return (Ok(*found), asked),
                SearchStep::Over => unreachable!(),
            }
        }
    }

    fn find(&self, wanted: &str) -> (Option<String>, Vec<String>) {
        let (found, asked) = self.search(&self.refreshed(), wanted);
        (
            found
                .unwrap()
                .target
                .map(|(role, _): (_, TargetFile)| role.to_string()),
            asked,
        )
    }
}

fn delegations(edges: &[Edge]) -> Delegations {
    let signer = key(40).public();
    let roles = edges.iter().map(|(name, glob, terminating)| DelegatedRole {
        name: role(name),
        keys: RoleKeys::new([&signer], 1),
        terminating: *terminating,
        scope: Scope::Paths(vec![PathPattern((*glob).to_owned())]),
        extra: Default::default(),
    });
    Delegations {
        keys: [(signer.id(), signer.clone())].into(),
        roles: roles.collect(),
        ..Delegations::empty()
    }
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| format!("1.{name}.json")).collect()
}

#[test]
fn the_search_goes_depth_first_and_fetches_only_what_it_reaches() {
    let tree = Tree::new(&[
        (
            "targets",
            &["top"],
            &[
                ("a", "*", false),
                ("b", "*", false),
                ("x", "other/*", false),
            ],
        ),
        ("a", &[], &[("a1", "*", false), ("a2", "*", false)]),
        ("a1", &[], &[]),
        ("a2", &["deep"], &[]),
        ("b", &["deep", "late"], &[]),
        ("x", &["late"], &[]),
    ]);
    assert_eq!(tree.find("top"), (Some("targets".to_owned()), names(&[])));
    assert_eq!(
        tree.find("deep"),
        (Some("a2".to_owned()), names(&["a", "a1", "a2"]))
    );
    assert_eq!(
        tree.find("late"),
        (Some("b".to_owned()), names(&["a", "a1", "a2", "b"]))
    );
    assert_eq!(tree.find("nowhere"), (None, names(&["a", "a1", "a2", "b"])));
    assert_eq!(tree.find("other/late"), (None, names(&["x"])));
}

#[test]
fn a_terminating_delegation_ends_the_search() {
    let tree = Tree::new(&[
        ("targets", &[], &[("a", "*", false), ("late", "*", false)]),
        ("a", &[], &[("stop", "*", true), ("b", "*", false)]),
        ("stop", &[], &[("under", "*", false)]),
        ("under", &[], &[]),
        ("b", &["file"], &[]),
        ("late", &["file"], &[]),
    ]);
    assert_eq!(tree.find("file"), (None, names(&["a", "stop", "under"])));
}

#[test]
fn an_update_accepts_what_a_search_would_find() {
    let tree = Tree::new(&[
        ("targets", &[], &[("a", "*", false), ("late", "*", false)]),
        (
            "a",
            &[],
            &[
                ("early", "*", false),
                ("stop", "f*", true),
                ("b", "*", false),
            ],
        ),
        ("early", &["f1"], &[]),
        ("stop", &["f2"], &[("under", "*", false)]),
        ("under", &["f3", "g3"], &[]),
        ("b", &["f4", "g4"], &[]),
        ("late", &["f5", "g5"], &[]),
    ]);
    let outcome = update(
        &TrustedSet::pin(&tree.ministry.first_root()).unwrap(),
        &tree.files,
    )
    .unwrap();
    let accepted: Vec<String> = outcome
        .targets()
        .flat_map(|role| role.targets.targets.into_keys())
        .map(|path| path.to_string())
        .collect();
    assert_eq!(accepted, ["f1", "f2", "f3", "g4", "g5"]);
    for file in ["f1", "f2", "f3", "g3", "f4", "g4", "f5", "g5"] {
        assert_eq!(
            tree.find(file).0.is_some(),
            accepted.contains(&file.to_owned()),
            "{file}"
        );
    }
    assert!(!update(&outcome.set, &tree.files).unwrap().changed);
}

#[test]
fn a_role_of_two_delegators_with_two_keys_settles() {
    let mut tree = Tree::new(&[
        ("targets", &[], &[("a", "one", false), ("b", "*", false)]),
        ("a", &["one", "two"], &[]),
        ("b", &[], &[("a", "t*", false)]),
    ]);
    tree.delegate_by_another_key();
    let a: Targets = read(&tree.files, "1.a.json");
    tree.replace("a", forge(a, &[&key(40), &key(41)]));
    let pinned = TrustedSet::pin(&tree.ministry.first_root()).unwrap();
    let outcome = update(&pinned, &tree.files).unwrap();
    let accepted = outcome
        .targets()
        .find(|accepted| accepted.role == role("a"))
        .unwrap();
    assert_eq!(accepted.targets.targets.len(), 2);
    assert!(!update(&outcome.set, &tree.files).unwrap().changed);
}

#[test]
fn cycles_and_diamonds_end() {
    let tree = Tree::new(&[
        ("targets", &[], &[("a", "*", false), ("b", "*", false)]),
        ("a", &[], &[("b", "*", false), ("a", "*", false)]),
        ("b", &[], &[("a", "*", false)]),
    ]);
    assert_eq!(tree.find("file"), (None, names(&["a", "b"])));
    assert!(
        update(
            &TrustedSet::pin(&tree.ministry.first_root()).unwrap(),
            &tree.files
        )
        .is_ok()
    );
}

#[test]
fn a_second_search_uses_what_the_first_brought() {
    let tree = Tree::new(&[
        ("targets", &[], &[("a", "*", false)]),
        ("a", &["one", "two"], &[]),
    ]);
    let (found, asked) = tree.search(&tree.refreshed(), "one");
    assert_eq!(asked, names(&["a"]));
    let found = found.unwrap();
    assert_eq!(found.new_files.len(), 1);
    let (again, asked) = tree.search(&found.set, "two");
    assert!(asked.is_empty() && again.unwrap().new_files.is_empty());
}

#[test]
fn a_damaged_own_file_is_fetched_again() {
    let tree = Tree::new(&[("targets", &[], &[("a", "*", false)]), ("a", &["one"], &[])]);
    let set = tree.search(&tree.refreshed(), "one").0.unwrap().set;
    let mut search = set.begin_search(path("one"), NOW, Policy::Strict).unwrap();
    let mut steps = Vec::new();
    loop {
        match search.next() {
            SearchStep::Fetch { file, own, .. } => {
                steps.push((file.file_name(), own));
                let bytes = tree.files[&file.file_name()].clone();
                let answer = if own {
                    Fetched::Bytes(b"damaged".to_vec())
                } else {
                    Fetched::Bytes(bytes)
                };
                search.provide(&file, answer).unwrap();
            }
            SearchStep::Done(found) => break assert!(found.target.is_some()),
            SearchStep::Over => unreachable!(),
        }
    }
    let expected = [
        ("1.targets.json", true),
        ("1.targets.json", false),
        ("1.a.json", true),
        ("1.a.json", false),
    ];
    assert_eq!(steps, expected.map(|(name, own)| (name.to_owned(), own)));
}

#[test]
fn a_chain_of_too_many_roles_is_refused() {
    let names: Vec<String> = (0..=MAX_SEARCHED_ROLES)
        .map(|number| format!("r{number}"))
        .collect();
    let names: Vec<&'static str> = names.into_iter().map(|name| &*name.leak()).collect();
    let edges: Vec<[Edge; 1]> = names.iter().map(|name| [(*name, "*", false)]).collect();
    let mut rows: Vec<(&str, &[&str], &[Edge])> = vec![("targets", &[], &edges[0])];
    for (i, name) in names.iter().enumerate() {
        rows.push((name, &[], edges.get(i + 1).map_or(&[], |edge| edge)));
    }
    let tree = Tree::new(&rows);
    let error = tree.search(&tree.refreshed(), "file").0.unwrap_err();
    assert!(matches!(error, TrustError::TooManyDelegations { .. }));
    let error = update(
        &TrustedSet::pin(&tree.ministry.first_root()).unwrap(),
        &tree.files,
    )
    .unwrap_err();
    assert_eq!(
        error,
        TrustError::TooManyDelegations {
            delegator: delegated("r7")
        }
    );
}

#[test]
fn a_role_is_judged_by_the_delegator_that_leads_to_it() {
    let mut tree = Tree::new(&[
        ("targets", &[], &[("a", "one", false), ("b", "*", false)]),
        ("a", &["one"], &[]),
        ("b", &[], &[("a", "*", false)]),
    ]);
    tree.delegate_by_another_key();
    assert_eq!(tree.find("one").0, Some("a".to_owned()));
    let found = tree.search(&tree.refreshed(), "one").0.unwrap();
    let (error, asked) = tree.search(&found.set, "two");
    let a = MetaFile::new(delegated("a"), 1);
    assert_eq!(
        error.unwrap_err(),
        TrustError::Threshold {
            file: a,
            by: "b".to_owned(),
            valid: 0,
            needed: 1
        }
    );
    assert_eq!(asked, ["1.b.json", "1.a.json"]);
}

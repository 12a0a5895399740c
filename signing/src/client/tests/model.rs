//! Random histories and hostile sources against one simple model: a client holds exactly what was published at one
//! time, and never at an earlier time than before.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// One thing that a ministry does between two publications.
#[derive(Debug, Clone)]
enum Edit {
    Lessons(u8, u8),
    Remove(u8),
    RotateTimestamp(u8),
    RotateSnapshot(u8),
    RotateTargets(u8),
}

/// What a source does to the files of some time.
#[derive(Debug, Clone)]
enum Malice {
    Honest,
    Flip {
        file: prop::sample::Index,
        byte: prop::sample::Index,
    },
    Drop {
        file: prop::sample::Index,
    },
    Swap {
        one: prop::sample::Index,
        other: prop::sample::Index,
    },
    /// Gives another version of a role under the name of the newest.
    Old {
        role: prop::sample::Index,
        version: prop::sample::Index,
    },
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (0u8..3, 0u8..9).prop_map(|(course, lessons)| Edit::Lessons(course, lessons)),
        1 => (0u8..3).prop_map(Edit::Remove),
        1 => (100u8..104).prop_map(Edit::RotateTimestamp),
        1 => (110u8..114).prop_map(Edit::RotateSnapshot),
        1 => (120u8..124).prop_map(Edit::RotateTargets),
    ]
}

fn malice() -> impl Strategy<Value = Malice> {
    use prop::sample::Index;
    prop_oneof![
        2 => Just(Malice::Honest),
        2 => any::<(Index, Index)>().prop_map(|(file, byte)| Malice::Flip { file, byte }),
        1 => any::<Index>().prop_map(|file| Malice::Drop { file }),
        1 => any::<(Index, Index)>().prop_map(|(one, other)| Malice::Swap { one, other }),
        3 => any::<(Index, Index)>().prop_map(|(role, version)| Malice::Old { role, version }),
    ]
}

fn apply(ministry: &mut Ministry, edit: &Edit) {
    let course = |number: &u8| format!("course-{number}");
    match edit {
        Edit::Lessons(number, count) => {
            let lessons: Vec<String> = (0..*count).map(|lesson| lesson.to_string()).collect();
            let lessons: Vec<&str> = lessons.iter().map(String::as_str).collect();
            ministry.course(&course(number), &lessons);
        }
        Edit::Remove(number) => drop(
            ministry
                .repository
                .remove_role(&role(&course(number)))
                .unwrap(),
        ),
        Edit::RotateTimestamp(seed) => {
            ministry.timestamp = key(*seed);
            let to = Signatories::one(key(*seed).public());
            ministry
                .repository
                .rotate(&MetaRole::Timestamp, &to, LATER)
                .unwrap();
        }
        Edit::RotateSnapshot(seed) => {
            ministry.snapshot = key(*seed);
            let to = Signatories::one(key(*seed).public());
            ministry
                .repository
                .rotate(&MetaRole::Snapshot, &to, LATER)
                .unwrap();
        }
        Edit::RotateTargets(seed) => {
            ministry.targets = key(*seed);
            let to = Signatories::one(key(*seed).public());
            ministry
                .repository
                .rotate(&MetaRole::Targets, &to, LATER)
                .unwrap();
        }
    }
}

fn corrupt(history: &[Files], time: usize, malice: &Malice) -> Files {
    let mut files = history[time].clone();
    let names: Vec<String> = files.keys().cloned().collect();
    match malice {
        Malice::Honest => {}
        Malice::Flip { file, byte } => {
            let bytes = files.get_mut(file.get(&names)).unwrap();
            let at = byte.index(bytes.len());
            bytes[at] ^= 1;
        }
        Malice::Drop { file } => drop(files.remove(file.get(&names))),
        Malice::Swap { one, other } => {
            let bytes = files[other.get(&names)].clone();
            files.insert(one.get(&names).clone(), bytes);
        }
        Malice::Old { role, version } => {
            let mut versions: BTreeMap<MetaRole, Vec<String>> = BTreeMap::new();
            for file in names.iter().filter_map(|name| MetaFile::parse(name)) {
                versions
                    .entry(file.role.clone())
                    .or_default()
                    .push(file.file_name());
            }
            let versions: Vec<Vec<String>> = versions.into_values().collect();
            let names = role.get(&versions);
            let newest = names
                .iter()
                .max_by_key(|name| MetaFile::parse(name).and_then(|file| file.version));
            let bytes = files[version.get(names)].clone();
            files.extend(newest.map(|name| (name.clone(), bytes)));
        }
    }
    files
}

/// Every trusted version: what tells two times apart.
fn versions(set: &TrustedSet) -> Vec<(MetaRole, Option<u64>)> {
    set.held()
        .map(|file| (file.role.clone(), set.version(&file.role)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_client_holds_what_was_published_at_one_time_and_never_goes_back(
        edits in prop::collection::vec(edit(), 1..6),
        visits in prop::collection::vec((any::<prop::sample::Index>(), malice()), 1..8),
    ) {
        let mut ministry = Ministry::new();
        let mut history = vec![ministry.files()];
        let mut states = vec![versions(&ministry.client())];
        for edit in &edits {
            apply(&mut ministry, edit);
            history.push(ministry.publish());
            states.push(versions(&ministry.client()));
        }
        let first_root = ministry.first_root();
        let (mut client, mut disk, mut time) = (TrustedSet::pin(&first_root).unwrap(), Files::new(), None);
        for (when, malice) in &visits {
            let source = corrupt(&history, when.index(history.len()), malice);
            let before = versions(&client);
            let Ok(outcome) = update(&client, &source) else {
                prop_assert_eq!(versions(&client), before);
                continue;
            };
            disk.extend(outcome.new_files.iter().map(|(file, bytes)| (file.file_name(), bytes.clone())));
            client = outcome.set;
            let found = states.iter().rposition(|state| *state == versions(&client));
            prop_assert!(found.is_some(), "a mixture: {:?}", versions(&client));
            prop_assert!(found >= time, "back from {time:?} to {found:?}");
            time = found;
            let restored = TrustedSet::restore(&first_root, lookup(&disk), |_| {}).unwrap();
            prop_assert_eq!(versions(&restored), versions(&client));
        }
        let newest = update(&client, &ministry.files()).unwrap().set;
        prop_assert_eq!(Some(&versions(&newest)), states.last());
    }
}

//! What an update says of the files that it will ask for later.

use super::*;

/// Runs an update to its end; before every targets file, what it said was to come, and what it asked for.
fn foretold(set: &TrustedSet, files: &Files, most: usize) -> Vec<(String, Vec<String>)> {
    let mut update = set.begin_update(NOW, Policy::Strict);
    let mut said = Vec::new();
    loop {
        let Step::Fetch { file, .. } = update.next() else {
            return said;
        };
        let upcoming = update.upcoming(most).into_iter();
        let upcoming: Vec<String> = upcoming.map(|(file, _)| file.file_name()).collect();
        if file.role.targets_role().is_some() {
            said.push((file.file_name(), upcoming));
        } else {
            assert_eq!(upcoming, [""; 0], "before the snapshot nothing is known");
        }
        let bytes = files.get(&file.file_name()).cloned();
        let answer = bytes.map_or(Fetched::Absent, Fetched::Bytes);
        update.provide(&file, answer).unwrap();
    }
}

fn step(asked: &str, upcoming: &[&str]) -> (String, Vec<String>) {
    let upcoming = upcoming.iter().map(|&name| name.to_owned()).collect();
    (asked.to_owned(), upcoming)
}

#[test]
fn the_courses_are_foretold_in_the_order_in_which_they_are_asked_for() {
    let ministry = Ministry::new();
    let pinned = TrustedSet::pin(&ministry.first_root()).unwrap();
    let said = foretold(&pinned, &ministry.files(), 16);
    let expected = [
        step("1.targets.json", &["1.targets.json"]),
        step("1.math-6-sq.json", &["1.math-6-sq.json", "1.art-1-sr.json"]),
        step("1.art-1-sr.json", &["1.art-1-sr.json"]),
    ];
    assert_eq!(said, expected);
    let narrow = foretold(&pinned, &ministry.files(), 1);
    assert_eq!(
        narrow[1],
        step("1.math-6-sq.json", &["1.math-6-sq.json"]),
        "no more than wanted"
    );
}

#[test]
fn what_is_held_already_is_not_foretold() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    ministry.course("art-1-sr", &["1", "7"]);
    let said = foretold(&client, &ministry.publish(), 16);
    assert_eq!(said, [step("2.art-1-sr.json", &["2.art-1-sr.json"])]);
}

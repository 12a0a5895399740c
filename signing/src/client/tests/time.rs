//! Trusted time: what signatures prove of it, and what is made of a machine's clock.

use proptest::prelude::*;

use crate::fixture::*;
use crate::metadata::{Timestamp, parse_utc, set_issued};
use crate::repository::Signatories;

use super::*;

/// Build time of the program in these tests.
const BUILT: crate::UnixSeconds = NOW - 300 * DAY;
/// 2100-01-01.
const YEAR_2100: crate::UnixSeconds = 4_102_444_800;

/// A ministry that dates what it makes `now`, with a lesson that is new.
fn published_at(ministry: &mut Ministry, now: crate::UnixSeconds, lessons: &[&str]) -> Files {
    ministry.repository.issue_at(now);
    ministry.course("math-6-sq", lessons);
    ministry.publish()
}

#[test]
fn undated_metadata_prove_nothing_and_are_welcome() {
    let client = Ministry::new().client();
    assert_eq!(client.time_floor(BUILT), BUILT);
}

#[test]
fn offline_keys_raise_the_floor_freely() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    ministry.repository.issue_at(YEAR_2100);
    ministry.repository.renew(&role("targets"), LATER).unwrap();
    let files = ministry.publish();
    let renewed = update(&client, &files).unwrap().set;
    assert_eq!(renewed.time_floor(BUILT), YEAR_2100);

    // The ministry's clock is put right: its next signature puts every floor right.
    ministry.repository.issue_at(NOW);
    ministry.repository.renew(&role("targets"), LATER).unwrap();
    let files = ministry.publish();
    let right = update(&renewed, &files).unwrap().set;
    assert_eq!(right.time_floor(BUILT), NOW);
}

#[test]
fn a_course_raises_it_only_through_the_timestamp_that_goes_with_it() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    let files = published_at(&mut ministry, NOW, &["1", "2", "3"]);
    let updated = update(&client, &files).unwrap().set;
    assert_eq!(updated.time_floor(BUILT), NOW);
    assert_eq!(
        updated.time_floor(NOW - 400 * DAY),
        NOW - 400 * DAY + MAX_ONLINE_ADVANCE
    );
}

#[test]
fn a_stolen_timestamp_key_says_2100_until_the_root_takes_it_away() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    let mut files = published_at(&mut ministry, NOW, &["1", "2", "3"]);
    let honest = update(&client, &files).unwrap().set;
    let mut stolen: Timestamp = read(&files, "timestamp.json");
    (stolen.version, stolen.expires) = (stolen.version + 1, YEAR_2100);
    set_issued(&mut stolen.extra, YEAR_2100);
    files.insert(
        "timestamp.json".to_owned(),
        forge(stolen, &[&ministry.timestamp]),
    );
    let fooled = update(&honest, &files).unwrap().set;
    assert_eq!(fooled.time_floor(BUILT), BUILT + MAX_ONLINE_ADVANCE);
    assert_eq!(
        fooled.fresh_until(),
        Some(LATER),
        "the other roles still expire"
    );

    ministry.timestamp = key(31);
    let by = Signatories::one(ministry.timestamp.public());
    ministry
        .repository
        .rotate(&MetaRole::Timestamp, &by, LATER)
        .unwrap();
    let files = published_at(&mut ministry, NOW + DAY, &["1"]);
    let recovered = update(&fooled, &files).unwrap().set;
    assert_eq!(recovered.time_floor(BUILT), NOW + DAY);
}

#[test]
fn a_date_under_a_targets_key_that_was_taken_away_does_not_count() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    ministry.repository.issue_at(YEAR_2100);
    ministry.repository.renew(&role("targets"), LATER).unwrap();
    let files = ministry.publish();
    let fooled = update(&client, &files).unwrap().set;
    ministry.repository.issue_at(NOW);
    ministry.targets = key(11);
    let by = Signatories::one(ministry.targets.public());
    ministry
        .repository
        .rotate(&MetaRole::Targets, &by, LATER)
        .unwrap();
    let mut files = ministry.publish();
    // The source holds everything but the root back: that alone takes the date away.
    files.retain(|name, _| name.ends_with("root.json"));
    let mut update = fooled.begin_update(NOW, Policy::Offline);
    while let Step::Fetch { file, .. } = update.next() {
        let answer = files.get(&file.file_name()).cloned();
        let _ = update.provide(&file, answer.map_or(Fetched::Absent, Fetched::Bytes));
    }
    let rotated = update.salvage().unwrap().set;
    // The timestamp of that day still stands, within its bound.
    assert_eq!(rotated.time_floor(BUILT), NOW + MAX_ONLINE_ADVANCE);
}

#[test]
fn a_file_says_when_it_was_made() {
    let mut ministry = Ministry::new();
    let files = published_at(&mut ministry, NOW, &["1"]);
    let timestamp: serde_json::Value = serde_json::from_slice(&files["timestamp.json"]).unwrap();
    let written = timestamp["signed"]["x-pishtar-issued"].as_str().unwrap();
    assert_eq!(parse_utc(written), Some(NOW));
}

#[test]
fn what_a_clock_is_worth() {
    let floor = NOW;
    for (clock, verdict, now) in [
        (0, Clock::Behind, floor),
        (i64::MIN, Clock::Behind, floor),
        (NOW - 3_650 * DAY, Clock::Behind, floor),
        (NOW - CLOCK_BEHIND - 1, Clock::Behind, floor),
        // Summer time and wrong zones: believed, and never before the floor.
        (NOW - 14 * 3_600, Clock::Sane, floor),
        (NOW + 41 * DAY, Clock::Sane, NOW + 41 * DAY),
        (NOW + CLOCK_AHEAD, Clock::Sane, NOW + CLOCK_AHEAD),
        (NOW + 3_650 * DAY, Clock::Ahead, floor),
        (YEAR_2100, Clock::Ahead, floor),
        (i64::MAX, Clock::Ahead, floor),
    ] {
        let time = TrustedTime::new(floor, clock);
        assert_eq!((time.verdict(), time.now()), (verdict, now), "{clock}");
    }
}

#[test]
fn fresh_is_right_or_unknown() {
    let until = NOW + 100 * DAY;
    for (floor, clock, freshness) in [
        (NOW, NOW + DAY, Freshness::Fresh),
        (NOW, NOW + 120 * DAY, Freshness::Stale),
        (NOW, 0, Freshness::Unknown),
        (NOW, YEAR_2100, Freshness::Unknown),
        // Something was signed after the expiry: no clock is needed to know.
        (NOW + 101 * DAY, 0, Freshness::Stale),
        (NOW + 101 * DAY, YEAR_2100, Freshness::Stale),
    ] {
        let time = TrustedTime::new(floor, clock);
        assert_eq!(time.freshness(Some(until)), freshness, "{floor} {clock}");
        assert_eq!(time.freshness(None), Freshness::Stale);
    }
}

proptest! {
    /// Whatever the clock does, it decides neither what is installed nor what the next reading is worth.
    #[test]
    fn no_clock_decides_what_is_installed(clock in prop_oneof![any::<i64>(), 0..YEAR_2100]) {
        let ministry = Ministry::new();
        let pinned = TrustedSet::pin(&ministry.first_root()).unwrap();
        let (outcome, _) = update_with(&pinned, &ministry.files(), clock, Policy::Offline);
        let set = outcome.unwrap().set;
        prop_assert_eq!(set.version(&MetaRole::Timestamp), Some(1));
        prop_assert_eq!(set.time_floor(BUILT), BUILT);
    }

    /// A clock that is believed is never far from what was signed.
    #[test]
    fn a_believed_clock_is_near_the_floor(floor in 0..YEAR_2100, clock in any::<i64>()) {
        let time = TrustedTime::new(floor, clock);
        prop_assert!(time.now() >= floor);
        prop_assert!(time.now() <= floor + CLOCK_AHEAD);
    }
}

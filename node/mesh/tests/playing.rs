//! Somebody presses play, seeks, or loses the source: what the planner asks for then.

use std::{ops::Range, time::Duration};

use pishtar_catalog::BlobHash;
use pishtar_mesh::{
    Ask, DemandId, Input, Priority,
    testing::{At, Fault, Link, Ministry, World},
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// A line of 20 Mbit/s with 20 ms in each direction.
const LINE: Link = Link {
    delay: Duration::from_millis(20),
    up_rate: 2_500_000,
};

struct Home {
    world: World,
    film: BlobHash,
    sources: Vec<At>,
    home: At,
}

impl Home {
    /// A home that follows everything, connected to so many schools that hold all of it.
    fn new(schools: usize) -> Home {
        let mut ministry = Ministry::new();
        ministry.lesson("math-6-sq", "film", &[40 * MIB]);
        ministry.lesson("art-1-sr", "colours", &[30 * MIB]);
        ministry.publish();
        let mut world = World::new(21, LINE);
        let sources: Vec<At> = (0..schools).map(|_| world.add(&ministry, |_| {})).collect();
        for at in &sources {
            world.publish_to(*at, &ministry);
        }
        let home = world.add(&ministry, |_| {});
        for at in &sources {
            world.connect(*at, home);
        }
        let blobs = ministry.blobs();
        let film = blobs.iter().max_by_key(|(_, length)| *length);
        let (film, _) = *film.expect("there are two");
        let mut home = Home {
            world,
            film,
            sources,
            home,
        };
        let filling = |home: &Home| home.world.node(home.home).store.bytes() > 2 * MIB;
        assert!(home.wait(10_000, filling), "the home fills");
        home
    }

    fn play(&mut self, from: u64) -> Duration {
        let play = Input::Demand {
            id: DemandId(1),
            hash: self.film,
            window: from..from + 8 * MIB,
            priority: Priority::Playback,
        };
        self.world.input(self.home, play);
        self.world.time()
    }

    /// A place of which and after which nothing is here.
    fn empty_place(&self) -> u64 {
        let held = self.world.node(self.home).store.ranges(&self.film);
        let empty = |from: &u64| {
            held.iter()
                .all(|held| held.end <= *from || held.start >= from + 8 * MIB)
        };
        (0..32).map(|n| n * MIB).find(empty).expect("most is empty")
    }

    fn holds(&self, range: &Range<u64>) -> bool {
        let held = self.world.node(self.home).store.ranges(&self.film);
        held.iter()
            .any(|held| held.start <= range.start && range.end <= held.end)
    }

    fn wait(&mut self, ms: u64, mut done: impl FnMut(&Home) -> bool) -> bool {
        let limit = self.world.time() + Duration::from_millis(ms);
        while !done(self) {
            let next = self.world.time() + Duration::from_millis(10);
            if next > limit {
                return false;
            }
            self.world.pass(Duration::from_millis(10));
        }
        true
    }
}

#[test]
fn a_player_goes_before_what_is_followed_and_begins_with_one_range() {
    let mut home = Home::new(1);
    let before = home.world.node(home.home).asked.len();
    let from = home.empty_place();
    home.play(from);
    let asked = home.world.node(home.home).asked[before..].to_vec();
    let [(_, range, Ask::Playback)] = &asked[..] else {
        panic!("one range at first: {asked:?}");
    };
    assert_eq!(range.start, from);
    assert!(range.end - range.start <= 512 * KIB, "{range:?}");
    // The line still carries one piece of each range that was given up.
    assert!(home.wait(700, |home| home.holds(&(from..from + 64 * KIB))));
    assert!(home.wait(2_000, |home| home.holds(&(from..from + MIB))));
    let asked = &home.world.node(home.home).asked[before..];
    let others = asked.iter().filter(|(_, _, ask)| *ask != Ask::Playback);
    assert_eq!(others.count(), 0, "nothing else before a megabyte is there");
    assert!(
        home.wait(60_000, |home| home.world.node(home.home).store.bytes()
            == 70 * MIB)
    );
    assert!(home.world.node(home.home).repeated_bytes <= 2 * MIB);
}

#[test]
fn a_seek_gives_up_what_is_on_its_way_for_the_old_place() {
    let mut home = Home::new(1);
    home.play(0);
    assert!(home.wait(3_000, |home| home.holds(&(0..2 * MIB))));
    let before = home.world.node(home.home).asked.len();
    home.play(30 * MIB);
    // Up to four pieces of 256 KiB are on the modelled line already, and the new one is the fifth.
    assert!(home.wait(900, |home| home.holds(&(30 * MIB..30 * MIB + 64 * KIB))));
    let asked = home.world.node(home.home).asked[before..].to_vec();
    let old = asked.iter().filter(|(_, range, _)| range.start < 30 * MIB);
    assert_eq!(old.count(), 0, "{asked:?}");
}

#[test]
fn a_window_that_moves_on_gives_nothing_up() {
    let mut home = Home::new(1);
    home.play(0);
    assert!(home.wait(5_000, |home| home.holds(&(0..4 * MIB))));
    let before = home.world.node(home.home).repeated_bytes;
    for from in [MIB, 2 * MIB, 3 * MIB] {
        home.play(from);
        home.wait(200, |_| false);
    }
    assert!(home.wait(8_000, |home| home.holds(&(0..11 * MIB))));
    assert_eq!(home.world.node(home.home).repeated_bytes, before);
}

#[test]
fn a_source_that_falls_silent_in_mid_play_is_not_noticed() {
    let mut home = Home::new(2);
    home.play(10 * MIB);
    assert!(home.wait(3_000, |home| home.holds(&(10 * MIB..12 * MIB))));
    let silent = home.sources[0];
    home.world.node_mut(silent).fault = Fault::Stall;
    // A video of 2 Mbit/s is eight seconds further by the end of these 2 MiB.
    assert!(home.wait(8_000, |home| home.holds(&(12 * MIB..14 * MIB))));
    assert!(home.wait(8_000, |home| home.holds(&(14 * MIB..18 * MIB))));
}

#[test]
fn viewers_of_one_arriving_file_share_its_bytes_and_leave_nothing_behind() {
    let mut home = Home::new(1);
    let follow = Input::SetFollow(Vec::new());
    let at = home.home;
    home.world.input(at, follow);
    home.wait(500, |_| false);
    let from = home.empty_place();
    let sent = |home: &Home| home.world.sent[&(home.sources[0], home.home)];
    let before = sent(&home);
    for id in 1..=5 {
        let play = Input::Demand {
            id: DemandId(id),
            hash: home.film,
            window: from..from + 4 * MIB,
            priority: Priority::Playback,
        };
        home.world.input(at, play);
        home.wait(100, |_| false);
    }
    assert!(home.wait(10_000, |home| home.holds(&(from..from + 4 * MIB))));
    assert_eq!(sent(&home) - before, 4 * MIB, "five viewers, one copy");
    for id in 1..=5 {
        home.world.input(at, Input::DropDemand { id: DemandId(id) });
    }
    let held = home.world.node(at).store.bytes();
    home.wait(5_000, |_| false);
    assert_eq!(
        home.world.node(at).store.bytes(),
        held,
        "nobody watches any more"
    );
}

#[test]
fn pictures_come_soon_beside_an_arriving_video_on_a_slow_line() {
    let mut ministry = Ministry::new();
    let pictures = (1..=6).map(|n| n * 4 * KIB);
    let lengths: Vec<u64> = std::iter::once(40 * MIB).chain(pictures).collect();
    ministry.lesson("math-6-sq", "film", &lengths);
    ministry.publish();
    let slow = Link {
        delay: Duration::from_millis(20),
        up_rate: 62_500,
    };
    let mut world = World::new(22, slow);
    let sources = [(); 2].map(|()| world.add(&ministry, |_| {}));
    let home = world.add(&ministry, |_| {});
    world.input(home, Input::SetFollow(Vec::new()));
    for at in sources {
        world.publish_to(at, &ministry);
        world.connect(at, home);
    }
    world.pass(Duration::from_secs(10));
    let demand = |id, hash, window| Input::Demand {
        id: DemandId(id),
        hash,
        window,
        priority: Priority::Playback,
    };
    let mut blobs = ministry.blobs();
    blobs.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
    let ((film, _), pictures) = blobs.split_first().expect("seven");
    world.input(home, demand(0, *film, 0..8 * MIB));
    // While the first ranges come, while rates become known, and later.
    for ((hash, length), (id, wait)) in pictures
        .iter()
        .zip((1..).zip([100, 700, 700, 700, 5_000, 5_000]))
    {
        world.pass(Duration::from_millis(wait));
        world.input(home, demand(id, *hash, 0..*length));
        let asked = world.time();
        let held = |world: &World| {
            let ranges = world.node(home).store.ranges(hash);
            ranges.contains(&(0..*length))
        };
        while !held(&world) {
            world.pass(Duration::from_millis(10));
            let waited = world.time() - asked;
            assert!(waited < Duration::from_millis(2_500), "picture {id}");
        }
    }
}

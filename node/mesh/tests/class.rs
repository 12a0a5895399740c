//! A class that fills at once from one seed: few repetitions, near the limit of the line, and nobody needs the seed to stay.

use std::time::Duration;

use pishtar_mesh::{
    Ask, Attachment, Give,
    testing::{At, Fault, Link, Ministry, World},
    wire::HoldingsQuery,
};

const MB: u64 = 1_000_000;
/// 100 Mbit/s.
const RATE: u64 = 12_500_000;
const FILE: u64 = 100 * MB;

struct Class {
    world: World,
    ministry: Ministry,
    seed: At,
    learners: Vec<At>,
}

impl Class {
    fn new(seed: u64, count: usize) -> Class {
        Class::on_line(seed, count, FILE, RATE)
    }

    fn on_line(seed: u64, count: usize, length: u64, up_rate: u64) -> Class {
        let unknown = Attachment::Unknown;
        Class::attached(seed, count, (length, up_rate), (unknown, unknown))
    }

    /// `attached`: how the seed and the learners hang on the network.
    fn attached(
        seed: u64,
        count: usize,
        (length, up_rate): (u64, u64),
        attached: (Attachment, Attachment),
    ) -> Class {
        let mut ministry = Ministry::new();
        ministry.lesson("math-6-sq", "film", &[length]);
        ministry.publish();
        let link = Link {
            delay: Duration::from_millis(1),
            up_rate,
        };
        let mut world = World::new(seed, link);
        world.check = false;
        let seed = world.add(&ministry, |config| config.attachment = attached.0);
        world.publish_to(seed, &ministry);
        let learners =
            (0..count).map(|_| world.add(&ministry, |config| config.attachment = attached.1));
        let learners: Vec<At> = learners.collect();
        for &at in &learners {
            world.connect(seed, at);
            for &other in &learners {
                world.connect(at, other);
            }
        }
        Class {
            world,
            ministry,
            seed,
            learners,
        }
    }

    fn run(&mut self, limit: Duration, leaves_at: Option<f64>) -> bool {
        let (blobs, seed, learners) = (self.ministry.blobs(), self.seed, self.learners.clone());
        if let Some(copies) = leaves_at {
            let sent = self.world.run_until(limit, |world| {
                sent_by(world, seed) >= copies || world.all_hold(&learners, &blobs)
            });
            assert!(sent);
            for &at in &learners {
                self.world.disconnect(seed, at);
            }
        }
        self.world
            .run_until(limit, |world| world.all_hold(&learners, &blobs))
    }

    fn copies(&self) -> f64 {
        sent_by(&self.world, self.seed)
    }
}

fn sent_by(world: &World, seed: At) -> f64 {
    let sent = world.sent.iter().filter(|((from, _), _)| *from == seed);
    sent.map(|(_, bytes)| *bytes).sum::<u64>() as f64 / FILE as f64
}

#[test]
fn a_class_is_full_soon_after_the_seed_has_sent_the_file_once() {
    for seed in 1..=3 {
        let mut class = Class::new(seed, 8);
        assert!(class.run(Duration::from_secs(60), None));
        let took = class.world.time().as_secs_f64() / (FILE as f64 / RATE as f64);
        let copies = class.copies();
        eprintln!("{took:.2} of the line's limit, {copies:.2} copies");
        assert!(
            took < 1.1,
            "took {took:.2} times what the line needs for one copy"
        );
        assert!(copies < 1.05, "the seed sent {copies:.2} copies");
    }
}

#[test]
fn the_class_finishes_among_itself_when_the_seed_leaves_early() {
    for seed in 4..=6 {
        let mut class = Class::new(seed, 8);
        let done = class.run(Duration::from_secs(60), Some(1.08));
        assert!(
            done,
            "a part was nowhere after {:.2} copies",
            class.copies()
        );
    }
}

/// Times that a node announced what it holds.
fn announcements(world: &World, at: At) -> u64 {
    let query = HoldingsQuery::default();
    world.node(at).mesh.answer_holdings(&query).generation
}

#[test]
fn a_crowd_on_a_slow_line_says_seldom_what_it_holds_and_nobody_seems_silent() {
    const LENGTH: u64 = 6 * MB;
    const COUNT: usize = 12;
    let mut class = Class::on_line(7, COUNT, LENGTH, MB);
    assert!(class.run(Duration::from_secs(120), None));
    // One for 32 KiB from each neighbour, one in 3 s, a few around the catalogue; every 100 ms would be hundreds.
    let worth = LENGTH / (COUNT as u64 * 32 * 1024);
    let most = worth + class.world.time().as_secs() / 3 + 5;
    for &at in &class.learners {
        let told = announcements(&class.world, at);
        assert!(told <= most, "{told} times in {:?}", class.world.time());
        let mesh = &class.world.node(at).mesh;
        let faults: u64 = mesh.peers().map(|(_, account)| account.fault_count).sum();
        assert_eq!(faults, 0);
    }
}

#[test]
fn who_fills_gives_what_it_has_and_says_what_it_lacks() {
    let mut class = Class::new(8, 1);
    let (seed, learner) = (class.seed, class.learners[0]);
    let half = class
        .world
        .run_until(Duration::from_secs(60), |world| sent_by(world, seed) >= 0.5);
    assert!(half);
    class.world.disconnect(seed, learner);
    let (hash, length) = class.ministry.blobs()[0];
    let (now, stranger) = (class.world.clock(), class.world.node(seed).id());
    let node = class.world.node_mut(learner);
    let held = node.store.ranges(&hash);
    let mut ask = |range| node.mesh.give(now, stranger, &hash, range, Ask::Any);
    assert_eq!(ask(held[0].clone()), Some(Give::This));
    assert_eq!(ask(0..length), Some(Give::Absent));
    let gap = held[0].end..held[0].end + 16 * 1024;
    assert_eq!(ask(gap.clone()), Some(Give::Absent));
    assert_eq!(ask(held[0].start..gap.end), Some(Give::Absent));
}

const CELL: (Attachment, Attachment) = (Attachment::Cable, Attachment::Air);

fn sent_among_learners(class: &Class) -> u64 {
    let sent = class.world.sent.iter();
    let among = sent.filter(|((from, _), _)| *from != class.seed);
    among.map(|(_, bytes)| *bytes).sum()
}

#[test]
fn a_cell_takes_from_the_node_by_cable_what_it_would_else_carry_twice() {
    let mut class = Class::attached(9, 8, (20 * MB, RATE), CELL);
    assert!(class.run(Duration::from_secs(60), None));
    assert_eq!(sent_among_learners(&class), 0);
}

#[test]
fn stations_help_each_other_when_the_node_by_cable_is_gone_or_busy() {
    let mut class = Class::attached(10, 4, (FILE, RATE), CELL);
    assert!(
        class.run(Duration::from_secs(120), Some(3.5)),
        "the seed left"
    );
    let mut class = Class::attached(11, 2, (20 * MB, RATE), CELL);
    let (seed, late) = (class.seed, class.learners[1]);
    class.world.disconnect(seed, late);
    class.world.disconnect(class.learners[0], late);
    let (blobs, first) = (class.ministry.blobs(), class.learners[0]);
    let filled = class.world.run_until(Duration::from_secs(60), |world| {
        world.all_hold(&[first], &blobs)
    });
    assert!(filled);
    class.world.node_mut(seed).fault = Fault::Busy;
    class.world.connect(seed, late);
    class.world.connect(first, late);
    assert!(class.run(Duration::from_secs(60), None), "the seed is busy");
    assert!(sent_among_learners(&class) >= 20 * MB);
}

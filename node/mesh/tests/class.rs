//! A class that fills at once from one seed: few repetitions, near the limit of the line, and nobody needs the seed to stay.

use std::time::Duration;

use pishtar_mesh::testing::{At, Link, Ministry, World};

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
        let mut ministry = Ministry::new();
        ministry.lesson("math-6-sq", "film", &[FILE]);
        ministry.publish();
        let link = Link {
            delay: Duration::from_millis(1),
            up_rate: RATE,
        };
        let mut world = World::new(seed, link);
        world.check = false;
        let seed = world.add(&ministry, |_| {});
        world.publish_to(seed, &ministry);
        let learners: Vec<At> = (0..count).map(|_| world.add(&ministry, |_| {})).collect();
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
            took < 1.2,
            "took {took:.2} times what the line needs for one copy"
        );
        assert!(copies < 1.15, "the seed sent {copies:.2} copies");
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

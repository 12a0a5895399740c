//! A country's catalogue: 14,000 lessons, 56,000 files. Work per event must not grow with it.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use pishtar_mesh::{
    Input,
    testing::{Link, Ministry, World},
};

/// Prints timings; run with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement, for people"]
fn a_country_of_files() {
    let mut ministry = Ministry::new();
    for course in 0..140 {
        for lesson in 0..100 {
            let lengths = [1_000_000 + lesson, 3_000, 4_000, 5_000];
            ministry.lesson(&format!("s{course}-6-sq"), &format!("l{lesson}"), &lengths);
        }
    }
    ministry.publish();
    let mut world = World::new(
        1,
        Link {
            delay: Duration::from_millis(1),
            up_rate: 1_000_000_000,
        },
    );
    world.check = false;
    let source = world.add(&ministry, |_| {});
    let started = Instant::now();
    world.publish_to(source, &ministry);
    world.run_until(Duration::from_secs(5), |_| false);
    assert_eq!(world.node(source).mesh.counts().blobs_complete, 56_000);
    println!("source has it all after {:?}", started.elapsed());
    let home = world.add(&ministry, |_| {});
    world.connect(source, home);
    let started = Instant::now();
    world.run_until(Duration::from_secs(30), |world| {
        world.node(home).store.bytes() > 0
    });
    println!("first bytes after {:?} of computing", started.elapsed());
    let (started, before) = (Instant::now(), world.node(home).store.bytes());
    let begin = world.time();
    world.run_until(begin + Duration::from_secs(1), |_| false);
    let took = started.elapsed();
    let bytes = world.node(home).store.bytes() - before;
    println!(
        "{bytes} bytes of many files took {took:?} of computing in {:?}",
        world.time() - begin
    );
    let started = Instant::now();
    for _ in 0..1_000 {
        world.input(home, Input::Tick);
    }
    println!("a tick takes {:?}", started.elapsed() / 1_000);
    let started = Instant::now();
    black_box(world.node(home).mesh.counts());
    println!("counts take {:?}", started.elapsed());
}

/// Prints timings; run with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement, for people"]
fn one_large_file() {
    let mut ministry = Ministry::new();
    ministry.lesson("math-6-sq", "film", &[1 << 30]);
    ministry.publish();
    let mut world = World::new(
        1,
        Link {
            delay: Duration::from_micros(100),
            up_rate: 450_000_000,
        },
    );
    world.check = false;
    let source = world.add(&ministry, |_| {});
    world.publish_to(source, &ministry);
    let home = world.add(&ministry, |_| {});
    world.connect(source, home);
    let started = Instant::now();
    let done = world.run_until(Duration::from_secs(60), |world| {
        world.all_hold(&[home], &ministry.blobs())
    });
    println!(
        "1 GiB done: {done}, {:?} of world time, {:?} of computing",
        world.time(),
        started.elapsed()
    );
}

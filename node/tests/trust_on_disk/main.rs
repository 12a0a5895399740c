//! Trust state on a disk that fails: a real update of a real store, stopped at every system call, with every write
//! and fsync refused, on a disk that is full, and over files that are damaged.
//!
//! What must hold after each: the old catalogue or the new one of each publisher, never a mixture; no floor goes down;
//! the next start works, and so does the next update. The faults come from `strace`, which stops this very program,
//! started again as `install`, at the system call that is wanted.
//!
//! `PISHTAR_KILLS=1000 PISHTAR_SEED=7 cargo test -p pishtar --test trust_on_disk random` is the long version.

mod damage;
mod faults;
mod publisher;
mod world;

use std::{env, path::Path, process::ExitCode};

/// One case: its name, and what it does. `Err` is a reason why it cannot run here.
type Case = (&'static str, fn() -> Result<(), String>);

const REQUIRE_TOOLS: &str = "PISHTAR_REQUIRE_TOOLS";

const CASES: [Case; 7] = [
    (
        "killed_at_every_system_call",
        faults::killed_at_every_system_call,
    ),
    (
        "killed_at_random_again_and_again",
        faults::killed_at_random_again_and_again,
    ),
    (
        "every_refused_write_is_told_and_heals",
        faults::every_refused_write_is_told_and_heals,
    ),
    (
        "a_read_only_folder_is_a_sentence",
        faults::a_read_only_folder_is_a_sentence,
    ),
    ("a_disk_with_little_room", faults::a_disk_with_little_room),
    (
        "damage_fails_closed_and_the_remedy_works",
        damage::every_damage_fails_closed,
    ),
    (
        "a_node_says_how_to_seed_and_it_works",
        damage::a_node_says_how_to_seed_and_it_works,
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [install, data, published] = &arguments[..]
        && install == "install"
    {
        return world::install(Path::new(data), Path::new(published));
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    for (name, case) in CASES {
        if filter.is_some_and(|filter| !name.contains(filter.as_str())) {
            continue;
        }
        match case() {
            Ok(()) => println!("test {name} ... ok"),
            // The check script installs strace: there its absence is a failure.
            Err(reason) if reason.contains("strace") && env::var_os(REQUIRE_TOOLS).is_some() => {
                println!("test {name} ... FAILED: {reason}");
                return ExitCode::FAILURE;
            }
            Err(reason) => println!("test {name} ... SKIPPED: {reason}"),
        }
    }
    ExitCode::SUCCESS
}

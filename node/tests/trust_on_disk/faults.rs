//! Kills and refusals at chosen system calls, and a disk with chosen room.

use std::{
    env, fs,
    ops::Range,
    path::Path,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::world::{self, World};

/// Every system call that names a file or works on an open one; not `mmap`, whose number depends on where memory lies.
/// A question mark: not every processor has it.
const ALL: &str = "openat,read,write,close,fsync,fdatasync,getdents64,statx,fcntl,lseek,ftruncate,?readlink,\
    ?open,?stat,?lstat,?fstat,?newfstatat,?access,?rename,renameat,renameat2,?unlink,unlinkat,?mkdir,mkdirat";
/// Those that change the disk.
const WRITES: &str = "openat,write,fsync,fdatasync,?rename,renameat,renameat2,?unlink,unlinkat,?mkdir,mkdirat,ftruncate";
/// Those that a read-only folder refuses; open files, standard error among them, are written to as before.
const CHANGES: &str = "openat,?rename,renameat,renameat2,?unlink,unlinkat,?mkdir,mkdirat,ftruncate";
/// Kills in a row of the random case.
const ROUNDS: usize = 5;

pub(super) fn killed_at_every_system_call() -> Result<(), String> {
    let world = World::new(&["ministry", "prizren"]);
    let calls = Calls::of(&world, ALL)?;
    assert!(
        calls.count() > 100,
        "an install makes more than {} calls",
        calls.count()
    );
    calls.each(|at| {
        let data = world.copy();
        let output = calls.once(&world, data.path(), at, "signal=KILL");
        let what = format!("killed at call {at}, {}", calls.names[at]);
        assert!(!output.status.success(), "{what}: was not reached");
        world.check(data.path(), &what);
    });
    println!("killed at {} system calls", calls.count());
    Ok(())
}

/// A crash during the recovery from a crash, and floors that never go down between them.
pub(super) fn killed_at_random_again_and_again() -> Result<(), String> {
    let number = |name, default| {
        let given = env::var(name).ok();
        given.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (kills, seed): (usize, u64) = (
        number("PISHTAR_KILLS", 20),
        number("PISHTAR_SEED", 1) as u64,
    );
    let world = World::new(&["ministry", "prizren"]);
    let calls = Calls::of(&world, ALL)?;
    println!("PISHTAR_SEED={seed} PISHTAR_KILLS={kills}");
    on_all_processors(0..kills.div_ceil(ROUNDS), |run| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(run as u64));
        let data = world.copy();
        let mut floors = world.before.clone();
        for round in 0..ROUNDS {
            let at = calls.first + rng.next_u32() as usize % calls.count();
            calls.once(&world, data.path(), at, "signal=KILL");
            let what = format!("run {run} round {round} call {at}");
            let found = world.check_whole(data.path(), &what);
            for (publisher, trusted) in &found {
                let floor = floors[publisher].timestamp;
                assert!(trusted.timestamp >= floor, "{what}: {publisher} went back");
            }
            floors = found;
        }
        world.check(data.path(), &format!("run {run}"));
    });
    Ok(())
}

pub(super) fn every_refused_write_is_told_and_heals() -> Result<(), String> {
    let world = World::new(&["ministry"]);
    let calls = Calls::of(&world, WRITES)?;
    for error in ["ENOSPC", "EIO"] {
        for sticky in [false, true] {
            calls.each(|at| {
                let (data, fault) = (world.copy(), format!("error={error}"));
                let output = match sticky {
                    false => calls.once(&world, data.path(), at, &fault),
                    true => calls.once_and_after(&world, data.path(), at, &fault),
                };
                let what = format!("{error} at call {at}, {}, sticky {sticky}", calls.names[at]);
                told(&output, error, sticky, &what);
                // A failed fsync means that the bytes are lost: never success.
                let synced = calls.names[at].ends_with("sync");
                assert!(
                    !synced || output.status.code() == Some(1),
                    "{what}: passed for done"
                );
                let found = world.check_whole(data.path(), &what);
                if output.status.success() {
                    assert_eq!(found, world.after, "{what}: said that it is installed");
                }
                world.check(data.path(), &what);
            });
        }
    }
    println!("refused {} calls in 4 ways", calls.count());
    Ok(())
}

/// The sentence names the file and, where the disk is full, says so.
fn told(output: &Output, error: &str, sticky: bool, what: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        // What is only tidied up may fail unnoticed.
        Some(0) => {}
        // Standard error is refused as well.
        Some(1) if sticky && said.is_empty() => {}
        Some(1) if error == "ENOSPC" && said.starts_with("cannot ") => {
            assert!(
                said.contains("The disk is full: make room"),
                "{what}: {said}"
            );
        }
        Some(1) => assert!(
            !said.trim().is_empty() && !said.contains("panicked"),
            "{what}: {said}"
        ),
        code => panic!("{what}: ended with {code:?}: {said}"),
    }
}

pub(super) fn a_read_only_folder_is_a_sentence() -> Result<(), String> {
    let world = World::new(&["ministry"]);
    let calls = Calls::of(&world, CHANGES)?;
    // Reading goes on; the first file that is to be written is removed before, in case a stop left it.
    let first = calls
        .names
        .iter()
        .position(|name| name.starts_with("unlink"));
    let (first, data) = (first.expect("an install writes a file"), world.copy());
    let output = calls.once_and_after(&world, data.path(), first, "error=EROFS");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("must be writable for whoever runs the node"),
        "{said}"
    );
    assert_eq!(world::state(data.path()).unwrap(), world.before);
    world.check(data.path(), "read-only");
    Ok(())
}

/// A real disk of 256 KiB: the same with everything from no room at all to enough.
pub(super) fn a_disk_with_little_room() -> Result<(), String> {
    const DISK: usize = 256 * 1024;
    const BLOCK: usize = 4096;
    let world = World::new(&["ministry", "prizren"]);
    let disk = Disk::mount(DISK)?;
    let (mut refused, mut installed) = (0, 0);
    for room in (0..DISK / BLOCK).step_by(2) {
        let data = disk.0.path().join("data");
        fs::create_dir(&data).unwrap();
        world.copy_to(&data);
        let filler = disk.0.path().join("filler");
        fill(&filler, room * BLOCK);
        match world::update(&data, &world.published()) {
            Ok(()) => installed += 1,
            Err(error) => {
                refused += 1;
                let said = error.to_string();
                assert!(
                    said.contains("The disk is full: make room"),
                    "{room} blocks: {said}"
                );
            }
        }
        let what = format!("{room} blocks free");
        world.check_whole(&data, &what);
        fs::remove_file(&filler).unwrap();
        world.check(&data, &what);
        fs::remove_dir_all(&data).unwrap();
        if installed > 2 {
            break;
        }
    }
    assert!(
        refused > 2 && installed > 0,
        "{refused} refused, {installed} installed"
    );
    Ok(())
}

/// Takes all room of the disk but `room` bytes.
fn fill(filler: &Path, room: usize) {
    let block = [0; 4096];
    let mut file = fs::File::create(filler).unwrap();
    while std::io::Write::write_all(&mut file, &block).is_ok() {}
    let full = file.metadata().unwrap().len();
    file.set_len(full.saturating_sub(room as u64)).unwrap();
}

/// A disk in memory, gone with its value.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(bytes: usize) -> Result<Disk, String> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={bytes}"),
                "pishtar-test",
            ])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Disk(folder)),
            Ok(output) => Err(format!(
                "a small disk cannot be mounted here: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )),
            Err(error) => Err(format!("a small disk cannot be mounted here: {error}")),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// The system calls of one update that goes well, in order, from the first one that touches the store.
struct Calls {
    /// The set that was traced, in strace's words.
    set: &'static str,
    names: Vec<String>,
    first: usize,
}

impl Calls {
    fn of(world: &World, set: &'static str) -> Result<Calls, String> {
        let log = traced(world, set)?;
        let name = |line: &String| line.split('(').next().unwrap_or_default().to_owned();
        // Calls on open files name no path; where only those are traced, all belong to the store.
        let first = log.iter().position(|line| line.contains("/trust"));
        Ok(Calls {
            set,
            names: log.iter().map(name).collect(),
            first: first.unwrap_or(0),
        })
    }

    fn count(&self) -> usize {
        self.names.len() - self.first
    }

    /// One update with `fault` at call `at`. strace counts every kind of call by itself.
    fn once(&self, world: &World, data: &Path, at: usize, fault: &str) -> Output {
        let name = &self.names[at];
        let nth = self.before(name, at) + 1;
        strace(world, data, &[format!("inject={name}:{fault}:when={nth}")])
    }

    /// One update with `fault` at call `at` and all after it.
    fn once_and_after(&self, world: &World, data: &Path, at: usize, fault: &str) -> Output {
        let inject = |name: &str| {
            let nth = self.before(name.trim_start_matches('?'), at) + 1;
            format!("inject={name}:{fault}:when={nth}+")
        };
        strace(
            world,
            data,
            &self.set.split(',').map(inject).collect::<Vec<_>>(),
        )
    }

    fn before(&self, name: &str, at: usize) -> usize {
        self.names[..at]
            .iter()
            .filter(|other| *other == name)
            .count()
    }

    /// Does `case` for every call, on all processors.
    fn each(&self, case: impl Fn(usize) + Sync) {
        on_all_processors(self.first..self.names.len(), case);
    }
}

fn on_all_processors(numbers: Range<usize>, case: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(numbers.start);
    let workers = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        return;
                    }
                    case(number);
                }
            });
        }
    });
}

/// The system calls of one update that goes well, one a line.
fn traced(world: &World, calls: &str) -> Result<Vec<String>, String> {
    let data = world.copy();
    let log = data.path().join("log");
    let output = Command::new("strace")
        .args(["-qq", "-s", "4096", "-e", &format!("trace={calls}"), "-o"])
        .arg(&log)
        .args(child(world, data.path()))
        .output()
        .map_err(|error| {
            format!("strace cannot be started ({error}); install the package strace")
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("strace does not work here: {said}"));
    }
    assert_eq!(world::state(data.path()).unwrap(), world.after);
    let log = fs::read_to_string(log).unwrap();
    Ok(log.lines().map(str::to_owned).collect())
}

/// One update under these faults.
fn strace(world: &World, data: &Path, injects: &[String]) -> Output {
    Command::new("strace")
        .args(["-qq", "-o", "/dev/null"])
        .args(injects.iter().flat_map(|inject| ["-e", inject]))
        .args(child(world, data))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn child(world: &World, data: &Path) -> Vec<std::ffi::OsString> {
    let program = env::current_exe().unwrap();
    vec![
        program.into(),
        "install".into(),
        data.into(),
        world.published().into(),
    ]
}

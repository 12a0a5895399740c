//! The program asks the C library for the time, so that a faked clock works on it.

use std::path::Path;
use std::process::Command;

use crate::world::*;

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, now);
    if (id == CLOCK_REALTIME) now->tv_sec = atoll(getenv("FAKED_TIME"));
    return result;
}
"#;

/// A library that answers `clock_gettime` with the time of the variable `FAKED_TIME`.
fn shim(folder: &Path) -> std::path::PathBuf {
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    std::fs::write(&source, SHIM).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    assert!(built.unwrap().success());
    library
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn a_faked_clock_is_believed() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let library = shim(folder.path());
    let at = |time: i64| {
        let mut command = world.command(&["refresh"]);
        command.env("LD_PRELOAD", &library);
        command.env("FAKED_TIME", time.to_string());
        command.output().unwrap()
    };
    assert!(at(LATER - 1).status.success());
    let output = at(LATER);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "tuf-client: 1.root.json expired at 2100-01-01T00:00:00Z, now is 2100-01-01T00:00:00Z\n"
    );
    assert!(at(0).status.success());
}

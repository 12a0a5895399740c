//! Notes when the program was built: the first of the three things that trusted time is the latest of.
//!
//! The same commit gives the same date: `SOURCE_DATE_EPOCH` where the packager sets it, else the date of the commit,
//! else that of the release, for sources without a history.

use std::{env, process::Command};

/// 2026-11-01T00:00:00Z: the source is not older than this. Raised with each release.
const RELEASE: i64 = 1_793_491_200;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let packager = env::var("SOURCE_DATE_EPOCH").ok();
    let built = packager
        .and_then(|seconds| seconds.trim().parse().ok())
        .or_else(commit_date)
        .unwrap_or(RELEASE)
        .max(RELEASE);
    println!("cargo:rustc-env=PISHTAR_BUILT={built}");
}

fn commit_date() -> Option<i64> {
    let shown = Command::new("git")
        .args(["log", "-1", "--format=%ct"])
        .output()
        .ok()?;
    String::from_utf8(shown.stdout).ok()?.trim().parse().ok()
}

//! What a node costs that knows a country's lessons and does nothing: memory, CPU, and how soon its page is there.

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use serde::Serialize;

use super::{
    catalogue::{self, Size},
    process::Node,
};

/// What was measured; memory is resident memory in MiB.
#[derive(Debug, Clone, Serialize)]
pub struct Idle {
    /// Lessons known.
    pub lessons: usize,
    /// Bytes of signed metadata that describe them.
    pub metadata_bytes: u64,
    /// From asking a neighbour until every lesson is known, in seconds.
    pub sync_s: f64,
    /// After the first synchronisation, at rest.
    pub rss_after_sync_mib: f64,
    /// After a restart, at rest.
    pub rss_after_restart_mib: f64,
    /// The most in the life of the restarted process.
    pub peak_after_restart_mib: f64,
    /// CPU time at rest, in percent of one core.
    pub idle_cpu_percent: f64,
    /// From the start of the process that knows everything until its first page is answered, in seconds.
    pub first_page_s: f64,
}

/// Starts two nodes of the binary `pishtar` with their data in `scratch`, lets one learn the catalogue from the other,
/// and measures it at rest for `rest`.
///
/// # Errors
/// When a node does not start or does not learn every lesson.
pub fn run(pishtar: &Path, scratch: &Path, lessons: usize, rest: Duration) -> Result<Idle> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?;
    let published = scratch.join("published");
    let written = catalogue::write(&published, Size { lessons, seed: 1 }, now.as_secs() as i64)?;

    let mut seed = Node::start(
        pishtar,
        &scratch.join("seed"),
        &written.root,
        &["--publish".into(), published.into()],
    )?;
    seed.wait_for_lessons(lessons)?;
    let peer = seed.address()?;

    let began = Instant::now();
    let mut school = Node::start(
        pishtar,
        &scratch.join("school"),
        &written.root,
        &["--peer".into(), peer.into()],
    )?;
    school.wait_for_lessons(lessons)?;
    let sync_s = began.elapsed().as_secs_f64();
    sleep(rest);
    let rss_after_sync_mib = school.memory("VmRSS")?;
    school.stop()?;
    seed.stop()?;

    let began = Instant::now();
    let mut school = Node::start(pishtar, &scratch.join("school"), &written.root, &[])?;
    school.first_page(began)?;
    let first_page_s = began.elapsed().as_secs_f64();
    school.wait_for_lessons(lessons)?;
    sleep(rest);
    let cpu = school.cpu_s()?;
    sleep(rest);
    let idle_cpu_percent = (school.cpu_s()? - cpu) / rest.as_secs_f64() * 100.0;
    let (rss, peak) = (school.memory("VmRSS")?, school.memory("VmHWM")?);
    school.stop()?;
    Ok(Idle {
        lessons,
        metadata_bytes: written.metadata_bytes,
        sync_s,
        rss_after_sync_mib,
        rss_after_restart_mib: rss,
        peak_after_restart_mib: peak,
        idle_cpu_percent,
        first_page_s,
    })
}

//! What a country's catalogue costs between two nodes: the first synchronisation, an update of a few lessons, and the
//! verification alone; beside the same files over HTTP.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use pishtar_catalog::{Catalog, MINISTRY};
use pishtar_signing::client::{Fetched, MetaFile, Outcome, Policy, Step, TrustedSet};
use serde::Serialize;

use super::{
    catalogue::{self, Size},
    line::Line,
    measure::Meter,
    process::Node,
};

/// After a catalogue is in use, what still goes over the line for it: hints, and questions about holdings.
const AFTERMATH: Duration = Duration::from_secs(2);

/// What was measured. Bytes are TCP payload both ways: ciphers, multiplexing and everything else that nodes say.
#[derive(Debug, Clone, Serialize)]
pub struct CatalogueSync {
    /// Lessons in the catalogue.
    pub lessons: usize,
    /// Courses in the catalogue.
    pub courses: usize,
    /// Bytes of signed metadata.
    pub metadata_bytes: u64,
    /// Round trip time of the line in milliseconds.
    pub round_trip_ms: u64,
    /// A node that knows nothing learns everything.
    pub first: FirstSync,
    /// It learns of an edit.
    pub update: UpdateSync,
    /// Verifying every file from the first root on and building the catalogue, on one thread: CPU time in seconds.
    pub cold_verification_cpu_s: f64,
    /// The same files over HTTP, bodies alone.
    pub http: Vec<OverHttp>,
}

/// First synchronisation.
#[derive(Debug, Clone, Serialize)]
pub struct FirstSync {
    /// Bytes on the line.
    pub wire_bytes: u64,
    /// From the start of the process until the catalogue is in use, in seconds.
    pub seconds: f64,
    /// CPU time of the learning node until then, in seconds.
    pub cpu_s: f64,
    /// CPU time of the giving node for it, in seconds.
    pub giver_cpu_s: f64,
    /// Most resident memory of the learning node until it is at rest again, its search index filled, in MiB.
    pub peak_rss_mib: f64,
    /// Most resident memory of the giving node, in MiB.
    pub giver_peak_rss_mib: f64,
}

/// Update.
#[derive(Debug, Clone, Serialize)]
pub struct UpdateSync {
    /// Courses with one edited lesson each.
    pub courses: usize,
    /// Bytes of the files that changed.
    pub metadata_bytes: u64,
    /// Bytes on the line.
    pub wire_bytes: u64,
    /// From the giver's having noticed and verified the publication until the other one uses it, in seconds.
    pub seconds: f64,
}

/// The same files over HTTP, each packed alone as a server would pack it.
#[derive(Debug, Clone, Serialize)]
pub struct OverHttp {
    /// How.
    pub packing: &'static str,
    /// Bytes of all files.
    pub first_bytes: u64,
    /// Bytes of those that the edit changed.
    pub update_bytes: u64,
}

/// Runs two nodes of the binary `pishtar` with their data in `scratch`, joined by a line with this `round_trip`.
///
/// # Errors
/// When a node does not start, learn or update.
pub fn run(
    pishtar: &Path,
    scratch: &Path,
    lessons: usize,
    touched: usize,
    round_trip: Duration,
) -> Result<CatalogueSync> {
    let published = scratch.join("published");
    let size = Size { lessons, seed: 1 };
    let written = catalogue::write(&published, size, now()?)?;
    let before = files(&published)?;
    let cold_verification_cpu_s = verify(&before)?;

    let publish = ["--publish".into(), published.clone().into()];
    let mut giver = Node::start(pishtar, &scratch.join("giver"), &written.root, &publish)?;
    giver.wait_for_lessons(lessons)?;
    giver.wait_for_rest()?;
    let line = Line::to(socket(&giver.address()?)?, round_trip / 2)?;
    let giver_cpu_s = giver.cpu_s()?;
    let began = SystemTime::now();
    let peer = ["--peer".into(), over(&line, &giver.address()?)?.into()];
    let mut school = Node::start(pishtar, &scratch.join("school"), &written.root, &peer)?;
    let got = school.wait_for_log(&[&in_use(written.version)])?;
    let mut first = FirstSync {
        seconds: logged_at(&got)? - seconds(began)?,
        cpu_s: school.cpu_s()?,
        giver_cpu_s: giver.cpu_s()? - giver_cpu_s,
        wire_bytes: line.bytes(),
        peak_rss_mib: 0.0,
        giver_peak_rss_mib: 0.0,
    };
    school.wait_for_lessons(lessons)?;
    sleep(AFTERMATH);
    school.wait_for_rest()?;
    first.peak_rss_mib = school.memory("VmHWM")?;
    first.giver_peak_rss_mib = giver.memory("VmHWM")?;

    let wire_bytes = line.bytes();
    let edited = catalogue::touch(&published, size.seed, touched, now()?)?;
    let got = school.wait_for_log(&[&in_use(edited.version)])?;
    let noticed = giver.wait_for_log(&[&format!("catalogue {} of", edited.version), "verified"])?;
    sleep(AFTERMATH);
    let changed: BTreeMap<String, Vec<u8>> = files(&published)?
        .into_iter()
        .filter(|(name, bytes)| before.get(name) != Some(bytes))
        .collect();
    let update = UpdateSync {
        courses: touched,
        metadata_bytes: changed.values().map(|bytes| bytes.len() as u64).sum(),
        wire_bytes: line.bytes() - wire_bytes,
        seconds: logged_at(&got)? - logged_at(&noticed)?,
    };
    school.stop()?;
    giver.stop()?;
    let http = Packer::ALL.map(|packer| over_http(packer, &before, &changed));
    Ok(CatalogueSync {
        lessons,
        courses: written.courses,
        metadata_bytes: written.metadata_bytes,
        round_trip_ms: round_trip.as_millis() as u64,
        first,
        update,
        cold_verification_cpu_s,
        http: http.into_iter().collect::<Result<_>>()?,
    })
}

/// Verifies a catalogue from its first root and builds what a node shows of it; seconds of one thread, which has
/// this process to itself.
///
/// # Errors
/// When it does not verify, or a lesson in it is malformed.
fn verify(files: &BTreeMap<String, Vec<u8>>) -> Result<f64> {
    let began = Meter::start()?;
    let root = files.get("1.root.json").context("no first root")?;
    let mut update = TrustedSet::pin(root)?.begin_update(now()?, Policy::Strict);
    let outcome: Box<Outcome> = loop {
        match update.next() {
            Step::Fetch { file, .. } => {
                let bytes = files.get(&file.file_name()).cloned();
                update.provide(&file, bytes.map_or(Fetched::Absent, Fetched::Bytes))?;
            }
            Step::Done(outcome) => break outcome,
            Step::Over => bail!("the update ended without a result"),
        }
    };
    let mut catalog = Catalog::new();
    for role in outcome.targets() {
        let (_, problems) = catalog.replace_role(
            MINISTRY,
            role.role.as_str(),
            role.targets.version,
            &role.targets,
        );
        if let Some(problem) = problems.first() {
            bail!("{}: {}", problem.path, problem.reason);
        }
    }
    Ok(began.stop()?.usage.cpu_s)
}

#[derive(Debug, Clone, Copy)]
enum Packer {
    None,
    Gzip,
    Zstd3,
    Zstd19,
}

impl Packer {
    const ALL: [Packer; 4] = [Packer::None, Packer::Gzip, Packer::Zstd3, Packer::Zstd19];

    fn name(self) -> &'static str {
        match self {
            Packer::None => "none",
            Packer::Gzip => "gzip -6",
            Packer::Zstd3 => "zstd -3",
            Packer::Zstd19 => "zstd -19",
        }
    }

    fn packed(self, bytes: &[u8]) -> Result<u64> {
        Ok(match self {
            Packer::None => bytes.len() as u64,
            Packer::Gzip => gzip(bytes)?,
            Packer::Zstd3 => zstd::bulk::compress(bytes, 3)?.len() as u64,
            Packer::Zstd19 => zstd::bulk::compress(bytes, 19)?.len() as u64,
        })
    }
}

fn over_http(
    packer: Packer,
    before: &BTreeMap<String, Vec<u8>>,
    changed: &BTreeMap<String, Vec<u8>>,
) -> Result<OverHttp> {
    let sum = |files: &BTreeMap<String, Vec<u8>>| -> Result<u64> {
        files.values().map(|bytes| packer.packed(bytes)).sum()
    };
    Ok(OverHttp {
        packing: packer.name(),
        first_bytes: sum(before)?,
        update_bytes: sum(changed)?,
    })
}

/// By the program that every server's machine has.
fn gzip(bytes: &[u8]) -> Result<u64> {
    let mut file = tempfile::tempfile()?;
    std::io::Write::write_all(&mut file, bytes)?;
    std::io::Seek::rewind(&mut file)?;
    let packed = Command::new("gzip")
        .args(["-6", "-c"])
        .stdin(Stdio::from(file))
        .output()
        .context("starting gzip")?;
    Ok(packed.stdout.len() as u64)
}

/// Metadata files by name: of each role the newest version, which is what a client fetches.
fn files(published: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut newest: BTreeMap<String, (MetaFile, Vec<u8>)> = BTreeMap::new();
    for entry in fs::read_dir(published.join("metadata"))? {
        let entry = entry?;
        let Some(file) = entry.file_name().to_str().and_then(MetaFile::parse) else {
            continue;
        };
        let role = file.role.to_string();
        let older = newest
            .get(&role)
            .is_some_and(|(known, _)| known.version > file.version);
        if !older {
            newest.insert(role, (file, fs::read(entry.path())?));
        }
    }
    let named = newest
        .into_values()
        .map(|(file, bytes)| (file.file_name(), bytes));
    Ok(named.collect())
}

fn in_use(version: u64) -> String {
    format!("catalogue {version} of {MINISTRY} is in use")
}

/// `/ip4/127.0.0.1/tcp/PORT/…` as an address.
fn socket(multiaddr: &str) -> Result<SocketAddr> {
    let mut parts = multiaddr.split('/').skip_while(|part| *part != "tcp");
    let port = parts.nth(1).context("the node listens on no TCP port")?;
    Ok(format!("127.0.0.1:{port}").parse()?)
}

/// The address of a node, reached over the line.
fn over(line: &Line, multiaddr: &str) -> Result<String> {
    let (_, id) = multiaddr.split_once("/p2p/").context("no peer id")?;
    Ok(format!(
        "/ip4/127.0.0.1/tcp/{}/p2p/{id}",
        line.address().port()
    ))
}

/// Seconds of the day in a log line, which begins as `2026-11-24T08:15:30.123456Z`.
fn logged_at(line: &str) -> Result<f64> {
    let time = line
        .split_once('T')
        .and_then(|(_, rest)| rest.split_once('Z'))
        .map(|(time, _)| time);
    let parts: Vec<f64> = time
        .context("no time in the log")?
        .split(':')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    match parts[..] {
        [hours, minutes, seconds] => Ok((hours * 60.0 + minutes) * 60.0 + seconds),
        _ => bail!("no time in the log: {line}"),
    }
}

/// Seconds of the day.
fn seconds(time: SystemTime) -> Result<f64> {
    let since = time.duration_since(UNIX_EPOCH)?.as_secs_f64();
    Ok(since % 86_400.0)
}

fn now() -> Result<i64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64)
}

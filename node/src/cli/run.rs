//! `pishtar run`: one node, until it is told to stop.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context;
use libp2p::Multiaddr;
use pishtar_catalog::Selection;
use pishtar_mesh::Attachment;

use crate::{
    cli::DataArg,
    collector::{self, CollectArgs},
    engine::{self, NodeOptions},
    handle::{Handle, status::Status},
    net::Limits,
    web::TlsChoice,
};

/// Options of `pishtar run`.
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    data: DataArg,
    /// The ministry's first root file, needed once: it is pinned in the data folder
    #[arg(long, value_name = "FIRST_ROOT.json")]
    root: Option<PathBuf>,
    /// Where to accept neighbours (multiaddr; may be given more than once)
    #[arg(long, value_name = "MULTIADDR", default_value = "/ip4/0.0.0.0/tcp/0")]
    listen: Vec<Multiaddr>,
    /// Where to show the pages
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:8080")]
    web: SocketAddr,
    /// HTTPS for the pages: certificates of this node's own CA, two PEM files, or off
    #[arg(long, value_name = "local|CERT,KEY|off", default_value = "local")]
    tls: TlsChoice,
    /// How this device hangs on its network, where the system does not say; a device that is itself the hotspot is `cable`
    #[arg(long, value_name = "cable|wifi", value_parser = parse_link)]
    link: Option<Attachment>,
    /// A neighbour's address, where multicast is blocked (may be given more than once)
    #[arg(long, value_name = "MULTIADDR")]
    peer: Vec<Multiaddr>,
    /// Neither announce this node by mDNS nor look for others
    #[arg(long)]
    no_mdns: bool,
    /// Seed the mesh from a published folder, by reference; re-read when it changes (may be given more than once)
    #[arg(long, value_name = "PUBLISHED_DIR")]
    publish: Vec<PathBuf>,
    /// Lessons to keep here, e.g. 'grade=6,subject=math,lang=sq' or 'all' (may be given more than once; remembered)
    #[arg(long, value_name = "RULE")]
    follow: Vec<Selection>,
    /// Most that lessons may take on the disk, e.g. 20GB or 512MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    quota: Option<u64>,
    /// Most to send to neighbours, e.g. 10Mbit
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    up: Option<u64>,
    /// Pass learners' records on to the ministry's collector
    #[arg(long)]
    sync_point: bool,
    /// Let any browser on the network choose what this device keeps, not only one on the device itself
    #[arg(long)]
    choose_from_lan: bool,
    /// The school whose learners use this device, by its id: their work is sealed to it too (remembered)
    #[arg(long, value_name = "ID")]
    school: Option<String>,
    /// Nodes with another tag are not neighbours
    #[arg(long, value_name = "TAG", default_value = "pishtar", value_parser = parse_tag)]
    network: String,
    /// Stop when standard input ends, so that a node never outlives the program that started it
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

/// Runs a node until Ctrl-C or SIGTERM.
pub(super) fn run(args: RunArgs) -> anyhow::Result<()> {
    let options = NodeOptions {
        data: args.data.data,
        first_root: args.root,
        listen: args.listen,
        web: args.web,
        tls: args.tls,
        attachment: args.link,
        peers: args.peer,
        mdns: !args.no_mdns,
        limits: Limits::default(),
        publish: args.publish,
        follow: args.follow,
        quota_bytes: args.quota,
        up_bytes_per_second: args.up,
        sync_point: args.sync_point,
        choose_from_lan: args.choose_from_lan,
        school: args.school,
        network: args.network,
    };
    init_log();
    runtime()?.block_on(run_until_stopped(options, args.until_stdin_ends))
}

/// Runs the ministry's collector until it is stopped, or once.
pub(super) fn collect(args: CollectArgs) -> anyhow::Result<()> {
    init_log();
    runtime()?.block_on(collector::collect(args))
}

pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

async fn run_until_stopped(options: NodeOptions, until_stdin_ends: bool) -> anyhow::Result<()> {
    let stop = stop_signal(until_stdin_ends)?;
    let data = options.data.clone();
    let node = engine::start(options).await?;
    let status = listening(node.handle()).await;
    for address in status.page_addresses() {
        println!("Pages       {address}");
        if node.handle().tls().is_some() {
            println!("Sign in at  {}", address.replacen("http:", "https:", 1));
        }
    }
    println!("Node        {}", status.peer_id);
    for address in &status.listen {
        println!("Neighbours  {address}/p2p/{}", status.peer_id);
    }
    if let Some(code) = node.handle().accounts().first_code() {
        println!("First administrator: open /first on the pages and type {code}");
    }
    println!("Ask it      pishtar status --data {}", data.display());
    stop.await;
    eprintln!("Stopping: finishing what is being written.");
    node.stop().await;
    Ok(())
}

/// The node's status once it has an address to print, or after a moment without one.
async fn listening(handle: &Handle) -> Status {
    const PATIENCE: Duration = Duration::from_secs(2);
    const STEP: Duration = Duration::from_millis(20);
    let started = tokio::time::Instant::now();
    loop {
        let status = handle.status();
        if !status.listen.is_empty() || started.elapsed() > PATIENCE {
            return status;
        }
        tokio::time::sleep(STEP).await;
    }
}

fn stop_signal(until_stdin_ends: bool) -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = stdin_end(), if until_stdin_ends => {}
        }
    })
}

/// Waits on a thread of its own: tokio's would hold up the process's end.
async fn stdin_end() {
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let read = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        drop(ended.send(read));
    });
    // A thread that is gone means the same as an end of input.
    drop(end.await);
}

fn init_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PISHTAR_LOG").unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new(
            "warn,pishtar=info,pishtar_mesh=info,iroh_blobs=error,libp2p_gossipsub=error",
        )
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// Reads `20GB`, `512MiB`, `1000` (bytes).
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "{text:?} is not a size; write a number with kB, MB, GB, TB, KiB, MiB or GiB, for example 20GB"
        )
    };
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(wrong)
}

/// Reads `10Mbit`, `800kbit`, `1Gbit` (per second); gives bytes per second.
fn parse_rate(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "{text:?} is not a rate; write a number with kbit, Mbit or Gbit (per second), for example 10Mbit"
        )
    };
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let bits: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "kbit" => 1_000,
        "mbit" => 1_000_000,
        "gbit" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    let rate = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(bits))
        .ok_or_else(wrong)?;
    if rate < 8 { Err(wrong()) } else { Ok(rate / 8) }
}

fn parse_link(text: &str) -> Result<Attachment, String> {
    match text {
        "cable" => Ok(Attachment::Cable),
        "wifi" => Ok(Attachment::Air),
        _ => Err("a link is cable or wifi".to_owned()),
    }
}

/// A network tag travels in mDNS, so it is short and plain.
fn parse_tag(text: &str) -> Result<String, String> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if plain && (1..=32).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("a network tag is 1 to 32 of a-z, 0-9 and -".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_cable_or_wifi() {
        assert_eq!(parse_link("cable"), Ok(Attachment::Cable));
        assert_eq!(parse_link("wifi"), Ok(Attachment::Air));
        assert!(parse_link("Wifi").is_err());
    }

    #[test]
    fn sizes_are_decimal_or_binary_as_written() {
        assert_eq!(parse_size("20GB"), Ok(20_000_000_000));
        assert_eq!(parse_size("512MiB"), Ok(512 << 20));
        assert_eq!(parse_size("7"), Ok(7));
        assert!(parse_size("GB").is_err());
        assert!(parse_size("99999999999TB").is_err());
        assert!(parse_size("5 bananas").is_err());
    }

    #[test]
    fn rates_are_in_bits_as_lines_are_sold() {
        assert_eq!(parse_rate("10Mbit"), Ok(1_250_000));
        assert!(parse_rate("10MB").is_err());
        assert!(parse_rate("0Mbit").is_err());
    }

    #[test]
    fn a_tag_is_plain() {
        assert!(parse_tag("klasa-6").is_ok());
        assert!(parse_tag("").is_err());
        assert!(parse_tag("Shkolla Ë").is_err());
    }
}

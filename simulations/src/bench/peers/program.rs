//! How each program is started as a seed and as a receiver.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use super::{Content, Peer, Running, Tracker, running::Done, torrent};
use crate::lab::{Host, pishtar_binary, until};

/// The first port that rqbit tries.
const RQBIT_PORT: u16 = 4240;

/// Where `cargo install` puts programs.
pub(super) fn cargo_bin(program: &str) -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    home.unwrap_or_default().join("bin").join(program)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .context("choose a scratch folder with a plain name")
}

impl Peer {
    /// Starts the seed on its host, with `place` for its own files.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn seed(
        self,
        host: &Host,
        tracker: &Tracker,
        content: &Content,
        place: &Path,
    ) -> Result<Running> {
        fs::create_dir_all(place)?;
        let log = place.join("seed.log");
        let (command, done) = match self {
            Peer::Node => {
                let published = text(content.published()?)?.to_owned();
                let data = place.join("data");
                let mut command = node(host, content, &data)?;
                command.args(["--publish", &published]);
                (command, Done::Lessons(data, content.lessons()))
            }
            Peer::Aria2 => {
                let torrent = write_torrent(tracker, content, place)?;
                (aria2(host, &torrent, &content.folder)?, Done::Never)
            }
            Peer::Rqbit => {
                let torrent = write_torrent(tracker, content, place)?;
                (rqbit(host, &torrent, &content.folder)?, Done::Never)
            }
            Peer::Rsync => (rsync_daemon(host, content, place)?, Done::Never),
            Peer::Http => (nginx(host, content, place)?, Done::Never),
        };
        Running::start(command, done, Some(&log))
    }

    /// Waits until the seed serves.
    ///
    /// # Errors
    /// When it does not within a minute.
    pub fn wait_for_seed(self, seed: &mut Running, host: &Host) -> Result<()> {
        let port = match self {
            Peer::Node => 4001,
            Peer::Aria2 => 6881,
            Peer::Rqbit => RQBIT_PORT,
            Peer::Rsync => 873,
            Peer::Http => 80,
        };
        until("the seed to serve", Duration::from_secs(60), || {
            let ready = match self {
                Peer::Node => seed.holds_lessons(),
                Peer::Rqbit => rqbit_stats(host.name()).contains("\"finished\":true"),
                _ => true,
            };
            let listening = || seed.listens(port);
            match ready && listening() {
                true => Ok(()),
                false => Err(seed.log_tail()),
            }
        })?;
        Ok(())
    }

    /// Starts a node that follows nothing, on which somebody will press play.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn viewer(self, host: &Host, content: &Content, place: &Path) -> Result<Running> {
        fs::create_dir_all(place)?;
        let command = node(host, content, &place.join("data"))?;
        Running::start(command, Done::Never, Some(&place.join("viewer.log")))
    }

    /// Starts a receiver on its host, with `place` for what it receives.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn receiver(
        self,
        host: &Host,
        seed: Ipv4Addr,
        tracker: &Tracker,
        content: &Content,
        place: &Path,
    ) -> Result<Running> {
        fs::create_dir_all(place)?;
        let log = place.join("receiver.log");
        let (command, done) = match self {
            Peer::Node => {
                let data = place.join("data");
                let mut command = node(host, content, &data)?;
                command.args(["--follow", "all"]);
                (command, Done::Lessons(data, content.lessons()))
            }
            Peer::Aria2 => {
                let torrent = write_torrent(tracker, content, place)?;
                let mark = place.join("done");
                let hook = place.join("hook");
                fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", text(&mark)?))?;
                fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
                let mut command = aria2(host, &torrent, place)?;
                command.arg(format!("--on-bt-download-complete={}", text(&hook)?));
                (command, Done::Mark(mark))
            }
            Peer::Rqbit => {
                let torrent = write_torrent(tracker, content, place)?;
                (
                    rqbit(host, &torrent, place)?,
                    Done::Rqbit(host.name().to_owned()),
                )
            }
            Peer::Rsync => {
                let mut command = host.command("rsync");
                command.args(["-a", "--whole-file"]);
                command
                    .arg(format!("rsync://{seed}/content/"))
                    .arg(place.join("got"));
                (command, Done::Exit)
            }
            Peer::Http => (curl(host, seed, content, place)?, Done::Exit),
        };
        Running::start(command, done, Some(&log))
    }
}

fn node(host: &Host, content: &Content, data: &Path) -> Result<Command> {
    let root = content.published()?.join("metadata/1.root.json");
    let mut command = host.command(pishtar_binary());
    command
        .args(["run", "--network", "bench", "--root", text(&root)?])
        .args(["--listen", &format!("/ip4/{}/tcp/4001", host.address())])
        .args(["--web", &format!("{}:8080", host.address())])
        .args(["--link", if host.is_station() { "wifi" } else { "cable" }])
        .args(["--data", text(data)?]);
    Ok(command)
}

fn write_torrent(tracker: &Tracker, content: &Content, place: &Path) -> Result<PathBuf> {
    // The same for all: hashed once.
    let shared = content
        .folder
        .join(format!("content-{}.torrent", tracker.host.address()));
    if !shared.exists() {
        let torrent = torrent::make(
            &content.path(),
            &content.files,
            tracker.host.address().into(),
        )?;
        fs::write(&shared, torrent)?;
    }
    let own = place.join("content.torrent");
    fs::copy(&shared, &own)?;
    Ok(own)
}

/// Settings: no DHT, no local discovery, uploads for ever, as many peers as there are.
fn aria2(host: &Host, torrent: &Path, folder: &Path) -> Result<Command> {
    let mut command = host.command("aria2c");
    command
        .args([
            "--no-conf",
            "--enable-dht=false",
            "--enable-dht6=false",
            "--bt-enable-lpd=false",
        ])
        .args([
            "--seed-ratio=0",
            "--seed-time=600",
            "--file-allocation=none",
            "--allow-overwrite=true",
        ])
        .args([
            "--listen-port=6881",
            "--summary-interval=0",
            "--console-log-level=warn",
        ])
        .args([
            "--check-integrity=true",
            "--bt-hash-check-seed=true",
            "--bt-max-peers=0",
        ])
        .args([
            "--disk-cache=16M",
            "--disable-ipv6=true",
            "--dir",
            text(folder)?,
        ])
        .arg(torrent);
    Ok(command)
}

fn rqbit(host: &Host, torrent: &Path, folder: &Path) -> Result<Command> {
    let own = cargo_bin("rqbit");
    let mut command = match own.is_file() {
        true => host.command(own),
        false => host.command("rqbit"),
    };
    command
        .args([
            "--disable-dht",
            "--disable-lsd",
            "--disable-upnp-port-forward",
        ])
        .args([
            "--http-api-listen-addr",
            "127.0.0.1:3030",
            "--listen-port",
            &RQBIT_PORT.to_string(),
        ])
        .args(["download", "--overwrite", "-o", text(folder)?])
        .arg(torrent);
    Ok(command)
}

/// What rqbit says of its one torrent, as JSON; nothing while it does not answer.
pub(super) fn rqbit_stats(namespace: &str) -> String {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, "curl", "-s", "-m", "1"]);
    let output = command
        .arg("http://127.0.0.1:3030/torrents/0/stats/v1")
        .output();
    output
        .map(|o| String::from_utf8_lossy(&o.stdout).into_owned())
        .unwrap_or_default()
}

fn rsync_daemon(host: &Host, content: &Content, place: &Path) -> Result<Command> {
    let config = place.join("rsyncd.conf");
    let (module, only) = match content.files.is_empty() {
        true => (&content.folder, "include = /file.bin\nexclude = *\n"),
        false => (&content.path(), ""),
    };
    let settings = "use chroot = no\nuid = root\ngid = root\nread only = yes\n";
    let module = text(module)?;
    fs::write(
        &config,
        format!("{settings}[content]\npath = {module}\n{only}"),
    )?;
    let mut command = host.command("rsync");
    command
        .args(["--daemon", "--no-detach", "--config"])
        .arg(config);
    Ok(command)
}

fn nginx(host: &Host, content: &Content, place: &Path) -> Result<Command> {
    let config = place.join("nginx.conf");
    let (place, root) = (text(place)?, text(&content.folder)?);
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths: String = paths
        .iter()
        .map(|name| format!("{name}_temp_path {place}/{name};\n"))
        .collect();
    fs::write(
        &config,
        format!(
            "user root;\ndaemon off;\nmaster_process off;\npid {place}/nginx.pid;\nerror_log {place}/error.log;\n\
             events {{}}\nhttp {{\naccess_log off;\nsendfile on;\nkeepalive_requests 100000;\n{paths}\
             server {{\nlisten 80;\nroot {root};\n}}\n}}\n"
        ),
    )?;
    let mut command = host.command("nginx");
    command
        .args(["-p", place, "-e", &format!("{place}/error.log"), "-c"])
        .arg(config);
    Ok(command)
}

fn curl(host: &Host, seed: Ipv4Addr, content: &Content, place: &Path) -> Result<Command> {
    let mut command = host.command("curl");
    command.args([
        "-s",
        "-f",
        "--retry",
        "20",
        "--retry-connrefused",
        "--retry-delay",
        "1",
    ]);
    if content.files.is_empty() {
        command
            .arg(format!("http://{seed}/file.bin"))
            .arg("-o")
            .arg(place.join("file.bin"));
        return Ok(command);
    }
    // One command, connections kept open and several at a time, as a careful person would do it.
    let list = place.join("urls");
    let mut lines = String::new();
    for file in &content.files {
        let target = place.join("got").join(file);
        lines += &format!(
            "url = \"http://{seed}/files/{file}\"\noutput = \"{}\"\n",
            text(&target)?
        );
    }
    fs::write(&list, lines)?;
    command
        .args(["--parallel", "--create-dirs", "-K"])
        .arg(list);
    Ok(command)
}

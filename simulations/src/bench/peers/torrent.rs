//! What BitTorrent programs need to meet: a `.torrent` file and a tracker, both as small as can be (BEP 3, BEP 23).

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    path::Path,
};

use anyhow::{Context, Result};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// Port of the tracker on its host.
pub(super) const TRACKER_PORT: u16 = 6969;
/// Seconds after which programs ask the tracker again.
const INTERVAL: u32 = 5;

/// The `.torrent` of one file, or of a folder of files in the order given, each a path inside of it.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn make(content: &Path, files: &[String], tracker: IpAddr) -> Result<Vec<u8>> {
    let name = content.file_name().and_then(|name| name.to_str());
    let name = name.context("contents have plain names")?;
    let (whole, listed) = match files {
        [] => (content.metadata()?.len(), Vec::new()),
        files => list(content, files)?,
    };
    let piece = if whole <= 512 << 20 {
        256 << 10
    } else {
        1 << 20
    };
    let pieces = match files {
        [] => hashes(File::open(content)?, piece)?,
        files => hashes(Chain::new(content, files), piece)?,
    };
    let announce = format!("http://{tracker}:{TRACKER_PORT}/announce");
    let mut out = format!("d8:announce{}:{announce}4:infod", announce.len()).into_bytes();
    match files {
        [] => out.extend(format!("6:lengthi{whole}e").bytes()),
        _ => out.extend(listed),
    }
    let named = format!("4:name{}:{name}12:piece lengthi{piece}e", name.len());
    out.extend(named.bytes());
    out.extend(format!("6:pieces{}:", pieces.len()).bytes());
    out.extend(pieces);
    // Private: peers come from the tracker alone, no DHT.
    out.extend(b"7:privatei1eee");
    Ok(out)
}

fn list(folder: &Path, files: &[String]) -> Result<(u64, Vec<u8>)> {
    let mut whole = 0;
    let mut out = b"5:filesl".to_vec();
    for file in files {
        let length = folder.join(file).metadata()?.len();
        whole += length;
        out.extend(format!("d6:lengthi{length}e4:pathl").bytes());
        for part in file.split('/') {
            out.extend(format!("{}:{part}", part.len()).bytes());
        }
        out.extend(b"ee");
    }
    out.push(b'e');
    Ok((whole, out))
}

fn hashes(mut content: impl Read, piece: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut buffer = Vec::with_capacity(piece);
    loop {
        buffer.clear();
        content
            .by_ref()
            .take(piece as u64)
            .read_to_end(&mut buffer)?;
        if buffer.is_empty() {
            return Ok(out);
        }
        out.extend(digest(&SHA1_FOR_LEGACY_USE_ONLY, &buffer).as_ref());
    }
}

/// Files one after the other.
struct Chain<'a> {
    folder: &'a Path,
    rest: &'a [String],
    open: Option<File>,
}

impl<'a> Chain<'a> {
    fn new(folder: &'a Path, rest: &'a [String]) -> Self {
        let open = None;
        Self { folder, rest, open }
    }
}

impl Read for Chain<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            if let Some(file) = &mut self.open {
                match file.read(buffer)? {
                    0 => self.open = None,
                    count => return Ok(count),
                }
            }
            let Some((next, rest)) = self.rest.split_first() else {
                return Ok(0);
            };
            self.open = Some(File::open(self.folder.join(next))?);
            self.rest = rest;
        }
    }
}

/// Runs a tracker until it is killed: everybody who asked is told of everybody else who asked.
///
/// # Errors
/// When the port is taken.
pub fn track() -> Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", TRACKER_PORT))?;
    let mut known = BTreeSet::new();
    for stream in listener.incoming() {
        // One that goes away early asks again.
        let _ = stream.and_then(|stream| answer(stream, &mut known));
    }
    Ok(())
}

fn answer(mut stream: TcpStream, known: &mut BTreeSet<SocketAddr>) -> std::io::Result<()> {
    let asker = stream.peer_addr()?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let field = |name: &str| {
        let query = request.split(['?', '&', ' ']);
        query
            .filter_map(|part| part.split_once('='))
            .find(|(key, _)| *key == name)
    };
    let port = field("port").and_then(|(_, port)| port.parse().ok());
    let own = SocketAddr::new(asker.ip(), port.unwrap_or(0));
    let mut peers = Vec::new();
    for other in known.iter().filter(|other| **other != own) {
        if let IpAddr::V4(address) = other.ip() {
            peers.extend(address.octets());
            peers.extend(other.port().to_be_bytes());
        }
    }
    match field("event") {
        Some((_, "stopped")) => drop(known.remove(&own)),
        _ => drop(known.insert(own)),
    }
    let mut body = format!(
        "d8:intervali{INTERVAL}e12:min intervali{INTERVAL}e5:peers{}:",
        peers.len()
    );
    let mut bytes = std::mem::take(&mut body).into_bytes();
    bytes.extend(peers);
    bytes.push(b'e');
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torrent_of_one_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.bin");
        std::fs::write(&file, b"abc").expect("written");
        let torrent = make(&file, &[], [10, 0, 0, 1].into()).expect("made");
        let head = b"d8:announce29:http://10.0.0.1:6969/announce4:infod6:lengthi3e4:name5:a.bin12:piece lengthi262144e6:pieces20:";
        assert_eq!(&torrent[..head.len()], head);
        assert_eq!(
            hex::encode(&torrent[head.len()..][..20]),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert!(torrent.ends_with(b"7:privatei1eee"));
    }

    #[test]
    fn files_of_a_folder_are_one_row_of_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("one", "ab"), ("two", "c")] {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let files = ["one".to_owned(), "two".to_owned()];
        let torrent = make(folder.path(), &files, [10, 0, 0, 1].into()).expect("made");
        let shown = String::from_utf8_lossy(&torrent);
        assert!(
            shown.contains("5:filesld6:lengthi2e4:pathl3:oneed6:lengthi1e4:pathl3:twoee"),
            "{shown}"
        );
        let hash = hex::decode("a9993e364706816aba3e25717850c26c9cd0d89d").expect("hex");
        assert!(torrent.windows(20).any(|window| window == hash));
    }
}

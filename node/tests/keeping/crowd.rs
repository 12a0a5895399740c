//! Floods from one machine, over real sockets: connections by the thousand, handshakes that never end, streams without
//! number, readers that do not read. The node under attack is a process of its own, so that its memory can be measured, and
//! an honest neighbour and an honest browser are served all the while.

use std::{
    collections::VecDeque,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bao_tree::ChunkRanges;
use futures::{AsyncReadExt, AsyncWriteExt};
use iroh_blobs::protocol::{GetRequest, Request};
use libp2p::{Multiaddr, multiaddr};
use pishtar::{
    control::{self, ask},
    handle::status::Status,
    net::{Limits, NetConfig, NetHandle, Network, NodeKey, Protocol},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use super::{
    MIB,
    world::{World, complete, content, id, limits, text, until},
};

/// Another machine than the honest neighbour's, as far as the node can tell.
const ATTACKER: [u8; 4] = [127, 0, 0, 2];
/// Ports that a flood comes from, each with one of its own: not those that the system gives out, or nodes of other tests
/// could not dial from the ports that they listen on.
const PORTS: [u16; 2] = [2_000, 17_000];
/// Connections of a flood.
const FLOOD: u64 = 10_000;
/// Connections of a flood that are kept open as long as the node lets them be.
const KEPT: usize = 200;
/// A node that serves a class may have so much memory (`docs/src/benchmarks.md`), and this one is built without optimisation.
const MAX_RESIDENT: u64 = 160 << 20;
/// Files and sockets that the node may have open: its own, and what the limits let in.
const MAX_OPEN_FILES: usize = 400;

/// A school as a process of its own, killed when dropped.
struct School(Child);

impl Drop for School {
    fn drop(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ran");
    }
}

impl School {
    fn start(world: &World) -> School {
        let child = Command::new(env!("CARGO_BIN_EXE_pishtar"))
            .args(["run", "--data", text(&world.path("school"))])
            .args(["--publish", text(&world.path("out"))])
            .args(["--listen", "/ip4/127.0.0.1/tcp/0", "--web", "127.0.0.1:0"])
            .args(["--network", "keeping", "--no-mdns"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        School(child)
    }

    /// Most memory that it ever had, in bytes.
    fn resident(&self) -> u64 {
        let said = fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("it runs");
        let line = said.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.trim().parse::<u64>().ok())
            .expect("a number")
            * 1024
    }

    fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0.id()))
            .expect("it runs")
            .count()
    }
}

fn status(data: &Path) -> Option<Status> {
    ask(data, &control::Request::Status).ok()
}

/// A school that holds a film of so many bytes, with the addresses for neighbours and for browsers.
async fn school(bytes: usize) -> (World, School, Multiaddr, SocketAddr) {
    let world = World::publish(&[("film", bytes)]);
    let school = School::start(&world);
    let data = world.path("school");
    let mut found = None;
    until("the school to hold the film", || {
        found =
            status(&data).filter(|status| status.blobs.complete == 1 && !status.listen.is_empty());
        found.is_some()
    })
    .await;
    let found = found.expect("just seen");
    let address = format!("{}/p2p/{}", found.listen[0], found.peer_id);
    let web = found.web.expect("pages");
    let web = web
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    (world, school, address.parse().expect("an address"), web)
}

fn socket(address: &Multiaddr) -> SocketAddr {
    let port = address.iter().find_map(|part| match part {
        multiaddr::Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    ([127, 0, 0, 1], port.expect("a port")).into()
}

/// Opens connections from another machine, one after the other, says a word on each and keeps the newest open, until `stop`.
fn flood(
    to: SocketAddr,
    word: &'static [u8],
    first_port: u16,
    stop: Arc<AtomicBool>,
) -> (Arc<AtomicU64>, tokio::task::JoinHandle<()>) {
    let opened = Arc::new(AtomicU64::new(0));
    let count = opened.clone();
    let flooding = tokio::spawn(async move {
        let mut kept: VecDeque<TcpStream> = VecDeque::new();
        let mut ports = (first_port..first_port + 15_000).cycle();
        while !stop.load(Relaxed) {
            if count.load(Relaxed) >= FLOOD {
                // What is open stays open; more would only fill this machine's own tables.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_reuseaddr(true).expect("a fresh socket");
            let port = ports.next().expect("without end");
            // Somebody else's: the next one.
            if socket.bind((ATTACKER, port).into()).is_err() {
                continue;
            }
            if let Ok(mut stream) = socket.connect(to).await {
                // Refused ones fail here.
                let _ = stream.write_all(word).await;
                count.fetch_add(1, Relaxed);
                kept.push_back(stream);
            }
            if kept.len() > KEPT {
                kept.pop_front();
            }
        }
    });
    (opened, flooding)
}

/// Fetches the film as an honest home does.
async fn fetches(world: &World, from: Multiaddr, bytes: usize) {
    let mut options = world.options("home");
    options.peers = vec![from];
    options.follow = vec!["all".parse().expect("a rule")];
    let home = pishtar::engine::start(options).await.expect("a node");
    until("the film", || complete(home.handle(), "film")).await;
    let lesson = home
        .handle()
        .lesson(id("film").as_str())
        .expect("known")
        .lesson;
    let path = world.path(&format!("home/blobs/data/{}.data", lesson.main().blake3));
    until("the film on the disk", || {
        fs::read(&path).is_ok_and(|stored| stored == content("film", bytes))
    })
    .await;
    home.stop().await;
}

async fn page(at: SocketAddr) -> String {
    let mut stream = TcpStream::connect(at).await.expect("it listens");
    let head = format!("GET / HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_connections_from_one_machine_keep_nobody_else_out() {
    let bytes = 6 * MIB;
    let (world, school, address, web) = school(bytes).await;
    let stop = Arc::new(AtomicBool::new(false));
    // Handshakes that never end, and heads of requests that never end.
    let (handshakes, flooding) = flood(socket(&address), b"\x13", PORTS[0], stop.clone());
    let (heads, flooding_web) = flood(web, b"GET / HTTP/1.1\r\nHo", PORTS[1], stop.clone());
    until("the flood to begin", || {
        handshakes.load(Relaxed) > 500 && heads.load(Relaxed) > 500
    })
    .await;
    let mut most_files = 0;
    fetches(&world, address, bytes).await;
    let answer = page(web).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:.40}");
    until("the whole flood", || {
        most_files = most_files.max(school.open_files());
        handshakes.load(Relaxed) >= FLOOD && heads.load(Relaxed) >= FLOOD
    })
    .await;
    let answer = page(web).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:.40}");
    stop.store(true, Relaxed);
    flooding.await.expect("it ends");
    flooding_web.await.expect("it ends");
    let resident = school.resident();
    println!(
        "{} handshakes and {} heads were begun; at most {most_files} open files and {resident} bytes resident",
        handshakes.load(Relaxed),
        heads.load(Relaxed)
    );
    assert!(most_files < MAX_OPEN_FILES, "{most_files} open files");
    assert!(resident < MAX_RESIDENT, "{resident} bytes resident");
}

/// Streams that each of the hostile neighbours wants.
const STREAMS: usize = 512;
/// Hostile neighbours, each with a key of its own: together they may hold every place for ranges.
const HOSTILE: u8 = 10;

/// A neighbour that opens streams and does not end them.
async fn hostile(key: u8, school: &Multiaddr) -> NetHandle {
    let (net, mut events) = Network::start(NetConfig {
        listen: Vec::new(),
        tag: "keeping".to_owned(),
        mdns: false,
        dial: vec![school.clone()],
        limits: Limits {
            // On its own side it allows itself everything.
            max_inbound_streams_per_peer: STREAMS,
            ..limits()
        },
        ..NetConfig::new(NodeKey::from_seed([key; 32]))
    })
    .expect("nothing to listen on");
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    until("the school", || {
        net.peers().iter().any(|peer| peer.connected)
    })
    .await;
    net
}

/// Opens `count` streams, says `word` on each, ends the request where asked to, and holds on to what the school lets be.
async fn hold(
    net: &NetHandle,
    count: usize,
    word: &[u8],
    whole: bool,
) -> Vec<pishtar::net::Stream> {
    let mut held = Vec::new();
    for _ in 0..count {
        let Some(school) = net.peers().into_iter().find(|peer| peer.connected) else {
            break;
        };
        let Ok(mut stream) = net.open(school.peer, Protocol::Blobs).await else {
            break;
        };
        let said = async {
            stream.write_all(word).await?;
            match whole {
                true => stream.close().await,
                false => stream.flush().await,
            }
        };
        if said.await.is_ok() {
            held.push(stream);
        }
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_without_number_and_readers_that_do_not_read_keep_nobody_out() {
    let bytes = 12 * MIB;
    let (world, school, address, _) = school(bytes).await;
    let lesson = {
        let content = content("film", bytes);
        *blake3::hash(&content).as_bytes()
    };
    let get = Request::Get(GetRequest::blob_ranges(
        iroh_blobs::Hash::from_bytes(lesson),
        ChunkRanges::all(),
    ));
    // 2: somebody watches, so nothing else will do.
    let request = postcard::to_extend(&get, vec![2]).expect("plain data");
    let length = u32::try_from(request.len()).expect("a short request");
    let whole = [&length.to_le_bytes()[..], &request].concat();
    let mut nets = Vec::new();
    for key in 1..=HOSTILE {
        nets.push(hostile(key, &address).await);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let places = Arc::new(AtomicU64::new(0));
    // Half of them ask for the film as often as they may, read the first byte and no further, and ask again when they are cut off.
    let readers: Vec<_> = nets
        .iter()
        .take(HOSTILE as usize - 2)
        .map(|net| {
            let (net, whole, stop, places) =
                (net.clone(), whole.clone(), stop.clone(), places.clone());
            tokio::spawn(async move {
                let mut held = Vec::new();
                while !stop.load(Relaxed) {
                    for mut stream in hold(&net, 8, &whole, true).await {
                        let mut status = [9];
                        if stream.read_exact(&mut status).await.is_ok() && status == [0] {
                            places.fetch_add(1, Relaxed);
                            held.push(stream);
                        }
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    // The others open streams without end and send a byte on each.
    let openers: Vec<_> = nets
        .iter()
        .skip(HOSTILE as usize - 2)
        .map(|net| {
            let (net, stop) = (net.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Relaxed) {
                    drop(hold(&net, STREAMS, b"\0", false).await);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    // Nearly all that are not kept for who has none; on a busy machine the first are cut off before the last have come.
    until("the places to be taken", || places.load(Relaxed) >= 40).await;
    fetches(&world, address, bytes).await;
    stop.store(true, Relaxed);
    for task in readers.into_iter().chain(openers) {
        task.await.expect("it ends");
    }
    let resident = school.resident();
    println!(
        "{} places were held; {resident} bytes resident",
        places.load(Relaxed)
    );
    assert!(resident < MAX_RESIDENT, "{resident} bytes resident");
    assert!(school.open_files() < MAX_OPEN_FILES);
}

//! Real nodes on loopback.

use std::{io, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt, future::join_all};
use libp2p::Multiaddr;
use tokio::{sync::mpsc, time};

use super::*;

/// Far above what loopback needs; only a hang reaches it.
const DEADLINE: Duration = Duration::from_secs(20);

/// A node on loopback and what the tests follow of it.
pub(crate) struct TestNode {
    pub(crate) handle: NetHandle,
    pub(crate) events: mpsc::Receiver<NetEvent>,
    pub(crate) address: Multiaddr,
}

impl TestNode {
    pub(crate) async fn start(seed: u8, tag: &str, dial: Vec<Multiaddr>) -> TestNode {
        let (handle, mut events) = Network::start(NetConfig {
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("valid")],
            tag: tag.to_owned(),
            mdns: false,
            dial,
            ..NetConfig::new(NodeKey::from_seed([seed; 32]))
        })
        .expect("a free port on loopback");
        let address = loop {
            if let NetEvent::Listening(address) = next(&mut events).await {
                break address;
            }
        };
        TestNode {
            handle,
            events,
            address,
        }
    }

    /// Waits for the connection to another node.
    pub(crate) async fn connected(&mut self) -> NodeId {
        loop {
            if let NetEvent::Connected { peer, .. } = next(&mut self.events).await {
                return peer;
            }
        }
    }
}

async fn next(events: &mut mpsc::Receiver<NetEvent>) -> NetEvent {
    let event = time::timeout(DEADLINE, events.recv()).await;
    event.expect("an event in time").expect("the network runs")
}

/// Two connected nodes.
pub(crate) async fn pair() -> (TestNode, TestNode) {
    let mut a = TestNode::start(1, "test", vec![]).await;
    let mut b = TestNode::start(2, "test", vec![a.address.clone()]).await;
    assert_eq!(b.connected().await, a.handle.local_id());
    assert_eq!(a.connected().await, b.handle.local_id());
    (a, b)
}

/// Answers every inbound stream with the bytes it sends.
fn echo(mut events: mpsc::Receiver<NetEvent>) {
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let NetEvent::Inbound { mut stream, .. } = event {
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    stream.read_to_end(&mut bytes).await?;
                    stream.write_all(&bytes).await?;
                    stream.close().await
                });
            }
        }
    });
}

async fn ask(node: &NetHandle, peer: NodeId, text: &[u8]) -> io::Result<Vec<u8>> {
    let opened = node.open(peer, Protocol::Meta).await;
    let mut stream = opened.map_err(io::Error::other)?;
    stream.write_all(text).await?;
    stream.close().await?;
    let mut answer = Vec::new();
    let read = time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    read.expect("an answer in time")?;
    Ok(answer)
}

/// What fetches rely on when a learner seeks: nobody goes on sending what is not wanted any more.
#[tokio::test]
async fn a_stream_given_up_with_its_half_open_ends_at_the_other_end_at_once() {
    let (mut a, b) = pair().await;
    let peer = a.handle.local_id();
    let writing = tokio::spawn(async move {
        while let Some(event) = a.events.recv().await {
            if let NetEvent::Inbound { mut stream, .. } = event {
                while stream.write_all(&[7; 64 * 1024]).await.is_ok() {}
                return;
            }
        }
    });
    let opened = b.handle.open(peer, Protocol::Blobs).await;
    let mut stream = opened.expect("it is connected");
    stream.write_all(b"x").await.expect("it listens");
    stream.flush().await.expect("it listens");
    stream.read_exact(&mut [0]).await.expect("it writes");
    drop(stream);
    let told = time::timeout(DEADLINE, writing).await;
    told.expect("the writer is told").expect("no panic");
}

#[tokio::test]
async fn many_streams_at_once_are_all_served_and_counted() {
    let (a, b) = pair().await;
    let peer = a.handle.local_id();
    echo(a.events);
    let texts: Vec<Vec<u8>> = (0..24u8).map(|n| vec![n; 1000]).collect();
    let answers = join_all(texts.iter().map(|t| ask(&b.handle, peer, t))).await;
    let answers: Vec<_> = answers.into_iter().map(|a| a.expect("served")).collect();
    assert_eq!(answers, texts);
    let seen = b.handle.peers();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].rx_bytes, seen[0].tx_bytes), (24_000, 24_000));
}

#[tokio::test]
async fn a_peer_cannot_hold_more_than_its_share_of_streams() {
    let (mut a, b) = pair().await;
    let peer = a.handle.local_id();
    let max = Limits::default().max_inbound_streams_per_peer;
    let mut held = Vec::new();
    for _ in 0..max {
        let mut stream = b.handle.open(peer, Protocol::Blobs).await.expect("open");
        stream.write_all(b"x").await.expect("write");
        stream.flush().await.expect("flush");
        let NetEvent::Inbound {
            stream: inbound, ..
        } = next(&mut a.events).await
        else {
            panic!("expected a stream");
        };
        held.push((stream, inbound));
    }
    let mut refused = b.handle.open(peer, Protocol::Blobs).await.expect("open");
    // The refusal may show at the write, the flush or the read.
    let ended = async {
        refused.write_all(b"x").await?;
        refused.flush().await?;
        refused.read(&mut [0]).await
    };
    let ended = time::timeout(DEADLINE, ended)
        .await
        .expect("refused in time");
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
    held.pop();
    assert_eq!(held.len(), max - 1);
}

#[tokio::test]
async fn nodes_that_dial_each_other_keep_one_connection() {
    let mut a = TestNode::start(1, "test", vec![]).await;
    let mut b = TestNode::start(2, "test", vec![]).await;
    tokio::join!(
        a.handle.dial(b.address.clone()),
        b.handle.dial(a.address.clone())
    );
    assert_eq!(a.connected().await, b.handle.local_id());
    assert_eq!(b.connected().await, a.handle.local_id());
    let peer = a.handle.local_id();
    echo(a.events);
    // Streams on the connection that is closed as a duplicate may fail; soon they must not.
    let asking = async {
        while !matches!(ask(&b.handle, peer, b"again").await, Ok(text) if text == b"again") {}
    };
    time::timeout(DEADLINE, asking)
        .await
        .expect("one connection stays");
}

#[tokio::test]
async fn other_networks_do_not_connect() {
    let mut a = TestNode::start(1, "test", vec![]).await;
    let other = TestNode::start(3, "elsewhere", vec![a.address.clone()]).await;
    let friend = TestNode::start(2, "test", vec![a.address.clone()]).await;
    assert_eq!(a.connected().await, friend.handle.local_id());
    assert_eq!(other.handle.peers().len(), 0);
    let error = other.handle.open(a.handle.local_id(), Protocol::Meta).await;
    assert!(matches!(error, Err(OpenError::NotConnected)));
}

#[tokio::test]
async fn a_hint_reaches_the_neighbour() {
    let (mut a, b) = pair().await;
    let from = b.handle.local_id();
    // The neighbour's subscription arrives some time after the connection.
    let publisher = tokio::spawn(async move {
        let mut tick = time::interval(Duration::from_millis(50));
        for n in 0u32.. {
            tick.tick().await;
            b.handle.publish_hint(n.to_le_bytes().to_vec());
        }
    });
    loop {
        if let NetEvent::Hint { peer, bytes } = next(&mut a.events).await {
            assert_eq!((peer, bytes.len()), (from, 4));
            break;
        }
    }
    publisher.abort();
}

#[tokio::test]
async fn shutdown_tells_the_neighbour_and_frees_the_port() {
    let (mut a, b) = pair().await;
    b.handle.shutdown().await;
    let gone = loop {
        if let NetEvent::Disconnected { peer } = next(&mut a.events).await {
            break peer;
        }
    };
    assert_eq!(gone, b.handle.local_id());
    let again = Network::start(NetConfig {
        listen: vec![b.address.clone()],
        mdns: false,
        ..NetConfig::new(NodeKey::from_seed([9; 32]))
    });
    assert!(again.is_ok());
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let a = TestNode::start(1, "test", vec![]).await;
    let error = Network::start(NetConfig {
        listen: vec![a.address.clone()],
        mdns: false,
        ..NetConfig::new(NodeKey::from_seed([9; 32]))
    });
    let error = error.expect_err("the port is taken").to_string();
    assert!(error.contains("--listen"), "{error}");
}

/// Run once in each of two hosts on one network with multicast, with different seeds in
/// `PISHTAR_TEST_SEED`.
#[tokio::test]
#[ignore = "needs two hosts with multicast"]
async fn neighbours_find_each_other_by_mdns() {
    let seed = std::env::var("PISHTAR_TEST_SEED").map_or(1, |s| s.parse().expect("a byte"));
    let key = NodeKey::from_seed([seed; 32]);
    let config = NetConfig {
        tag: "mdns-test".to_owned(),
        ..NetConfig::new(key)
    };
    let began = std::time::Instant::now();
    let (handle, mut events) = Network::start(config).expect("a free port");
    loop {
        if let NetEvent::Connected { peer, address } = next(&mut events).await {
            println!("{peer} at {address} after {:?}", began.elapsed());
            break;
        }
    }
    time::sleep(Duration::from_secs(2)).await;
    assert_eq!(handle.peers().iter().filter(|p| p.connected).count(), 1);
    handle.shutdown().await;
}

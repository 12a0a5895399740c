//! Both ciphers between real ends, and what somebody between or a liar can do.

use std::{cell::Cell, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt, future::poll_fn};
use libp2p::{
    Transport,
    core::transport::{DialOpts, ListenerId, PortUse, TransportEvent},
    core::{
        Endpoint,
        muxing::{StreamMuxerBox, StreamMuxerExt},
        transport::Boxed,
    },
};
use tokio::io::DuplexStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use super::*;
use crate::net::transport::over;

type Pipe = Compat<DuplexStream>;

const TAG: &[u8] = b"pishtar/1/test";

fn key(seed: u8) -> Keypair {
    Keypair::ed25519_from_bytes([seed; 32]).unwrap()
}

fn pipe() -> (Pipe, Pipe) {
    let (a, b) = tokio::io::duplex(50_000);
    (a.compat(), b.compat())
}

async fn shake(
    dialer: aes::Config,
    listener: aes::Config,
) -> (
    io::Result<(PeerId, aes::Output<Pipe>)>,
    io::Result<(PeerId, aes::Output<Pipe>)>,
) {
    let (a, b) = pipe();
    // Who fails closes its end, so that the other ends as well.
    tokio::join!(
        dialer.handshake(a, End::Dialer),
        listener.handshake(b, End::Listener)
    )
}

async fn connected() -> (aes::Output<Pipe>, aes::Output<Pipe>) {
    let [dialer, listener] = [1, 2].map(|seed| aes::Config::new(&key(seed), TAG).unwrap());
    let (dialer, listener) = shake(dialer, listener).await;
    let ((listener_id, a), (dialer_id, b)) = (dialer.unwrap(), listener.unwrap());
    assert_eq!(listener_id, key(2).public().to_peer_id());
    assert_eq!(dialer_id, key(1).public().to_peer_id());
    (a, b)
}

/// Bytes that repeat nowhere soon.
fn content(length: usize) -> Vec<u8> {
    (0..length as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

#[tokio::test]
async fn bytes_of_any_length_pass_both_ways_in_pieces_of_any_length() {
    let (mut a, mut b) = connected().await;
    // Around a frame, around two, and more than all buffers hold.
    for length in [1, 15, 65_518, 65_519, 65_520, 131_038, 131_039, 1_000_000] {
        for step in [7, 4_096, 65_535, 65_536, 200_000] {
            let sent = content(length);
            let writing = async {
                for part in sent.chunks(step) {
                    a.write_all(part).await.unwrap();
                }
                a.flush().await.unwrap();
            };
            let reading = async {
                let (mut got, mut piece) = (Vec::new(), vec![0; step]);
                while got.len() < length {
                    let read = b.read(&mut piece).await.unwrap();
                    assert_ne!(read, 0);
                    got.extend_from_slice(&piece[..read]);
                }
                got
            };
            let ((), got) = tokio::join!(writing, reading);
            assert!(got == sent, "{length} bytes in steps of {step}");
            std::mem::swap(&mut a, &mut b);
        }
    }
    a.close().await.unwrap();
    assert_eq!(b.read(&mut [0; 9]).await.unwrap(), 0, "a clean end");
}

#[tokio::test]
async fn another_network_and_an_impostor_are_refused_by_the_other_end() {
    let config = |seed, tag| aes::Config::new(&key(seed), tag).unwrap();
    let (dialer, listener) = shake(config(1, TAG), config(2, b"pishtar/1/other")).await;
    assert!(dialer.is_err() && listener.is_err());
    let impostor = || aes::Config::impostor(&key(3), TAG);
    let (dialer, _) = shake(config(1, TAG), impostor()).await;
    assert_eq!(dialer.err().unwrap().kind(), io::ErrorKind::InvalidData);
    let (_, listener) = shake(impostor(), config(2, TAG)).await;
    assert_eq!(listener.err().unwrap().kind(), io::ErrorKind::InvalidData);
}

async fn frame_of(stream: &mut Pipe) -> Vec<u8> {
    let mut frame = vec![0; 2];
    stream.read_exact(&mut frame).await.unwrap();
    let length = usize::from(u16::from_be_bytes([frame[0], frame[1]]));
    frame.resize(2 + length, 0);
    stream.read_exact(&mut frame[2..]).await.unwrap();
    frame
}

/// What `a` sends goes through `change` before `b` gets it.
async fn through(change: impl Fn(&mut Vec<u8>)) -> io::Result<Vec<u8>> {
    let [dialer, listener] = [1, 2].map(|seed| aes::Config::new(&key(seed), TAG).unwrap());
    let ((a, mut from_a), (mut to_b, b)) = (pipe(), pipe());
    let between = async {
        // The handshake: forth, back, forth.
        for turn in 0..3 {
            let (from, to) = match turn {
                1 => (&mut to_b, &mut from_a),
                _ => (&mut from_a, &mut to_b),
            };
            let frame = frame_of(from).await;
            to.write_all(&frame).await.unwrap();
        }
        let mut frame = frame_of(&mut from_a).await;
        change(&mut frame);
        to_b.write_all(&frame).await.unwrap();
        to_b.close().await.unwrap();
    };
    let sending = async {
        let (_, mut a) = dialer.handshake(a, End::Dialer).await.unwrap();
        a.write_all(b"the seventh lesson").await.unwrap();
        a.flush().await.unwrap();
        a
    };
    let receiving = async {
        let (_, mut b) = listener.handshake(b, End::Listener).await.unwrap();
        let mut got = Vec::new();
        b.read_to_end(&mut got).await.map(|_| got)
    };
    let ((), _a, got) = tokio::join!(between, sending, receiving);
    got
}

#[tokio::test]
async fn a_changed_bit_a_cut_and_a_repetition_are_found() {
    assert_eq!(through(|_| {}).await.unwrap(), b"the seventh lesson");
    let length = 2 + b"the seventh lesson".len() + 16;
    for at in 2..length {
        let error = through(|frame| frame[at] ^= 1).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "byte {at}");
    }
    for kept in 1..length {
        let error = through(|frame| frame.truncate(kept)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{kept} kept");
    }
    let error = through(|frame| frame.extend(frame.clone()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "twice the same");
    for empty in 0..=16u8 {
        let error = through(|frame| {
            frame.truncate(usize::from(empty) + 2);
            frame[..2].copy_from_slice(&[0, empty]);
        });
        let kind = error.await.unwrap_err().kind();
        assert_eq!(
            kind,
            io::ErrorKind::InvalidData,
            "a message of {empty} bytes"
        );
    }
}

async fn next(transport: &mut Boxed<(PeerId, StreamMuxerBox)>) -> Event {
    let next = tokio::time::timeout(Duration::from_secs(20), transport.next());
    next.await.expect("within the time").expect("it never ends")
}

type Event =
    TransportEvent<<Boxed<(PeerId, StreamMuxerBox)> as Transport>::ListenerUpgrade, io::Error>;

/// Nodes on a board without AES and others understand each other, whoever dials.
#[tokio::test]
async fn nodes_agree_on_a_cipher_that_both_have() {
    for (dials, listens) in [(true, true), (true, false), (false, true), (false, false)] {
        let transport = |seed, fast| over(Config::with_aes(&key(seed), TAG, fast).unwrap(), 8);
        let (mut dialer, mut listener) = (transport(1, dials), transport(2, listens));
        let any = "/ip4/127.0.0.1/tcp/0".parse().unwrap();
        listener.listen_on(ListenerId::next(), any).unwrap();
        let TransportEvent::NewAddress { listen_addr, .. } = next(&mut listener).await else {
            panic!("an address comes first");
        };
        let options = DialOpts {
            role: Endpoint::Dialer,
            port_use: PortUse::New,
        };
        let dialing = dialer.dial(listen_addr, options).unwrap();
        let accepting = async {
            let TransportEvent::Incoming { upgrade, .. } = next(&mut listener).await else {
                panic!("a connection comes next");
            };
            upgrade.await.unwrap().0
        };
        // What the dialer says last travels with what its streams say first: somebody has to look after them.
        let met = Cell::new(None);
        let keeping = async {
            let (peer, mut streams) = dialing.await.unwrap();
            met.set(Some(peer));
            poll_fn(|cx| streams.poll_unpin(cx)).await
        };
        let accepted = tokio::select! {
            accepted = accepting => accepted,
            _ = keeping => panic!("the connection ends early"),
        };
        assert_eq!(met.get(), Some(key(2).public().to_peer_id()));
        assert_eq!(accepted, key(1).public().to_peer_id());
    }
}

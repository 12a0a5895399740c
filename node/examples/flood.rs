//! One machine with many ids that floods a node: hints full of records that nobody can open, and the same by exchange.
//! For the test of threat 33; it runs until it is killed.
//!
//!     flood MULTIADDR NETWORK IDS

use std::{error::Error, time::Duration};

use ed25519_dalek::SigningKey;
use pishtar::{
    net::{
        NetConfig, NetEvent, NetHandle, Network, NodeKey, Protocol,
        records::{ExchangeLimits, initiate},
    },
    store::records::{RecordOptions, RecordStore},
};
use pishtar_mesh::{Hint, records::SetKind, wire};
use pishtar_signing::record::{CollectionSecret, LogSigner, Recipients, seal};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};

/// Unix seconds of the records' making.
const NOW: i64 = 1_780_000_000;
/// Records that every id pushes by exchange besides its hints.
const JUNK: usize = 1_000;
/// Between two hints of one id.
const EVERY: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, network, ids] = &arguments[..] else {
        return Err("usage: flood MULTIADDR NETWORK IDS".into());
    };
    let folder = tempfile::tempdir()?;
    let store = RecordStore::open(
        &folder.path().join("records.redb"),
        RecordOptions::default(),
    )?;
    let mut junk = Junk::new();
    store
        .store(SetKind::Records, junk.records(JUNK), [1; 32], NOW)
        .await?;
    let mut running = Vec::new();
    for id in 0..ids.parse::<u32>()? {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&id.to_be_bytes());
        seed[31] = 33;
        let mut config = NetConfig::new(NodeKey::from_seed(seed));
        config.listen = Vec::new();
        config.mdns = false;
        config.tag.clone_from(network);
        config.dial = vec![address.parse()?];
        let (net, events) = Network::start(config)?;
        running.push(tokio::spawn(exchange(net.clone(), events, store.clone())));
        running.push(tokio::spawn(shout(net, junk.records(64))));
    }
    println!("ready");
    futures::future::join_all(running).await;
    Ok(())
}

/// Records with good signatures, sealed to keys that nobody has.
struct Junk {
    rng: ChaCha20Rng,
    to: Recipients,
}

impl Junk {
    fn new() -> Junk {
        let mut rng = ChaCha20Rng::from_seed([33; 32]);
        let ministry = CollectionSecret::generate(1, &mut rng).public();
        Junk {
            rng,
            to: Recipients {
                ministry,
                school: None,
            },
        }
    }

    fn records(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut one = || {
            let mut seed = [0; 32];
            self.rng.fill_bytes(&mut seed);
            let signer = LogSigner::new(&SigningKey::from_bytes(&seed), &seed);
            let record = seal(b"junk", &signer, 1, 494_000, &self.to, &mut self.rng);
            record.expect("the keys are usable").into_bytes()
        };
        (0..count).map(|_| one()).collect()
    }
}

/// Hint after hint, each with as many records as it holds and another one last, so that no two are the same.
async fn shout(net: NetHandle, junk: Vec<Vec<u8>>) {
    for round in 0.. {
        let records =
            (0..wire::MAX_FRESH).map(|at| junk[(round * 3 + at * 5) % junk.len()].clone());
        let hint = Hint::Fresh {
            records: records.collect(),
        };
        if let Ok(bytes) = wire::encode(&wire::HintMessage { hint }) {
            net.publish_hint(bytes);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Pushes the junk into the node by exchange, again and again.
async fn exchange(
    net: NetHandle,
    mut events: tokio::sync::mpsc::Receiver<NetEvent>,
    store: RecordStore,
) {
    while let Some(event) = events.recv().await {
        let NetEvent::Connected { peer, .. } = event else {
            continue;
        };
        let (net, store) = (net.clone(), store.clone());
        tokio::spawn(async move {
            while let Ok(stream) = net.open(peer, Protocol::Records).await {
                let limits = ExchangeLimits::default();
                // The node may cut it off: that is what is tried.
                drop(initiate(stream, &store, peer.0, NOW, limits).await);
                tokio::time::sleep(EVERY).await;
            }
        });
    }
}

//! Who gets the last places for ranges, and who loses one.

use std::sync::Arc;

use pishtar_mesh::NodeId;
use tokio::task::JoinHandle;

use super::{
    tests::{World, get_request},
    *,
};
use crate::net::testing::{PEER, pipe};

const OTHER: NodeId = NodeId([6; 32]);
const THIRD: NodeId = NodeId([7; 32]);

/// Asks for the whole blob as `peer`, and gives the status, the rest of the stream, and how serving ends.
async fn ask(
    world: &World,
    peer: NodeId,
) -> (
    BlobStatus,
    impl AsyncRead + AsyncWrite + Unpin + use<>,
    JoinHandle<io::Result<()>>,
) {
    let (mut near, far) = pipe();
    let provider: Arc<Provider> = world.provider.clone();
    let serving = tokio::spawn(async move { provider.serve(far, peer).await });
    let all = get_request(bao_tree::ChunkRanges::all(), world.hash);
    near.write_all(&all).await.expect("the provider listens");
    near.close().await.expect("half closed");
    let mut status = [9];
    near.read_exact(&mut status).await.expect("a status");
    let status = BlobStatus::from_byte(status[0]).expect("a known one");
    (status, near, serving)
}

fn limits(per_peer: usize, total: usize) -> ProviderLimits {
    ProviderLimits {
        per_peer,
        total,
        bytes_per_second: None,
    }
}

#[tokio::test]
async fn the_last_places_are_for_those_who_have_none() {
    let world = World::new(limits(8, 8)).await;
    let mut held = Vec::new();
    let refused = loop {
        let (status, stream, serving) = ask(&world, PEER).await;
        if status != BlobStatus::Ok {
            break status;
        }
        held.push((stream, serving));
    };
    assert_eq!((refused, held.len()), (BlobStatus::Busy, 6));
    for peer in [OTHER, THIRD] {
        let (status, stream, serving) = ask(&world, peer).await;
        assert_eq!(status, BlobStatus::Ok, "{peer} has none");
        held.push((stream, serving));
    }
    let (status, ..) = ask(&world, NodeId([8; 32])).await;
    assert_eq!(status, BlobStatus::Busy, "there are no more");
}

#[tokio::test]
async fn who_reads_a_byte_now_and_then_loses_its_place_and_comes_last_for_a_while() {
    let world = World::new(limits(8, 4)).await;
    let (status, mut stream, serving) = ask(&world, PEER).await;
    assert_eq!(status, BlobStatus::Ok);
    tokio::time::pause();
    let mut reads = 0;
    while !serving.is_finished() {
        tokio::time::sleep(Duration::from_secs(9)).await;
        // The last bytes are there also when the place is lost.
        let _ = stream.read_exact(&mut [0]).await;
        reads += 1;
        assert!(reads < 20, "it keeps its place for ever");
    }
    tokio::time::resume();
    let ended = serving.await.expect("no panic").expect_err("cut off");
    assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
    assert!(reads >= 3, "not at the first pause");
    let mut held = Vec::new();
    for peer in [OTHER, THIRD, NodeId([8; 32])] {
        let (status, stream, serving) = ask(&world, peer).await;
        assert_eq!(status, BlobStatus::Ok);
        held.push((stream, serving));
    }
    let (status, ..) = ask(&world, PEER).await;
    assert_eq!(
        status,
        BlobStatus::Busy,
        "one place is left, and not for it"
    );
    let (status, ..) = ask(&world, NodeId([9; 32])).await;
    assert_eq!(status, BlobStatus::Ok);
}

//! Who holds what: our answers to others' questions, and our questions to them.
//!
//! Per (publisher, role, version) a bitmap in the role's sorted path order, so that 14,000
//! lessons fit in a few kilobytes; ranges for files that are still arriving; single hashes for
//! roles whose versions differ. Each peer is asked one question at a time, and the answerer may
//! hold the answer back until it has news.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::MAX_QUERY_HASHES,
    desk::{Cx, doubled},
    ids::{Mono, NodeId, RequestId},
    inventory::{FileIx, Inventory, RoleIx},
    io::{HoldingsFailure, Output},
    ledger::FaultKind,
    peers::{Peer, Peers},
    ranges::RangeSet,
    wire::{Bitmap, HoldingsAnswer, HoldingsQuery, MAX_PARTIALS, PartialHolding, RoleHoldings},
};

/// Shortest time between two questions to one peer.
const MIN_QUESTION_GAP: Duration = Duration::from_millis(100);
/// Time that an answer may take beyond the wait that was asked for.
const ANSWER_GRACE: Duration = Duration::from_secs(15);

/// Answers a question from what we hold now.
pub(crate) fn answer(
    inventory: &Inventory,
    instance: u64,
    query: &HoldingsQuery,
) -> HoldingsAnswer {
    let since = if query.instance == instance {
        query.since
    } else {
        0
    };
    let fresh = |role: &&crate::inventory::Role| since == 0 || role.changed_at > since;
    let told = |role: &crate::inventory::Role| RoleHoldings {
        publisher: role.publisher.clone(),
        role: role.name.clone(),
        version: role.version,
        files: role.ours.clone(),
    };
    let mut hashes = Bitmap::default();
    for (at, hash) in query.hashes.iter().take(MAX_QUERY_HASHES).enumerate() {
        let held = inventory
            .find(hash)
            .is_some_and(|ix| inventory.file(ix).is_complete());
        hashes.set(at, held);
    }
    HoldingsAnswer {
        instance,
        generation: inventory.generation,
        roles: inventory.roles().filter(fresh).map(told).collect(),
        partials: inventory
            .partials()
            .take(MAX_PARTIALS)
            .filter_map(|ix| pack(inventory, ix))
            .collect(),
        hashes,
    }
}

/// Is there something to answer now, or may the answer wait for news?
pub(crate) fn has_news(inventory: &Inventory, instance: u64, query: &HoldingsQuery) -> bool {
    !query.hashes.is_empty() || query.instance != instance || query.since < inventory.generation
}

fn pack(inventory: &Inventory, ix: FileIx) -> Option<PartialHolding> {
    let file = inventory.file(ix);
    match &file.holding {
        crate::inventory::Holding::Partial(ranges) => {
            Some(PartialHolding::pack(file.hash, ranges.iter()))
        }
        _ => None,
    }
}

/// Asks every peer whose turn it is.
pub(crate) fn ask(cx: &mut Cx<'_>, peers: &mut Peers) {
    let now = cx.mono();
    for (&id, peer) in peers.iter_mut() {
        let talk = &mut peer.talk;
        if let Some((_, _, lost_at)) = &talk.open
            && *lost_at <= now
        {
            fail(talk, now);
        }
        if talk.open.is_some() || talk.next_at > now {
            continue;
        }
        let count = talk.to_ask.len().min(MAX_QUERY_HASHES);
        let hashes: Vec<_> = talk.to_ask.drain(..count).collect();
        let wait = if hashes.is_empty() && talk.instance != 0 {
            cx.config.holdings_wait
        } else {
            Duration::ZERO
        };
        let query = HoldingsQuery {
            instance: talk.instance,
            since: talk.since,
            wait_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
            hashes: hashes.clone(),
        };
        let request = cx.desk.request();
        talk.open = Some((request, hashes, now.plus(wait + ANSWER_GRACE)));
        cx.desk.push(Output::RequestHoldings {
            request,
            peer: id,
            query,
        });
    }
}

/// When `ask` has something to do next.
pub(crate) fn next_deadline(peers: &Peers) -> Option<Mono> {
    let of_peer = |(_, peer): (&NodeId, &Peer)| match &peer.talk.open {
        Some((_, _, lost_at)) => *lost_at,
        None => peer.talk.next_at,
    };
    peers.iter().map(of_peer).min()
}

/// Takes an answer in; returns whose it was, and the files for which claims changed.
pub(crate) fn arrived(
    cx: &mut Cx<'_>,
    inventory: &Inventory,
    peers: &mut Peers,
    request: RequestId,
    result: Result<HoldingsAnswer, HoldingsFailure>,
) -> Option<(NodeId, Vec<FileIx>)> {
    let now = cx.mono();
    let asked = |peer: &Peer| {
        peer.talk
            .open
            .as_ref()
            .is_some_and(|(open, ..)| *open == request)
    };
    let (&id, peer) = peers.iter_mut().find(|(_, peer)| asked(peer))?;
    let checked = result.and_then(|answer| match crate::wire::Message::check(&answer) {
        Ok(()) => Ok(answer),
        Err(error) => Err(HoldingsFailure::Protocol(error.to_string())),
    });
    let answer = match checked {
        Ok(answer) => answer,
        Err(failure) => {
            fail(&mut peer.talk, now);
            if let HoldingsFailure::Protocol(reason) = failure {
                cx.ledger.fault(cx.now, id, FaultKind::Protocol { reason });
            }
            return None;
        }
    };
    let hashes = peer
        .talk
        .open
        .take()
        .map(|(_, hashes, _)| hashes)
        .unwrap_or_default();
    let talk = &mut peer.talk;
    talk.failures = 0;
    talk.instance = answer.instance;
    talk.since = answer.generation;
    talk.next_at = now.plus(MIN_QUESTION_GAP);
    let mut changed = Vec::new();
    for (at, hash) in hashes.iter().enumerate() {
        let Some(ix) = inventory.find(hash) else {
            continue;
        };
        if peer.set_extra(ix, answer.hashes.get(at)) {
            changed.push(ix);
        }
    }
    for role in answer.roles {
        take_role(inventory, peer, role, &mut changed);
    }
    changed.extend(peer.set_partials(known_parts(inventory, &answer.partials)));
    Some((id, changed))
}

/// The catalogue changed: bitmaps of its roles are asked for again in full.
pub(crate) fn ask_again(peers: &mut Peers, now: Mono) {
    for (_, peer) in peers.iter_mut() {
        peer.talk.since = 0;
        peer.talk.instance = 0;
        peer.talk.open = None;
        peer.talk.next_at = now;
    }
}

/// Keeps the bits that peers told for a role as single files before its order changes.
pub(crate) fn loosen(inventory: &Inventory, peers: &mut Peers, role: RoleIx) {
    for (_, peer) in peers.iter_mut() {
        peer.loosen_role(inventory, role);
    }
}

fn take_role(
    inventory: &Inventory,
    peer: &mut Peer,
    told: RoleHoldings,
    changed: &mut Vec<FileIx>,
) {
    let Some(ix) = inventory.find_role(&told.publisher, &told.role) else {
        return;
    };
    let Some(role) = inventory.role(ix) else {
        return;
    };
    if role.version == told.version {
        changed.extend(peer.set_role(inventory, ix, told.files));
        return;
    }
    // Another version means another order of files: ask for what we miss, one by one.
    let missing = role.files.iter().flatten().map(|ix| inventory.file(*ix));
    let wanted = missing.filter(|file| file.want.is_some() && !file.is_complete());
    let room = (16 * MAX_QUERY_HASHES).saturating_sub(peer.talk.to_ask.len());
    peer.talk
        .to_ask
        .extend(wanted.map(|file| file.hash).take(room));
}

fn known_parts(inventory: &Inventory, partials: &[PartialHolding]) -> BTreeMap<FileIx, RangeSet> {
    let known = |partial: &PartialHolding| {
        let ix = inventory.find(&partial.hash)?;
        let ranges: RangeSet = partial.ranges(inventory.file(ix).length).collect();
        (!ranges.is_empty()).then_some((ix, ranges))
    };
    partials.iter().filter_map(known).collect()
}

fn fail(talk: &mut crate::peers::Talk, now: Mono) {
    talk.open = None;
    // What was lost with the answer is unknown: ask for everything.
    (talk.instance, talk.since) = (0, 0);
    talk.failures = talk.failures.saturating_add(1);
    talk.next_at = now.plus(doubled(
        Duration::from_secs(1),
        talk.failures,
        Duration::from_secs(60),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Input, Mesh,
        testing::{Fault, Link, Ministry, World},
    };

    const SIZES: [u64; 3] = [700, 40_000, 900];

    /// A node that follows everything of two roles, and one that seeds them.
    fn world() -> (World, Ministry) {
        let mut ministry = Ministry::new();
        ministry.lesson("math-6-sq", "a", &SIZES);
        ministry.lesson("art-1-sr", "b", &[5_000]);
        ministry.publish();
        let link = Link {
            delay: Duration::from_millis(3),
            up_rate: 2_000_000,
        };
        let mut world = World::new(7, link);
        world.add(&ministry, |_| {});
        world.add(&ministry, |_| {});
        world.publish_to(0, &ministry);
        world.connect(0, 1);
        (world, ministry)
    }

    fn asked(mesh: &Mesh, instance: u64, since: u64) -> HoldingsAnswer {
        mesh.answer_holdings(&HoldingsQuery {
            instance,
            since,
            ..HoldingsQuery::default()
        })
    }

    #[test]
    fn who_knows_the_rest_is_told_only_of_roles_that_changed() {
        let (mut world, mut ministry) = world();
        let all = ministry.blobs();
        assert!(world.run_until(Duration::from_secs(60), |world| world.all_hold(&[1], &all)));
        // What is new is numbered a moment later.
        world.pass(Duration::from_secs(5));
        let before = asked(&world.node(1).mesh, 0, 0);
        let roles: Vec<&str> = before.roles.iter().map(|role| role.role.as_str()).collect();
        assert!(
            roles.contains(&"math-6-sq") && roles.contains(&"art-1-sr"),
            "{roles:?}"
        );
        // Four files: four bits, in one byte for each role.
        let bytes = |answer: &HoldingsAnswer| crate::wire::encode(answer).expect("bounded").len();
        assert!(bytes(&before) < 120, "{} bytes", bytes(&before));
        let nothing = asked(&world.node(1).mesh, before.instance, before.generation);
        assert!(
            nothing.roles.is_empty() && nothing.partials.is_empty(),
            "{nothing:?}"
        );
        // One course changes.
        ministry.lesson("art-1-sr", "c", &[6_000]);
        ministry.publish();
        world.publish_to(0, &ministry);
        let all = ministry.blobs();
        let until = world.time() + Duration::from_secs(120);
        assert!(world.run_until(until, |world| world.all_hold(&[1], &all)));
        world.pass(Duration::from_secs(5));
        let delta = asked(&world.node(1).mesh, before.instance, before.generation);
        let changed: Vec<&str> = delta.roles.iter().map(|role| role.role.as_str()).collect();
        assert_eq!(changed, ["art-1-sr"]);
        // A restart of the answerer makes the number mean nothing: everything is told.
        let other = asked(&world.node(1).mesh, before.instance ^ 1, delta.generation);
        assert_eq!(other.roles.len(), before.roles.len());
    }

    #[test]
    fn an_answer_that_is_none_is_a_fault_and_silence_is_not() {
        let (mut world, _) = world();
        let peer = world.node(0).mesh.me();
        world.node_mut(0).fault = Fault::Mute;
        for (failure, expected) in [
            (HoldingsFailure::NoAnswer, 0),
            (HoldingsFailure::Protocol("noise".to_owned()), 1),
        ] {
            let until = world.time() + Duration::from_secs(5);
            world.run_until(until, |_| false);
            // Whichever question is open; answers to others are nobody's.
            for request in (0..1_000).map(RequestId) {
                let result = Err(failure.clone());
                world.input(1, Input::HoldingsArrived { request, result });
            }
            let faults = world.node(1).mesh.faults(peer).count();
            assert_eq!(faults, expected, "{failure:?}");
        }
    }
}

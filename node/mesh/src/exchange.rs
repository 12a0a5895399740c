//! When to exchange records with whom: on connect, on a hint of another set, on own news, and
//! from time to time. One exchange per peer at a time; what is exchanged is `records`' matter.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    desk::{Cx, doubled},
    event::Event,
    ids::{Mono, NodeId, RequestId},
    io::{ExchangeStats, Hint, Output},
};

/// Who has more peers than this hints and visits more seldom in proportion: every hint of a sync point makes all its
/// schools come, and with a thousand of them news never ends.
const FEW_PEERS: usize = 16;

/// So many failures in a row are told of, once. One or two are everyday: a neighbour has few places for exchanges, and
/// where thirty devices meet at once most find them taken.
const TOLD_FAILURES: u32 = 3;

/// The schedule of exchanges.
#[derive(Debug)]
pub(crate) struct Exchange {
    peers: BTreeMap<NodeId, Visit>,
    count: u64,
    digest: [u8; 32],
    hint_at: Option<Mono>,
    hinted_at: Option<Mono>,
}

#[derive(Debug)]
struct Visit {
    next_at: Mono,
    open: Option<(RequestId, Mono)>,
    failures: u32,
}

impl Exchange {
    pub(crate) fn new((count, digest): (u64, [u8; 32])) -> Self {
        Exchange {
            peers: BTreeMap::new(),
            count,
            digest,
            hint_at: None,
            hinted_at: None,
        }
    }

    /// The side with the lower id begins; the other one follows in its own time, should that fail.
    pub(crate) fn connected(&mut self, cx: &mut Cx<'_>, peer: NodeId) {
        let first = if cx.config.me < peer {
            Duration::from_millis(50)
        } else {
            Duration::from_secs(5)
        };
        let next_at = cx.mono().plus(cx.desk.jitter(first));
        self.peers.insert(
            peer,
            Visit {
                next_at,
                open: None,
                failures: 0,
            },
        );
    }

    pub(crate) fn disconnected(&mut self, peer: NodeId) {
        self.peers.remove(&peer);
    }

    /// Are records exchanged with this peer?
    pub(crate) fn knows(&self, peer: NodeId) -> bool {
        self.peers.contains_key(&peer)
    }

    /// A peer's set differs from ours: visit it soon.
    pub(crate) fn hint(&mut self, cx: &mut Cx<'_>, peer: NodeId, digest: [u8; 32]) {
        if digest != self.digest {
            let soon = cx.mono().plus(cx.desk.jitter(Duration::from_millis(100)));
            self.visit_by(|id| *id == peer, soon);
        }
    }

    /// Our own set changed.
    pub(crate) fn changed(&mut self, cx: &mut Cx<'_>, count: u64, digest: [u8; 32]) {
        if digest == self.digest {
            return;
        }
        (self.count, self.digest) = (count, digest);
        let now = cx.mono();
        let earliest = self.hinted_at.map_or(now, |at| {
            let spaced = at.plus(cx.config.records_hint_interval * spacing(self.peers.len()));
            spaced.max(now)
        });
        self.hint_at.get_or_insert(earliest);
        // Peers that heard the hint come by themselves.
        let after = cx.config.records_visit_after * spacing(self.peers.len());
        let soon = now.plus(cx.desk.jitter(after));
        self.visit_by(|_| true, soon);
    }

    /// An exchange ended.
    pub(crate) fn ended(
        &mut self,
        cx: &mut Cx<'_>,
        request: RequestId,
        result: Result<ExchangeStats, String>,
    ) {
        let asked = |visit: &Visit| visit.open.is_some_and(|(open, _)| open == request);
        let Some((&peer, visit)) = self.peers.iter_mut().find(|(_, visit)| asked(visit)) else {
            return;
        };
        visit.open = None;
        match result {
            Ok(stats) => {
                visit.failures = 0;
                visit.next_at = cx.mono().plus(cx.desk.jitter(cx.config.records_interval));
                if stats != ExchangeStats::default() {
                    cx.tell(Event::RecordsExchanged { peer, stats });
                }
            }
            Err(reason) => {
                visit.failed(cx);
                if visit.failures == TOLD_FAILURES {
                    cx.tell(Event::RecordsFailed { peer, reason });
                }
            }
        }
    }

    pub(crate) fn pump(&mut self, cx: &mut Cx<'_>) {
        let now = cx.mono();
        if self.hint_at.is_some_and(|at| at <= now) {
            self.hint_at = None;
            self.hinted_at = Some(now);
            cx.desk.push(Output::PublishHint(Hint::Records {
                count: self.count,
                digest: self.digest,
            }));
        }
        for (&peer, visit) in &mut self.peers {
            if visit.open.is_some_and(|(_, lost_at)| lost_at <= now) {
                visit.open = None;
                visit.failed(cx);
            }
            if visit.open.is_none() && visit.next_at <= now {
                let request = cx.desk.request();
                visit.open = Some((request, now.plus(cx.config.records_timeout)));
                cx.desk.push(Output::ExchangeRecords { request, peer });
            }
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        let of_visit = |visit: &Visit| visit.open.map_or(visit.next_at, |(_, lost_at)| lost_at);
        self.peers.values().map(of_visit).chain(self.hint_at).min()
    }

    fn visit_by(&mut self, whom: impl Fn(&NodeId) -> bool, at: Mono) {
        for (_, visit) in self
            .peers
            .iter_mut()
            .filter(|(id, visit)| whom(id) && visit.failures == 0)
        {
            visit.next_at = visit.next_at.min(at);
        }
    }
}

impl Visit {
    fn failed(&mut self, cx: &mut Cx<'_>) {
        self.failures = self.failures.saturating_add(1);
        let wait = doubled(
            Duration::from_secs(2),
            self.failures,
            cx.config.records_interval,
        );
        self.next_at = cx.mono().plus(cx.desk.jitter(wait));
    }
}

/// How much more seldom than with few peers.
fn spacing(peers: usize) -> u32 {
    u32::try_from(peers / FEW_PEERS).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Input, Mesh, Mono, Now, Restored};

    #[test]
    fn a_neighbour_without_a_place_is_told_of_only_when_it_stays_so() {
        let peer = NodeId([2; 32]);
        let mut now = Now {
            mono: Mono::default(),
            wall: 1_790_000_000,
        };
        let config = Config::new(NodeId([1; 32]), [0; 32]);
        let mut mesh = Mesh::new(config, now, Restored::default());
        mesh.handle(now, Input::PeerConnected { peer });
        let mut told_at = Vec::new();
        let mut failures = 0;
        for _ in 0..200 {
            while let Some(output) = mesh.poll_output() {
                match output {
                    Output::ExchangeRecords { request, .. } => {
                        failures += 1;
                        let result = Err("no place".to_owned());
                        mesh.handle(now, Input::RecordsExchanged { request, result });
                    }
                    Output::Event(Event::RecordsFailed { .. }) => told_at.push(failures),
                    _ => {}
                }
            }
            now.mono = now.mono.plus(Duration::from_secs(1));
            mesh.handle(now, Input::Tick);
        }
        assert!(failures > 4, "{failures}");
        assert_eq!(told_at, [TOLD_FAILURES]);
    }

    #[test]
    fn a_sync_point_of_many_schools_hints_in_proportion() {
        let factors = [0, 3, 16, 31, 32, 1_000].map(spacing);
        assert_eq!(factors, [1, 1, 1, 1, 2, 62]);
    }
}

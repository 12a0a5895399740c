//! Records between two carriers: with the program's own sessions, or counted.

use std::collections::BTreeMap;

use pishtar_mesh::{
    ExchangeStats, Input, RequestId,
    records::{self, Initiator, Limits, Message, Output, Responder, SetKind},
};

use super::{
    World,
    event::Event,
    host::{HostIx, Kind},
    lines::{Load, Via},
};
use crate::sim::{
    SECOND,
    records::{HeldAck, RecIx, Taken},
};

/// Bytes of an acknowledgement.
const ACK_BYTES: u64 = pishtar_signing::ack::ACK_BYTES as u64;
/// Most records that one exchange moves each way.
const MAX_ITEMS: usize = 8_192;

/// Sessions under way.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: BTreeMap<u64, Session>,
    next: u64,
}

impl Sessions {
    /// Is this host in a session?
    pub(super) fn busy(&self, at: HostIx) -> bool {
        let mut sessions = self.open.values();
        sessions.any(|session| session.asker == at || session.other == at)
    }
}

/// One session of the program's protocol.
#[derive(Debug)]
struct Session {
    asker: HostIx,
    asker_boot: u32,
    other: HostIx,
    other_boot: u32,
    request: RequestId,
    initiator: Initiator,
    responder: Responder,
}

/// Records on their way to a neighbour that did not ask for them.
#[derive(Debug)]
pub(super) struct Push {
    from: HostIx,
    to: HostIx,
    records: Vec<RecIx>,
}

/// A message between two carriers.
#[derive(Debug)]
pub(super) struct Step {
    session: u64,
    to_asker: bool,
    message: Message,
}

impl World {
    pub(super) fn exchange(&mut self, at: HostIx, request: RequestId, other: HostIx) {
        let Some(via) = self.via(at, other) else {
            return self.exchange_fails(at, request, "the connection went away");
        };
        if self.is_mute(other) {
            return;
        }
        if self.syncs_with_another(other) {
            return self.exchange_fails(at, request, "it is busy with another device");
        }
        let id = self.id_of(at);
        let mesh = self.hosts[other as usize].mesh.as_ref();
        if !mesh.is_some_and(|mesh| mesh.exchanges_records_with(id)) {
            return self.exchange_fails(at, request, "it takes no records from this device");
        }
        let (ours, theirs) = (&self.hosts[at as usize], &self.hosts[other as usize]);
        if ours.carrier.digest() == theirs.carrier.digest() {
            let result = Ok(ExchangeStats::default());
            let delay = 4 * self.delay(via);
            self.later_input(delay, at, Input::RecordsExchanged { request, result });
            return;
        }
        if self.scenario.records.real_exchange {
            return self.begin_session(at, request, other);
        }
        let bytes = self.difference(at, other);
        let pipe = self.pipe_from(at, via);
        let boot = self.hosts[at as usize].boot;
        let load = Load::Records(at, boot, other, request);
        let flow = self.start_flow(pipe, bytes + 1_024, load);
        self.exchanges.insert((at, other), (flow, request));
    }

    fn exchange_fails(&mut self, at: HostIx, request: RequestId, why: &str) {
        let result = Err(why.to_owned());
        self.later_input(40_000, at, Input::RecordsExchanged { request, result });
    }

    /// Bytes that two carriers lack of each other.
    fn difference(&self, a: HostIx, b: HostIx) -> u64 {
        let (x, y) = (
            &self.hosts[a as usize].carrier,
            &self.hosts[b as usize].carrier,
        );
        let newer = |from: HostIx, to: HostIx| {
            let since = self.agreed.get(&(from, to)).copied().unwrap_or(0);
            let (from, to) = (&self.hosts[from as usize], &self.hosts[to as usize]);
            let changed = from.carrier.acks_since(since);
            changed
                .filter(|(log, ack)| to.carrier.acked(*log) < ack.up_to)
                .count() as u64
        };
        let acks = newer(a, b) + newer(b, a);
        let (_, out) = x.lacks(&self.book, y, MAX_ITEMS);
        let (_, back) = y.lacks(&self.book, x, MAX_ITEMS);
        out + back + acks * ACK_BYTES
    }

    /// A counted exchange is over: both learn what they lacked.
    pub(super) fn records_moved(
        &mut self,
        asker: HostIx,
        boot: u32,
        other: HostIx,
        request: RequestId,
    ) {
        self.exchanges.remove(&(asker, other));
        if !self.is_running(asker, boot) || self.via(asker, other).is_none() {
            return;
        }
        let mut stats = ExchangeStats::default();
        for (from, to, sent) in [(asker, other, true), (other, asker, false)] {
            let since = self.agreed.get(&(from, to)).copied().unwrap_or(0);
            let carrier = &self.hosts[from as usize].carrier;
            let acks: Vec<_> = carrier.acks_since(since).collect();
            self.agreed.insert((from, to), carrier.ack_changes());
            let mut moved = 0;
            for (log, ack) in acks {
                moved += u64::from(self.take_ack(to, log, ack));
            }
            match sent {
                true => stats.acks_sent = moved,
                false => stats.acks_received = moved,
            }
        }
        for (from, to, sent) in [(asker, other, true), (other, asker, false)] {
            let (theirs, ours) = (&self.hosts[from as usize], &self.hosts[to as usize]);
            let (records, _) = theirs.carrier.lacks(&self.book, &ours.carrier, MAX_ITEMS);
            let kept = self.take_records(to, &records, from);
            match sent {
                true => stats.records_sent = kept,
                false => stats.records_received = kept,
            }
        }
        for at in [asker, other] {
            self.records_changed(at);
        }
        let result = Ok(stats);
        self.input(asker, Input::RecordsExchanged { request, result });
    }

    fn take_ack(&mut self, to: HostIx, log: u32, ack: HeldAck) -> bool {
        let carrier = &mut self.hosts[to as usize].carrier;
        carrier.acknowledge(&self.book, log, ack).is_some()
    }

    fn take_records(&mut self, to: HostIx, records: &[RecIx], from: HostIx) -> u64 {
        let hour = (self.now / crate::sim::HOUR) as u32;
        let quota = self.scenario.records.quota_kib * 1_024;
        let mut kept = Vec::new();
        for &ix in records {
            let carrier = &mut self.hosts[to as usize].carrier;
            if carrier.take(&self.book, ix, from, hour, quota) == Taken::Kept {
                kept.push(ix);
            }
        }
        let count = kept.len() as u64;
        self.collect(to, kept);
        count
    }

    /// At the ministry the collector opens, counts and acknowledges.
    pub(super) fn collect(&mut self, at: HostIx, records: Vec<RecIx>) {
        if self.hosts[at as usize].kind != Kind::Ministry {
            return;
        }
        let hour = self.true_hour();
        let mut ends: BTreeMap<u32, u32> = BTreeMap::new();
        for ix in records {
            if let Some(end) = self.count_record(ix) {
                ends.insert(self.book.records[ix as usize].log, end);
            }
        }
        for (log, up_to) in ends {
            let ack = HeldAck { up_to, hour };
            self.book.sign(log, ack);
            self.take_ack(at, log, ack);
        }
    }

    /// Counts a record once; the new end of its log, where that moved.
    fn count_record(&mut self, ix: RecIx) -> Option<u32> {
        if self.book.records[ix as usize].junk {
            return None;
        }
        let twice = self.plants(super::Plant::CountTwice);
        let counted = self.book.collect(ix, self.now);
        self.check_counted(ix, counted.is_some());
        if twice {
            self.check_counted(ix, true);
        }
        let end = counted?;
        let saved = self.book.records[ix as usize].saved;
        self.tally.collected((self.now - saved) / SECOND);
        end
    }

    /// What was just saved goes to the neighbours at once. The program's gossip carries it on to theirs; here it stops there.
    pub(super) fn push_fresh(&mut self, at: HostIx, records: &[RecIx]) {
        let links = self.hosts[at as usize].links.iter();
        let links: Vec<(HostIx, Via)> = links.map(|(to, via)| (*to, *via)).collect();
        let bytes = records.len() as u64 * self.scenario.records.bytes;
        for (to, via) in links {
            let (_, link) = self.pipe_from(at, via);
            self.tally.moved(link, bytes);
            let push = Push {
                from: at,
                to,
                records: records.to_vec(),
            };
            self.later(self.delay(via), Event::Push(Box::new(push)));
        }
    }

    /// Records that a neighbour just saved come in.
    pub(super) fn pushed(&mut self, push: &Push) {
        let (from, to) = (push.from, push.to);
        self.history.note(self.now, to, 35, u64::from(from));
        let from_id = self.id_of(from);
        let mesh = self.hosts[to as usize].mesh.as_ref();
        let takes = mesh.is_some_and(|mesh| mesh.exchanges_records_with(from_id));
        let linked = self.via(from, to).is_some() && !self.is_mute(to);
        if takes && linked && self.take_records(to, &push.records, from) > 0 {
            self.records_changed(to);
        }
    }

    /// Tells the mesh of its set.
    pub(super) fn records_changed(&mut self, at: HostIx) {
        let (count, digest) = self.hosts[at as usize].carrier.digest();
        self.input(at, Input::RecordsChanged { count, digest });
    }
}

/// The program's sessions.
impl World {
    fn begin_session(&mut self, asker: HostIx, request: RequestId, other: HostIx) {
        let limits = Limits {
            max_items: MAX_ITEMS,
        };
        let session = Session {
            asker,
            asker_boot: self.hosts[asker as usize].boot,
            other,
            other_boot: self.hosts[other as usize].boot,
            request,
            initiator: Initiator::new(limits),
            responder: Responder::new(limits),
        };
        let id = self.sessions.next;
        self.sessions.next += 1;
        self.sessions.open.insert(id, session);
        self.drive(id, true);
    }

    pub(super) fn session_step(&mut self, step: Step) {
        let Some(session) = self.sessions.open.get_mut(&step.session) else {
            return;
        };
        let (at, boot) = match step.to_asker {
            true => (session.asker, session.asker_boot),
            false => (session.other, session.other_boot),
        };
        self.history.note(self.now, at, 33, step.session);
        let input = records::Input::Received(step.message);
        let taken = match step.to_asker {
            true => session.initiator.handle(input),
            false => session.responder.handle(input),
        };
        if !self.is_running(at, boot) {
            return;
        }
        match taken {
            Ok(()) => self.drive(step.session, step.to_asker),
            Err(error) => {
                self.violation("liveness", at, format!("a record session broke: {error}"));
                self.session_fails(step.session);
            }
        }
    }

    /// Takes all that one side wants to do.
    fn drive(&mut self, id: u64, asker_side: bool) {
        loop {
            let Some(session) = self.sessions.open.get_mut(&id) else {
                return;
            };
            let (at, from) = match asker_side {
                true => (session.asker, session.other),
                false => (session.other, session.asker),
            };
            let output = match asker_side {
                true => session.initiator.poll_output(),
                false => session.responder.poll_output(),
            };
            let answer = match output {
                None => return,
                Some(Output::Send(message)) => {
                    self.send_message(id, at, from, !asker_side, message);
                    continue;
                }
                Some(Output::Done(stats)) => {
                    if asker_side {
                        self.session_done(id, stats);
                    }
                    return;
                }
                Some(asked) => self.serve_session(at, from, asked),
            };
            let Some(session) = self.sessions.open.get_mut(&id) else {
                return;
            };
            let handled = match asker_side {
                true => session.initiator.handle(answer),
                false => session.responder.handle(answer),
            };
            if let Err(error) = handled {
                self.violation("liveness", at, format!("a record session broke: {error}"));
                self.session_fails(id);
                return;
            }
        }
    }

    fn send_message(
        &mut self,
        session: u64,
        at: HostIx,
        to: HostIx,
        to_asker: bool,
        message: Message,
    ) {
        let Some(via) = self.via(at, to) else {
            return;
        };
        let bytes = message.encode().map_or(0, |bytes| bytes.len() as u64);
        let padded = match &message {
            Message::Items { items, .. } => self.stand_in_bytes(items),
            _ => 0,
        };
        let bytes = bytes + padded;
        let (pipe, link) = self.pipe_from(at, via);
        self.tally.moved(link, bytes);
        let share = self.pipes[pipe as usize].share().max(1);
        let delay = self.delay(via) + bytes * SECOND / share;
        let step = Step {
            session,
            to_asker,
            message,
        };
        self.later(delay, Event::Session(Box::new(step)));
    }

    /// What sealed records would have taken beyond their stand-ins.
    fn stand_in_bytes(&self, items: &[Vec<u8>]) -> u64 {
        match self.book.secret {
            Some(_) => 0,
            None => items.len() as u64 * self.scenario.records.bytes.saturating_sub(16),
        }
    }

    fn serve_session(&mut self, at: HostIx, from: HostIx, asked: Output) -> records::Input {
        let hour = (self.now / crate::sim::HOUR) as u32;
        let quota = self.scenario.records.quota_kib * 1_024;
        let host = &mut self.hosts[at as usize];
        match asked {
            Output::Snapshot(kind) => {
                records::Input::Snapshot(host.carrier.snapshot(&self.book, kind))
            }
            Output::Load(kind, ids) => {
                records::Input::Loaded(host.carrier.load(&self.book, kind, &ids))
            }
            Output::Store(kind, items) => {
                let room = (from, hour, quota);
                let (stored, new) = host.carrier.store(&mut self.book, (kind, &items), room);
                self.check_readable(at, kind, &items);
                self.collect(at, new);
                if stored.accepted > 0 {
                    self.records_changed(at);
                }
                records::Input::Stored(stored)
            }
            _ => records::Input::Digests {
                acks: host.carrier.set_digest(&self.book, SetKind::Acks),
                records: host.carrier.set_digest(&self.book, SetKind::Records),
            },
        }
    }

    fn session_done(&mut self, id: u64, stats: records::ExchangeStats) {
        let Some(session) = self.sessions.open.remove(&id) else {
            return;
        };
        let told = ExchangeStats {
            records_sent: stats.records_out as u64,
            records_received: stats.records_in as u64,
            acks_sent: stats.acks_out as u64,
            acks_received: stats.acks_in as u64,
        };
        let input = Input::RecordsExchanged {
            request: session.request,
            result: Ok(told),
        };
        self.later(
            0,
            Event::Input(session.asker, session.asker_boot, Box::new(input)),
        );
    }

    fn session_fails(&mut self, id: u64) {
        let Some(session) = self.sessions.open.remove(&id) else {
            return;
        };
        let input = Input::RecordsExchanged {
            request: session.request,
            result: Err("the connection to the peer broke".to_owned()),
        };
        self.later(
            0,
            Event::Input(session.asker, session.asker_boot, Box::new(input)),
        );
    }

    /// A link broke: what was stored until then stays.
    pub(super) fn sessions_end(&mut self, a: HostIx, b: HostIx) {
        for pair in [(a, b), (b, a)] {
            if let Some((flow, request)) = self.exchanges.remove(&pair) {
                self.stop_flow(flow);
                self.exchange_fails(pair.0, request, "the connection to the peer broke");
            }
        }
        if self.sessions.open.is_empty() {
            return;
        }
        let of_pair = self.sessions.open.iter().filter(|(_, session)| {
            (session.asker, session.other) == (a, b) || (session.asker, session.other) == (b, a)
        });
        let ids: Vec<u64> = of_pair.map(|(id, _)| *id).collect();
        for id in ids {
            self.session_fails(id);
        }
    }
}

//! Links between hosts, and transfers on the lines and the air that they share.

use std::collections::BTreeSet;

use pishtar_mesh::{FetchFailure, GROUP_BYTES, Input, RequestId};

use super::{
    World,
    event::Event,
    host::{HostIx, Kind},
    sticks::Visit,
};
use crate::sim::{
    MINUTE, Micros, SECOND,
    pipe::{FlowId, Ticket},
    scenario::Variant,
};

/// Seconds after which a range without news counts as stalled, as the program ships.
const STALL_S: u64 = 10;

/// Microseconds of a millisecond.
const MILLISECOND: Micros = 1_000;
/// What a transfer takes of a line, per mille of its bytes: headers of Ethernet, IP and TCP, hashes, seals.
const LINE_WEIGHT: u64 = 1_050;
/// The same in the air, where acknowledgements of TCP take their share of the time, too.
const AIR_WEIGHT: u64 = 1_070;

/// How two hosts are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    /// In the same room.
    Air(u32),
    /// Over the line of this host.
    Line(HostIx),
}

/// A room, or a street: hosts that share the air.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) pipe: u32,
    pub(super) hosts: BTreeSet<HostIx>,
    /// The school's node, where it is one.
    pub(super) school: Option<HostIx>,
}

/// A transfer under way.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) pipe: u32,
    pub(super) ticket: Ticket,
    pub(super) bytes: u64,
    /// What it takes of its pipe, per mille of its bytes.
    weight: u64,
    pub(super) began: Micros,
    pub(super) link: &'static str,
    pub(super) load: Load,
}

/// What is transferred.
#[derive(Debug, Clone, Copy)]
pub(super) enum Load {
    /// A range of a lesson file.
    Range(HostIx, RequestId),
    /// What two carriers lack of each other: the asker, its run, the other, the question.
    Records(HostIx, u32, HostIx, RequestId),
    /// A courier's stick at a host.
    Stick(usize, Visit),
}

impl World {
    /// Time of one message on a link.
    pub(super) fn delay(&self, via: Via) -> Micros {
        match via {
            Via::Air(_) => self.scenario.school.air_delay_ms * MILLISECOND,
            Via::Line(_) => self.scenario.school.wan_delay_ms * MILLISECOND,
        }
    }

    pub(super) fn via(&self, a: HostIx, b: HostIx) -> Option<Via> {
        self.hosts[a as usize].links.get(&b).copied()
    }

    /// The narrowest part of the way from one host to another.
    pub(super) fn pipe_from(&self, from: HostIx, via: Via) -> (u32, &'static str) {
        match via {
            Via::Air(cell) => (self.cells[cell as usize].pipe, "lan"),
            Via::Line(whose) => {
                let own = self.hosts[whose as usize].line;
                let far = self.hosts[0].line;
                let outward = self.hosts[from as usize].kind == Kind::Ministry;
                let pair = match outward {
                    true => [far.map(|line| line[1]), own.map(|line| line[0])],
                    false => [own.map(|line| line[1]), far.map(|line| line[0])],
                };
                let narrow = pair.into_iter().flatten();
                let narrow = narrow.min_by_key(|pipe| (self.pipes[*pipe as usize].share(), *pipe));
                (narrow.expect("a line has two ends"), "wan")
            }
        }
    }

    pub(super) fn start_flow(
        &mut self,
        (pipe, link): (u32, &'static str),
        bytes: u64,
        load: Load,
    ) -> FlowId {
        let at = self.free_flows.pop().unwrap_or_else(|| {
            self.flows.push(None);
            (self.flows.len() - 1) as FlowId
        });
        let now = self.now;
        let weight = self.weight(link, load);
        let taken = bytes * weight / 1_000;
        let ticket = self.pipes[pipe as usize].add(now, at, taken);
        self.flows[at as usize] = Some(Flow {
            pipe,
            ticket,
            bytes,
            weight,
            began: now,
            link,
            load,
        });
        self.touch(pipe);
        if let Load::Range(..) = load {
            let share = self.pipes[pipe as usize].share().max(1);
            let stir = self.stir_every();
            if bytes / share >= stir / SECOND {
                self.later(stir, Event::Stir(at, now));
            }
        }
        at
    }

    /// From station to station every frame goes over the air twice, to the access point and on.
    fn weight(&self, link: &str, load: Load) -> u64 {
        match load {
            Load::Range(asker, request) if link == "lan" => {
                let station = |at: HostIx| self.hosts[at as usize].kind == Kind::Home;
                let flight = self.hosts[asker as usize].flights.get(&request);
                let twice = station(asker) && flight.is_some_and(|flight| station(flight.from));
                AIR_WEIGHT * if twice { 2 } else { 1 }
            }
            Load::Stick(..) => 1_000,
            _ => LINE_WEIGHT,
        }
    }

    /// Looks when the next transfer on a line ends.
    fn touch(&mut self, pipe: u32) {
        let line = &mut self.pipes[pipe as usize];
        let Some(end) = line.next_end() else {
            return;
        };
        let end = end.max(self.now);
        if line.due.is_some_and(|due| due <= end && due >= self.now) {
            return;
        }
        line.due = Some(end);
        self.later(end - self.now, Event::Pipe(pipe));
    }

    pub(super) fn pipe_due(&mut self, pipe: u32) {
        if self.pipes[pipe as usize].due != Some(self.now) {
            return;
        }
        self.pipes[pipe as usize].due = None;
        let now = self.now;
        while let Some(flow) = self.pipes[pipe as usize].pop_ended(now) {
            let Some(ended) = self.flows[flow as usize].take() else {
                continue;
            };
            self.free_flows.push(flow);
            self.tally.moved(ended.link, ended.bytes);
            self.history
                .note(now, u32::MAX, 30, u64::from(flow) << 32 | ended.bytes);
            self.flow_ended(ended);
        }
        self.touch(pipe);
    }

    fn flow_ended(&mut self, flow: Flow) {
        match flow.load {
            Load::Range(host, request) => self.range_ended(host, request),
            Load::Records(asker, boot, other, request) => {
                self.records_moved(asker, boot, other, request)
            }
            Load::Stick(courier, visit) => self.stick_copied(courier, visit),
        }
    }

    /// Takes a transfer off its line; the bytes that came.
    pub(super) fn stop_flow(&mut self, id: FlowId) -> u64 {
        let Some(flow) = self.flows[id as usize].take() else {
            return 0;
        };
        self.free_flows.push(id);
        let now = self.now;
        let line = &mut self.pipes[flow.pipe as usize];
        let left = line.left(now, flow.ticket) * 1_000 / flow.weight;
        let came = flow.bytes - left.min(flow.bytes);
        line.remove(now, id, flow.ticket);
        self.tally.moved(flow.link, came);
        self.touch(flow.pipe);
        came
    }

    /// A transfer that lasts longer reports this often, and well before it would count as stalled.
    fn stir_every(&self) -> Micros {
        let stall = match self.scenario.mesh.stall_s {
            0 => STALL_S,
            seconds => seconds,
        };
        stall * SECOND * 2 / 5
    }

    /// A slow transfer tells how far it is.
    pub(super) fn stir(&mut self, id: FlowId, began: Micros) {
        let now = self.now;
        let Some(flow) = self.flows[id as usize]
            .as_ref()
            .filter(|flow| flow.began == began)
        else {
            return;
        };
        let Load::Range(host, request) = flow.load else {
            return;
        };
        let (pipe, ticket, bytes, weight) = (flow.pipe, flow.ticket, flow.bytes, flow.weight);
        let left = self.pipes[pipe as usize].left(now, ticket) * 1_000 / weight;
        let came = bytes - left.min(bytes);
        if let Some(done) = self.store_arrived(host, request, came) {
            self.input(
                host,
                Input::RangeProgress {
                    request,
                    bytes: done,
                },
            );
        }
        let stir = self.stir_every();
        self.later(stir, Event::Stir(id, began));
    }

    /// Puts the whole groups of what came on the disk; bytes from the start, when these are more than before.
    pub(super) fn store_arrived(
        &mut self,
        at: HostIx,
        request: RequestId,
        came: u64,
    ) -> Option<u64> {
        let host = &mut self.hosts[at as usize];
        let flight = host.flights.get_mut(&request)?;
        let length = self.editions.blobs[flight.blob as usize].1;
        let whole = match flight.start + came >= flight.end {
            true => flight.end - flight.start,
            false => came / GROUP_BYTES * GROUP_BYTES,
        };
        if whole <= flight.done {
            return None;
        }
        let new = flight.start + flight.done..flight.start + whole;
        flight.done = whole;
        let blob = flight.blob;
        let repeated = host.disk.add(blob, length, new);
        self.tally.repeated += repeated;
        if self.hosts[at as usize].disk.has_whole(blob) {
            self.lesson_arrived(at, blob);
        }
        Some(whole)
    }

    fn range_ended(&mut self, at: HostIx, request: RequestId) {
        let Some(flight) = self.hosts[at as usize].flights.get(&request) else {
            return;
        };
        let bytes = flight.end - flight.start;
        self.store_arrived(at, request, bytes);
        self.end_flight(at, request, Ok(()));
    }

    /// Tells how a range ended.
    pub(super) fn end_flight(
        &mut self,
        at: HostIx,
        request: RequestId,
        result: Result<(), FetchFailure>,
    ) {
        let Some(flight) = self.hosts[at as usize].flights.remove(&request) else {
            return;
        };
        if let Some(flow) = flight.flow.filter(|_| result.is_err()) {
            self.stop_flow(flow);
        }
        let length = self.editions.blobs[flight.blob as usize].1;
        let held = self.hosts[at as usize].disk.ranges(flight.blob, length);
        self.input(
            at,
            Input::RangeFinished {
                request,
                result,
                held,
            },
        );
    }

    /// Connects two hosts that are awake.
    pub(super) fn link(&mut self, a: HostIx, b: HostIx, via: Via) {
        if a == b || self.via(a, b).is_some() {
            return;
        }
        if !self.is_up(a) || !self.is_up(b) {
            return;
        }
        self.hosts[a as usize].links.insert(b, via);
        self.hosts[b as usize].links.insert(a, via);
        for (at, other) in [(a, b), (b, a)] {
            let peer = self.id_of(other);
            self.input(at, Input::PeerConnected { peer });
            let attachment = self.hosts[other as usize].kind.attachment();
            self.input(at, Input::PeerAttached { peer, attachment });
        }
    }

    pub(super) fn is_up(&self, at: HostIx) -> bool {
        let host = &self.hosts[at as usize];
        host.mesh.is_some() && host.awake
    }

    pub(super) fn id_of(&self, at: HostIx) -> pishtar_mesh::NodeId {
        super::host::node_id(self.hosts[at as usize].chance_id, at)
    }

    /// Breaks a link with everything on it.
    pub(super) fn unlink(&mut self, a: HostIx, b: HostIx) {
        if self.hosts[a as usize].links.remove(&b).is_none() {
            return;
        }
        self.hosts[b as usize].links.remove(&a);
        self.sessions_end(a, b);
        for (at, other) in [(a, b), (b, a)] {
            let flights = self.hosts[at as usize].flights.iter();
            let broken = flights.filter(|(_, flight)| flight.from == other);
            let broken: Vec<RequestId> = broken.map(|(request, _)| *request).collect();
            for request in broken {
                self.break_flight(at, request);
            }
            self.hosts[at as usize]
                .waiting
                .retain(|question| question.asker != other);
            if self.hosts[at as usize].mesh.is_some() {
                let peer = self.id_of(other);
                self.input(at, Input::PeerDisconnected { peer });
            }
        }
    }

    fn break_flight(&mut self, at: HostIx, request: RequestId) {
        let flow = self.hosts[at as usize].flights.get(&request);
        if let Some(flow) = flow.and_then(|flight| flight.flow) {
            let came = self.stop_flow(flow);
            self.store_arrived(at, request, came);
        }
        self.end_flight(at, request, Err(FetchFailure::Disconnected));
    }

    pub(super) fn unlink_all(&mut self, at: HostIx) {
        let links: Vec<HostIx> = self.hosts[at as usize].links.keys().copied().collect();
        for other in links {
            self.unlink(at, other);
        }
    }

    /// A host is in a place now and finds some of those who are there.
    pub(super) fn arrive(&mut self, at: HostIx, cell: u32) {
        self.leave(at);
        self.hosts[at as usize].place = Some(cell);
        self.cells[cell as usize].hosts.insert(at);
        let most = self.scenario.school.neighbours;
        let star = matches!(
            self.options.variant,
            Variant::SingleSource | Variant::Sticks
        );
        let mut others: Vec<HostIx> = Vec::new();
        for other in self.cells[cell as usize].hosts.clone() {
            let fixed = !matches!(self.hosts[other as usize].kind, Kind::Home);
            let mine = self.hosts[at as usize].kind != Kind::Home;
            if fixed || (mine && !star) {
                self.find_each_other(at, other);
            } else if !star && !mine {
                others.push(other);
            }
        }
        for _ in 0..most {
            if others.is_empty() {
                break;
            }
            let pick = self.hosts[at as usize].chance.below(others.len() as u64) as usize;
            let other = others.swap_remove(pick);
            self.find_each_other(at, other);
        }
        self.central_link(at, cell);
    }

    fn find_each_other(&mut self, at: HostIx, other: HostIx) {
        let silent = self.plants(super::Plant::Silence);
        if at != other && self.options.variant != Variant::Central && !silent {
            let wait = self.hosts[at as usize].chance.between(SECOND, 3 * SECOND);
            self.later(wait, Event::Meet(at, other));
        }
    }

    /// Without a mesh every device goes to the ministry itself, over the school's line.
    fn central_link(&mut self, at: HostIx, cell: u32) {
        if self.options.variant != Variant::Central || self.hosts[at as usize].kind != Kind::Home {
            return;
        }
        if let Some(school) = self.cells[cell as usize].school
            && self.hosts[school as usize].line_up
        {
            self.link(at, 0, Via::Line(school));
        }
    }

    pub(super) fn meet(&mut self, a: HostIx, b: HostIx) {
        let place = self.hosts[a as usize].place;
        if let Some(cell) = place.filter(|_| self.hosts[b as usize].place == place) {
            self.link(a, b, Via::Air(cell));
        }
    }

    /// Out of the room.
    pub(super) fn leave(&mut self, at: HostIx) {
        if let Some(cell) = self.hosts[at as usize].place.take() {
            self.cells[cell as usize].hosts.remove(&at);
            let links = self.hosts[at as usize].links.iter();
            let there = links.filter(|(_, via)| **via == Via::Air(cell));
            let there: Vec<HostIx> = there.map(|(other, _)| *other).collect();
            for other in there {
                self.unlink(at, other);
            }
        }
    }

    /// The line comes: the ministry is reached, and in a country without a mesh everybody reaches it.
    pub(super) fn line_up(&mut self, at: HostIx) {
        let host = &self.hosts[at as usize];
        let sticks = self.options.variant == Variant::Sticks;
        let silent = self.plants(super::Plant::Silence);
        if sticks || silent || host.line.is_none() || self.no_line_now() {
            return;
        }
        self.hosts[at as usize].line_up = true;
        self.link(at, 0, Via::Line(at));
        if let Some(cell) = self.hosts[at as usize].school_cell
            && self.options.variant == Variant::Central
        {
            for device in self.cells[cell as usize].hosts.clone() {
                self.central_link(device, cell);
            }
        }
    }

    pub(super) fn line_down(&mut self, at: HostIx) {
        self.hosts[at as usize].line_up = false;
        let links = self.hosts[0].links.iter();
        let over = links.filter(|(_, via)| **via == Via::Line(at));
        let over: Vec<HostIx> = over.map(|(other, _)| *other).collect();
        for other in over {
            self.unlink(0, other);
        }
    }

    fn no_line_now(&self) -> bool {
        let day = self.now / crate::sim::DAY;
        let none = self.scenario.faults.no_wan_days;
        none.is_some_and(|[from, until]| (from..until).contains(&day))
    }

    /// A line, or the air of a room, changes between its good and its bad state (Gilbert-Elliott).
    pub(super) fn weather(&mut self, pipe: u32, bad: bool) {
        let faults = &self.scenario.faults;
        let calm = self.now >= self.calm_from();
        let good = self.rates[pipe as usize];
        let bad = bad && !calm;
        let rate = match bad {
            true => (good * faults.bad_rate_per_mille / 1_000).max(1),
            false => good,
        };
        let bad_time = faults.bad_seconds.max(1) * SECOND;
        let share = u64::from(faults.bad_per_mille.clamp(1, 999));
        let mean = match bad {
            true => bad_time,
            false => bad_time * (1_000 - share) / share,
        };
        let now = self.now;
        self.pipes[pipe as usize].set_rate(now, rate);
        self.touch(pipe);
        if !calm {
            let wait = self
                .chance
                .wait(mean)
                .clamp(SECOND / 10, 1_000_000 * MINUTE);
            self.later(wait, Event::Weather(pipe, !bad));
        }
    }

    /// When the calm at the end begins.
    pub(super) fn calm_from(&self) -> Micros {
        self.scenario.calm_from_s() * SECOND
    }
}

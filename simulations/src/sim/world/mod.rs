//! The simulated world: hosts, the queue of events, and one step after the other.
//!
//! - `host` - one node with its modelled disk
//! - `build` - a world as a scenario describes it
//! - `day` - timetables: power, lines, ways to school, learners
//! - `act` - carries out what the meshes decide
//! - `lines` - transfers on shared lines, links between hosts
//! - `exchange` - records between two carriers
//! - `sticks` - couriers
//! - `batch` - small files that are asked for many at a time
//! - `attack` - what adversaries answer and send
//! - `baseline` - what the mesh is compared with
//! - `check` - invariants
//! - `tally` - what is counted for the report
//! - `arrivals` - how long lessons and catalogues took to be at the schools
//! - `journal` - what nodes told and heard, for calibration

mod act;
mod arrivals;
mod attack;
mod baseline;
mod batch;
mod build;
mod check;
mod day;
mod event;
mod exchange;
mod host;
mod journal;
mod lines;
mod sticks;
mod tally;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    sync::Arc,
};

use pishtar_mesh::{Input, Mono, Now, RequestId};

pub use self::{
    build::Part,
    check::{INVARIANTS, Plant},
    event::Act,
    host::Kind,
    journal::{Journal, Line, Said},
};
use self::{
    check::Checks,
    event::{Entry, Event},
    exchange::Sessions,
    host::{Host, HostIx},
    lines::{Cell, Flow},
    sticks::Courier,
    tally::Tally,
};
use super::{
    Micros, SECOND, WORLD_START,
    chance::Chance,
    editions::Editions,
    outcome::{Outcome, Violation},
    pipe::{FlowId, Pipe},
    records::Book,
    scenario::{Scenario, Variant},
};

/// Lines of a node's trace that a violation shows.
const TRACE_LINES: usize = 60;

/// How a run differs from another one of the same scenario.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How things travel.
    pub variant: Variant,
    /// Keep the last events of every host in words; slow.
    pub trace: bool,
    /// Stop at the first violation.
    pub stop_at_violation: bool,
    /// Where nodes write what they tell and hear, when somebody wants to know.
    pub journal: Option<Journal>,
    /// A planted fault, for tests of the invariants.
    pub plant: Option<Plant>,
    /// Faults of the random plan that are left out, by number; for shrinking.
    pub spared: Vec<usize>,
    /// Random faults besides those of the scenario.
    pub random_faults: bool,
    /// End earlier, after so many seconds, without the checks of the end.
    pub until_s: Option<u64>,
}

/// One world: a municipality, or all of a small scenario.
pub struct World {
    scenario: Arc<Scenario>,
    editions: Arc<Editions>,
    options: Options,
    seed: u64,
    now: Micros,
    end: Micros,
    serial: u64,
    queue: BinaryHeap<Reverse<Entry>>,
    hosts: Vec<Host>,
    cells: Vec<Cell>,
    pipes: Vec<Pipe>,
    /// Their rates in the good state.
    rates: Vec<u64>,
    flows: Vec<Option<Flow>>,
    free_flows: Vec<u32>,
    sessions: Sessions,
    /// Counted exchanges under way, by asker and other.
    exchanges: BTreeMap<(HostIx, HostIx), (FlowId, RequestId)>,
    /// Changes of both sides' acknowledgements up to which two hosts are known to agree.
    agreed: BTreeMap<(HostIx, HostIx), usize>,
    couriers: Vec<Courier>,
    book: Book,
    /// How often the collector counted each record.
    counted: Vec<u8>,
    chance: Chance,
    /// Number of the newest edition by now.
    edition: usize,
    stolen: bool,
    /// Another ministry's editions, where a test plants them.
    forged: Option<Editions>,
    /// Schools in this world.
    schools: u64,
    checks: Checks,
    tally: Tally,
    history: History,
    traces: BTreeMap<HostIx, VecDeque<String>>,
}

/// Digest and number of all events.
struct History {
    hasher: blake3::Hasher,
    waiting: Vec<u8>,
    events: u64,
}

impl History {
    fn note(&mut self, now: Micros, host: HostIx, tag: u8, detail: u64) {
        self.events += 1;
        self.waiting.extend_from_slice(&now.to_le_bytes());
        self.waiting.extend_from_slice(&host.to_le_bytes());
        self.waiting.push(tag);
        self.waiting.extend_from_slice(&detail.to_le_bytes());
        if self.waiting.len() >= 16 * 1024 {
            self.hasher.update(&self.waiting);
            self.waiting.clear();
        }
    }

    fn digest(&mut self) -> blake3::Hash {
        self.hasher.update(&self.waiting);
        self.waiting.clear();
        self.hasher.finalize()
    }
}

impl World {
    /// Runs to the end and says what came of it; the digest is that of every event.
    pub fn run(mut self) -> Outcome {
        let until = self
            .options
            .until_s
            .map_or(self.end, |until| until * SECOND);
        while let Some(Reverse(entry)) = self.queue.pop() {
            if entry.at > self.end.min(until) {
                break;
            }
            self.now = self.now.max(entry.at);
            self.happen(entry.event);
            if self.options.stop_at_violation && self.checks.any() {
                break;
            }
        }
        let stopped = self.options.stop_at_violation && self.checks.any();
        if !stopped && until >= self.end {
            self.now = self.end;
            self.sweep();
            self.check_end();
        }
        self.outcome()
    }

    /// What the last events at a host were, where they are kept.
    fn trace_of(&self, host: HostIx) -> Vec<String> {
        let lines = self.traces.get(&host).into_iter().flatten();
        lines.cloned().collect()
    }

    fn trace(&mut self, host: HostIx, line: impl FnOnce() -> String) {
        if !self.options.trace {
            return;
        }
        let line = format!("{:.3} s: {}", self.now as f64 / SECOND as f64, line());
        let lines = self.traces.entry(host).or_default();
        if lines.len() >= TRACE_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Something happens after so long.
    fn later(&mut self, after: Micros, event: Event) {
        self.serial += 1;
        let at = self.now.saturating_add(after);
        let serial = self.serial;
        self.queue.push(Reverse(Entry { at, serial, event }));
    }

    /// An input for this run of a host's program.
    fn later_input(&mut self, after: Micros, host: HostIx, input: Input) {
        let boot = self.hosts[host as usize].boot;
        self.later(after, Event::Input(host, boot, Box::new(input)));
    }

    /// The clocks of a host.
    fn clock(&self, host: HostIx) -> Now {
        let host = &self.hosts[host as usize];
        let mono = self.now - host.booted;
        let wall = WORLD_START + (self.now / SECOND) as i64;
        Now {
            mono: Mono(std::time::Duration::from_micros(mono)),
            wall: wall.saturating_add(host.clock_ahead),
        }
    }

    /// The collector's hour, which is right.
    fn true_hour(&self) -> u32 {
        let seconds = WORLD_START + (self.now / SECOND) as i64;
        u32::try_from(seconds / 3_600).expect("the scenario lies in this century")
    }

    /// The hour by a host's clock.
    fn hour_at(&self, host: HostIx) -> u32 {
        let wall = self.clock(host).wall.max(0);
        u32::try_from(wall / 3_600).unwrap_or(u32::MAX)
    }

    fn violation(&mut self, invariant: &'static str, host: HostIx, what: String) {
        let mut trace = vec![what];
        trace.extend(self.trace_of(host));
        let node = self.hosts[host as usize].name.clone();
        self.checks.add(Violation {
            invariant: invariant.to_owned(),
            time_s: self.now / SECOND,
            node,
            seed: self.seed,
            trace,
        });
    }

    /// Gives a host an input now and carries out what it decides.
    fn input(&mut self, at: HostIx, input: Input) {
        if let Input::RangeFinished { request, .. } = &input {
            let request = *request;
            let host = &mut self.hosts[at as usize];
            host.untold.retain(|(untold, ..)| *untold != request);
        }
        let input = self.as_told(at, input);
        let now = self.clock(at);
        let (tag, detail) = event::mark_of(&input);
        self.history.note(self.now, at, tag, detail);
        self.trace(at, || format!("< {input:?}"));
        if let Input::HintHeard { hint, .. } = &input {
            self.note_said(at, || Said::Heard(hint.clone()));
        }
        let Some(mesh) = self.hosts[at as usize].mesh.as_mut() else {
            return;
        };
        mesh.handle(now, input);
        while let Some(output) = self.hosts[at as usize]
            .mesh
            .as_mut()
            .and_then(|mesh| mesh.poll_output())
        {
            self.trace(at, || format!("> {output:?}"));
            self.output(at, output);
        }
        self.check_host(at);
        self.set_alarm(at);
    }

    /// Looks when the host wants to be woken next.
    fn set_alarm(&mut self, at: HostIx) {
        let now = self.clock(at);
        let host = &mut self.hosts[at as usize];
        let Some(mesh) = host.mesh.as_ref().filter(|_| host.awake) else {
            return;
        };
        let Some(Mono(due)) = mesh.next_deadline(now) else {
            return;
        };
        let due = u64::try_from(due.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX / 2);
        // A mesh that asks for "now" again and again must not stop the world.
        let due = host.booted.saturating_add(due).max(self.now + 1);
        if host
            .alarm
            .is_some_and(|alarm| alarm <= due && alarm > self.now)
        {
            return;
        }
        host.alarm = Some(due);
        let boot = host.boot;
        self.later(due - self.now, Event::Tick(at, boot));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Input(host, boot, input) => {
                if self.is_running(host, boot) {
                    self.input(host, *input);
                }
            }
            Event::Tick(host, boot) => self.tick(host, boot),
            Event::Pipe(pipe) => self.pipe_due(pipe),
            Event::Question(question) => self.question(*question),
            Event::Serve(serve) => self.serve(serve),
            Event::Stir(flow, began) => self.stir(flow, began),
            Event::Removal(host, boot, hash) => self.removal(host, boot, &hash),
            Event::Written(host, boot) => self.written(host, boot),
            Event::Session(step) => self.session_step(*step),
            Event::Push(push) => self.pushed(&push),
            Event::Act(host, act) => self.act(host, act),
            Event::Weather(pipe, bad) => self.weather(pipe, bad),
            Event::Meet(a, b) => self.meet(a, b),
            Event::Publish(number) => self.publish(number),
            Event::Courier(courier) => self.courier_moves(courier),
            Event::Stick(courier, visit) => self.stick_in(courier, visit),
            Event::Sample => self.sample(),
        }
    }

    fn tick(&mut self, host: HostIx, boot: u32) {
        if !self.is_running(host, boot) || self.hosts[host as usize].alarm != Some(self.now) {
            return;
        }
        self.hosts[host as usize].alarm = None;
        self.input(host, Input::Tick);
    }

    fn is_running(&self, host: HostIx, boot: u32) -> bool {
        let host = &self.hosts[host as usize];
        host.boot == boot && host.mesh.is_some() && host.awake
    }
}

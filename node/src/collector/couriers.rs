//! One thread for each sink: takes what waits, hands it over, notes that it arrived, and waits out trouble.
//!
//! A sink in trouble is tried again after a pause that doubles up to a minute. It holds up neither counting nor
//! the other sinks, only the acknowledgement of what it has not got yet.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    CollectError,
    queue::SinkRow,
    sinks::{Sink, SinkError},
    state::State,
    table::TableFile,
};

/// Pauses after trouble.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// The first pause, default 1 s.
    pub first: Duration,
    /// The longest, default 60 s. Less: a sink that is down is knocked at needlessly. More: it is noticed late
    /// that it is back.
    pub longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
        }
    }
}

/// How long the end waits for sinks that are being written to.
const FAREWELL: Duration = Duration::from_secs(3);
/// Trouble that stays the same is told again after this time.
const REMIND: Duration = Duration::from_secs(600);

/// Hears sentences for people about sinks.
pub type Teller = Arc<dyn Fn(&str) + Send + Sync>;

/// What a sink is like now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// Items that wait for it.
    pub waiting: u64,
    /// What is wrong, when something is.
    pub trouble: Option<String>,
    /// Whether it has all there was when it was last looked at.
    idle: bool,
    /// Whether its thread has ended.
    gone: bool,
    /// Wakes it has answered.
    answered: u64,
}

#[derive(Default)]
struct Board {
    sinks: Vec<SinkStatus>,
    /// For each queue the number before which its sink holds all.
    passed: BTreeMap<u32, u64>,
    wakes: u64,
    hurry: bool,
    stop: bool,
}

/// What couriers and the collector tell each other.
#[derive(Default)]
pub(super) struct Notices {
    board: Mutex<Board>,
    changed: Condvar,
}

impl Notices {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().expect("no holder panics")
    }

    fn change(&self, change: impl FnOnce(&mut Board)) {
        change(&mut self.board());
        self.changed.notify_all();
    }

    /// The sink of this queue holds all before this number.
    fn pass(&self, id: u32, head: u64) {
        self.change(|board| {
            let passed = board.passed.entry(id).or_default();
            *passed = head.max(*passed);
        });
    }

    /// Waits until every sink has all that there is or is in trouble, at most `patience`.
    pub(super) fn settle(&self, patience: Duration) {
        self.change(|board| board.wakes += 1);
        let until = Instant::now() + patience;
        let mut board = self.board();
        loop {
            let wakes = board.wakes;
            let busy = |sink: &SinkStatus| {
                !sink.gone && sink.trouble.is_none() && !(sink.idle && sink.answered >= wakes)
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !board.sinks.iter().any(busy) {
                return;
            }
            board = self
                .changed
                .wait_timeout(board, left)
                .expect("no holder panics")
                .0;
        }
    }

    /// Waits while sinks take what waits: until all have everything or the rest is in trouble.
    pub(super) fn drain(&self) {
        self.change(|board| board.hurry = true);
        self.settle(Duration::from_secs(u64::from(u32::MAX)));
    }

    pub(super) fn statuses(&self) -> Vec<SinkStatus> {
        self.board().sinks.clone()
    }

    /// Whether every queue is delivered up to the number given for it; queues that nobody serves do not count.
    pub(super) fn has_passed(&self, heads: &BTreeMap<u32, u64>) -> bool {
        let board = self.board();
        let served = |id| board.passed.get(id);
        heads
            .iter()
            .all(|(id, head)| served(id).is_none_or(|passed| passed >= head))
    }
}

/// A sink and how it is fed.
pub(super) enum Route {
    Queue(SinkRow, Box<dyn Sink>),
    Table(TableFile),
}

impl Route {
    fn name(&self) -> String {
        match self {
            Self::Queue(_, sink) => sink.name(),
            Self::Table(table) => table.name(),
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            Self::Queue(row, _) => row.feed.noun(),
            Self::Table(_) => "changes",
        }
    }
}

/// All threads.
pub(super) struct Couriers {
    pub(super) notices: Arc<Notices>,
    threads: Vec<JoinHandle<()>>,
}

impl Couriers {
    pub(super) fn start(
        state: &Arc<State>,
        routes: Vec<Route>,
        pauses: Pauses,
        tell: &Teller,
    ) -> Result<Self, CollectError> {
        let notices = Arc::new(Notices::default());
        for route in &routes {
            let mut status = SinkStatus {
                name: route.name(),
                ..SinkStatus::default()
            };
            let mut board = notices.board();
            if let Route::Queue(row, sink) = route {
                let (waiting, first) = state.backlog(&sink.name())?;
                status.waiting = waiting;
                board.passed.insert(row.id, first);
            }
            board.sinks.push(status);
        }
        let mut couriers = Self {
            notices: notices.clone(),
            threads: Vec::new(),
        };
        for (at, route) in routes.into_iter().enumerate() {
            let courier = Courier {
                at,
                route,
                state: state.clone(),
                notices: notices.clone(),
                pauses,
                tell: tell.clone(),
                told: None,
            };
            let thread = std::thread::Builder::new().name("sink".into());
            let thread = thread.spawn(move || courier.run());
            couriers
                .threads
                .push(thread.map_err(|error| CollectError::Thread(error.to_string()))?);
        }
        Ok(couriers)
    }
}

impl Drop for Couriers {
    /// A courier in the middle of a request is left behind: its queue is durable, whatever becomes of it.
    fn drop(&mut self) {
        self.notices.change(|board| board.stop = true);
        let until = Instant::now() + FAREWELL;
        let mut board = self.notices.board();
        while board.sinks.iter().any(|sink| !sink.gone) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.notices.changed.wait_timeout(board, left);
            board = waited.expect("no holder panics").0;
        }
        drop(board);
        for thread in self.threads.drain(..) {
            // A courier that panicked has said so on stderr.
            drop(thread.join());
        }
    }
}

struct Courier {
    at: usize,
    route: Route,
    state: Arc<State>,
    notices: Arc<Notices>,
    pauses: Pauses,
    tell: Teller,
    /// The trouble that people were told of, and when.
    told: Option<(String, Instant)>,
}

/// What one step came to.
enum Stepped {
    Idle,
    Sent,
}

/// Marks the sink as gone when its thread ends, however it ends.
struct Gone(Arc<Notices>, usize);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.change(|board| board.sinks[self.1].gone = true);
    }
}

impl Courier {
    fn run(mut self) {
        let _gone = Gone(self.notices.clone(), self.at);
        let mut pause = self.pauses.first;
        loop {
            let (wakes, hurry, stop) = {
                let board = self.notices.board();
                (board.wakes, board.hurry, board.stop)
            };
            if stop {
                return;
            }
            match self.step(hurry) {
                Ok(Stepped::Sent) => {
                    pause = self.pauses.first;
                    self.well(wakes, false);
                }
                Ok(Stepped::Idle) => {
                    pause = self.pauses.first;
                    self.well(wakes, true);
                    self.rest(wakes, hurry, None);
                }
                Err(error) => {
                    self.in_trouble(&error);
                    self.rest(u64::MAX, true, Some(error.after.unwrap_or(pause)));
                    pause = (pause * 2).min(self.pauses.longest);
                }
            }
        }
    }

    /// Sleeps until the end, another wake than the one seen, or the end of the pause.
    fn rest(&self, wakes: u64, hurry: bool, pause: Option<Duration>) {
        let until = pause.map(|pause| Instant::now() + pause);
        let mut board = self.notices.board();
        loop {
            let woken = board.wakes > wakes || board.hurry && !hurry;
            if board.stop || woken {
                return;
            }
            board = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return,
                Some(left) => {
                    let waited = self.notices.changed.wait_timeout(board, left);
                    waited.expect("no holder panics").0
                }
                None => self.notices.changed.wait(board).expect("no holder panics"),
            };
        }
    }

    fn step(&mut self, hurry: bool) -> Result<Stepped, SinkError> {
        let state = |error: CollectError| SinkError::new(error.to_string());
        let (row, sink) = match &mut self.route {
            Route::Table(table) => {
                return match table.refresh(&self.state, hurry)? {
                    true => Ok(Stepped::Sent),
                    false => Ok(Stepped::Idle),
                };
            }
            Route::Queue(row, sink) => (row, sink),
        };
        let (max_items, max_bytes) = sink.limits();
        let name = sink.name();
        let waiting = self.state.waiting(&name, max_items, max_bytes);
        let waiting = waiting.map_err(state)?;
        let (id, passed) = (row.id, waiting.head);
        if waiting.items.is_empty() {
            // The last items may have been erased: nothing before the head waits any more.
            self.notices.pass(id, passed);
            return Ok(Stepped::Idle);
        }
        let written = sink.write(waiting.mark, &waiting.items)?;
        let refused: Vec<(u64, String)> = written
            .refused
            .into_iter()
            .map(|(at, reason)| (waiting.numbers[at], reason))
            .collect();
        let sent = self.state.sent(id, passed, written.mark, &refused);
        sent.map_err(state)?;
        if let Some((_, reason)) = refused.first() {
            (self.tell)(&format!(
                "{name} refuses {} {} for good: {reason}. They are set aside and hold up nothing; `pishtar progress refused` shows them.",
                refused.len(),
                row.feed.noun()
            ));
        }
        self.notices.pass(id, passed);
        Ok(Stepped::Sent)
    }

    fn backlog(&self) -> u64 {
        match &self.route {
            // A count that cannot be read is not worth a second sentence about the same disk.
            Route::Queue(_, sink) => self
                .state
                .backlog(&sink.name())
                .map_or(0, |(count, _)| count),
            Route::Table(_) => 0,
        }
    }

    fn well(&mut self, answered: u64, idle: bool) {
        let waiting = if idle { 0 } else { self.backlog() };
        if self.told.take().is_some() {
            (self.tell)(&format!(
                "{} takes {} again; {waiting} wait.",
                self.route.name(),
                self.route.noun()
            ));
        }
        self.notices.change(|board| {
            let status = &mut board.sinks[self.at];
            (status.trouble, status.idle, status.answered) = (None, idle, answered);
            status.waiting = waiting;
        });
    }

    fn in_trouble(&mut self, error: &SinkError) {
        let waiting = self.backlog();
        let known = self.told.as_ref();
        if known.is_none_or(|(words, at)| *words != error.words || at.elapsed() >= REMIND) {
            (self.tell)(&format!(
                "{error}. {} {} wait; nothing is lost, it is tried again.",
                thousands(waiting),
                self.route.noun()
            ));
            self.told = Some((error.words.clone(), Instant::now()));
        }
        self.notices.change(|board| {
            let status = &mut board.sinks[self.at];
            (status.trouble, status.idle) = (Some(error.words.clone()), false);
            status.waiting = waiting;
        });
    }
}

/// `1204` as `1,204`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1204, 1_234_567].map(thousands),
            ["0", "999", "1,204", "1,234,567"]
        );
    }
}

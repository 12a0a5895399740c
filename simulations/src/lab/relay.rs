//! A thread that carries Ethernet frames between TAP devices: a long cable, or the air of a Wi-Fi cell.
//!
//! The kernels at hand have no netem, so delay is made here; and a token bucket shapes one direction of one cable,
//! where the air of a cell is shared by all of its stations in both directions.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::File,
    io::{Read, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    LabError, Medium,
    air::Air,
    tap::{go_first, polled, wait_readable},
};

/// Largest frame that is read: the usual MTU, the header, and room for tags.
const MAX_FRAME: usize = 2_048;
/// Bytes that may be on their way at once; what comes beyond is lost.
const MAX_QUEUED: usize = 16 << 20;
/// Frames read from one device before the others have their turn.
const BATCH: usize = 16;
/// How often the thread looks whether it should end.
const LOOK: Duration = Duration::from_millis(50);

type Address = [u8; 6];

/// What a device on the medium is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// One end of a cable, or the access point: what it sends reaches any other at once.
    Direct,
    /// A station of a cell: what it sends to another station goes over the air twice, to the access point and on.
    Station,
}

/// A running relay. Dropping it ends the thread and closes the devices.
#[derive(Debug)]
pub(super) struct Relay {
    ports: Arc<Mutex<Vec<(File, Role)>>>,
    ending: Arc<AtomicBool>,
    bytes: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts to carry frames; devices join with [`Relay::add`].
    pub(super) fn start(medium: Medium) -> Result<Self, LabError> {
        let mut relay = Self {
            ports: Arc::default(),
            ending: Arc::default(),
            bytes: Arc::default(),
            thread: None,
        };
        let mut carrier = Carrier {
            joining: relay.ports.clone(),
            ports: Vec::new(),
            learned: BTreeMap::new(),
            queue: VecDeque::new(),
            queued: 0,
            air: Air::new(medium, Instant::now()),
        };
        let (ending, bytes) = (relay.ending.clone(), relay.bytes.clone());
        let thread = thread::Builder::new().name("lab-relay".to_owned());
        let thread = thread.spawn(move || {
            go_first();
            while !ending.load(Ordering::Relaxed) {
                carrier.turn();
                bytes.store(carrier.air.bytes, Ordering::Relaxed);
            }
        });
        relay.thread = Some(thread.map_err(|source| LabError::Io {
            what: "the lab's relay".to_owned(),
            source,
        })?);
        Ok(relay)
    }

    /// Joins a device to the medium.
    pub(super) fn add(&self, device: File, role: Role) {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.push((device, role));
    }

    /// Bytes that were on the medium so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A frame on its way.
struct Flying {
    due: Instant,
    from: usize,
    frame: Vec<u8>,
}

struct Carrier {
    /// Devices that were added since the last turn.
    joining: Arc<Mutex<Vec<(File, Role)>>>,
    ports: Vec<(File, Role)>,
    /// Behind which device an address was seen last.
    learned: BTreeMap<Address, usize>,
    queue: VecDeque<Flying>,
    queued: usize,
    air: Air,
}

impl Carrier {
    /// Delivers what is due, waits for the next frame or due time, takes frames in.
    fn turn(&mut self) {
        let mut joining = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        self.ports.append(&mut joining);
        drop(joining);
        self.deliver();
        let due = self.queue.front().map(|flying| flying.due);
        let wait = due.map_or(LOOK, |due| {
            due.saturating_duration_since(Instant::now()).min(LOOK)
        });
        let mut waiting: Vec<_> = self.ports.iter().map(|(file, _)| polled(file)).collect();
        wait_readable(&mut waiting, wait);
        for (from, polled) in waiting.iter().enumerate() {
            if polled.revents != 0 {
                self.take(from);
            }
        }
    }

    fn deliver(&mut self) {
        let now = Instant::now();
        while self.queue.front().is_some_and(|flying| flying.due <= now) {
            let Some(Flying { from, frame, .. }) = self.queue.pop_front() else {
                return;
            };
            self.queued -= frame.len();
            let target = self.target(&frame);
            for (at, (device, _)) in self.ports.iter_mut().enumerate() {
                if at != from && target.is_none_or(|target| target == at) {
                    // A device that is down or full loses the frame, as a real one does.
                    let _ = device.write(&frame);
                }
            }
        }
    }

    fn take(&mut self, from: usize) {
        let mut buffer = [0; MAX_FRAME];
        for _ in 0..BATCH {
            let Ok(length) = self.ports[from].0.read(&mut buffer) else {
                return;
            };
            let frame = &buffer[..length];
            if let Some(source) = address(frame, 6) {
                self.learned.insert(source, from);
            }
            let times = self.times(from, frame);
            if self.queued + length > MAX_QUEUED {
                continue;
            }
            let Some(due) = self.air.send(Instant::now(), length, times) else {
                continue;
            };
            self.queued += length;
            self.queue.push_back(Flying {
                due,
                from,
                frame: frame.to_vec(),
            });
        }
    }

    /// How often a frame goes over the air.
    fn times(&self, from: usize, frame: &[u8]) -> u64 {
        let to_direct = self
            .target(frame)
            .is_some_and(|target| self.ports[target].1 == Role::Direct);
        match self.ports[from].1 {
            Role::Direct => 1,
            Role::Station if to_direct => 1,
            Role::Station => 2,
        }
    }

    fn target(&self, frame: &[u8]) -> Option<usize> {
        self.learned.get(&address(frame, 0)?).copied()
    }
}

fn address(frame: &[u8], at: usize) -> Option<Address> {
    frame.get(at..at + 6)?.try_into().ok()
}

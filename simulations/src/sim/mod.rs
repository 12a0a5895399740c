//! A country in a box: a deterministic discrete-event simulation of the mesh core that ships.
//!
//! Each host runs a [`pishtar_mesh::Mesh`], unchanged: what it decides is the real code. Lines, air, disks, people and
//! couriers are models. Time is whole microseconds, sizes are bytes, all chance comes from the seed: one scenario and one
//! seed give one history, and one digest, on every machine.
//!
//! - `scenario`, `scale` - what a scenario file says, and how much of it is simulated
//! - `editions` - the ministry's catalogues, signed before the run
//! - `world` - hosts, events, and what happens when
//! - `pipe` - lines and air that transfers share
//! - `records` - what carriers hold
//! - `outcome`, `report`, `compare` - what a run reports, and two of them side by side

pub mod chance;
pub mod compare;
pub mod editions;
pub mod gate;
pub mod outcome;
pub mod pipe;
pub mod records;
pub mod report;
pub mod scale;
pub mod scenario;
pub mod swarm;
pub mod world;

mod run;

pub use self::run::{RunError, run};

/// Time since the start of the simulated world in microseconds.
pub type Micros = u64;

/// Microseconds of a second.
pub const SECOND: Micros = 1_000_000;
/// Microseconds of a minute.
pub const MINUTE: Micros = 60 * SECOND;
/// Microseconds of an hour.
pub const HOUR: Micros = 60 * MINUTE;
/// Microseconds of a day.
pub const DAY: Micros = 24 * HOUR;

/// The true date at the start of every scenario, Unix seconds: a Monday, 00:00 UTC.
pub const WORLD_START: i64 = 1_795_392_000;

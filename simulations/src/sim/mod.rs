//! A country in a box: a deterministic discrete-event simulation of the mesh core that ships.

pub mod compare;
pub mod outcome;
pub mod report;

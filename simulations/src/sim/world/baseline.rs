//! What the country is compared with, where that needs rules of its own.
//!
//! All baselines have the same lines, people and learners as the mesh; what differs is who talks to whom (`lines`) and
//! what is written here:
//! - `central`: no device talks to another one; each goes to the ministry's server over its school's line.
//! - `sticks`: nobody has a line; couriers serve schools, and devices take whole files from their school's node.
//! - `single-source`: devices take whole files from their school's node, schools from the ministry; parts are not passed
//!   on, and a node exchanges records with one other at a time, as Kolibri's sync queue does.

use super::{World, host::HostIx};
use crate::sim::scenario::Variant;

impl World {
    /// Does a node that serves one at a time have to put this one off?
    pub(super) fn syncs_with_another(&self, at: HostIx) -> bool {
        self.options.variant == Variant::SingleSource
            && (self
                .exchanges
                .keys()
                .any(|(asker, other)| *asker == at || *other == at)
                || self.sessions.busy(at))
    }
}

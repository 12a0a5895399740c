//! Sealed records between carriers: what to offer, want, keep and drop.

//! The network shell: one libp2p swarm, discovery and the protocol drivers.

pub mod records;

//! The program `tuf-client` against a real HTTP server on loopback: what it asks for, what it keeps, what it refuses.

mod attacks;
mod clock;
mod delegations;
mod download;
#[path = "../support/publication.rs"]
mod publication;
mod refresh;
mod server;
mod world;

//! Pishtar's shell: the one binary and everything that touches sockets, disks and clocks.

pub mod cli;
pub mod collector;
pub mod control;
mod cores;
pub mod demo;
pub mod engine;
pub mod handle;
pub mod ministry;
pub mod net;
pub mod people;
pub mod school;
pub mod search;
pub mod store;
pub mod web;

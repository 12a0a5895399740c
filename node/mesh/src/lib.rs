//! The sans-IO heart of a node: peers, catalogue sync, fetch planning, record exchange.

pub mod learner;
pub mod records;

//! Every use of a signing or sealing key: TUF metadata and client workflow, repository side, sealed records.

pub mod ack;
pub mod record;

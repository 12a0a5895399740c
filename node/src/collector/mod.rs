//! The ministry's collector: opens sealed records, counts each once, writes to a sink.

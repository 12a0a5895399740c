//! Drives a record exchange over one stream.

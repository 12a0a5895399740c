//! The publisher's side: a repository that is edited, signed and published, without any I/O.

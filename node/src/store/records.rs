//! Sealed records and acknowledgements: redb, fsync on commit.

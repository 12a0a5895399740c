//! Sealed records: padded buckets that only school and ministry can open.

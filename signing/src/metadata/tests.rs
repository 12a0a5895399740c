//! Tests of metadata types.

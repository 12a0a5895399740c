//! Tests of keys, ids and the threshold rule.

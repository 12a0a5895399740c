//! Rebuildable index: sled.

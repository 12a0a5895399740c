//! The ministry's workshop: keys, lessons, signatures and the published folder.

//! Trust state: verified metadata as received, replaced atomically.

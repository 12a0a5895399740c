//! The node's web pages.

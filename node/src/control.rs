//! The local socket on which a running node answers its own machine.

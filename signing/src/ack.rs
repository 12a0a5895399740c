//! Signed acknowledgements: what frees a carrier's storage.

//! Lesson bytes: the iroh-blobs store behind verified reads.

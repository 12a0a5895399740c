//! Full-text search over followed lessons.

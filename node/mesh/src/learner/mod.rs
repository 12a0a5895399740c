//! What learners did: events, and merging that needs no clock.

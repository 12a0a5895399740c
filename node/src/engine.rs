//! Runs the sans-IO mesh core: feeds it events, carries out what it decides.

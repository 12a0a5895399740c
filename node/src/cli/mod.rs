//! The command line: parse, call one command, turn its outcome into an exit code.

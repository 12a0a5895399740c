//! The binary `pishtar`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pishtar::cli::main()
}

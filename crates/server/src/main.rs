//! `pierhead`: the door between a company's partners and its object storage.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::run()
}

#![allow(dead_code, unused_imports)]
//! x
mod admin;
mod cli;
pub mod config;
mod control;
mod notify;
mod telemetry;
pub fn run() -> std::process::ExitCode { print!("{}", config::reference::document()); std::process::ExitCode::SUCCESS }

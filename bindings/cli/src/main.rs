//! The `prism` command: it reads arguments and files, calls the crates, and prints what they say. It decides nothing.

mod args;
mod commands;
mod exit;
mod inputs;
mod interrupt;
mod listing;
#[cfg(feature = "pull")]
mod packages;
mod print;
mod progress;
mod session;
mod simulator;
#[cfg(feature = "pull")]
mod stores;
mod unlocking;
mod vouching;

use std::alloc::System;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use prism_agent::precautions;
use zeroizing_alloc::ZeroAlloc;

use crate::args::Cli;
use crate::exit::{Failure, Outcome};
use crate::print::{Printer, complain};

/// What is freed is wiped: keys and salts are copied by parsers, TLS and HTTP/2 into buffers that know nothing of secrets.
#[global_allocator]
static WIPED: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    // The sandbox starts this same program as its helper; then nothing else may run before it.
    prism_agent::runner::helper_main_if_asked();
    // Whatever the command, it may hold keys.
    let _ = precautions::take();
    interrupt::outlive_file_limit();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let asked_for_json = arguments.iter().any(|argument| argument == "--json");
    let outcome = match Cli::try_parse_from(&arguments) {
        Ok(cli) => commands::run(cli.command, Printer::new(cli.json, cli.quiet)),
        Err(error) => not_understood(&error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(text) = failure.render(asked_for_json) {
                complain(&text);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Help and version are results; the rest is wrong usage, said in our own form.
fn not_understood(error: &clap::Error) -> Outcome {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.print().map_err(|_| Failure::silent()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::usage("expected a command, found none").hint("--help lists the commands, with an example"))
        }
        _ => Err(said_by_clap(&error.render().to_string())),
    }
}

/// Splits clap's text into what is wrong and how it is meant.
fn said_by_clap(text: &str) -> Failure {
    let text = text.trim_start_matches("error: ");
    let (message, usage) = text.split_once("\n\nUsage:").unwrap_or((text, ""));
    let message = message.split_once("\n\nFor more information").map_or(message, |(message, _)| message);
    let failure = Failure::usage(message.trim_end());
    match usage.split_once("\n\n") {
        Some(_) if message.contains("--agent <HOST:PORT>") || message.contains("--manifest <FILE>") => failure
            .hint("give them here, or once for all commands: export PRISM_AGENT_URL=HOST:PORT PRISM_MANIFEST=FILE"),
        Some((usage, _)) => failure.hint(format!("usage: {}; --help shows an example", usage.trim())),
        None => failure,
    }
}

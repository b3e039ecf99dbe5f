//! `cargo demo`: three hospitals train one model that none of them could, and a stranger audits it.
//!
//! Everything runs on this machine, but every party is its own process with its own key, directory and environment.

mod honest;
mod options;
mod story;
mod tamper;

use std::process::ExitCode;

use options::{Action, Options};

fn main() -> ExitCode {
    let options = match Options::read(std::env::args_os().skip(1)) {
        Ok(Action::Run(options)) => options,
        Ok(Action::Help) => {
            story::line(options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(complaint) => {
            story::complain(&complaint);
            return ExitCode::from(2);
        }
    };
    if let Err(error) = prism_examples::interrupt::install(|| story::complain("interrupted: everything was ended")) {
        story::complain(&format!("expected to handle Ctrl-C, found: {error}"));
        return ExitCode::FAILURE;
    }
    let played = if options.tamper { tamper::run(&options) } else { honest::run(&options).map(|last| (last, true)) };
    prism_examples::interrupt::end_children();
    match played {
        Ok((last, true)) => {
            story::line(&last);
            ExitCode::SUCCESS
        }
        Ok((last, false)) => {
            story::complain(&last);
            ExitCode::FAILURE
        }
        Err(failure) => {
            story::complain(&format!("\ndemo: {failure}"));
            ExitCode::FAILURE
        }
    }
}

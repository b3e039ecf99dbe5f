//! `prism-wasm MODULE [ARGUMENT]...` runs one WebAssembly program with WASI preview 1. The agent executes it inside its
//! sandbox, in the place of an interpreter; the compiler is a program of its own so that the agent carries none.
//!
//! The program gets its arguments, the environment, the clocks, random bytes, standard output and standard error. Of
//! files it gets the working directory as `.`, and `HOME` and `TMPDIR` under their own names; whatever it makes of
//! paths, nothing outside of these is reached. It gets no standard input, no sockets and no threads.
//!
//! This confines the program to those directories, not this process to anything: that is the sandbox's work.
//!
//! Exit codes: the program's own (0 to 125); 134 when it trapped; 126 when nothing of it was executed.
#![forbid(unsafe_code)]

mod error;
mod host;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use error::HostError;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let first = words.next();
    if first.as_ref().is_some_and(|word| word == "--version") {
        return version();
    }
    let outcome = first.ok_or(HostError::Usage).and_then(|module| execute(&module, words));
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Whoever reads it may be gone, and the exit code says the same.
            let _ = writeln!(io::stderr(), "prism-wasm: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(module: &OsString, arguments: impl Iterator<Item = OsString>) -> Result<u8, HostError> {
    let arguments = arguments.map(text).collect::<Result<_, _>>()?;
    let variables = std::env::vars_os().map(|(name, value)| Ok((text(name)?, text(value)?)));
    let environment = variables.collect::<Result<_, HostError>>()?;
    host::run(Path::new(module), &host::Context { arguments, environment })
}

/// WASI knows UTF-8 only.
fn text(word: OsString) -> Result<String, HostError> {
    word.into_string().map_err(|word| HostError::Text { found: word.display().to_string() })
}

/// What the agent asks before it takes on a computation.
fn version() -> ExitCode {
    let answer =
        writeln!(io::stdout(), "prism-wasm {} (wasmtime {})", env!("CARGO_PKG_VERSION"), wasmtime_environ::VERSION);
    ExitCode::from(u8::from(answer.is_err()))
}

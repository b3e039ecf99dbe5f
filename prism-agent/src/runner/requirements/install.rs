//! The installer: unpacks wheels into an environment (PEP 427), confined like the programs that will use them.
//!
//! It runs in the sandbox of the install phase, without network, datasets and results. The agent has compared the
//! wheels with the lock before; here every file is compared with the wheel's `RECORD` while it is written. Nothing of a
//! wheel is executed.

mod layout;
mod scripts;
mod tree;
mod wheel;

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) use layout::lay_out_environment;
use tree::Tree;

use super::fault::{INSTALL_FAILED, InstallFault};
use crate::runner::interpreter::Interpreter;

/// What to install, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Installation<'a> {
    /// The folder with the wheels.
    pub(crate) wheels: &'a Path,
    /// Their names, in the order in which they are installed.
    pub(crate) files: &'a [String],
    /// An environment that was laid out and is empty.
    pub(crate) environment: &'a Path,
    pub(crate) interpreter: &'a Interpreter,
    /// Bytes that all of them may unpack to.
    pub(crate) bytes: u64,
    /// Processes that may compile at a time.
    pub(crate) compilers: u32,
}

/// The installer's whole life; the result is its exit code.
pub(crate) fn main(installation: &Installation<'_>) -> i32 {
    let mut tree = Tree::new(installation.environment, &installation.interpreter.target, installation.bytes);
    for file in installation.files {
        if let Err(fault) = wheel::install(&installation.wheels.join(file), file, &mut tree) {
            let report = InstallFault { file: file.clone(), fault };
            let told = serde_json::to_vec(&report).map_err(io::Error::from);
            let told = told.and_then(|report| io::stdout().write_all(&report));
            return if told.is_ok() { INSTALL_FAILED } else { 1 };
        }
    }
    compile(installation, &tree);
    0
}

/// Compiles the modules, so that no run has to. A module for another version of the language does not compile: that is
/// no failure. Neither the packages' start-up files nor anything else of them is executed.
fn compile(installation: &Installation<'_>, tree: &Tree<'_>) {
    let mut command = Command::new(&installation.interpreter.executable);
    command.args(["-I", "-S", "-W", "ignore", "-m", "compileall", "-q", "-q", "--invalidation-mode", "unchecked-hash"]);
    command.args(["-j", &installation.compilers.to_string()]).arg(tree.packages());
    let plain = [("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin")];
    command.env_clear().envs(plain).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = command.status();
}

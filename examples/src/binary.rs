//! The `prism` program of this workspace, built as this crate was.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::failure::Failure;
use crate::process::line;

/// Environment variable that names a ready `prism` program, so that nothing is built.
pub const OVERRIDE: &str = "PRISM_PROGRAM";

/// Builds `prism` with the cargo and the profile that built us, and returns where it is. Cargo's progress goes to
/// standard error, unless `quiet`.
///
/// # Errors
/// [`Failure::Program`] when the build fails, [`Failure::Missing`] when it yields no program.
pub fn prism(quiet: bool) -> Result<PathBuf, Failure> {
    if let Some(program) = std::env::var_os(OVERRIDE) {
        return Ok(program.into());
    }
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::examples()).args(["build", "-p", "prism-cli", "--bin", "prism"]);
    command.args(["--message-format", "json-render-diagnostics"]).args(profile());
    if quiet {
        command.arg("--quiet");
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(Failure::io("start", Path::new("cargo")))?;
    if !output.status.success() {
        let said = "cargo's messages are above".to_owned();
        return Err(Failure::Program { program: line(&command), ending: output.status.to_string(), said });
    }
    let found = String::from_utf8_lossy(&output.stdout).lines().find_map(executable);
    found.ok_or_else(|| Failure::Missing {
        expected: "a program prism from cargo",
        found: "none".to_owned(),
        advice: format!("build prism-cli and name the program in {OVERRIDE}"),
    })
}

/// The path in cargo's message about a finished program.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let name = message.pointer("/target/name")?.as_str()?;
    let path = message.get("executable")?.as_str()?;
    (name == "prism").then(|| path.into())
}

/// The profile by the directory that cargo put us in: `target/debug/demo`, `target/release/deps/…`.
fn profile() -> Vec<String> {
    let target = crate::target();
    let built = std::env::current_exe().unwrap_or_default();
    let inside = built.strip_prefix(&target).ok().map(|path| path.components().map(|c| c.as_os_str().to_owned()));
    // With an explicit target triple there is one directory more.
    let found = inside.and_then(|parts| parts.into_iter().find(|part| !part.to_string_lossy().contains("-linux-")));
    match found.as_ref().and_then(|name| name.to_str()) {
        None | Some("debug") => Vec::new(),
        Some(name) => vec!["--profile".to_owned(), name.to_owned()],
    }
}

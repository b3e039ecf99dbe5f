//! Programs of packages, which find the interpreter beside themselves: an environment may be shown anywhere.

use prism_core::requirements::entry_points::EntryPoint;

/// First lines for the shell, a text that means nothing for Python. The interpreter is in `bin`; the script lies `depth`
/// names below the environment, its own included: two in `bin` itself.
fn start(depth: usize) -> String {
    let up = "../".repeat(depth.saturating_sub(2));
    format!("#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/{up}python \"$0\" \"$@\"\n' '''\n")
}

/// What the first line of a wheel's own scripts begins with when the installer has to name the interpreter (PEP 427).
const MARK: &[u8] = b"#!python";

/// A script that calls a function.
pub(super) fn entry_point(program: &EntryPoint) -> String {
    let EntryPoint { module, attribute, .. } = program;
    let first = attribute.split('.').next().unwrap_or(attribute);
    let start = start(2);
    format!(
        "{start}import sys\nfrom {module} import {first}\nif __name__ == \"__main__\":\n    sys.exit({attribute}())\n"
    )
}

/// Whether a wheel's own script asks for the interpreter.
pub(super) fn asks_for_interpreter(beginning: &[u8]) -> bool {
    beginning.starts_with(MARK)
}

/// The same script, with the interpreter; it lies `depth` names below the environment, that of its own included.
pub(super) fn with_interpreter(script: &[u8], depth: usize) -> Vec<u8> {
    let rest = script.iter().position(|byte| *byte == b'\n').and_then(|end| script.get(end + 1..));
    [start(depth).as_bytes(), rest.unwrap_or_default()].concat()
}

//! What the manifest does not fix: under the same conditions a deterministic program makes the same result.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use prism_core::audit::entry::Conditions;
use prism_core::printable::is_printable_line;
use tokio::process::Command;

use crate::server::means::{Means, Program};

/// Longest text of a condition, in characters.
const TEXT_MAX: usize = 120;

/// Most of `/proc/cpuinfo` that is read: the model stands near the beginning.
const CPUINFO_MAX: u64 = 64 << 10;

/// The conditions of a run with `means` that may use `processors` of them. Which packages it has, the run says.
pub(super) async fn conditions(means: &Means, processors: u32) -> Conditions {
    let interpreter = match &means.program {
        Program::Python(found) => format!("{} {}", found.target.implementation, found.target.full_version),
        Program::Wasm(host) => host.engine.clone(),
        Program::Binary | Program::Image(_) => "none".to_owned(),
    };
    let available =
        std::thread::available_parallelism().map_or(u32::MAX, |n| u32::try_from(n.get()).unwrap_or(u32::MAX));
    Conditions {
        interpreter: text(&interpreter, TEXT_MAX),
        libc: text(&libc(means).await.unwrap_or_default(), TEXT_MAX),
        kernel: text(&rustix::system::uname().release().to_string_lossy(), TEXT_MAX),
        processor: text(&tokio::task::spawn_blocking(processor).await.ok().flatten().unwrap_or_default(), TEXT_MAX),
        processors: processors.min(available),
        packages: None,
    }
}

/// One printable line of bounded length; the machine's own words are not believed to be one.
pub(super) fn text(found: &str, longest: usize) -> String {
    let found = found.trim();
    if found.is_empty() || !is_printable_line(found) {
        return "unknown".to_owned();
    }
    found.chars().take(longest).collect()
}

/// `glibc 2.36`; nothing where the C library is another, `none` where the program brings its own.
async fn libc(means: &Means) -> Option<String> {
    if matches!(means.program, Program::Image(_)) {
        return Some("none".to_owned());
    }
    let mut command = Command::new("getconf");
    command.arg("GNU_LIBC_VERSION").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn processor() -> Option<String> {
    let file = std::fs::File::open("/proc/cpuinfo").ok()?.take(CPUINFO_MAX);
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    let mut models =
        lines.filter_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, m)| m.to_owned()));
    models.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_says_is_one_bounded_printable_line() {
        assert_eq!(text(" glibc 2.36\n", TEXT_MAX), "glibc 2.36");
        assert_eq!(text("", TEXT_MAX), "unknown");
        assert_eq!(text("a\u{1b}[2Jb", TEXT_MAX), "unknown");
        assert_eq!(text(&"x".repeat(500), TEXT_MAX).len(), TEXT_MAX);
    }
}

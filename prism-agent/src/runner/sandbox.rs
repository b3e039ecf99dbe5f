//! The sandbox helper: the agent's own program, executed again, single-threaded from its first instruction to its last.
//!
//! ```text
//! agent ──socket──► helper ──fork──► first (pid 1 of its namespace) ──fork──► program
//!         order      namespaces       file view, user, capabilities            rlimits, Landlock, seccomp,
//!                    waits, sweeps    reaps, relays the end                     report, "go", exec
//! ```
//! Whoever dies takes everything to its right along: the helper sees the agent's hang-up, the first process dies with
//! the helper, the kernel ends a pid namespace with its first process. Without a pid namespace the helper adopts
//! orphans and sweeps them.

mod access;
mod dataset;
mod exec;
mod filter;
mod first;
mod helper;
mod identity;
mod image;
mod line;
mod namespaces;
mod place;
mod root;
mod stage;
mod sweep;
mod sys;
pub(crate) mod wire;

use std::fmt;

use wire::Message;

use super::free::Free;

/// The first argument that makes a program the helper.
pub(crate) const MARK: &str = "__prism_sandbox";

/// Exit code of a helper that executed nothing.
const REFUSED: i32 = 125;

/// Becomes the sandbox helper, and never returns, if the program was executed as one. Call it first thing in `main` of
/// every program that hosts an agent, before any thread is started.
pub fn helper_main_if_asked() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == MARK) {
        helper_main();
    }
}

/// Becomes the sandbox helper, and never returns: for hosts that are interpreters, whose own arguments come first (see
/// [`HelperProgram`](super::HelperProgram)). The process must have a single thread.
pub fn helper_main() -> ! {
    std::process::exit(helper::main())
}

/// Why there is no sandbox, with the words for the agent.
#[derive(Debug)]
enum Failure {
    /// A step failed.
    Step { step: String, reason: String },
    /// The disk has no room for a copy.
    NoRoom { needed: Free, free: Free },
}

impl Failure {
    fn new(step: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Step { step: step.into(), reason: reason.into() }
    }
}

impl From<Failure> for Message {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Step { step, reason } => Self::Failed { step, reason },
            Failure::NoRoom { needed, free } => Self::NoRoom { needed, free },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step { step, reason } => write!(f, "{step}: {reason}"),
            Self::NoRoom { .. } => f.write_str("no room for a copy"),
        }
    }
}

/// Names the step in a failure.
trait During<T> {
    fn during(self, step: impl Into<String>) -> Result<T, Failure>;
}

impl<T, E: Into<std::io::Error>> During<T> for Result<T, E> {
    fn during(self, step: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(step, errno(&error.into())))
    }
}

/// An error as a short fixed word: `EPERM`, not a translated sentence.
fn errno(error: &std::io::Error) -> String {
    let Some(code) = error.raw_os_error() else { return format!("{:?}", error.kind()) };
    let name = match code {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::EACCES => "EACCES",
        libc::EINVAL => "EINVAL",
        libc::ENOSYS => "ENOSYS",
        libc::ENOSPC => "ENOSPC",
        libc::EUSERS => "EUSERS",
        libc::EROFS => "EROFS",
        libc::EAGAIN => "EAGAIN",
        libc::EBUSY => "EBUSY",
        libc::ENODEV => "ENODEV",
        libc::ENOTDIR => "ENOTDIR",
        libc::EEXIST => "EEXIST",
        libc::EXDEV => "EXDEV",
        libc::ENOMEM => "ENOMEM",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        _ => return format!("errno {code}"),
    };
    name.to_owned()
}

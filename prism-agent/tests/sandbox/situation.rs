//! What the machine lets the agent do: the tests run once in each situation that can be had here.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use seccompiler::{SeccompAction, SeccompFilter};

const VARIABLE: &str = "PRISM_TEST_SITUATION";

/// An ordinary user without files or processes, as far as anyone knows.
const SOMEONE: u32 = 64_321;

/// Who the agent is, and whether namespaces are permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Situation {
    Root,
    User,
    RootInContainer,
    UserInContainer,
}

const ALL: [Situation; 4] = [Situation::Root, Situation::User, Situation::RootInContainer, Situation::UserInContainer];

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Situation {
    const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User => "user",
            Self::RootInContainer => "root-in-container",
            Self::UserInContainer => "user-in-container",
        }
    }

    pub(crate) fn of_this_process() -> Option<Self> {
        let name = std::env::var(VARIABLE).ok()?;
        ALL.into_iter().find(|situation| situation.name() == name)
    }

    const fn is_root(self) -> bool {
        matches!(self, Self::Root | Self::RootInContainer)
    }

    const fn is_container(self) -> bool {
        matches!(self, Self::RootInContainer | Self::UserInContainer)
    }

    /// Takes away what a container's runtime would: making namespaces.
    pub(crate) fn enter(self) {
        if !self.is_container() {
            return;
        }
        let rules = BTreeMap::from([(libc::SYS_unshare, Vec::new())]);
        let arch = std::env::consts::ARCH.try_into().unwrap();
        let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).unwrap();
        let program: seccompiler::BpfProgram = filter.try_into().unwrap();
        seccompiler::apply_filter(&program).unwrap();
    }
}

/// Runs this program again in every situation, as far as this user can bring them about.
pub(crate) fn run_each() -> ExitCode {
    let root = rustix::process::geteuid().is_root();
    // The unprivileged user may not reach the build directory: a copy where everyone can read.
    let home = tempfile::tempdir().unwrap();
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(home.path(), mode(0o755)).unwrap();
    let program = home.path().join("sandbox-test");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(&program, mode(0o755)).unwrap();
    let mut failed = false;
    for situation in ALL {
        if situation.is_root() && !root {
            println!("skipped: {situation} (the tests do not run as root)");
            continue;
        }
        let mut command = Command::new(&program);
        // A temporary directory of its own, as open as the system's: what runs leave there is seen.
        let temporary = home.path().join(situation.name());
        std::fs::create_dir(&temporary).unwrap();
        std::fs::set_permissions(&temporary, mode(0o1777)).unwrap();
        command.args(std::env::args().skip(1)).env(VARIABLE, situation.name()).env("TMPDIR", temporary);
        if root && !situation.is_root() {
            command.uid(SOMEONE).gid(SOMEONE).env("HOME", "/nonexistent").current_dir("/");
        }
        failed |= !command.status().unwrap().success();
    }
    ExitCode::from(u8::from(failed))
}

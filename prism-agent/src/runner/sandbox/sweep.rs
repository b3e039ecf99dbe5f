//! Ends what is left of a run where no pid namespace does it: best effort, and what survives is said.

use std::collections::BTreeSet;

use rustix::process::{Pid, Signal, WaitOptions};

use super::identity::Who;
use crate::runner::processes::Processes;

/// Rounds before giving up; each ends every process that it sees.
const ROUNDS: u32 = 2000;

/// Ends and reaps every descendant of this process; the result is how many are left.
pub(super) fn everything(who: &Who) -> u32 {
    if who.separate {
        kill_user(who.uid);
    }
    let mut left = 0;
    for _ in 0..ROUNDS {
        while matches!(rustix::process::wait(WaitOptions::NOHANG), Ok(Some(_))) {}
        let family = descendants();
        left = u32::try_from(family.len()).unwrap_or(u32::MAX);
        if family.is_empty() {
            break;
        }
        for pid in family.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        // Orphans of what was just ended come to this process: wait for one of them.
        let _ = rustix::process::wait(WaitOptions::empty());
    }
    left
}

fn descendants() -> BTreeSet<i32> {
    Processes::read().descendants(std::process::id().cast_signed())
}

/// Ends, in one call and without a race, every process of the run's own user.
fn kill_user(uid: u32) {
    let Ok(child) = super::sys::fork() else { return };
    let Some(child) = child else {
        let uid = rustix::fs::Uid::from_raw(uid);
        let changed = rustix::thread::set_thread_res_uid(uid, uid, uid).is_ok();
        if changed && rustix::process::getuid() == uid {
            let _ = super::sys::kill_all_of_this_user();
        }
        std::process::exit(0);
    };
    let _ = rustix::process::waitpid(Some(child), WaitOptions::empty());
}

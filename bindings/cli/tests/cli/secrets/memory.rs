//! What another process sees of an agent: its memory, if it may look, and what the kernel says of it.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};

use super::marked::Marked;
use crate::agent::Agent;

/// How often the agent is asked something before what it let go has to be wiped: threads end in their own time.
const ROUNDS: usize = 50;

/// Whether this user may read the memory of a process that is not dumpable. If not, the tests that have to say so.
pub(super) fn may_look(agent: &Agent<'_>) -> bool {
    let may = File::open(format!("/proc/{}/mem", agent.pid())).is_ok();
    if !may {
        println!("skipped: the agent's memory cannot be read without root's capability to trace");
    }
    may
}

/// In which forms a secret is in the memory that the agent can write, and where.
fn found(agent: &Agent<'_>, secrets: &[&Marked]) -> Vec<String> {
    let memory = File::open(format!("/proc/{}/mem", agent.pid())).unwrap();
    let maps = fs::read_to_string(format!("/proc/{}/maps", agent.pid())).unwrap();
    let (mut found, mut looked_at) = (Vec::new(), 0);
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut content = vec![0; usize::try_from(end - start).unwrap()];
        // A mapping may go away meanwhile: then it holds nothing.
        if memory.read_exact_at(&mut content, start).is_ok() {
            looked_at += content.len();
            let here = secrets.iter().flat_map(|secret| secret.found_in(&content));
            found.extend(here.map(|secret| format!("{secret}: {line}")));
        }
    }
    assert!(looked_at > 1 << 20, "a program has more memory than {looked_at} bytes");
    found
}

/// Waits, in rounds of the agent's own work, until this is in its memory: the scan finds what is there.
#[track_caller]
pub(super) fn there(agent: &Agent<'_>, secret: &Marked) {
    let found = (0..ROUNDS).any(|_| {
        agent.run("status --key lab.key").ok();
        !found(agent, &[secret]).is_empty()
    });
    assert!(found, "what is in use was not found");
}

/// Waits, in rounds of the agent's own work, until this is nowhere in its memory.
#[track_caller]
pub(super) fn gone(agent: &Agent<'_>, secret: &Marked) {
    let mut left = Vec::new();
    for _ in 0..ROUNDS {
        agent.run("status --key lab.key").ok();
        left = found(agent, &[secret]);
        if left.is_empty() {
            return;
        }
    }
    panic!("still in memory:\n{}", left.join("\n"));
}

/// The owner of the memory in `/proc`: root if the process cannot be inspected by its own user.
pub(super) fn owner_of_memory(agent: &Agent<'_>) -> u32 {
    fs::metadata(format!("/proc/{}/mem", agent.pid())).unwrap().uid()
}

/// The words of one line in a file below `/proc/PID`.
pub(super) fn line(agent: &Agent<'_>, file: &str, start: &str) -> Vec<String> {
    let content = fs::read_to_string(format!("/proc/{}/{file}", agent.pid())).unwrap();
    let line = content.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
    line.split_whitespace().map(str::to_owned).collect()
}

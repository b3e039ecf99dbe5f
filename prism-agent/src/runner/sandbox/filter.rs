//! seccomp: the system calls that no algorithm needs and every escape begins with.

mod calls;

use std::collections::{BTreeMap, BTreeSet};

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter, sock_filter,
};

use calls::{ATTRIBUTES, DENIED, DENIED_HERE, HIDDEN_MEMORY, LAST, PRETENDED, UNKNOWN, WATCHING};

/// What the other layers leave to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// The processors are chosen, not counted: they must stay chosen.
    ChosenProcessors,
    /// Memory is bounded by looking at the processes.
    MemoryByLooking,
    /// The host's file tree is in sight.
    HostsFiles,
    /// The host's file tree is in sight, and some of it belongs to the program's user.
    AgentsFiles,
    /// Processes of the same user are in sight.
    AgentsProcesses,
}

/// Everything that is left to the filter.
pub(super) type Gaps = BTreeSet<Gap>;

/// Flags of `clone` that make a namespace.
const NAMESPACES: &[libc::c_int] = &[
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Terminal requests that type into, paste from, or take over another's terminal.
const TERMINAL: &[u64] = &[libc::TIOCSTI, libc::TIOCLINUX, libc::TIOCCONS];

/// The personality that every process has, and the question for it.
const PERSONALITIES: &[u64] = &[0, 0xffff_ffff];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Installs the filters on this process for good. Foreign architectures' entry points kill the caller.
pub(super) fn install(gaps: &Gaps) -> Result<(), Error> {
    let denied = filter(denied(gaps)?, libc::EACCES)?;
    let unknown = filter(whole(UNKNOWN), libc::ENOSYS)?;
    apply_filter(&unknown_numbers())?;
    apply_filter(&unknown)?;
    if gaps.contains(&Gap::AgentsFiles) {
        apply_filter(&filter(whole(PRETENDED), 0)?)?;
    }
    apply_filter(&denied)
}

fn filter(rules: Rules, errno: libc::c_int) -> Result<BpfProgram, Error> {
    let arch = std::env::consts::ARCH.try_into()?;
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()?)
}

/// Calls that are refused whatever their arguments.
fn whole(calls: &[libc::c_long]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

fn denied(gaps: &Gaps) -> Result<Rules, Error> {
    let mut rules = whole(DENIED);
    rules.extend(whole(DENIED_HERE));
    for gap in gaps {
        match gap {
            Gap::ChosenProcessors => rules.extend(whole(&[libc::SYS_sched_setaffinity])),
            Gap::MemoryByLooking => hidden_memory(&mut rules)?,
            Gap::HostsFiles => rules.extend(whole(WATCHING)),
            Gap::AgentsFiles => rules.extend(whole(ATTRIBUTES)),
            Gap::AgentsProcesses => others_priority(&mut rules)?,
        }
    }
    sockets(&mut rules)?;
    limits(&mut rules)?;
    let namespaces = NAMESPACES.iter().map(|flag| {
        let flag = flag.unsigned_abs().into();
        rule(0, [(SeccompCmpOp::MaskedEq(flag), flag)])
    });
    rules.insert(libc::SYS_clone, namespaces.collect::<Result<_, _>>()?);
    let terminal = TERMINAL.iter().map(|request| rule(1, [(SeccompCmpOp::Eq, *request)]));
    rules.insert(libc::SYS_ioctl, terminal.collect::<Result<_, _>>()?);
    rules.insert(libc::SYS_personality, vec![rule(0, PERSONALITIES.iter().map(|known| (SeccompCmpOp::Ne, *known)))?]);
    Ok(rules)
}

fn sockets(rules: &mut Rules) -> Result<(), Error> {
    let unix = libc::AF_UNIX.unsigned_abs().into();
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        rules.insert(call, vec![rule(0, [(SeccompCmpOp::Ne, unix)])?]);
    }
    Ok(())
}

/// The limit on core dumps keeps the program's memory from the host's core handler; limits of others are theirs.
fn limits(rules: &mut Rules) -> Result<(), Error> {
    let core = u64::from(libc::RLIMIT_CORE);
    rules.insert(libc::SYS_setrlimit, vec![rule(0, [(SeccompCmpOp::Eq, core)])?]);
    let given = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
    let of_core = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, core)?;
    let of_others = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0)?;
    let limits = [vec![given.clone(), of_core], vec![given, of_others]];
    rules.insert(libc::SYS_prlimit64, limits.into_iter().map(SeccompRule::new).collect::<Result<_, _>>()?);
    Ok(())
}

/// Pages that stay after the process that filled them has let go of them, while it still holds the rest: shared memory
/// without a file. And processes that nobody can look at.
fn hidden_memory(rules: &mut Rules) -> Result<(), Error> {
    rules.extend(whole(HIDDEN_MEMORY));
    let nameless = (libc::MAP_SHARED | libc::MAP_ANONYMOUS).unsigned_abs().into();
    rules.insert(libc::SYS_mmap, vec![rule(3, [(SeccompCmpOp::MaskedEq(nameless), nameless)])?]);
    let dumpable = libc::PR_SET_DUMPABLE.unsigned_abs().into();
    rules.insert(libc::SYS_prctl, vec![rule(0, [(SeccompCmpOp::Eq, dumpable)])?]);
    Ok(())
}

/// The caller may lower its own priority, by the number that stands for itself, and nobody else's.
fn others_priority(rules: &mut Rules) -> Result<(), Error> {
    let other = |argument| rule(argument, [(SeccompCmpOp::Ne, 0)]);
    rules.insert(libc::SYS_setpriority, vec![other(0)?, other(1)?]);
    for call in [libc::SYS_sched_setscheduler, libc::SYS_sched_setparam, libc::SYS_sched_setattr] {
        rules.insert(call, vec![other(0)?]);
    }
    Ok(())
}

/// All conditions on one 32-bit argument together.
fn rule(argument: u8, conditions: impl IntoIterator<Item = (SeccompCmpOp, u64)>) -> Result<SeccompRule, Error> {
    let conditions: Result<Vec<_>, _> = conditions
        .into_iter()
        .map(|(op, value)| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value))
        .collect();
    Ok(SeccompRule::new(conditions?)?)
}

/// Numbers that are newer than the lists, and those of x32 on the native entry point: unknown.
fn unknown_numbers() -> BpfProgram {
    let load_number = sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 };
    let above_last = sock_filter { code: 0x25, jt: 0, jf: 1, k: LAST };
    let unknown = sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x0005_0000 | libc::ENOSYS.unsigned_abs() };
    let allow = sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 };
    vec![load_number, above_last, unknown, allow]
}

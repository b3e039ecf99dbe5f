//! seccomp: the system calls that no algorithm needs and every escape begins with.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// Always refused with `EACCES`.
const DENIED: &[libc::c_long] = &[
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_fanotify_init,
    libc::SYS_vmsplice,
    libc::SYS_lookup_dcookie,
    libc::SYS_vhangup,
    // What is left in these outlives the run where there is no namespace for them.
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
];

#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[libc::c_long] =
    &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_kexec_file_load, libc::SYS_uselib];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[libc::c_long] = &[];

/// Answered as by a kernel that has never heard of them, so that libraries take their older way.
const UNKNOWN: &[libc::c_long] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

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

/// Terminal requests that type into, or paste from, another's terminal.
const TERMINAL: &[u64] = &[libc::TIOCSTI, libc::TIOCLINUX];

/// First number of the x32 entry points, which carry their own numbers for everything above.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Installs the filters on this process for good. Foreign architectures' entry points kill the caller.
pub(super) fn install(pinned: bool) -> Result<(), Error> {
    let denied = filter(denied(pinned)?, libc::EACCES)?;
    let unknown = filter(UNKNOWN.iter().map(|call| (*call, Vec::new())).collect(), libc::ENOSYS)?;
    apply_filter(&foreign_numbers())?;
    apply_filter(&unknown)?;
    apply_filter(&denied)
}

fn filter(rules: Rules, errno: libc::c_int) -> Result<BpfProgram, Error> {
    let arch = std::env::consts::ARCH.try_into()?;
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()?)
}

fn denied(pinned: bool) -> Result<Rules, Error> {
    let mut rules: Rules = DENIED.iter().chain(DENIED_HERE).map(|call| (*call, Vec::new())).collect();
    if pinned {
        rules.insert(libc::SYS_sched_setaffinity, Vec::new());
    }
    let unix = libc::AF_UNIX.unsigned_abs().into();
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        rules.insert(call, vec![rule(0, [(SeccompCmpOp::Ne, unix)])?]);
    }
    let namespaces = NAMESPACES.iter().map(|flag| {
        let flag = flag.unsigned_abs().into();
        rule(0, [(SeccompCmpOp::MaskedEq(flag), flag)])
    });
    rules.insert(libc::SYS_clone, namespaces.collect::<Result<_, _>>()?);
    // The limit on core dumps keeps the program's memory from the host's core handler.
    let core = u64::from(libc::RLIMIT_CORE);
    rules.insert(libc::SYS_setrlimit, vec![rule(0, [(SeccompCmpOp::Eq, core)])?]);
    let given = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
    let of_core = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, core)?;
    let of_others = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0)?;
    let limits = [vec![given.clone(), of_core], vec![given, of_others]];
    rules.insert(libc::SYS_prlimit64, limits.into_iter().map(SeccompRule::new).collect::<Result<_, _>>()?);
    let terminal = TERMINAL.iter().map(|request| rule(1, [(SeccompCmpOp::Eq, *request)]));
    rules.insert(libc::SYS_ioctl, terminal.collect::<Result<_, _>>()?);
    Ok(rules)
}

/// All conditions on one 32-bit argument together.
fn rule(argument: u8, conditions: impl IntoIterator<Item = (SeccompCmpOp, u64)>) -> Result<SeccompRule, Error> {
    let conditions: Result<Vec<_>, _> = conditions
        .into_iter()
        .map(|(op, value)| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value))
        .collect();
    Ok(SeccompRule::new(conditions?)?)
}

/// x32 numbers on the native entry point: as unknown as everything else there.
#[cfg(target_arch = "x86_64")]
fn foreign_numbers() -> BpfProgram {
    use seccompiler::sock_filter;
    let load_number = sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 };
    let at_least_x32 = sock_filter { code: 0x35, jt: 0, jf: 1, k: X32 };
    let unknown = sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x0005_0000 | libc::ENOSYS.unsigned_abs() };
    let allow = sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 };
    vec![load_number, at_least_x32, unknown, allow]
}

#[cfg(not(target_arch = "x86_64"))]
fn foreign_numbers() -> BpfProgram {
    use seccompiler::sock_filter;
    vec![sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 }]
}

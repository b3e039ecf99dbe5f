//! Which system calls are refused, and how; every list is sorted by what an attempt would want.

use libc::c_long;

/// Always refused with `EACCES`.
pub(super) const DENIED: &[c_long] = &[
    // The kernel's own programs, counters and faults.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_lookup_dcookie,
    // Keys that outlive the run and are found by number.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Other processes' memory, files and pages.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // Mounts and roots, the old interface and the new one.
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
    // Other namespaces.
    libc::SYS_unshare,
    libc::SYS_setns,
    // Files without a path.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    // The machine itself.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Its clocks.
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    // Notices about files of others; pages given away while they still change.
    libc::SYS_fanotify_init,
    libc::SYS_vmsplice,
    // The order in which disks serve: it would reach every process of the same user.
    libc::SYS_ioprio_set,
    // System V IPC and message queues: what is made outlives the run, what others made is found by number.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
];

#[cfg(target_arch = "x86_64")]
pub(super) const DENIED_HERE: &[c_long] =
    &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_uselib, libc::SYS_sysfs];
#[cfg(not(target_arch = "x86_64"))]
pub(super) const DENIED_HERE: &[c_long] = &[];

/// Answered as by a kernel that has never heard of them, so that libraries take their older way.
pub(super) const UNKNOWN: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // One number of the whole machine bounds all of them together.
    libc::SYS_io_setup,
    // Memory that not even the kernel's own account shows.
    libc::SYS_memfd_secret,
    STATMOUNT,
    LISTMOUNT,
    LSM_SET_SELF_ATTR,
];

// The same numbers on every architecture; not every one of them has a name in libc.
const FCHMODAT2: c_long = 452;
const STATMOUNT: c_long = 457;
const LISTMOUNT: c_long = 458;
const LSM_SET_SELF_ATTR: c_long = 460;

/// The last number that these lists know (`mseal`). Whatever is newer is unknown until somebody has looked at it.
pub(super) const LAST: u32 = 462;

/// Refused where the host's file tree is in sight: they tell the names of files in it that nobody may open.
pub(super) const WATCHING: &[c_long] = &[
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_inotify_init,
];

/// Refused where memory is bounded by looking: these pages belong to no process that could be looked at.
pub(super) const HIDDEN_MEMORY: &[c_long] = &[libc::SYS_memfd_create];

/// Refused where the agent's own files are in sight and belong to the same user.
pub(super) const ATTRIBUTES: &[c_long] = &[
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fchownat,
    libc::SYS_fchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
];

/// There, too, but answered with success and not done: Landlock does not look at modes and times, and programs that
/// copy files set both.
pub(super) const PRETENDED: &[c_long] = &[
    libc::SYS_fchmodat,
    libc::SYS_fchmod,
    FCHMODAT2,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
];

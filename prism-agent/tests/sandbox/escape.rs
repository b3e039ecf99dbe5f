//! Programs that try to get out, or at what is not theirs. Every attempt must fail.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use prism_agent::runner::{End, Layer};

use crate::world::{Verdict, World};
use crate::{needs, tests};

tests!["escape":
    no_socket_of_any_family_but_unix_opens,
    the_hosts_loopback_is_out_of_reach,
    an_abstract_socket_of_the_agent_is_out_of_reach,
    a_socket_file_of_the_agent_is_out_of_reach,
    other_processes_are_invisible,
    other_processes_cannot_be_signalled,
    files_of_the_agent_and_of_the_host_cannot_be_read,
    nothing_outside_can_be_written,
    metadata_of_files_outside_cannot_be_changed,
    namespaces_and_mounts_are_refused,
    dangerous_system_calls_are_refused,
    the_32_bit_entry_point_kills,
    the_x32_entry_point_is_unknown,
    no_privilege_is_left_and_none_can_be_gained,
    the_hosts_core_handler_gets_nothing,
    no_file_is_inherited,
    the_sandboxs_first_process_shows_nothing,
];

/// `attempt(name, call)` says whether the call got through; `raw(number, …)` is a bare system call.
const PRELUDE: &str = r#"
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, call):
    try: call()
    except OSError as error: print("denied", name, errno.errorcode.get(error.errno))
    else: print("ALLOWED", name)
def raw(number, *args):
    if libc.syscall(number, *(ctypes.c_long(a) if isinstance(a, int) else a for a in args)) == -1:
        raise OSError(ctypes.get_errno(), "")
"#;

/// Runs the attempts and checks that each was made and none got through.
fn all_denied(attempts: &str, args: &[&str]) -> Verdict {
    let mut world = World::python(&format!("{PRELUDE}\n{attempts}\nprint('done')\n"));
    world.spec.args = args.iter().map(|&argument| argument.to_owned()).collect();
    let ran = world.run().succeeded();
    let allowed: Vec<_> = ran.stdout.lines().filter(|line| line.starts_with("ALLOWED")).collect();
    assert!(allowed.is_empty(), "{allowed:?}");
    assert!(ran.stdout.lines().any(|line| line.starts_with("denied")), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("done\n"), "{}", ran.stdout);
    Verdict::Held
}

fn no_socket_of_any_family_but_unix_opens() -> Verdict {
    all_denied(
        "import socket\n\
         for family in list(range(2, 64)) + [0x7fffffff]:\n\
         \x20   for kind in (1, 2, 3, 5):\n\
         \x20       attempt(f'{family}/{kind}', lambda: raw(41, family, kind, 0))\n\
         attempt('high bits', lambda: raw(41, (1 << 32) | 2, 1, 0))\n\
         attempt('pair', lambda: raw(53, 2, 1, 0, (ctypes.c_int * 2)()))\n",
        &[],
    )
}

fn the_hosts_loopback_is_out_of_reach() -> Verdict {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    all_denied(
        "import socket\n\
         attempt('tcp', lambda: socket.create_connection(('127.0.0.1', int(sys.argv[1])), 2))\n\
         attempt('dns', lambda: socket.getaddrinfo('example.org', 80))\n",
        &[&port],
    )
}

fn an_abstract_socket_of_the_agent_is_out_of_reach() -> Verdict {
    let name = format!("prism-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    all_denied(
        "import socket\n\
         attempt('abstract', lambda: socket.socket(socket.AF_UNIX).connect('\\0' + sys.argv[1]))\n",
        &[&name],
    )
}

fn a_socket_file_of_the_agent_is_out_of_reach() -> Verdict {
    needs!(MountNamespace);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    open_to_all(dir.path());
    open_to_all(&path);
    all_denied(
        "import socket\n\
         attempt('path', lambda: socket.socket(socket.AF_UNIX).connect(sys.argv[1]))\n",
        &[path.to_str().unwrap()],
    )
}

/// Permissions do not protect these: the sandbox must.
fn open_to_all(path: &std::path::Path) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
}

fn other_processes_are_invisible() -> Verdict {
    let agent = std::process::id().to_string();
    all_denied(
        "agent = sys.argv[1]\n\
         for name in ('environ', 'cmdline', 'maps', 'mem', 'status', 'root', 'cwd', 'fd', 'exe'):\n\
         \x20   for pid in (agent, 'self/../' + agent):\n\
         \x20       attempt(name, lambda: os.listdir(f'/proc/{pid}/{name}') if name in ('fd', 'root', 'cwd')\n\
         \x20           else open(f'/proc/{pid}/{name}', 'rb').read(1))\n\
         try: pids = sorted(int(p) for p in os.listdir('/proc') if p.isdigit())\n\
         except OSError: pids = []\n\
         assert pids in ([], [1, os.getpid()]), pids\n",
        &[&agent],
    )
}

fn other_processes_cannot_be_signalled() -> Verdict {
    let agent = std::process::id().to_string();
    all_denied(
        "import signal\n\
         agent = int(sys.argv[1])\n\
         attempt('agent', lambda: os.kill(agent, 0))\n\
         attempt('agent group', lambda: os.killpg(agent, 0))\n\
         attempt('kernel', lambda: os.kill(2, 0) if os.getpid() != 2 else os.kill(agent, 0))\n\
         attempt('pidfd', lambda: signal.pidfd_send_signal(os.pidfd_open(agent), 0))\n",
        &[&agent],
    )
}

fn files_of_the_agent_and_of_the_host_cannot_be_read() -> Verdict {
    let state = tempfile::tempdir().unwrap();
    let key = state.path().join("agent.key");
    fs::write(&key, "secret").unwrap();
    open_to_all(state.path());
    open_to_all(&key);
    let exe = std::env::current_exe().unwrap();
    all_denied(
        "key, state, exe = sys.argv[1:]\n\
         for path in (key, exe, '/etc/shadow', '/etc/machine-id', '/etc/ssh/sshd_config', '/var/lib/dpkg/status',\n\
         \x20       '/proc/kcore', '/proc/self/root' + key, '/proc/1/root' + key, '/proc/self/cwd/../../../..' + key,\n\
         \x20       '/dev/vda', '/dev/kvm', '/dev/mem', '/dev/vsock', '/dev/tty', '/dev/ptmx', '/dev/sev-guest'):\n\
         \x20   attempt(path, lambda: open(path, 'rb').read(1))\n\
         for path in (state, '/root', '/home', '/var/log', '/run', '/boot', '/etc/ssh'):\n\
         \x20   attempt(path, lambda: os.listdir(path) or os.stat(path + '/absent'))\n\
         os.symlink(key, 'datasets/link'); attempt('link', lambda: open('datasets/link').read())\n\
         attempt('hard link', lambda: os.link(key, 'results/key'))\n",
        &[key.to_str().unwrap(), state.path().to_str().unwrap(), exe.to_str().unwrap()],
    )
}

fn nothing_outside_can_be_written() -> Verdict {
    let state = tempfile::tempdir().unwrap();
    open_to_all(state.path());
    let verdict = all_denied(
        "me = os.path.dirname(os.path.abspath(__file__))\n\
         for folder in (sys.argv[1], me, sys.prefix, sys.prefix + '/bin', sys.base_prefix + '/lib', '/', '/usr', '/etc',\n\
         \x20       '/dev', '/proc', '/sys', '/var', '/run', '/home', '/usr/bin', '/tmp/..'):\n\
         \x20   attempt(folder, lambda: open(folder + '/prism-probe', 'w'))\n\
         \x20   attempt(folder, lambda: os.mkdir(folder + '/prism-probe.d'))\n\
         attempt('own code', lambda: open(__file__, 'a'))\n\
         attempt('interpreter', lambda: open(os.path.realpath(sys.executable), 'ab'))\n\
         attempt('unlink', lambda: os.unlink(__file__))\n\
         for path in ('/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/sys/devices/system/cpu/cpu1/online'):\n\
         \x20   attempt(path, lambda: open(path, 'w').write('0'))\n",
        &[state.path().to_str().unwrap()],
    );
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    verdict
}

fn metadata_of_files_outside_cannot_be_changed() -> Verdict {
    if !crate::world::available().is_active(Layer::SeparateUser) {
        needs!(MountNamespace);
    }
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("file");
    fs::write(&file, "x").unwrap();
    // Whoever may write a file may set attributes: this one is its owner's.
    open_to_all(state.path());
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    all_denied(
        "for path in (sys.argv[1], __file__, sys.prefix + '/pyvenv.cfg', '/usr/bin/env', '/'):\n\
         \x20   attempt(path, lambda: os.chmod(path, 0o777))\n\
         \x20   attempt(path, lambda: os.utime(path, (1, 1)))\n\
         \x20   attempt(path, lambda: os.setxattr(path, 'user.x', b'x'))\n",
        &[file.to_str().unwrap()],
    )
}

fn namespaces_and_mounts_are_refused() -> Verdict {
    all_denied(
        "flags = {'ns': 0x20000, 'cgroup': 0x2000000, 'uts': 0x4000000, 'ipc': 0x8000000, 'user': 0x10000000,\n\
         \x20   'pid': 0x20000000, 'net': 0x40000000}\n\
         for name, flag in flags.items():\n\
         \x20   attempt('unshare ' + name, lambda: raw(272, flag))\n\
         \x20   attempt('clone ' + name, lambda: raw(56, flag | 17, 0, 0, 0, 0) or os._exit(0))\n\
         attempt('clone3', lambda: raw(435, ctypes.create_string_buffer(88), 88))\n\
         attempt('mount', lambda: raw(165, b'none', b'/tmp', b'tmpfs', 0, None))\n\
         attempt('umount', lambda: raw(166, b'/proc', 2))\n\
         attempt('chroot', lambda: os.chroot('/tmp'))\n\
         attempt('pivot_root', lambda: raw(155, b'/tmp', b'/tmp'))\n\
         attempt('setns', lambda: raw(308, 0, 0))\n\
         for number in (428, 429, 430, 431, 432, 433, 442): attempt(number, lambda: raw(number, 0, 0, 0, 0, 0))\n",
        &[],
    )
}

fn dangerous_system_calls_are_refused() -> Verdict {
    all_denied(
        "import time\n\
         calls = {'bpf': 321, 'perf_event_open': 298, 'userfaultfd': 323, 'add_key': 248, 'request_key': 249,\n\
         \x20   'keyctl': 250, 'process_vm_readv': 310, 'process_vm_writev': 311, 'kcmp': 312,\n\
         \x20   'pidfd_getfd': 438, 'open_by_handle_at': 304, 'name_to_handle_at': 303, 'kexec_load': 246,\n\
         \x20   'init_module': 175, 'finit_module': 313, 'reboot': 169, 'swapon': 167, 'acct': 163, 'syslog': 103,\n\
         \x20   'settimeofday': 164, 'clock_settime': 227, 'iopl': 172, 'ioperm': 173, 'modify_ldt': 154,\n\
         \x20   'io_uring_setup': 425, 'io_uring_enter': 426, 'io_uring_register': 427, 'fanotify_init': 300,\n\
         \x20   'sethostname': 170, 'vmsplice': 278, 'quotactl': 179}\n\
         for name, number in calls.items():\n\
         \x20   libc.syscall(number, *[ctypes.c_long(0)] * 6)\n\
         \x20   error = ctypes.get_errno()\n\
         \x20   print('denied' if error in (errno.EACCES, errno.ENOSYS) else 'ALLOWED', name, error)\n\
         attempt('ptrace traceme', lambda: raw(101, 0, 0, 0, 0))\n\
         attempt('ptrace attach', lambda: raw(101, 16, os.getpid(), 0, 0))\n\
         import fcntl, termios\n\
         try: fcntl.ioctl(0, termios.TIOCSTI, b'x')\n\
         except OSError as error: assert error.errno == errno.EACCES, error\n",
        &[],
    )
}

/// A few bytes of machine code in a page of its own: no compiler is needed.
const MACHINE_CODE: &str = "\
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex('b814000000' 'cd80' 'c3'))
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
print('before', flush=True)
print('got', call())
";

fn the_32_bit_entry_point_kills() -> Verdict {
    if !cfg!(target_arch = "x86_64") {
        return Verdict::Skipped("x86-64 only".to_owned());
    }
    let ran = World::python(MACHINE_CODE).run();
    // A kernel without 32-bit programs answers the instruction with SIGSEGV instead.
    assert!(matches!(ran.outcome.end, End::Signalled(31 | 11)), "{:?} {}", ran.outcome.end, ran.stdout);
    assert_eq!(ran.stdout, "before\n");
    Verdict::Held
}

fn the_x32_entry_point_is_unknown() -> Verdict {
    if !cfg!(target_arch = "x86_64") {
        return Verdict::Skipped("x86-64 only".to_owned());
    }
    all_denied(
        "for number in (39, 41, 165, 272):\n\
         \x20   attempt(f'x32 {number}', lambda: raw(0x40000000 | number, 2, 1, 0))\n",
        &[],
    )
}

fn no_privilege_is_left_and_none_can_be_gained() -> Verdict {
    all_denied(
        "import stat, shutil\n\
         try: status = open('/proc/self/status').read()\n\
         except OSError: status = ''\n\
         for line in status.splitlines():\n\
         \x20   name, _, value = line.partition(':')\n\
         \x20   if name in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb'): assert int(value, 16) == 0, line\n\
         \x20   if name == 'NoNewPrivs': assert value.strip() == '1', line\n\
         \x20   if name == 'Seccomp': assert value.strip() == '2', line\n\
         \x20   if name == 'Groups': assert '0' not in value.split(), line\n\
         attempt('setuid', lambda: os.setuid(0) or (os.getuid() and raw(0, -1)))\n\
         attempt('setgroups', lambda: os.setgroups([0]))\n\
         attempt('chown', lambda: os.chown('results', 0, 0) or raw(0, -1) if os.getuid() == 0\n\
         \x20   else os.chown('results', 0, 0))\n\
         attempt('mknod', lambda: os.mknod('results/disk', stat.S_IFBLK | 0o666, os.makedev(254, 0)))\n\
         os.nice(1)\n\
         attempt('priority', lambda: os.nice(-1))\n\
         assert os.getuid() == os.geteuid() and os.getuid() != 0\n",
        &[],
    )
}

fn no_file_is_inherited() -> Verdict {
    let leak = fs::File::open("/dev/zero").unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    all_denied("for fd in range(3, 4096): attempt(fd, lambda: os.fstat(fd))\n", &[])
}

fn the_sandboxs_first_process_shows_nothing() -> Verdict {
    needs!(MountNamespace);
    all_denied(
        "for name in ('environ', 'maps', 'mem', 'syscall', 'stack'):\n\
         \x20   attempt(name, lambda: open(f'/proc/1/{name}', 'rb').read(1) or raw(0, -1))\n\
         attempt('fd', lambda: os.listdir('/proc/1/fd'))\n\
         for signal in (9, 15, 19):\n\
         \x20   try: os.kill(1, signal)\n\
         \x20   except PermissionError: pass\n\
         assert os.path.exists('/proc/1')\n",
        &[],
    )
}

fn the_hosts_core_handler_gets_nothing() -> Verdict {
    all_denied(
        "import resource\n\
         assert resource.getrlimit(resource.RLIMIT_CORE) == (1, 1)\n\
         class Limit(ctypes.Structure): _fields_ = [('soft', ctypes.c_ulong), ('hard', ctypes.c_ulong)]\n\
         none = ctypes.byref(Limit(0, 0))\n\
         attempt('setrlimit', lambda: raw(160, 4, none))\n\
         attempt('prlimit', lambda: raw(302, 0, 4, none, None))\n\
         attempt('prlimit of others', lambda: raw(302, os.getppid() or 1, 0, none, None))\n\
         attempt('shmget', lambda: raw(29, 0, 4096, 0o1666))\n\
         attempt('msgget', lambda: raw(68, 0, 0o1666))\n\
         attempt('semget', lambda: raw(64, 0, 1, 0o1666))\n\
         attempt('mq_open', lambda: raw(240, b'prism', os.O_CREAT | os.O_RDWR, 0o666, None))\n\
         resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n",
        &[],
    )
}

//! Attempts in Python: each must fail, whoever the agent is.

use prism_agent::runner::Layer;

use super::Probe;

const ALL_BUT_UNIX: &str = "for family in [0] + list(range(2, 47)) + [255, 0x7fffffff]:";

/// The table. `W` is the world outside: what there is to get at.
pub(super) fn table() -> Vec<Probe> {
    let everywhere = |(name, code): (&'static str, &str)| Probe::new(name, code);
    let mut probes: Vec<Probe> =
        [NETWORK, PROCESSES, KERNEL, FILES, PRIVILEGES].concat().into_iter().map(everywhere).collect();
    probes.push(Probe::new(
        "sockets of every family",
        &format!("{ALL_BUT_UNIX}\n for kind in (1, 2, 3, 4, 5, 6, 10, 1 | 0o2004000):\n  refused(family, 41, family, kind, 0)"),
    ));
    probes.push(Probe::new(
        "socket pairs of every family",
        &format!("{ALL_BUT_UNIX} refused(family, 53, family, 1, 0, (ctypes.c_int * 2)())"),
    ));
    probes.push(
        Probe::new(
            "a socket file of the agent",
            "import socket\nattempt('connect', lambda: socket.socket(socket.AF_UNIX).connect(W['socket']))",
        )
        .only_with(Layer::MountNamespace),
    );
    probes.push(
        Probe::new(
            "the sandbox's first process",
            "for name in ('environ', 'maps', 'mem', 'syscall', 'stack'):\n\
             \x20attempt(name, lambda: open(f'/proc/1/{name}', 'rb').read(1) or raw(0, -1))\n\
             attempt('fd', lambda: os.listdir('/proc/1/fd'))\n\
             for signal in (9, 15, 19):\n\
             \x20try: os.kill(1, signal)\n\
             \x20except PermissionError: pass\n\
             must('it lives', os.path.exists('/proc/1'))",
        )
        .only_with(Layer::MountNamespace),
    );
    probes
}

type Row = (&'static str, &'static str);

const NETWORK: &[Row] = &[
    ("the high bits of a family", "refused('high', 41, (1 << 32) | 2, 1, 0)"),
    (
        "the host's loopback",
        "import socket\n\
         attempt('tcp', lambda: socket.create_connection(('127.0.0.1', W['port']), 2))\n\
         attempt('tcp 6', lambda: socket.create_connection(('::1', W['port']), 2))",
    ),
    ("names of hosts", "import socket\nattempt('dns', lambda: socket.getaddrinfo('example.org', 80))"),
    (
        "an abstract socket of the agent",
        "import socket\n\
         for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):\n\
         \x20attempt(kind, lambda: socket.socket(socket.AF_UNIX, kind).connect('\\0' + W['abstract']))\n\
         attempt('datagram', lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', '\\0' + W['abstract']))",
    ),
    (
        "a message as somebody else",
        "import socket, struct\n\
         a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
         for who in ((W['agent'], os.getuid(), os.getgid()), (os.getpid(), 0, 0)):\n\
         \x20attempt(who, lambda: a.sendmsg([b'x'], [(socket.SOL_SOCKET, 2, struct.pack('iII', *who))]))",
    ),
    (
        "a pipe or socket for others to find",
        "import socket\n\
         for path in (W['state'] + '/s', '/run/prism.sock', '/tmp/../prism.sock'):\n\
         \x20attempt(path, lambda: socket.socket(socket.AF_UNIX).bind(path))\n\
         \x20attempt(path, lambda: os.mkfifo(path))",
    ),
];

const PROCESSES: &[Row] = &[
    (
        "what /proc says of the agent",
        "for name in ('environ', 'cmdline', 'maps', 'mem', 'status', 'stat', 'root', 'cwd', 'fd', 'exe', 'task', 'ns/net'):\n\
         \x20for pid in (str(W['agent']), 'self/../%d' % W['agent'], 'thread-self/../../../%d' % W['agent']):\n\
         \x20 path = f'/proc/{pid}/{name}'\n\
         \x20 attempt(path, lambda: os.listdir(path) if name in ('fd', 'root', 'cwd', 'task') else open(path, 'rb').read(1))",
    ),
    (
        "a list of processes",
        "try: pids = sorted(int(p) for p in os.listdir('/proc') if p.isdigit())\n\
         except OSError: pids = []\n\
         must(pids, pids in ([], [1, os.getppid(), os.getpid()]))",
    ),
    (
        "signals to the agent",
        "import signal\n\
         attempt('kill', lambda: os.kill(W['agent'], 0))\n\
         attempt('group', lambda: os.killpg(W['agent'], 0))\n\
         attempt('pidfd', lambda: signal.pidfd_send_signal(os.pidfd_open(W['agent']), 0))\n\
         info = ctypes.create_string_buffer(128)\n\
         attempt('queue', lambda: raw(129, W['agent'], 10, info))\n\
         attempt('thread', lambda: raw(234, W['agent'], W['agent'], 10))",
    ),
    (
        "signals to the first process of the machine and to the kernel's",
        "attempt('init', lambda: os.kill(1, 18) if os.path.exists('/proc/2') is False and os.getppid() != 1 else raw(0, -1))\n\
         attempt('kthreadd', lambda: os.kill(2, 0) if os.getppid() != 2 else raw(0, -1))",
    ),
    (
        "tracing",
        "refused('traceme', 101, 0, 0, 0, 0)\n\
         for request in (16, 0x4206): refused(request, 101, request, os.getppid(), 0, 0)\n\
         refused('agent', 101, 16, W['agent'], 0, 0)",
    ),
    (
        "the memory of others",
        "for number in (310, 311): refused(number, number, W['agent'], 0, 0, 0, 0, 0)\n\
         refused('parent', 310, os.getppid(), 0, 0, 0, 0, 0)\n\
         refused('madvise', 440, -1, 0, 0, 0, 0)\n\
         refused('mrelease', 448, -1, 0)\n\
         refused('move_pages', 279, W['agent'], 0, 0, 0, 0, 0)\n\
         refused('migrate_pages', 256, W['agent'], 0, 0, 0)\n\
         attempt('parent', lambda: open('/proc/%d/mem' % os.getppid(), 'r+b'))\n\
         attempt('own, for writing', lambda: open('/proc/self/mem', 'r+b'))",
    ),
    ("the files of others", "refused('getfd', 438, 0, 0, 0)\nrefused('kcmp', 312, W['agent'], os.getpid(), 0, 0, 0)"),
    (
        "the limits and priorities of others",
        "class Limit(ctypes.Structure): _fields_ = [('soft', ctypes.c_ulong), ('hard', ctypes.c_ulong)]\n\
         none = ctypes.byref(Limit(0, 0))\n\
         refused('prlimit', 302, W['agent'], 7, none, None)\n\
         refused('prlimit of the parent', 302, os.getppid(), 7, none, None)\n\
         attempt('priority', lambda: os.setpriority(os.PRIO_PROCESS, W['agent'], 19))\n\
         attempt('scheduler', lambda: os.sched_setscheduler(W['agent'], os.SCHED_IDLE, os.sched_param(0)))\n\
         attempt('affinity', lambda: os.sched_setaffinity(W['agent'], {0}))\n\
         for which in (1, 2, 3): refused('io priority', 251, which, 0, 0x6000)",
    ),
    (
        "being looked into by nobody, or everybody",
        "attempt('first process', lambda: open('/proc/self/oom_score_adj', 'w').write('-1000'))\n\
         for name in ('uid_map', 'gid_map', 'setgroups', 'coredump_filter', 'attr/current', 'loginuid', 'clear_refs'):\n\
         \x20attempt(name, lambda: open('/proc/self/' + name, 'w').write('0'))",
    ),
];

const KERNEL: &[Row] = &[
    (
        "namespaces by unshare and clone",
        "for flag in (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):\n\
         \x20refused(hex(flag), 272, flag)\n\
         \x20if flag > 0x80: refused(hex(flag), 56, flag | 17, 0, 0, 0, 0)\n\
         refused('several', 56, 0x30020000 | 17, 0, 0, 0, 0)",
    ),
    ("namespaces by clone3", "refused('clone3', 435, ctypes.create_string_buffer(88), 88)"),
    (
        "namespaces of others",
        "refused('setns', 308, 0, 0)\nfor name in ('net', 'mnt', 'pid'):\n\
         \x20attempt(name, lambda: os.open('/proc/%d/ns/%s' % (W['agent'], name), os.O_RDONLY))",
    ),
    (
        "mounts, the old way",
        "refused('mount', 165, b'none', b'/tmp', b'tmpfs', 0, None)\n\
         refused('bind', 165, b'/', b'/tmp', None, 4096, None)\n\
         refused('remount', 165, None, b'/', None, 32 | 4096, None)\n\
         refused('umount', 166, b'/proc', 2)",
    ),
    (
        "mounts, the new way",
        "for number in (428, 429, 430, 431, 432, 433, 442, 457, 458, 467): refused(number, number, 0, 0, 0, 0, 0)",
    ),
    ("another root", "refused('chroot', 161, b'/tmp')\nrefused('pivot_root', 155, b'/tmp', b'/tmp')"),
    ("files by handle", "refused('open', 304, 0, 0, 0)\nrefused('name', 303, -100, b'.', 0, 0, 0)"),
    (
        "io_uring",
        "for number in (425, 426, 427): refused(number, number, 1, ctypes.create_string_buffer(120), 0, 0, 0, 0)",
    ),
    ("asynchronous input and output", "refused('io_setup', 206, 1, ctypes.byref(ctypes.c_ulong()))"),
    ("programs for the kernel", "refused('bpf', 321, 0, 0, 0)\nrefused('perf', 298, 0, 0, -1, -1, 0)"),
    ("faults of memory, handled here", "refused('userfaultfd', 323, 0)\nrefused('user mode', 323, 1)"),
    (
        "the kernel's keys",
        "refused('add', 248, b'user', b'prism', b'x', 1, -3)\nrefused('request', 249, b'user', b'prism', None, 0)\n\
         for what in range(32): refused(what, 250, what, -3, 0, 0, 0)",
    ),
    (
        "another kernel, or parts of one",
        "for number in (246, 320, 175, 313, 176): refused(number, number, 0, 0, 0, 0, 0)",
    ),
    (
        "the machine's end, its swap, its accounts",
        "refused('reboot', 169, 0xfee1dead, 672274793, 0, 0)\n\
         for number in (167, 168, 163, 179, 443, 103, 153): refused(number, number, 0, 0, 0, 0)",
    ),
    (
        "the clocks",
        "import time\n\
         refused('settimeofday', 164, 0, 0)\nrefused('clock_settime', 227, 0, 0)\n\
         refused('clock_adjtime', 305, 0, 0)\nrefused('adjtimex', 159, 0)\n\
         attempt('alarm clock', lambda: raw(283, 8, 0))\n\
         attempt('rtc', lambda: open('/dev/rtc0', 'rb'))",
    ),
    ("the processor's ports and tables", "for number in (172, 173, 154): refused(number, number, 3, 0, 0)"),
    ("notices of what others do with files", "refused('fanotify', 300, 0, 0)"),
    ("pages that are given away", "refused('vmsplice', 278, 0, 0, 0, 0)"),
    (
        "another personality",
        "for persona in (0x0040000, 0x0400000, 8, 0x200000): refused(hex(persona), 135, persona)\nraw(135, 0xffffffff)",
    ),
    (
        "System V memory, queues and semaphores",
        "for number in (29, 30, 31, 68, 69, 70, 71, 64, 65, 66, 220): refused(number, number, 0, 0, 0o1666, 0, 0)",
    ),
    ("message queues", "refused('open', 240, b'prism', 0o102, 0o666, None)\nrefused('unlink', 241, b'prism')"),
    (
        "typing into a terminal",
        "for request in (0x5412, 0x541C, 0x541D): refused(hex(request), 16, 0, request, b'x')\n\
         refused('high bits', 16, 0, (1 << 32) | 0x5412, b'x')",
    ),
    ("the machine's name", "refused('host', 170, b'x', 1)\nrefused('domain', 171, b'x', 1)"),
    ("memory that no account shows", "refused('memfd_secret', 447, 0)"),
    (
        "calls that are newer than the filter",
        "for number in list(range(463, 512)) + [1000, 0x3fffffff]: refused(number, number, 0, 0, 0, 0, 0)",
    ),
    (
        "x32 and other numbers beyond",
        "for number in (39, 41, 165, 272, 520, 547): refused(number, 0x40000000 | number, 2, 1, 0)\n\
         refused('negative', -2)\nrefused('lowest', -0x80000000)",
    ),
    (
        "a filter that permits more",
        "allow = (ctypes.c_ubyte * 8)(6, 0, 0, 0, 0, 0, 0xff, 0x7f)\n\
         program = (ctypes.c_ulong * 2)(1, ctypes.addressof(allow))\n\
         raw(317, 1, 0, program)\n\
         refused('socket', 41, 2, 1, 0)\n\
         attempt('strict', lambda: raw(157, 22, 0, 0, 0, 0))\n\
         attempt('privileges', lambda: raw(157, 38, 0, 0, 0, 0))",
    ),
    (
        "the kernel's switches",
        "for path in ('/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe', '/proc/sys/vm/overcommit_memory',\n\
         \x20'/proc/sys/kernel/ns_last_pid', '/proc/sysrq-trigger', '/sys/devices/system/cpu/cpu1/online',\n\
         \x20'/sys/kernel/uevent_helper', '/sys/fs/cgroup/cgroup.procs', '/sys/kernel/debug/x', '/sys/kernel/tracing/x'):\n\
         \x20attempt(path, lambda: open(path, 'w').write('0'))",
    ),
    (
        "what the kernel knows",
        "for path in ('/proc/kcore', '/proc/kmsg', '/proc/kallsyms', '/proc/keys', '/sys/kernel/notes',\n\
         \x20'/sys/class/net', '/sys/class/dmi/id/product_uuid', '/sys/fs/cgroup', '/sys/firmware', '/sys/bus', '/dev/kmsg'):\n\
         \x20if os.path.dirname(path) == '/proc' and os.path.exists('/proc/self'): continue\n\
         \x20attempt(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path, 'rb').read(1))\n\
         attempt('kcore', lambda: open('/proc/kcore', 'rb').read(1))\n\
         attempt('sockets', lambda: open('/proc/net/tcp').readlines()[1:] or raw(0, -1))",
    ),
    (
        "a control group of its own",
        "for path in ('/sys/fs/cgroup/x', '/sys/fs/cgroup/memory/x'): attempt(path, lambda: os.mkdir(path))",
    ),
];

const FILES: &[Row] = &[
    (
        "the agent's keys and state",
        "for path in (W['key'], W['exe'], '/proc/self/root' + W['key'], '/proc/1/root' + W['key'],\n\
         \x20'/proc/self/cwd/../../../../..' + W['key'], '../' * 20 + W['key']):\n\
         \x20attempt(path, lambda: open(path, 'rb').read(1))\n\
         attempt('list', lambda: os.listdir(W['state']))",
    ),
    (
        "the files of another run",
        "attempt('read', lambda: open(W['other'] + '/results/model').read())\n\
         attempt('write', lambda: open(W['other'] + '/results/planted', 'w'))\n\
         attempt('list', lambda: os.listdir(W['other']))",
    ),
    (
        "the host's secrets",
        "for path in ('/etc/shadow', '/etc/machine-id', '/etc/ssh/sshd_config', '/var/lib/dpkg/status', '/root/.bashrc'):\n\
         \x20attempt(path, lambda: open(path, 'rb').read(1))\n\
         for path in ('/root', '/home', '/var/log', '/run', '/boot', '/etc/ssh', '/srv', '/mnt', '/opt', '/var/lib'):\n\
         \x20attempt(path, lambda: os.listdir(path) or os.stat(path + '/absent'))",
    ),
    (
        "devices",
        "for name in ('vda', 'sda', 'kvm', 'mem', 'port', 'vsock', 'vhost-vsock', 'tty', 'tty0', 'console', 'ptmx', 'pts/0', 'fuse',\n\
         \x20'net/tun', 'sev-guest', 'tdx_guest', 'tpm0', 'tpmrm0', 'rtc0', 'loop-control', 'mapper/control', 'userfaultfd'):\n\
         \x20attempt(name, lambda: open('/dev/' + name, 'rb').read(1))",
    ),
    (
        "devices of its own",
        "import stat\n\
         for folder in ('results', 'datasets', os.environ['TMPDIR'], os.environ['HOME'], '/dev'):\n\
         \x20for kind, number in ((stat.S_IFBLK, (254, 0)), (stat.S_IFCHR, (1, 1)), (stat.S_IFCHR, (1, 3))):\n\
         \x20 attempt(folder, lambda: os.mknod(folder + '/device', kind | 0o666, os.makedev(*number)))",
    ),
    (
        "links to what is outside",
        "os.symlink(W['key'], 'datasets/link'); attempt('symlink', lambda: open('datasets/link').read())\n\
         os.symlink(W['state'], 'results/state'); attempt('folder', lambda: open('results/state/planted', 'w'))\n\
         attempt('hard link', lambda: os.link(W['key'], 'results/key'))\n\
         attempt('hard link out', lambda: os.link(__file__, W['state'] + '/planted'))",
    ),
    (
        "moving out or in",
        "open('results/mine', 'w').close()\n\
         for path in (W['state'] + '/planted', W['other'] + '/planted', '/planted', '/usr/planted', '/dev/planted'):\n\
         \x20attempt(path, lambda: os.rename('results/mine', path))\n\
         attempt('in', lambda: os.rename(W['key'], 'results/key'))\n\
         attempt('exchange', lambda: raw(316, -100, b'results/mine', -100, W['key'].encode(), 2))",
    ),
    (
        "a file that is only a place",
        "fd = None\n\
         try: fd = os.open(W['key'], os.O_PATH)\n\
         except OSError: tried.append('not even that')\n\
         if fd is not None:\n\
         \x20attempt('reopen', lambda: os.open(f'/proc/self/fd/{fd}', os.O_RDONLY))\n\
         \x20attempt('read', lambda: os.read(fd, 1))\n\
         \x20attempt('link', lambda: os.link(f'/proc/self/fd/{fd}', 'results/key', follow_symlinks=True))",
    ),
    (
        "writing outside",
        "me = os.path.dirname(os.path.abspath(__file__))\n\
         for folder in (W['state'], W['other'], me, sys.prefix, sys.prefix + '/bin', sys.base_prefix + '/lib', '/', '/usr', '/etc',\n\
         \x20'/dev', '/proc', '/sys', '/var', '/run', '/home', '/usr/bin', '/var/tmp', '/boot'):\n\
         \x20attempt(folder, lambda: open(folder + '/prism-probe', 'w'))\n\
         \x20attempt(folder, lambda: os.mkdir(folder + '/prism-probe.d'))\n\
         \x20attempt(folder, lambda: os.open(folder, os.O_TMPFILE | os.O_RDWR))",
    ),
    (
        "changing its own program",
        "attempt('code', lambda: open(__file__, 'a'))\n\
         attempt('truncate', lambda: os.truncate(__file__, 0))\n\
         attempt('unlink', lambda: os.unlink(__file__))\n\
         attempt('rename', lambda: os.rename(__file__, __file__ + '.old'))\n\
         attempt('interpreter', lambda: open(os.path.realpath(sys.executable), 'ab'))\n\
         attempt('library', lambda: open(os.__file__, 'ab'))\n\
         fd = os.open(__file__, os.O_RDONLY)\n\
         attempt('reopen', lambda: os.open(f'/proc/self/fd/{fd}', os.O_RDWR))\n\
         import mmap\n\
         attempt('map', lambda: mmap.mmap(fd, 1, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE))",
    ),
    (
        "the agent's files, without reading them",
        "attempt('truncate', lambda: os.truncate(W['key'], 0))\n\
         attempt('unlink', lambda: os.unlink(W['key']))\n\
         attempt('rmdir', lambda: os.rmdir(W['other']))\n\
         attempt('attribute', lambda: os.setxattr(W['key'], 'user.x', b'x'))\n\
         attempt('no attribute', lambda: os.removexattr(W['key'], 'user.x'))\n\
         attempt('owner', lambda: os.chown(W['key'], os.getuid(), os.getgid()))\n\
         # Whether these say no or only do nothing, the test looks at the file afterwards.\n\
         for call in (lambda: os.chmod(W['key'], 0), lambda: os.utime(W['key'], (1, 1)), lambda: os.chmod(W['state'], 0),\n\
         \x20lambda: raw(452, -100, W['key'].encode(), 0, 0)):\n\
         \x20try: call()\n\
         \x20except OSError: pass",
    ),
    (
        "watching the agent's files",
        "fd = libc.inotify_init1(0)\n\
         attempt('watch', lambda: raw(254, fd, W['state'].encode(), 0xfff))\n\
         attempt('watch the rest', lambda: raw(254, fd, os.path.dirname(W['state']).encode(), 0xfff))",
    ),
    ("files that were left open", "for fd in range(3, 4096): attempt(fd, lambda: os.fstat(fd))"),
];

const PRIVILEGES: &[Row] = &[
    (
        "another user",
        "attempt('setuid', lambda: os.setuid(0))\nattempt('setgid', lambda: os.setgid(0))\n\
         attempt('setgroups', lambda: os.setgroups([0]))\nattempt('setresuid', lambda: os.setresuid(0, 0, 0))\n\
         attempt('setfsuid', lambda: raw(122, 0) or raw(122, 0) if libc.setfsuid(0) == libc.setfsuid(0) == 0 else raw(0, -1))\n\
         must('user', os.getuid() == os.geteuid() != 0)\n\
         attempt('chown', lambda: os.chown('results', 0, 0))",
    ),
    (
        "capabilities",
        "header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xffffffff] * 6)\n\
         attempt('capset', lambda: raw(126, header, data))\n\
         attempt('ambient', lambda: raw(157, 47, 2, 21, 0, 0))\n\
         attempt('secure bits', lambda: raw(157, 28, 0, 0, 0, 0))\n\
         data = (ctypes.c_uint32 * 6)(); raw(125, header, data)\n\
         must('none', not any(data))\n\
         try: status = open('/proc/self/status').read()\n\
         except OSError: status = ''\n\
         for line in status.splitlines():\n\
         \x20name, _, value = line.partition(':')\n\
         \x20if name in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb'): must(line, int(value, 16) == 0)\n\
         \x20if name == 'NoNewPrivs': must(line, value.strip() == '1')\n\
         \x20if name == 'Seccomp': must(line, value.strip() == '2')\n\
         \x20if name == 'Groups': must(line, '0' not in value.split())",
    ),
    (
        "programs that make one root",
        "import subprocess\n\
         for line in (['su', '-c', 'true'], ['mount', '-t', 'tmpfs', 'x', 'results'], ['newgrp'], ['chsh', '-s', '/bin/sh'],\n\
         \x20['unshare', '-r', 'true'], ['ping', '-c', '1', '127.0.0.1'], ['chroot', '/', 'true']):\n\
         \x20def call():\n\
         \x20 ended = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n\
         \x20 if ended.returncode != 0: raise OSError()\n\
         \x20attempt(line, call)",
    ),
    (
        "a program of its own that makes one root",
        "import shutil, subprocess\n\
         path = os.environ['TMPDIR'] + '/id'\n\
         source = open('/usr/bin/id', 'rb').read()\n\
         with open(path, 'wb', opener=lambda p, f: os.open(p, f, 0o4755)) as f: f.write(source)\n\
         try: os.chmod(path, 0o6755)\n\
         except OSError: pass\n\
         try: user = subprocess.run([path, '-u'], capture_output=True, text=True).stdout.strip()\n\
         except OSError: user = ''\n\
         must(user, user in ('', str(os.getuid())))\n\
         attempt('capability', lambda: os.setxattr(path, 'security.capability', bytes.fromhex('0100000200002000' + '00' * 12)))",
    ),
    (
        "more than it may have",
        "import resource\n\
         for name in ('NOFILE', 'CORE', 'FSIZE', 'MEMLOCK', 'MSGQUEUE', 'NICE', 'RTPRIO'):\n\
         \x20limit = getattr(resource, 'RLIMIT_' + name, 13 if name == 'NICE' else 14)\n\
         \x20must(name, resource.getrlimit(limit)[1] != resource.RLIM_INFINITY)\n\
         \x20def call():\n\
         \x20 try: resource.setrlimit(limit, (resource.RLIM_INFINITY,) * 2)\n\
         \x20 except ValueError: raise OSError()\n\
         \x20attempt(name, call)",
    ),
    (
        "a core for the host's handler",
        "import resource\n\
         must('limit', resource.getrlimit(resource.RLIMIT_CORE) == (1, 1))\n\
         class Limit(ctypes.Structure): _fields_ = [('soft', ctypes.c_ulong), ('hard', ctypes.c_ulong)]\n\
         none = ctypes.byref(Limit(0, 0))\n\
         refused('setrlimit', 160, 4, none)\nrefused('prlimit', 302, 0, 4, none, None)\n\
         resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
    ),
    (
        "a higher priority",
        "os.nice(1)\nattempt('nice', lambda: os.nice(-1))\n\
         for policy in (os.SCHED_FIFO, os.SCHED_RR):\n\
         \x20attempt(policy, lambda: os.sched_setscheduler(0, policy, os.sched_param(1)))\n\
         refused('io', 251, 1, 0, 0x2000)",
    ),
    (
        "memory that cannot be taken back",
        "attempt('lock', lambda: raw(151, 1) or raw(149, 0x10000, 1 << 40))\n\
         import mmap\nm = mmap.mmap(-1, 8 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n\
         attempt('pages', lambda: raw(149, ctypes.addressof(ctypes.c_char.from_buffer(m)), 8 << 20))",
    ),
];

/* Makes every attempt of its table, each in a process of its own, and says of each whether anything got through.
 * usage: probe AGENT KEY STATE ABSTRACT     makes the attempts
 *        probe beget                        begets processes that beget processes, and dies
 *        probe confined                     what a program without a name may do: nothing more than others */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t agent;
static const char *key, *state, *abstract_name, *self;
static int tried, through;

/* Must fail with an error of the system. */
static void attempt(long result) {
    tried++;
    if (result != -1) through++;
}

/* Must fail because of the filter. */
static void refused(long result) {
    tried++;
    if (result != -1 || (errno != EACCES && errno != ENOSYS)) through++;
}

static void must(int holds) {
    tried++;
    if (!holds) through++;
}

#if defined(__x86_64__)
static long int80(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    return result;
}
static void entry_32(void) { int80(20, 0, 0, 0); through++; }
static void entry_32_socket(void) {
    long args[3] = {2, 1, 0};
    int80(102, 1, (long)args, 0);
    through++;
}
static void entry_32_mount(void) { int80(21, 0, 0, 0); through++; }
static void entry_x32(void) {
    refused(syscall(0x40000000 | SYS_getpid));
    refused(syscall(0x40000000 | SYS_socket, 2, 1, 0));
    refused(syscall(0x40000000 | 520, self, 0, 0));
}
/* The instruction itself, in a page that was written a moment ago. */
static void own_instruction(void) {
    static const unsigned char code[] = {0x0f, 0x05, 0xc3};
    unsigned char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    long result;
    register long r10 __asm__("r10") = 0;
    __asm__ volatile("call *%1" : "=a"(result) : "r"(page), "a"((long)SYS_socket), "D"(2L), "S"(1L), "d"(0L), "r"(r10)
                     : "memory", "rcx", "r11");
    must(result == -EACCES);
}
#else
static void entry_32(void) { tried++; }
static void entry_32_socket(void) { tried++; }
static void entry_32_mount(void) { tried++; }
static void entry_x32(void) { tried++; }
static void own_instruction(void) { tried++; }
#endif

static void high_bits(void) {
    refused(syscall(SYS_socket, (1UL << 32) | AF_INET, SOCK_STREAM, 0));
    refused(syscall(SYS_socket, AF_INET | 0xffff000000000000UL, SOCK_STREAM, 0));
    refused(syscall(SYS_ioctl, 0, (1UL << 32) | TIOCSTI, "x"));
    refused(syscall(SYS_clone, (1UL << 32) | CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static void raw_sockets(void) {
    for (int family = 0; family < 47; family++)
        if (family != AF_UNIX)
            for (int type = 1; type < 11; type++) refused(syscall(SYS_socket, family, type | SOCK_CLOEXEC, 255));
}

static void thread_socket_in_new_net(void) {
    refused(syscall(SYS_unshare, CLONE_NEWNET | CLONE_NEWUSER));
    refused(syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0));
    refused(syscall(SYS_clone, CLONE_NEWUSER | CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0));
}

static void clone3_everything(void) {
    uint64_t args[11] = {CLONE_NEWUSER | CLONE_NEWNS, 0, 0, 0, SIGCHLD};
    refused(syscall(SYS_clone3, args, sizeof args));
    args[0] = 0;
    refused(syscall(SYS_clone3, args, sizeof args));
}

static int confined(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 || errno != EACCES || unshare(CLONE_NEWUSER) == 0;
}

/* A program without a name may run. It may not do more. */
static void program_without_a_name(void) {
    int fd = syscall(SYS_memfd_create, "x", 0);
    if (fd < 0) {
        must(errno == EACCES);
        return;
    }
    int from = open(self, O_RDONLY);
    char buffer[65536];
    for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;)
        if (write(fd, buffer, n) != n) break;
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {"probe", "confined", 0}, *envp[] = {0};
        syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void own_child(void) {
    int ready[2];
    if (pipe(ready)) return;
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(ready[1]);
        _exit(read(ready[0], &c, 1) < 0);
    }
    char byte = 0;
    struct iovec mine = {&byte, 1}, its = {&byte, 1};
    refused(ptrace(PTRACE_SEIZE, pid, 0, 0));
    refused(ptrace(PTRACE_ATTACH, pid, 0, 0));
    refused(syscall(SYS_process_vm_readv, pid, &mine, 1L, &its, 1L, 0L));
    refused(syscall(SYS_process_vm_writev, pid, &mine, 1L, &its, 1L, 0L));
    int pidfd = syscall(SYS_pidfd_open, pid, 0);
    refused(syscall(SYS_pidfd_getfd, pidfd, 0, 0));
    close(ready[1]);
    waitpid(pid, 0, 0);
}

static void rings(void) {
    char params[120] = {0};
    refused(syscall(SYS_io_uring_setup, 8, params));
    refused(syscall(SYS_io_uring_enter, 0, 1, 0, 0, 0, 0));
}

static void kernel_program(void) {
    struct { uint32_t type, count; uint64_t instructions, license; uint32_t rest[20]; } attr = {1, 0, 0, 0, {0}};
    refused(syscall(SYS_bpf, 5, &attr, sizeof attr));
    refused(syscall(SYS_bpf, 0, &attr, sizeof attr));
}

static void counters(void) {
    char attr[128] = {1, 0, 0, 0, 112};
    refused(syscall(SYS_perf_event_open, attr, 0, -1, -1, 0));
}

static void faults(void) { refused(syscall(SYS_userfaultfd, 1)); }

static void handle_of_root(void) {
    struct { unsigned bytes; int type; unsigned char f_handle[128]; } handle = {128, 0, {0}};
    int mount;
    refused(syscall(SYS_name_to_handle_at, AT_FDCWD, "/", &handle, &mount, 0));
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    handle.bytes = 8, handle.type = 1, handle.f_handle[0] = 2;
    refused(syscall(SYS_open_by_handle_at, fd, &handle, O_RDONLY));
}

static void forged_credentials(void) {
    int pair[2];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    union { char space[CMSG_SPACE(sizeof(struct ucred))]; struct cmsghdr align; } control = {0};
    struct iovec io = {"x", 1};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_CREDENTIALS, header->cmsg_len = CMSG_LEN(sizeof(struct ucred));
    struct ucred who = {agent, 0, 0};
    memcpy(CMSG_DATA(header), &who, sizeof who);
    attempt(sendmsg(pair[0], &message, 0));
}

static void abstract_names(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path + 1, abstract_name, sizeof to.sun_path - 2);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract_name);
    attempt(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to, length));
    attempt(connect(socket(AF_UNIX, SOCK_DGRAM, 0), (struct sockaddr *)&to, length));
    attempt(sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "x", 1, 0, (struct sockaddr *)&to, length));
}

static void reopened(void) {
    int fd = open(key, O_PATH);
    tried++;
    if (fd >= 0) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        attempt(open(path, O_RDONLY));
        attempt(linkat(fd, "", AT_FDCWD, "results/key", AT_EMPTY_PATH));
        attempt(linkat(AT_FDCWD, path, AT_FDCWD, "results/key", AT_SYMLINK_FOLLOW));
    }
    fd = open("/usr/bin/env", O_RDONLY);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    attempt(open(path, O_RDWR));
    attempt((long)mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}

static void renamed(void) {
    close(open("results/mine", O_CREAT | O_WRONLY, 0600));
    char path[4096];
    snprintf(path, sizeof path, "%s/planted", state);
    attempt(rename("results/mine", path));
    attempt(syscall(SYS_renameat2, AT_FDCWD, "results/mine", AT_FDCWD, path, 4));
    attempt(syscall(SYS_renameat2, AT_FDCWD, "results/mine", AT_FDCWD, key, 2));
    attempt(link(key, "results/key"));
    unlink("results/mine");
}

static void made_devices(void) {
    attempt(mknod("results/null", S_IFCHR | 0666, 0x103));
    attempt(mknod("results/disk", S_IFBLK | 0666, 0xfe00));
    attempt(mknodat(open("results", O_RDONLY), "mem", S_IFCHR | 0666, 0x101));
}

static void identities(void) {
    attempt(setresuid(0, 0, 0));
    attempt(setresgid(0, 0, 0));
    uint32_t header[2] = {0x20080522, 0}, data[6] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
    attempt(syscall(SYS_capset, header, data));
    attempt(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0));
    attempt(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
    attempt(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    attempt(prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, open(self, O_RDONLY), 0, 0));
    must(geteuid() != 0);
}

/* The last filter does not overrule those before it. */
static void milder_filter(void) {
    struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
    struct sock_fprog program = {1, &allow};
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    refused(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
    refused(syscall(SYS_unshare, CLONE_NEWUSER));
}

/* Nor does a second set of rules. */
static void milder_rules(void) {
    uint64_t attr[3] = {1, 0, 0};
    int fd = syscall(444, attr, 8, 0);
    if (fd >= 0) syscall(446, fd, 0);
    attempt(open(key, O_RDONLY));
    attempt(open("/etc/shadow", O_RDONLY));
}

static void hidden_memory(void) {
    refused(syscall(447, 0));
    int secret = open("/dev/mem", O_RDWR);
    attempt(secret);
}

static void terminals(void) {
    refused(ioctl(0, TIOCSTI, "x"));
    refused(ioctl(0, TIOCLINUX, "\x0b"));
    refused(ioctl(0, TIOCCONS, 0));
    attempt(open("/dev/tty", O_RDWR));
    attempt(open("/dev/ptmx", O_RDWR));
}

static void clocks(void) {
    struct timespec now = {0, 0};
    struct timeval then = {0, 0};
    refused(clock_settime(CLOCK_REALTIME, &now));
    refused(settimeofday(&then, 0));
    char timex[256] = {0};
    refused(syscall(SYS_adjtimex, timex));
    refused(syscall(SYS_clock_adjtime, CLOCK_REALTIME, timex));
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    attempt(timer_create(CLOCK_REALTIME_ALARM, &event, &timer));
}

static void signals(void) {
    siginfo_t info = {.si_code = SI_QUEUE};
    attempt(kill(agent, 0));
    attempt(kill(agent, SIGURG));
    attempt(kill(-agent, 0));
    attempt(syscall(SYS_tgkill, agent, agent, 0));
    attempt(syscall(SYS_tkill, agent, 0));
    attempt(syscall(SYS_rt_sigqueueinfo, agent, SIGURG, &info));
    attempt(syscall(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, agent, 0), 0, 0, 0));
}

static void priorities(void) {
    struct sched_param lowest = {0};
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    attempt(setpriority(PRIO_PROCESS, agent, 19));
    attempt(sched_setscheduler(agent, SCHED_IDLE, &lowest));
    attempt(sched_setaffinity(agent, sizeof one, &one));
    refused(syscall(SYS_ioprio_set, 1, agent, 0x6000));
    refused(syscall(SYS_ioprio_set, 3, geteuid(), 0x6000));
    struct rlimit none = {0, 0};
    refused(prlimit(agent, RLIMIT_NOFILE, &none, 0));
}

static void metadata(void) {
    attempt(truncate(key, 0));
    attempt(unlink(key));
    attempt(chown(key, geteuid(), getegid()));
    attempt(syscall(SYS_setxattr, key, "user.x", "x", 1, 0));
    /* Refused, or only pretended: the test looks afterwards. */
    chmod(key, 0);
    chmod(state, 0);
    utimensat(AT_FDCWD, key, 0, 0);
    syscall(452, AT_FDCWD, key, 0, 0);
}

static void machine(void) {
    refused(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0));
    refused(syscall(SYS_swapon, "/dev/zero", 0));
    refused(syscall(SYS_acct, 0));
    refused(syscall(SYS_quotactl, 0x800007, "/dev/vda", 0, 0));
    refused(syscall(SYS_syslog, 3, 0, 0));
    refused(syscall(SYS_init_module, 0, 0, ""));
    refused(syscall(SYS_kexec_load, 0, 0, 0, 0));
    refused(sethostname("x", 1));
    refused(mount("none", "/tmp", "tmpfs", 0, 0));
}

static void ipc(void) {
    refused(syscall(SYS_shmget, 1, 4096, 01666));
    refused(syscall(SYS_shmat, 0, 0, 0));
    refused(syscall(SYS_msgget, 1, 01666));
    refused(syscall(SYS_semget, 1, 1, 01666));
}

/* What was not inherited cannot be used. */
static void inherited(void) {
    struct stat meta;
    for (int fd = 3; fd < 1024; fd++) attempt(fstat(fd, &meta));
}

static const struct { const char *name; void (*make)(void); } table[] = {
    {"c: the 32-bit entry point", entry_32},
    {"c: a socket by the 32-bit entry point", entry_32_socket},
    {"c: a mount by the 32-bit entry point", entry_32_mount},
    {"c: the x32 entry point", entry_x32},
    {"c: an instruction of its own", own_instruction},
    {"c: high bits of arguments", high_bits},
    {"c: sockets of every family and type", raw_sockets},
    {"c: a socket in a network of its own", thread_socket_in_new_net},
    {"c: clone3", clone3_everything},
    {"c: a program without a name", program_without_a_name},
    {"c: its own child", own_child},
    {"c: rings", rings},
    {"c: a program for the kernel", kernel_program},
    {"c: counters", counters},
    {"c: faults", faults},
    {"c: the root by its handle", handle_of_root},
    {"c: forged credentials", forged_credentials},
    {"c: abstract names", abstract_names},
    {"c: files opened again", reopened},
    {"c: files moved", renamed},
    {"c: devices", made_devices},
    {"c: identities", identities},
    {"c: a milder filter", milder_filter},
    {"c: milder rules", milder_rules},
    {"c: hidden memory", hidden_memory},
    {"c: terminals", terminals},
    {"c: clocks", clocks},
    {"c: signals", signals},
    {"c: priorities", priorities},
    {"c: metadata", metadata},
    {"c: the machine", machine},
    {"c: System V", ipc},
    {"c: inherited files", inherited},
};

/* Each begets one and dies; nobody is there for long. Says a word first, so that it is known to have begun. */
static void beget(void) {
    setsid();
    if (write(1, ".", 1) != 1) _exit(1);
    for (int fd = 0; fd < 16; fd++) close(fd);
    for (;;) {
        pid_t pid = fork();
        if (pid > 0) _exit(0);
    }
}

int main(int argc, char **argv) {
    self = argv[0];
    if (argc > 1 && !strcmp(argv[1], "confined")) return confined();
    if (argc > 1 && !strcmp(argv[1], "beget")) {
        int words[2];
        if (pipe(words)) return 1;
        for (int i = 0; i < 16; i++)
            if (fork() == 0) beget();
        /* The pipe ends when everybody has said a word and closed it. */
        char byte;
        close(words[1]);
        return read(words[0], &byte, 1) != 0;
    }
    agent = atoi(argv[1]), key = argv[2], state = argv[3], abstract_name = argv[4];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            table[i].make();
            if (through) printf("%s\tTHROUGH %d of %d\n", table[i].name, through, tried);
            else printf("%s\theld %d\n", table[i].name, tried);
            fflush(stdout);
            _exit(0);
        }
        int status;
        waitpid(pid, &status, 0);
        if (WIFSIGNALED(status)) printf("%s\tkilled %d\n", table[i].name, WTERMSIG(status));
    }
    printf("done\n");
    return 0;
}

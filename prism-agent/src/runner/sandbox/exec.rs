//! The program's process: the layers that it takes along, the report, and the execution.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{DumpableBehavior, Resource, Rlimit, setrlimit};

use super::filter::{self, Gap};
use super::line::Line;
use super::place::Place;
use super::wire::{Job, Message, Order, Program};
use super::{During, Failure, REFUSED, access, errno};
use crate::runner::layers::{Layer, LayerState, Layers};
use crate::runner::processes::Processes;
use crate::runner::requirements::{Installation, install};

/// Confines this process, reports, waits for the agent's word and executes. Returns only when nothing was executed.
pub(super) fn program(mut line: Line, order: &Order, mut layers: Layers, place: &Place) -> i32 {
    if let Err(failure) = confine(order, &mut layers, place) {
        let _ = line.send(&failure.into(), &[]);
        return REFUSED;
    }
    if let Some(layer) = layers.first_missing(&order.required) {
        let _ = line.send(&Message::Missing { layer, layers }, &[]);
        return REFUSED;
    }
    let directories: Vec<_> = place.seen().map(AsFd::as_fd).collect();
    let told = line.send(&Message::Built { layers }, &directories);
    if told.is_err() || !line.may_go() {
        return REFUSED;
    }
    let Some(mut command) = command(order, place) else {
        // What a wheel brings about here can no longer be said to the agent in the helper's name.
        drop(line);
        return install_wheels(order, place);
    };
    let path = PathBuf::from(command.get_program());
    let error = command.exec();
    let _ = line.send(&Message::NotExecuted { path, reason: errno(&error) }, &[]);
    REFUSED
}

fn confine(order: &Order, layers: &mut Layers, place: &Place) -> Result<(), Failure> {
    std::env::set_current_dir(&place.work).during("enter the working directory")?;
    offer_to_the_oom_killer();
    limits(order, layers)?;
    rustix::thread::set_no_new_privs(true).during("forbid new privileges")?;
    layers.active(Layer::NoNewPrivileges, "");
    let confined = access::confine(order, place, by(layers, Layer::MemoryLimit, POLLING));
    layers.set(Layer::Landlock, confined.unwrap_or_else(|error| LayerState::Unavailable(error.to_string())));
    match filter::install(&gaps(order, layers, place)) {
        Ok(()) => layers.active(Layer::Seccomp, "AF_UNIX only"),
        Err(error) => layers.unavailable(Layer::Seccomp, error.to_string()),
    }
    Ok(())
}

/// What the filter has to make up for.
fn gaps(order: &Order, layers: &Layers, place: &Place) -> filter::Gaps {
    let same_user = !layers.is_active(Layer::SeparateUser);
    // The agent's own installer sets the modes of what it unpacks.
    let foreign = matches!(order.job, Job::Run { .. });
    let gaps = [
        (Gap::ChosenProcessors, by(layers, Layer::CpuLimit, AFFINITY)),
        (Gap::MemoryByLooking, by(layers, Layer::MemoryLimit, POLLING)),
        (Gap::HostsFiles, !place.private),
        (Gap::AgentsFiles, foreign && !place.private && same_user),
        (Gap::AgentsProcesses, !layers.is_active(Layer::PidNamespace) && same_user),
    ];
    gaps.into_iter().filter_map(|(gap, open)| open.then_some(gap)).collect()
}

/// Whether a layer is in force by these means.
fn by(layers: &Layers, layer: Layer, means: &str) -> bool {
    matches!(layers.get(layer), Some(LayerState::Active(by)) if by == means)
}

/// How memory and processes are limited without a cgroup.
const POLLING: &str = "polling, rlimit";

/// Tasks beyond the limit that the kernel lets pass, so that the agent can see the limit crossed and say so.
const HEADROOM: u64 = 32;

/// How the processors are limited without a cgroup.
const AFFINITY: &str = "affinity";

fn offer_to_the_oom_killer() {
    // Its own files in /proc belong to root after the change of user, until it may be looked into again.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable);
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

fn limits(order: &Order, layers: &mut Layers) -> Result<(), Failure> {
    let limits = &order.limits;
    let installing = matches!(order.job, Job::Install { .. });
    let file_bytes =
        if installing { limits.install_bytes } else { limits.disk_bytes.max(limits.datasets_bytes.unwrap_or(0)) };
    let mut wanted = vec![
        // Not 0: a core handler that reads from a pipe is started all the same, unless the limit is exactly 1.
        (Resource::Core, 1),
        (Resource::Nofile, u64::from(limits.open_files)),
        (Resource::Fsize, file_bytes),
        (Resource::Memlock, 1 << 20),
        (Resource::Msgqueue, 1 << 20),
        // What the agent's service manager may have granted: no raised or real-time priority.
        (Resource::Nice, 0),
        (Resource::Rtprio, 0),
    ];
    if !layers.is_active(Layer::MemoryLimit) {
        // Per process, hence only a backstop; the agent watches the sum.
        wanted.push((Resource::Data, limits.memory_bytes.saturating_mul(2)));
        layers.active(Layer::MemoryLimit, POLLING);
    }
    if !layers.is_active(Layer::ProcessLimit) {
        wanted.push((Resource::Nproc, most_tasks(order, layers)));
        layers.active(Layer::ProcessLimit, POLLING);
    }
    for (resource, value) in wanted {
        let value = rustix::process::getrlimit(resource).maximum.map_or(value, |ceiling| value.min(ceiling));
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) }).during("set a limit")?;
    }
    layers.active(Layer::ResourceLimits, "");
    if !layers.is_active(Layer::CpuLimit) {
        pin(limits.processors() as usize).during("choose processors")?;
        layers.active(Layer::CpuLimit, AFFINITY);
    }
    Ok(())
}

/// How many tasks of the program's user the kernel lets there be.
pub(super) fn most_tasks(order: &Order, layers: &Layers) -> u64 {
    u64::from(order.limits.processes) + HEADROOM + others(layers)
}

/// Tasks of the same user outside, which the kernel counts too where the run has neither user nor namespace of its own.
fn others(layers: &Layers) -> u64 {
    let alone = layers.is_active(Layer::SeparateUser) || layers.is_active(Layer::UserNamespace);
    if alone { 0 } else { Processes::read().tasks_of_user(rustix::process::geteuid().as_raw()) }
}

/// Keeps to `count` of the processors that this process may use.
fn pin(count: usize) -> io::Result<()> {
    let all = rustix::thread::sched_getaffinity(None)?;
    let mut some = rustix::thread::CpuSet::new();
    let usable = (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu));
    usable.take(count.max(1)).for_each(|cpu| some.set(cpu));
    Ok(rustix::thread::sched_setaffinity(None, &some)?)
}

/// Installs in this process: the installer is part of this program and starts nothing but the compiler of the language.
fn install_wheels(order: &Order, place: &Place) -> i32 {
    let (Job::Install { files, .. }, Some(interpreter)) = (&order.job, order.interpreter()) else { return REFUSED };
    install(&Installation {
        wheels: &place.code,
        files,
        environment: &place.environment,
        interpreter,
        bytes: order.limits.install_bytes,
        // Several of them share memory, which there is with a private root only.
        compilers: if place.private { order.limits.processors() } else { 1 },
    })
}

/// The program to execute; none when packages are installed.
fn command(order: &Order, place: &Place) -> Option<Command> {
    let Job::Run { entry, args, .. } = &order.job else { return None };
    let entry = entry.as_ref().map_or_else(|| place.code.clone(), |entry| place.code.join(entry));
    let mut args = args.iter();
    let mut command = match &order.program {
        Program::Python(_) => {
            let mut command = Command::new(place.environment.join("bin/python"));
            command.arg(entry);
            command
        }
        Program::Binary => Command::new(entry),
        Program::Wasm { .. } => {
            let mut command = Command::new(place.wasm_host());
            command.arg(entry);
            command
        }
        Program::Image(_) => Command::new(args.next()?),
    };
    command.args(args);
    surround(&mut command, order, place);
    Some(command)
}

/// The clean environment: what every run has, what an image says, where the run's own places are, what the manifest says.
fn surround(command: &mut Command, order: &Order, place: &Place) {
    command.env_clear().env("LANG", "C.UTF-8");
    // The order of sets is the same in every run.
    command.env("PYTHONHASHSEED", "0");
    command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    for threads in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
        command.env(threads, order.limits.processors().to_string());
    }
    if let Some(terms) = order.image() {
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(terms.environment.iter().map(|(name, value)| (name, value)));
    } else {
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", place.environment.join("bin").display()));
    }
    command.env("HOME", &place.home).env("TMPDIR", &place.temporary);
    command.env("USER", "prism").env("LOGNAME", "prism").envs(&order.environment);
}

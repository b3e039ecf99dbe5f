//! One execution of the helper, from its start to the death of its last process.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prism_core::digest::Digest;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::capture::{Budget, Kept, Signals, capture};
use super::cgroup::{self, Cgroup};
use super::layers::{Layer, Layers};
use super::link::Link;
use super::outcome::{Captured, End, RunError};
use super::sandbox::MARK;
use super::sandbox::wire::{Ended, Message, Order};
use super::spec::HelperProgram;
use super::watch::{Seen, Walked, Watch};

/// How long the helper may take to end everything before it is ended itself, which does the same less politely.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to execute, and where its output goes.
pub(super) struct Execution<'a> {
    pub(super) helper: &'a HelperProgram,
    pub(super) order: Order,
    /// Directory for captured output, and the first part of the files' names.
    pub(super) capture: (&'a Path, &'a str),
    /// When its time is up.
    pub(super) until: tokio::time::Instant,
    /// Disk that is walked when the run has no file system of its own.
    pub(super) walked: Walked,
    pub(super) cancel: &'a CancellationToken,
}

/// An execution that ended.
#[derive(Debug)]
pub(super) struct Executed {
    pub(super) layers: Layers,
    pub(super) end: End,
    pub(super) ended: Ended,
    pub(super) stdout: Captured,
    pub(super) stderr: Captured,
    pub(super) wall: Duration,
    pub(super) peak_memory: u64,
    /// The run's working directory.
    pub(super) work: OwnedFd,
}

/// A helper that was started and has its order.
struct Running {
    child: Child,
    link: Link,
    cgroup: Arc<Cgroup>,
    stdout: JoinHandle<Captured>,
    stderr: JoinHandle<Captured>,
    exceeded: CancellationToken,
    signals: Signals,
}

/// Executes, calling `built` with the report before the program's first instruction.
pub(super) async fn execute(
    mut execution: Execution<'_>,
    built: &mut (dyn FnMut(&Layers) + Send),
) -> Result<Executed, RunError> {
    let cancel = execution.cancel;
    let mut running = start(&mut execution).await?;
    let first = tokio::select! {
        first = running.link.receive() => first.map_err(RunError::io("hear from the sandbox helper"))?,
        () = cancel.cancelled() => return Err(running.abandon(RunError::Stopped).await),
        () = tokio::time::sleep_until(execution.until) => return Err(running.abandon(RunError::WallLimit).await),
    };
    let (layers, seen) = match accept(first) {
        Ok(accepted) => accepted,
        Err(error) => return Err(running.abandon(error).await),
    };
    built(&layers);
    if cancel.is_cancelled() {
        return Err(running.abandon(RunError::Stopped).await);
    }
    supervise(running, &execution, layers, seen).await
}

/// The report and the directories that come with it, or why there are none.
fn accept(first: Option<(Message, Vec<OwnedFd>)>) -> Result<(Layers, Seen), RunError> {
    match first {
        Some((Message::Built { layers }, directories)) => {
            let mut directories = directories.into_iter();
            let work = directories.next().ok_or(RunError::Helper { found: "no working directory" })?;
            Ok((layers, Seen { work, shared_memory: directories.next() }))
        }
        Some((Message::Missing { layer, layers }, _)) => {
            let state = layers.get(layer).map_or_else(|| "absent".to_owned(), ToString::to_string);
            Err(RunError::LayerMissing { layer, state, layers: Box::new(layers) })
        }
        Some((Message::Failed { step, reason }, _)) => Err(RunError::Sandbox { step, reason }),
        Some((Message::NoRoom { needed, free }, _)) => Err(RunError::NoRoom {
            needed_bytes: needed.bytes,
            needed_files: needed.files,
            free_bytes: free.bytes,
            free_files: free.files,
        }),
        Some(_) => Err(RunError::Helper { found: "another message" }),
        None => Err(RunError::Helper { found: "its end" }),
    }
}

async fn start(execution: &mut Execution<'_>) -> Result<Running, RunError> {
    let (mut link, theirs) = Link::pair().map_err(RunError::io("make a socket pair"))?;
    let name = cgroup::name().map_err(RunError::io("name the control group"))?;
    let order = &mut execution.order;
    let cgroup = Arc::new(Cgroup::create(&name, &order.limits, &mut order.layers));
    order.groups = cgroup.doors();
    let (directory, prefix) = execution.capture;
    let file = |stream: &str| directory.join(format!("{prefix}{stream}"));
    let io = RunError::io("make a file for the output");
    let files =
        async { Ok::<_, std::io::Error>((Kept::create(&file("stdout")).await?, Kept::create(&file("stderr")).await?)) };
    let files = files.await.map_err(io)?;
    let mut command = Command::new(&execution.helper.program);
    // Not killed when dropped: the closed socket makes it end the run, and it alone can end orphans without a namespace.
    command.args(&execution.helper.arguments).arg(MARK).env_clear().current_dir("/");
    command.stdin(Stdio::from(theirs)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(RunError::io("start the sandbox helper"))?;
    drop(command);
    let (exceeded, signals) = (CancellationToken::new(), Signals::default());
    let budget = || Budget::new(order.limits.output_bytes, exceeded.clone());
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(RunError::Helper { found: "no pipes" });
    };
    let stdout = tokio::spawn(capture(stdout, files.0, budget(), signals.clone()));
    let stderr = tokio::spawn(capture(stderr, files.1, budget(), signals.clone()));
    link.order(order).await.map_err(RunError::io("send the order"))?;
    Ok(Running { child, link, cgroup, stdout, stderr, exceeded, signals })
}

async fn supervise(
    mut running: Running,
    execution: &Execution<'_>,
    layers: Layers,
    seen: Seen,
) -> Result<Executed, RunError> {
    let Some(pid) = running.child.id() else { return Err(RunError::Helper { found: "its end" }) };
    let work = seen.work.try_clone().map_err(RunError::io("keep the working directory open"))?;
    let (cgroup, walked) = (running.cgroup.clone(), execution.walked.clone());
    let Order { limits, datasets, .. } = &execution.order;
    let watch = Watch::new(pid.cast_signed(), (limits, datasets), (cgroup, &layers), seen, walked);
    let begin = Instant::now();
    running.link.go().await.map_err(RunError::io("let the program start"))?;
    // From here on something was executed, whatever fails.
    let (breach, said) = first_end(&mut running, execution, &watch).await;
    let message = match said {
        Some(message) => Some(message),
        None => running.stop().await,
    };
    let wall = begin.elapsed();
    let (ended, own) = match message {
        Some(Message::Ended(ended)) => (ended, own_end(&ended)),
        Some(Message::NotExecuted { path, reason }) => {
            return Err(running.abandon(RunError::NotExecuted { path, reason }).await);
        }
        // The helper was killed by a limit of the machine or from outside. Its namespace died with it; without one
        // nobody knows who is left.
        _ => {
            let survivors = u32::from(!layers.is_active(Layer::PidNamespace));
            (Ended { survivors, ..Ended::default() }, End::SupervisionLost)
        }
    };
    let end = match breach {
        Some(breach) => breach,
        None => decide(own, ended.peak_bytes, &watch, execution.cancel).await,
    };
    let (stdout, stderr) = running.finish().await;
    let end = if end.is_success() && running.signals.lost.is_cancelled() { End::OutputLost } else { end };
    let peak_memory = running.cgroup.peak_memory().unwrap_or(ended.peak_bytes);
    Ok(Executed { layers, end, ended, stdout, stderr, wall, peak_memory, work })
}

/// Waits for the program's end, of which the helper tells, or for a reason to bring it about. None of the reasons waits
/// for another.
async fn first_end(running: &mut Running, execution: &Execution<'_>, watch: &Watch) -> (Option<End>, Option<Message>) {
    let breach = tokio::select! {
        message = running.link.receive() => match message {
            Ok(message) => return (None, message.map(|(message, _)| message)),
            Err(error) => lost(&error),
        },
        () = execution.cancel.cancelled() => End::Stopped,
        () = running.exceeded.cancelled() => End::OutputLimit,
        () = running.signals.lost.cancelled() => End::OutputLost,
        () = tokio::time::sleep_until(execution.until) => End::WallLimit,
        crossed = watch.until_crossed() => crossed.unwrap_or_else(|error| lost(&error)),
    };
    (Some(breach), None)
}

/// The end of a run that cannot be followed any more.
fn lost(error: &dyn std::error::Error) -> End {
    tracing::error!(%error, "the run cannot be followed any more");
    End::SupervisionLost
}

/// What the program did.
fn own_end(ended: &Ended) -> End {
    match (ended.code, ended.signal) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Signalled(signal.unwrap_or(9)),
    }
}

/// The one reason of a run that ended before the agent ended it: a limit that was crossed since somebody looked, however
/// well the program took it, or its `own` end.
async fn decide(own: End, peak_bytes: u64, watch: &Watch, cancel: &CancellationToken) -> End {
    tokio::select! {
        crossed = watch.crossed_at_the_end(peak_bytes) => match crossed {
            Ok(crossed) => crossed.unwrap_or(own),
            Err(error) => lost(&error),
        },
        () = cancel.cancelled() => End::Stopped,
    }
}

impl Running {
    /// Ends the run and takes the helper's last word.
    async fn stop(&mut self) -> Option<Message> {
        self.link.hang_up().await;
        let last = async {
            loop {
                match self.link.receive().await {
                    Ok(Some((message @ (Message::Ended(_) | Message::NotExecuted { .. }), _))) => return Some(message),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return None,
                }
            }
        };
        tokio::time::timeout(PATIENCE, last).await.ok().flatten()
    }

    /// Waits for the helper and for the last byte of output, which somebody who is left may hold back for ever.
    async fn finish(&mut self) -> (Captured, Captured) {
        self.reap().await;
        let (enough, lost) = (self.signals.enough.clone(), self.signals.lost.clone());
        let both = async { tokio::join!(joined(&mut self.stdout, &lost), joined(&mut self.stderr, &lost)) };
        tokio::pin!(both);
        tokio::select! {
            both = &mut both => return both,
            () = tokio::time::sleep(PATIENCE) => enough.cancel(),
        }
        both.await
    }

    /// Ends everything; nothing was executed, or nothing of it counts.
    async fn abandon(mut self, error: RunError) -> RunError {
        self.link.hang_up().await;
        self.reap().await;
        error
    }

    async fn reap(&mut self) {
        if tokio::time::timeout(PATIENCE, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// What was captured; nothing, and lost, if the task failed.
async fn joined(task: &mut JoinHandle<Captured>, lost: &CancellationToken) -> Captured {
    task.await.unwrap_or_else(|_| {
        lost.cancel();
        Captured { bytes: 0, digest: Digest::sha256(b""), path: PathBuf::new() }
    })
}

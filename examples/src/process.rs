//! Other programs: run to the end, or followed line by line while they run. None is left behind.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::failure::Failure;
use crate::interrupt::Watched;

/// How long a program may be silent before it counts as stuck. Nothing waits this long when all is well.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// A program that has ended, and everything it said.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// The command line as one would type it.
#[must_use]
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| match word.to_string_lossy() {
        word if word.contains([' ', '*', '"']) => format!("'{word}'"),
        word => word.into_owned(),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Runs a program to its end without input.
///
/// # Errors
/// [`Failure::Io`] when it cannot start, [`Failure::Silent`] when it runs longer than `patience` and had to be ended.
pub fn run(command: &mut Command, patience: Duration) -> Result<Ended, Failure> {
    let program = line(command);
    let mut child = spawn(command)?;
    let watched = Watched::new(&child);
    let (send, receive) = sync_channel(2);
    drain(child.stdout.take(), 0, send.clone());
    drain(child.stderr.take(), 1, send);
    let deadline = Instant::now() + patience;
    let mut said = [String::new(), String::new()];
    for _ in 0..2 {
        let Ok((stream, text)) = receive.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
            end(&mut child);
            return Err(Failure::Silent { program, seconds: patience.as_secs() });
        };
        said[stream] = text;
    }
    drop(watched);
    let status = child.wait().map_err(Failure::io("wait for", program.as_ref()))?;
    let [stdout, stderr] = said;
    Ok(Ended { status, stdout, stderr })
}

/// Runs a program that has to succeed.
///
/// # Errors
/// As [`run`], and [`Failure::Program`] when its exit status is not 0.
pub fn run_well(command: &mut Command) -> Result<String, Failure> {
    let ended = run(command, PATIENCE)?;
    if ended.status.success() {
        return Ok(ended.stdout);
    }
    let said = if ended.stderr.trim().is_empty() { ended.stdout } else { ended.stderr };
    Err(Failure::Program { program: line(command), ending: ended.status.to_string(), said: said.trim().to_owned() })
}

fn spawn(command: &mut Command) -> Result<Child, Failure> {
    let program = command.get_program().to_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(Failure::io("start", program.as_ref()))
}

/// Reads a stream to its end in its own thread, so that no program blocks on a full pipe.
fn drain(stream: Option<impl Read + Send + 'static>, index: usize, send: SyncSender<(usize, String)>) {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A broken pipe ends what the program said; its exit status tells the rest.
        let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
        let _ = send.send((index, String::from_utf8_lossy(&bytes).into_owned()));
    });
}

fn end(child: &mut Child) {
    // Either fails only when the child has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// A running program that prints one JSON object a line. It is ended when this value goes away.
#[derive(Debug)]
pub struct Stream {
    program: String,
    child: Child,
    watched: Watched,
    lines: Receiver<String>,
    complaints: Receiver<(usize, String)>,
}

impl Stream {
    /// Starts the program.
    ///
    /// # Errors
    /// [`Failure::Io`] when it cannot start.
    pub fn start(command: &mut Command) -> Result<Self, Failure> {
        let mut child = spawn(command)?;
        let (send, lines) = sync_channel(1024);
        let (complain, complaints) = sync_channel(1);
        follow(child.stdout.take(), send);
        drain(child.stderr.take(), 1, complain);
        Ok(Self { program: line(command), watched: Watched::new(&child), child, lines, complaints })
    }

    /// The next line, or `None` when the program has ended.
    ///
    /// # Errors
    /// [`Failure::Silent`] when nothing comes within `patience`, [`Failure::Unexpected`] when the line is not JSON.
    pub fn next(&self, patience: Duration) -> Result<Option<Value>, Failure> {
        match self.lines.recv_timeout(patience) {
            Ok(text) => {
                let value = serde_json::from_str(&text);
                value.map(Some).map_err(|_| Failure::unexpected(format!("JSON from {}", self.program), text))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                Err(Failure::Silent { program: self.program.clone(), seconds: patience.as_secs() })
            }
        }
    }

    /// The first line for which `wanted` gives something.
    ///
    /// # Errors
    /// As [`Stream::next`], and [`Failure::Program`] when the program ends before that line.
    pub fn until<T>(&mut self, mut wanted: impl FnMut(&Value) -> Option<T>) -> Result<T, Failure> {
        while let Some(value) = self.next(PATIENCE)? {
            if let Some(found) = wanted(&value) {
                return Ok(found);
            }
        }
        Err(self.ended_early())
    }

    fn ended_early(&mut self) -> Failure {
        let ending = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = self.complaints.recv_timeout(PATIENCE).map(|(_, text)| text).unwrap_or_default();
        Failure::Program { program: self.program.clone(), ending, said: said.trim().to_owned() }
    }

    /// Asks the program to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// [`Failure::Silent`] when it does not end within `patience`; it is killed then.
    pub fn finish(mut self, patience: Duration) -> Result<ExitStatus, Failure> {
        self.watched.ask_to_end();
        self.wait(patience)
    }

    /// Waits until the program ends by itself.
    ///
    /// # Errors
    /// [`Failure::Silent`] when it does not end within `patience`; it is killed then.
    pub fn wait(&mut self, patience: Duration) -> Result<ExitStatus, Failure> {
        // Standard error closes when the program ends.
        if self.complaints.recv_timeout(patience).is_err() {
            return Err(Failure::Silent { program: self.program.clone(), seconds: patience.as_secs() });
        }
        self.child.wait().map_err(Failure::io("wait for", self.program.as_ref()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn follow(stream: Option<impl Read + Send + 'static>, send: SyncSender<String>) {
    thread::spawn(move || {
        let Some(stream) = stream else { return };
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if !line.is_empty() && send.send(line).is_err() {
                return;
            }
        }
    });
}

//! A place in which an agent runs on the simulated platform.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Place, Said, said};

/// Who takes part: the first owns, the second brings data, the last consumes.
pub(crate) const NAMES: [&str; 3] = ["lab", "hospital", "institute"];

/// A program that counts the files it sees.
pub(crate) const PROGRAM: &str = "\
import json, os
print('hello from the inside')
files = sum(len(files) for _, _, files in os.walk('datasets'))
os.makedirs('results', exist_ok=True)
json.dump({'files': files}, open('results/metrics.json', 'w'))
";

/// Making a pretend vendor takes seconds: all tests share one.
fn vendor() -> &'static TempDir {
    static VENDOR: OnceLock<TempDir> = OnceLock::new();
    VENDOR.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new();
        said(place.command(&["simulator", "root"]).env("PRISM_STATE", folder.path())).ok();
        folder
    })
}

/// A place with the shared pretend vendor, keys, [`PROGRAM`] and a dataset, and `change` made to the draft.
pub(crate) fn rehearsal(change: impl FnOnce(String) -> String) -> Place {
    rehearsal_of(PROGRAM, change)
}

/// A place like [`rehearsal`]'s on pretend TDX machines, whose vendor is made at once.
pub(crate) fn rehearsal_on_tdx() -> Place {
    let place = crate::support::drafted(&NAMES);
    place.write("train.py", PROGRAM);
    let draft = crate::support::draft(&NAMES).replace("policy = \"policy.json\"", "simulated-tdx = true");
    place.write("covid19.toml", draft);
    place.sign("covid19.toml", "covid19.prism");
    place
}

/// The same with another program.
pub(crate) fn rehearsal_of(program: &str, change: impl FnOnce(String) -> String) -> Place {
    let place = crate::support::drafted(&NAMES);
    let state = place.path("home/.local/state/prism");
    fs::create_dir_all(&state).unwrap();
    fs::copy(vendor().path().join("simulator.json"), state.join("simulator.json")).unwrap();
    place.write("train.py", program);
    let draft = crate::support::draft(&NAMES).replace("policy = \"policy.json\"", "simulated = true");
    place.write("covid19.toml", change(draft));
    place.sign("covid19.toml", "covid19.prism");
    place
}

impl Place {
    /// From a draft to a manifest that all have approved.
    pub(crate) fn sign(&self, draft: &str, signed: &str) {
        let folder = format!("approvals-{signed}");
        fs::create_dir(self.path(&folder)).unwrap();
        let manifest = format!("{folder}/manifest.json");
        self.run(&format!("manifest new {draft} -o {manifest}")).ok();
        for name in NAMES {
            self.run(&format!("manifest approve {manifest} --key {name}.key")).ok();
        }
        let approvals: Vec<String> = NAMES.iter().map(|name| format!("{folder}/{name}.approval")).collect();
        self.run(&format!("manifest assemble {manifest} {} -o {signed}", approvals.join(" "))).ok();
    }

    /// An agent that is ready.
    pub(crate) fn agent(&self, signed: &str) -> Agent<'_> {
        self.agent_at("127.0.0.1:0", signed)
    }

    /// The same at this address.
    pub(crate) fn agent_at(&self, listen: &str, signed: &str) -> Agent<'_> {
        self.agent_on("simulated", listen, signed)
    }

    /// The same on this platform.
    pub(crate) fn agent_on(&self, platform: &str, listen: &str, signed: &str) -> Agent<'_> {
        self.agent_with(platform, (listen, signed), &[])
    }

    /// The same with more options.
    pub(crate) fn agent_with(&self, platform: &str, (listen, signed): (&str, &str), more: &[&str]) -> Agent<'_> {
        let mut command = self.serve(platform, listen, signed);
        command.args(more).stderr(Stdio::inherit());
        self.started(command, signed)
    }

    /// The command that starts an agent.
    pub(crate) fn serve(&self, platform: &str, listen: &str, signed: &str) -> Command {
        let serve = ["agent", "serve", "--manifest", signed, "--listen", listen, "--platform", platform];
        self.command(&[&serve[..], &["--state", "agent-state", "--json"]].concat())
    }

    /// The agent that this command starts, once it is ready.
    pub(crate) fn started(&self, mut command: Command, signed: &str) -> Agent<'_> {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let ready: Value = serde_json::from_str(&first).unwrap_or_else(|error| panic!("{error}: {first}"));
        assert_eq!(ready["event"], "ready");
        let address = ready["listening"].as_str().unwrap().to_owned();
        Agent { place: self, child, lines, ready, address, signed: signed.to_owned() }
    }
}

/// A running agent; it is killed when the test is over.
pub(crate) struct Agent<'a> {
    place: &'a Place,
    child: Child,
    lines: BufReader<ChildStdout>,
    /// The first line that it printed.
    pub(crate) ready: Value,
    /// Where it listens.
    pub(crate) address: String,
    signed: String,
}

impl Agent<'_> {
    /// `prism` as a client of this agent.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = self.place.command(&line.split_whitespace().collect::<Vec<_>>());
        command.env("PRISM_AGENT_URL", &self.address).env("PRISM_MANIFEST", &self.signed);
        command
    }

    pub(crate) fn run(&self, line: &str) -> Said {
        said(&mut self.command(line))
    }

    /// The program, the data, and nothing else: the run begins.
    pub(crate) fn give(&self) {
        self.run("data h1 --key hospital.key").ok();
        self.run("algo train.py --key lab.key").ok();
    }

    /// Waits until the agent says that the run stands there.
    pub(crate) fn until(&mut self, state: &str) {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            let said: Value = serde_json::from_str(&line).unwrap();
            if said["state"] == state {
                return;
            }
            line.clear();
        }
        panic!("the agent has ended before {state}");
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended by this signal.
    pub(crate) fn ended_by(mut self, name: &str) -> ExitStatus {
        signal(&self.child, name);
        self.child.wait().unwrap()
    }

    /// SIGTERM; returns the exit code.
    pub(crate) fn terminate(mut self) -> i32 {
        signal(&self.child, "TERM");
        self.until("Closed");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// SIGKILL: the agent has no time for anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to one process.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

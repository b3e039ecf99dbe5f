//! The examples that need an agent, against one that `host_agent.c` serves: everybody's part in C, one of them in C++.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{build, compiler, here, library, run_path};
use crate::room::Room;

/// How programs are compiled, and below what clients run.
#[derive(Clone, Copy, Default)]
struct Way {
    flags: &'static [&'static str],
    below: &'static [&'static str],
}

const SANITIZED: Way = Way { flags: &["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"], below: &[] };

const VALGRIND: Way = Way {
    flags: &["-g"],
    below: &["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"],
};

/// A room, and the example programs in it.
struct Stage {
    room: Room,
    way: Way,
}

/// An agent that listens.
struct Host {
    child: Child,
    address: String,
    said: BufReader<ChildStdout>,
}

impl Drop for Host {
    fn drop(&mut self) {
        // A test that failed leaves no agent behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Host {
    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Waits for its end; its status and what it said on standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        std::io::copy(&mut self.said, &mut std::io::sink()).unwrap();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Stage {
    fn set(way: Way) -> Self {
        let stage = Self { room: Room::set(), way };
        for example in ["host_agent", "hospital", "consumer", "audit"] {
            let built = build(&here().join(format!("examples/{example}.c")), &stage.program(example), way.flags);
            assert!(built.status.success(), "{}", words(&built));
        }
        let mut command = compiler(true, "c++17");
        command.args(way.flags).arg(here().join("examples/hospital.cpp")).arg("-o").arg(stage.program("hospital_plus"));
        command.arg(library()).arg(format!("-Wl,-rpath,{}", run_path().display()));
        let built = command.output().unwrap();
        assert!(built.status.success(), "{}", words(&built));
        stage
    }

    fn program(&self, name: &str) -> PathBuf {
        self.room.file(name)
    }

    /// A program that is not interrupted by what interrupts the tests, with a memory of its own.
    fn command(&self, below: &[&str], name: &str) -> Command {
        let mut line = below.iter().map(OsString::from).chain([self.program(name).into_os_string()]);
        let mut command = Command::new(line.next().unwrap());
        command.args(line).env("PRISM_STATE", self.room.file("state")).current_dir(self.room.path());
        command
    }

    fn host(&self) -> Host {
        let mut command = self.command(&[], "host_agent");
        command.args(["terms.prism", "agent", "127.0.0.1:0", "simulated"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("listens on ") {
            line.clear();
            let read = said.read_line(&mut line).unwrap();
            assert!(read > 0, "no agent: {:?}", child.wait());
        }
        let address = line.trim().rsplit(' ').next().unwrap().to_owned();
        Host { child, address, said }
    }

    fn client(&self, name: &str, arguments: &[&str]) -> Output {
        self.command(self.way.below, name).args(arguments).output().unwrap()
    }

    fn give(&self, host: &Host, who: &str, asset: &str, file: &str) -> Output {
        self.give_by("hospital", host, [who, asset, file])
    }

    fn give_by(&self, program: &str, host: &Host, [who, asset, file]: [&str; 3]) -> Output {
        let (key, receipt) = (format!("{who}.key"), format!("{asset}.receipt"));
        self.client(program, &[&host.address, "terms.prism", &key, asset, file, &receipt])
    }
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}", output.status, words(output));
    words(output)
}

/// Everybody's part, to the audit.
fn whole_life(way: Way) {
    let stage = Stage::set(way);
    let host = stage.host();
    let wrong = stage.give(&host, "hospital-1", "h1", "h2.csv");
    assert!(words(&wrong).contains("asset.mismatch") && !stage.room.file("h1.receipt").exists(), "{}", words(&wrong));
    let other = stage.give(&host, "hospital-2", "h1", "h1");
    assert!(words(&other).contains("asset.wrong-provider"), "{}", words(&other));
    let said = done(&stage.give(&host, "hospital-1", "h1", "h1"));
    assert!(said.contains("SIMULATED") && said.contains("holds h1"), "{said}");
    done(&stage.give(&host, "lab", "count.py", "count.py"));
    // The last one, in C++, goes on to watch the run.
    let said = done(&stage.give_by("hospital_plus", &host, ["hospital-2", "h2.csv", "h2.csv"]));
    assert!(said.contains("holds h2.csv") && said.contains("Running") && said.contains("Delivering"), "{said}");

    let taking = [&*host.address, "terms.prism", "institute.key", "result.zip", "run.transcript"];
    let said = done(&stage.client("consumer", &taking));
    assert!(said.contains("Delivering") && said.contains("rows 7"), "{said}");
    let archive = fs::read(stage.room.file("result.zip")).unwrap();
    assert!(archive.windows(9).any(|name| name == b"count.txt"));
    let again = stage.client("consumer", &taking);
    assert!(!again.status.success() && words(&again).contains("result.gone"), "{}", words(&again));

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let said = done(&stage.client("audit", &["run.transcript", &now.to_string(), "terms.prism"]));
    assert!(said.contains("every rule holds"), "{said}");
    host.interrupt();
    let (status, said) = host.end();
    assert_eq!(status, Some(0), "a computation that is over is a success: {said}");
}

fn links_with(flags: &[&str]) -> bool {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let source = place.path().join("probe.c");
    fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    build(&source, &place.path().join("probe"), flags).status.success()
}

#[test]
fn a_computation_is_carried_out_by_programs_in_c_alone() {
    whole_life(Way::default());
}

#[test]
fn a_computation_is_carried_out_under_sanitizers_too() {
    if links_with(SANITIZED.flags) {
        whole_life(SANITIZED);
    } else {
        println!("skipped: cc cannot link with {}", SANITIZED.flags.join(" "));
    }
}

#[test]
fn a_computation_is_carried_out_under_valgrind_too() {
    if Command::new("valgrind").arg("--version").output().is_ok() {
        whole_life(VALGRIND);
    } else {
        println!("skipped: valgrind is not installed");
    }
}

#[test]
fn an_agent_of_other_terms_is_refused_with_every_finding() {
    let (stage, elsewhere) = (Stage::set(Way::default()), Room::set());
    let host = stage.host();
    let (terms, key) = (elsewhere.file("terms.prism"), elsewhere.file("hospital-1.key"));
    let refused = stage.client("hospital", &[&host.address, text(&terms), text(&key), "h1", "h1", "h1.receipt"]);
    let said = words(&refused);
    assert!(refused.status.code() == Some(4) && said.contains("FAIL") && said.contains("evidence.refused"), "{said}");
    host.interrupt();
    let (status, said) = host.end();
    assert!(status == Some(6) && said.contains("cancelled"), "{status:?} {said}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

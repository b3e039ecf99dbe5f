//! The day as it should go.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use prism_examples::failure::Failure;
use prism_examples::process::{PATIENCE, Stream, run_well};
use prism_examples::python::Python;
use prism_examples::room::{Agent, Room, text};
use prism_examples::scenario::{COVID19, PARTICIPANTS, Scenario};
use prism_examples::{binary, target};
use serde_json::Value;

use crate::options::Options;
use crate::story::{Aloud, act, aside, chapter};

/// In which order the assets arrive: any order will do.
const ORDER: [&str; 4] = ["hospital-3", "hospital-1", "lab", "hospital-2"];

/// What is ready before the story begins.
pub(crate) struct Stage {
    pub(crate) room: Room,
    pub(crate) python: Python,
    pub(crate) scenario: Scenario,
    /// Images that no hospital has, in folders of their class.
    pub(crate) unseen: PathBuf,
    /// Held while the directory is in use.
    _alone: File,
}

/// Plays the whole day and returns the last line.
pub(crate) fn run(options: &Options) -> Result<String, Failure> {
    let mut stage = prepare(options)?;
    agree(&mut stage.room)?;
    let agent = wake(&mut stage.room)?;
    let watch = Watch::start(&stage.room)?;
    look(&mut stage.room)?;
    give(&mut stage.room)?;
    train(&watch)?;
    let results = take(&mut stage.room)?;
    watch.until(&["Closed"])?;
    let entries = judge(&mut stage.room)?;
    agent.finish()?;
    let accuracy = look_at_results(&stage, &results)?;
    if options.measure {
        measure(&stage, &results)?;
    }
    let folder = results.display();
    Ok(format!("demo: 3 hospitals, test accuracy {accuracy:.2}, audit ok ({entries} entries), results in {folder}"))
}

/// Builds, fetches and generates what the story needs.
pub(crate) fn prepare(options: &Options) -> Result<Stage, Failure> {
    chapter("Set-up", "Builds the prism command, makes a Python environment and draws the hospitals' X-rays.");
    let started = Instant::now();
    let prism = binary::prism(false)?;
    let scenario = if options.resnet18 { COVID19.with_resnet18() } else { COVID19 };
    let python = scenario.python(&mut |what| aside(what))?;
    let home = options.dir.clone().unwrap_or_else(|| target().join("demo/run"));
    let alone = alone(&home)?;
    make_room(&home, options.dir.is_none())?;
    let mut room = Room::open(&home, &prism, scenario)?;
    let data = home.join("data");
    let archive = options.kaggle.as_ref().map(|path| path.to_string_lossy().into_owned());
    let extra: Vec<&str> = archive.iter().flat_map(|path| ["--kaggle", path]).collect();
    aside(scenario.prepare(&python, &data, &extra)?.trim());
    room.hand_out(&data, Some(&python))?;
    aside(&format!(
        "ready after {:.0} s; everybody's files are in {}",
        started.elapsed().as_secs_f64(),
        home.display()
    ));
    room.tell(Box::new(Aloud));
    Ok(Stage { room, python, scenario, unseen: data.join("unseen"), _alone: alone })
}

/// Two demos must not share a directory: the later one gives way.
fn alone(home: &Path) -> Result<File, Failure> {
    let path = home.with_added_extension("lock");
    fs::create_dir_all(path.parent().unwrap_or(home)).map_err(Failure::io("create", home))?;
    let file = File::create(&path).map_err(Failure::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(Failure::Missing {
            expected: "no other demo in the same directory",
            found: format!("one that uses {}", home.display()),
            advice: "wait for it, or name another directory with --dir".to_owned(),
        }),
    }
}

/// An empty directory for everybody's files; what an earlier demo left is removed only where `afresh`.
fn make_room(home: &Path, afresh: bool) -> Result<(), Failure> {
    if afresh && home.exists() {
        fs::remove_dir_all(home).map_err(Failure::io("remove", home))?;
    }
    if fs::read_dir(home).is_ok_and(|mut entries| entries.next().is_some()) {
        let (found, advice) = (format!("files in {}", home.display()), "name another with --dir".to_owned());
        return Err(Failure::Missing { expected: "a new or empty directory", found, advice });
    }
    Ok(())
}

/// Keys, terms, approvals.
pub(crate) fn agree(room: &mut Room) -> Result<(), Failure> {
    chapter("1  Keys", "Everybody makes a signing key. The private half stays; the lab gets the public halves.");
    room.make_keys()?;
    chapter("2  Terms", "The lab writes down who brings what and who receives what. It sees digests, never images.");
    let terms = room.draft()?;
    room.write_manifest(&terms)?;
    chapter("3  Approval", "Everybody reads the manifest and signs its exact bytes. All five, or nothing runs.");
    room.approve()?;
    room.assemble()
}

/// The machine starts.
pub(crate) fn wake(room: &mut Room) -> Result<Agent, Failure> {
    let why = "A cloud, which nobody has to trust, starts the agent. SIMULATED: no hardware protects this data.";
    chapter("4  The agent wakes", why);
    room.wake()
}

/// Everyone attests before sending anything.
fn look(room: &mut Room) -> Result<(), Failure> {
    let why = "Each party makes the machine prove, on its own connection, what it is and which manifest it holds.";
    chapter("5  Attestation", why);
    for name in PARTICIPANTS {
        let verdict = room.attest(name)?;
        let findings = verdict.get("findings").and_then(Value::as_array).map_or(0, Vec::len);
        act(name, &format!("prism attest   trusted: {findings} findings, all good (SIMULATED)"));
    }
    Ok(())
}

fn give(room: &mut Room) -> Result<(), Failure> {
    chapter("6  Uploads", "Algorithm and images arrive in any order. Each sender gets a receipt from the audit log.");
    for name in ORDER {
        if name == "lab" { room.give_algorithm()? } else { room.give_dataset(name)? }
    }
    Ok(())
}

fn train(watch: &Watch) -> Result<(), Failure> {
    chapter("7  The run", "With the last asset the program starts by itself, in a sandbox without any network.");
    watch.until(&["Delivering"]).map(drop)
}

/// The institute fetches the result, and cannot do so twice.
fn take(room: &mut Room) -> Result<PathBuf, Failure> {
    chapter("8  The result", "Only the institute gets it, encrypted to a key that it makes for this, exactly once.");
    let institute = room.party("institute")?;
    institute.prism(&["result", "--key", "institute.key", "-o", "results.zip"])?;
    act("institute", "prism result --key institute.key -o results.zip");
    let again = institute.refused(&["result", "--key", "institute.key", "-o", "again.zip"])?;
    act("institute", &format!("once more?   refused {again}"));
    Ok(institute.file("results"))
}

/// A hospital takes the transcript; a stranger audits it.
pub(crate) fn judge(room: &mut Room) -> Result<u64, Failure> {
    chapter("9  The audit", "A stranger without any key replays everything offline: approvals, machine, log, result.");
    let hospital = room.party("hospital-2")?;
    hospital.prism(&["transcript", "-o", "run.transcript", "--key", "hospital-2.key"])?;
    act("hospital-2", "prism transcript -o run.transcript --key hospital-2.key");
    let transcript = hospital.file("run.transcript");
    let stranger = room.stranger("stranger")?;
    stranger.receive(&transcript)?;
    let report = stranger.prism(&["audit", "run.transcript"])?;
    let entries = report.get("entries").and_then(Value::as_u64).unwrap_or_default();
    act("stranger", &format!("prism audit run.transcript   every rule holds over {entries} entries (SIMULATED)"));
    Ok(entries)
}

/// Unpacks the result, tries the model on images that no hospital brought, draws the plot.
fn look_at_results(stage: &Stage, results: &Path) -> Result<f64, Failure> {
    chapter("10  What came of it", "The institute opens the result and tries the model on images no hospital brought.");
    let unzip = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    let mut unpack = Command::new(&stage.python.interpreter);
    run_well(unpack.args(["-c", unzip]).arg(results.with_extension("zip")).arg(results))?;
    let metrics = results.join("metrics.json");
    let metrics: Value = serde_json::from_slice(&fs::read(&metrics).map_err(Failure::io("read", &metrics))?)
        .map_err(|error| Failure::unexpected("metrics as JSON", error))?;
    compare(&metrics);
    predict(stage, results)?;
    let plot = results.join("plot.png");
    let mut program = stage.python.program(&stage.scenario.file("plot.py"));
    run_well(program.arg(results.join("metrics.json")).arg(&plot))?;
    act("institute", &format!("plot.py   {}", plot.display()));
    let accuracy = metrics.get("test_accuracy").and_then(Value::as_f64);
    accuracy.ok_or_else(|| Failure::unexpected("test_accuracy in metrics.json", &metrics))
}

fn compare(metrics: &Value) {
    let percent = |value: &Value| format!("{:.1} %", value.as_f64().unwrap_or_default() * 100.0);
    act("together", &format!("{} right on held-back images of all hospitals", percent(&metrics["test_accuracy"])));
    for (hospital, value) in metrics["own_accuracy"].as_object().into_iter().flatten() {
        act(&format!("{hospital} alone"), &format!("{} right on the same images", percent(value)));
    }
}

fn predict(stage: &Stage, results: &Path) -> Result<(), Failure> {
    let mut images = Vec::new();
    for class in ["COVID", "Normal", "Viral Pneumonia"] {
        let folder = stage.unseen.join(class);
        let entries = fs::read_dir(&folder).map_err(Failure::io("read", &folder))?;
        let mut found: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        found.sort();
        images.extend(found);
    }
    let mut program = stage.python.program(&stage.scenario.file("predict.py"));
    let model = if stage.scenario.trainer == COVID19.trainer { "model.npz" } else { "model.safetensors" };
    let said = run_well(program.arg(results.join(model)).args(&images))?;
    let lines: Vec<&str> = said.lines().collect();
    for line in lines.iter().step_by(12).take(3).chain(lines.last()) {
        act("institute", &format!("predict.py   {line}"));
    }
    Ok(())
}

/// The same training without an agent, for comparison.
fn measure(stage: &Stage, results: &Path) -> Result<(), Failure> {
    chapter("Measurement", "The same program on the same images, run plainly by the same interpreter.");
    let plain = stage.room.home().join("plain");
    for name in ["h1", "h2", "h3"] {
        let owner = name.replace('h', "hospital-");
        let link = plain.join("datasets").join(name);
        fs::create_dir_all(plain.join("datasets")).map_err(Failure::io("create", &plain))?;
        let data = stage.room.party(&owner)?.file(name);
        std::os::unix::fs::symlink(&data, &link).map_err(Failure::io("link", &link))?;
    }
    let trainer = stage.scenario.file(stage.scenario.trainer);
    run_well(stage.python.program(&trainer).current_dir(&plain))?;
    let (inside, outside) = (seconds(results)?, seconds(&plain.join("results"))?);
    let ratio = inside / outside.max(0.001);
    act("measured", &format!("{inside:.2} s in the agent, {outside:.2} s plainly: ratio {ratio:.2}"));
    Ok(())
}

fn seconds(results: &Path) -> Result<f64, Failure> {
    let path = results.join("timing.json");
    let timing = fs::read(&path).map_err(Failure::io("read", &path))?;
    let timing: Value =
        serde_json::from_slice(&timing).map_err(|error| Failure::unexpected("timing as JSON", error))?;
    timing["wall_seconds"].as_f64().ok_or_else(|| Failure::unexpected("wall_seconds", &timing))
}

/// What one hospital sees live. Read in a thread of its own, told as it comes.
pub(crate) struct Watch {
    states: Receiver<Result<String, Failure>>,
}

impl Watch {
    /// `hospital-1` watches from now on.
    pub(crate) fn start(room: &Room) -> Result<Self, Failure> {
        let stream = room.party("hospital-1")?.follow(&["watch", "--key", "hospital-1.key"])?;
        let (send, states) = channel();
        thread::spawn(move || {
            let mut last = String::new();
            loop {
                let state = match next_state(&stream) {
                    Ok(Some(state)) if state == last => continue,
                    Ok(Some(state)) => state,
                    Ok(None) => return,
                    Err(failure) => {
                        let _ = send.send(Err(failure));
                        return;
                    }
                };
                act("", &format!("                                 hospital-1 sees: {state}"));
                last.clone_from(&state);
                if send.send(Ok(state)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { states })
    }

    /// Waits until one of `wanted` is seen. A state that a run does not come back from ends the waiting.
    pub(crate) fn until(&self, wanted: &[&str]) -> Result<String, Failure> {
        loop {
            let state = self.states.recv_timeout(PATIENCE);
            let state = state.map_err(|_| Failure::unexpected(wanted.join(" or "), "the end of what is seen"))??;
            if wanted.contains(&state.as_str()) {
                return Ok(state);
            }
            if ["Failed", "Stopped", "Closed"].contains(&state.as_str()) {
                return Err(Failure::unexpected(wanted.join(" or "), state));
            }
        }
    }
}

fn next_state(stream: &Stream) -> Result<Option<String>, Failure> {
    let said = stream.next(Duration::from_mins(30))?;
    Ok(said.map(|said| text(&said, "/state").unwrap_or_default()))
}

//! Cheating with the program: everyone approved one that tries to get out of its room.

use std::fs;
use std::process::Command;

use prism_examples::failure::{Failure, Refusal};
use prism_examples::process::run_well;
use prism_examples::room::{Room, read_json};
use prism_examples::scenario::{PRYING, replace};
use serde_json::Value;

use super::Cheats;
use crate::honest::{Stage, Watch};
use crate::story::{Aloud, chapter};

/// The refusal that the sandbox gives; the command has no code for it, because the program sees it, not a person.
const DENIED: &str = "denied by the sandbox";

pub(super) fn play(stage: &mut Stage, cheats: &mut Cheats) -> Result<(), Failure> {
    chapter("Cheating with the program", "A second computation: the program calls home and reads what is not its own.");
    let outcomes = pry(stage)?;
    for outcome in &outcomes {
        let what = outcome["attempt"].as_str().unwrap_or_default();
        let how = outcome["how"].as_str().unwrap_or_default().to_owned();
        let tried = if outcome["denied"] == true {
            Ok(Refusal { code: DENIED.to_owned(), message: how, ..Refusal::default() })
        } else {
            Err(Failure::Allowed { who: "pry.py".to_owned(), command: what.to_owned() })
        };
        cheats.note("pry.py", what, &[DENIED], tried);
    }
    Ok(())
}

/// Runs the whole computation, and returns what the program says about its attempts.
fn pry(stage: &Stage) -> Result<Vec<Value>, Failure> {
    let home = stage.room.home().join("prying");
    let mut room = Room::open(&home, stage.room.prism(), PRYING)?;
    let data = home.join("data/h1");
    fs::create_dir_all(&data).map_err(Failure::io("create", &data))?;
    let patient = data.join("patient.txt");
    fs::write(&patient, "a patient").map_err(Failure::io("write", &patient))?;
    room.hand_out(&home.join("data"), None)?;
    room.tell(Box::new(Aloud));
    room.make_keys()?;
    let targets = [room.cloud().file("computation.prism"), room.party("hospital-1")?.file("hospital-1.key")];
    let targets: Vec<String> = targets.iter().map(|path| format!("{:?}", path.to_string_lossy())).collect();
    let terms = replace(&room.draft()?, "args = []", &format!("args = [{}]", targets.join(", ")))?;
    room.write_manifest(&terms)?;
    room.approve()?;
    room.assemble()?;
    let agent = room.wake()?;
    let watch = Watch::start(&room)?;
    room.give_algorithm()?;
    room.give_dataset("hospital-1")?;
    watch.until(&["Delivering"])?;
    let institute = room.party("institute")?;
    institute.prism(&["result", "--key", "institute.key", "-o", "results.zip"])?;
    agent.finish()?;
    let unzip = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    let mut unpack = Command::new(&stage.python.interpreter);
    run_well(unpack.args(["-c", unzip]).arg(institute.file("results.zip")).arg(institute.file("results")))?;
    let attempts = read_json(&institute.file("results/attempts.json"))?;
    attempts.as_array().cloned().ok_or_else(|| Failure::unexpected("a list of attempts", attempts))
}

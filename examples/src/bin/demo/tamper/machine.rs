//! Cheating with the machine.

use prism_examples::failure::Failure;
use prism_examples::room::{Room, SIGNED, read_json, start_agent};
use prism_examples::scenario::replace;
use serde_json::{Value, json};

use super::{Cheats, refused_agent};
use crate::story::chapter;

/// What clients or the agent say about a machine that is not the agreed one.
const NOT_TRUSTED: [&str; 2] = ["evidence.refused", "platform.unsupported"];

/// The signed manifest that asks for real hardware.
pub(super) const HARDWARE: &str = "hardware.prism";

pub(super) fn play(room: &mut Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let why = "Evidence has to come from a machine that the manifest accepts, for this connection and this manifest.";
    chapter("Cheating with the machine", why);
    impostor(room, cheats)?;
    agree_on_hardware(room)?;
    let tried = refused_agent(room, HARDWARE, start_agent(room.cloud(), HARDWARE, "hardware-state"));
    cheats.note("cloud", "simulates where the manifest asks for real hardware", &NOT_TRUSTED, tried);
    replay_an_approval(room, cheats)?;
    put_other_terms_under_the_signatures(room, cheats)
}

/// Another machine, with a pretend vendor of its own.
fn impostor(room: &Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let impostor = room.stranger("impostor")?;
    impostor.receive(&room.cloud().file(SIGNED))?;
    let tried = refused_agent(room, SIGNED, start_agent(&impostor, SIGNED, "agent-state"));
    cheats.note("impostor", "serves the manifest on a machine that it does not accept", &NOT_TRUSTED, tried);
    Ok(())
}

/// What hospital-3 approved once is put under other terms.
fn replay_an_approval(room: &Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let mut args = vec!["manifest", "assemble", "manifest.json", "hardware-hospital-3.approval"];
    args.extend(["lab.approval", "hospital-1.approval", "hospital-2.approval", "institute.approval"]);
    let tried = room.party("lab")?.refused(&[&args[..], &["-o", "replayed.prism"]].concat());
    let codes = ["manifest.approval-invalid", "manifest.approval-missing"];
    cheats.note("lab", "replays hospital-3's approval of another manifest", &codes, tried);
    Ok(())
}

/// The cloud would rather run the computation that may be simulated, with the signatures of the other.
fn put_other_terms_under_the_signatures(room: &Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let cloud = room.cloud();
    let mut forged = read_json(&cloud.file(HARDWARE))?;
    forged["payload"] = read_json(&cloud.file(SIGNED))?["payload"].take();
    cloud.write("forged.prism", forged.to_string())?;
    let tried = refused_agent(room, SIGNED, start_agent(cloud, "forged.prism", "forged-state"));
    let codes = ["manifest.approval-invalid", "signature.invalid"];
    cheats.note("cloud", "gives the agent other terms with everybody's signatures", &codes, tried);
    Ok(())
}

/// The same parties agree on the same terms, but on machines that AMD itself vouches for.
fn agree_on_hardware(room: &Room) -> Result<(), Failure> {
    let lab = room.party("lab")?;
    let simulated = read_json(&lab.file("manifest.json"))?;
    let snp = simulated.pointer("/platform/accept/0/simulated/snp");
    let snp = snp.ok_or_else(|| Failure::unexpected("a simulated profile in the manifest", &simulated["platform"]))?;
    lab.write("policy.json", json!({ "accept": [{ "snp": snp }] }).to_string())?;
    let vendor = simulated.pointer("/platform/accept/0/simulated/root").and_then(Value::as_str).unwrap_or_default();
    let terms = lab.file("terms.toml");
    let terms = std::fs::read_to_string(&terms).map_err(Failure::io("read", &terms))?;
    lab.write("hardware.toml", replace(&terms, &format!("simulated = \"{vendor}\""), "policy = \"policy.json\"")?)?;
    lab.prism(&["manifest", "new", "hardware.toml", "-o", "hardware.json"])?;
    let mut approvals = Vec::new();
    for party in room.participants() {
        let (key, approval) = (format!("{}.key", party.name()), format!("hardware-{}.approval", party.name()));
        if party.name() != "lab" {
            party.receive(&lab.file("hardware.json"))?;
        }
        party.prism(&["manifest", "approve", "hardware.json", "--key", &key, "-o", &approval])?;
        if party.name() != "lab" {
            lab.receive(&party.file(&approval))?;
        }
        approvals.push(approval);
    }
    let approvals = approvals.iter().map(String::as_str);
    let assemble: Vec<&str> =
        ["manifest", "assemble", "hardware.json"].into_iter().chain(approvals).chain(["-o", HARDWARE]).collect();
    lab.prism(&assemble)?;
    room.party("hospital-1")?.receive(&lab.file(HARDWARE))?;
    room.cloud().receive(&lab.file(HARDWARE)).map(drop)
}

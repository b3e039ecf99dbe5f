//! Cheating with the result and with what is told about the run afterwards.

use std::fs;
use std::path::Path;

use prism_examples::failure::{Failure, Refusal};
use prism_examples::party::Party;
use prism_examples::room::Room;
use serde_json::Value;

use super::Cheats;
use super::machine::HARDWARE;
use crate::story::{act, chapter};

/// What the audit says about a transcript that does not hold.
const BROKEN: [&str; 1] = ["audit.failed"];

/// Everybody who must not have the result tries to get it, and the institute tries twice.
pub(super) fn take_results(room: &mut Room, cheats: &mut Cheats) -> Result<(), Failure> {
    chapter("Cheating with the result", "One consumer, one recipient key, ever; then it is destroyed.");
    let hospital = room.party("hospital-1")?;
    let tried = hospital.refused(&["result", "--key", "hospital-1.key", "-o", "results.zip"]);
    cheats.note("hospital-1", "fetches the institute's result", &["role.refused"], tried);
    let institute = room.party("institute")?;
    institute.prism(&["result", "--key", "institute.key", "-o", "results.zip"])?;
    act("institute", "prism result --key institute.key -o results.zip");
    second_recipient(room, cheats)
}

/// A thief with the institute's key file and a computer of his own: another ephemeral key.
fn second_recipient(room: &Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let institute = room.party("institute")?;
    let elsewhere = institute.file("elsewhere");
    fs::create_dir(&elsewhere).map_err(Failure::io("create", &elsewhere))?;
    let mut thief = institute.clone();
    thief.set("HOME", elsewhere);
    let tried = thief.refused(&["result", "--key", "institute.key", "-o", "stolen.zip"]);
    let codes = ["result.released", "result.gone", "state.refused"];
    cheats.note("thief", "has the institute's key file and asks for the result again", &codes, tried);
    Ok(())
}

/// Whoever keeps the transcript changes it.
pub(super) fn forge_transcripts(room: &mut Room, cheats: &mut Cheats) -> Result<(), Failure> {
    chapter("Cheating with the transcript", "Signed heads, proofs and a replay: no entry can be changed or left out.");
    let path = room.party("hospital-2")?.file("run.transcript");
    let honest = fs::read_to_string(&path).map_err(Failure::io("read", &path))?;
    let auditor = room.stranger("auditor")?;
    let mut altered = honest.clone().into_bytes();
    let middle = altered.len() / 2;
    if let Some(letter) = altered.iter_mut().skip(middle).find(|byte| byte.is_ascii_lowercase()) {
        *letter = if *letter == b'a' { b'b' } else { b'a' };
    }
    let changed = |change: fn(&mut Vec<&str>)| rewrite(&path, &honest, change);
    let forgeries = [
        ("changes one byte of the transcript", altered),
        ("leaves an entry out of the transcript", changed(|entries| _ = entries.remove(3))?),
        ("cuts the transcript's end off", changed(|entries| entries.truncate(entries.len().saturating_sub(1)))?),
        ("swaps two entries of the transcript", changed(|entries| entries.swap(3, 4))?),
    ];
    for (what, forged) in forgeries {
        cheats.note("hospital-2", what, &BROKEN, audit(&auditor, "forged.transcript", &forged));
    }
    auditor.write("honest.transcript", &honest)?;
    auditor.receive(&room.party("hospital-1")?.file(HARDWARE))?;
    let tried = auditor.refused(&["audit", "honest.transcript", "--manifest", HARDWARE]);
    cheats.note("hospital-2", "passes the transcript off as another computation's", &BROKEN, tried);
    Ok(())
}

/// The audit's refusal, with the first broken rule that it names.
fn audit(auditor: &Party, name: &str, bytes: &[u8]) -> Result<Refusal, Failure> {
    auditor.write(name, bytes)?;
    let mut refusal = auditor.refused(&["audit", name])?;
    let findings = refusal.answer.get("findings").and_then(Value::as_array);
    let broken = findings.into_iter().flatten().find(|finding| finding["ok"] == false);
    let said = broken.map(|broken| ["rule", "place"].map(|field| broken[field].as_str().unwrap_or_default()));
    if let Some([rule, place]) = said {
        refusal.message = format!("{}: {rule} at {place}", refusal.message);
    }
    Ok(refusal)
}

/// The transcript with other entries, and otherwise byte for byte as it was: one entry a line, in its canonical form.
fn rewrite(path: &Path, honest: &str, change: fn(&mut Vec<&str>)) -> Result<Vec<u8>, Failure> {
    let lines: Vec<&str> = honest.split('\n').collect();
    let at = |wanted: &str, from: usize| lines.iter().skip(from).position(|line| *line == wanted).map(|at| from + at);
    let bounds = at("  \"entries\": [", 0).and_then(|start| Some((start + 1, at("  ],", start)?)));
    let (start, end) = bounds.ok_or_else(|| Failure::unexpected("entries in the transcript", path.display()))?;
    let (before, rest) = lines.split_at(start);
    let (entries, after) = rest.split_at(end - start);
    let mut entries: Vec<&str> = entries.iter().map(|line| line.trim_end_matches(',')).collect();
    change(&mut entries);
    Ok([before.join("\n"), entries.join(",\n"), after.join("\n")].join("\n").into_bytes())
}

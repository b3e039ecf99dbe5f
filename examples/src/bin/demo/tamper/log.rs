//! Cheating with the result and with what is told about the run afterwards.

use std::fs;
use std::path::Path;

use prism_examples::failure::Failure;
use prism_examples::party::Party;
use prism_examples::room::Room;
use serde_json::Value;

use super::Cheats;
use super::machine::HARDWARE;
use crate::story::{act, chapter};

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
    let honest = fs::read(&path).map_err(Failure::io("read", &path))?;
    let auditor = room.stranger("auditor")?;
    let broken = ["audit.failed", "file.malformed", "log.invalid", "signature.invalid", "manifest.approval-invalid"];
    let digit = |bytes: &mut Vec<u8>| {
        let place = find(bytes, b"\"ts\":").or_else(|| find(bytes, b"ts\\\":")).unwrap_or(0);
        let digit = bytes.iter_mut().skip(place).find(|byte| byte.is_ascii_digit());
        if let Some(byte) = digit {
            *byte = if *byte == b'1' { b'2' } else { b'1' };
        }
    };
    let mut altered = honest.clone();
    digit(&mut altered);
    let tried = audit(&auditor, "altered.transcript", &altered);
    cheats.note("hospital-2", "changes one byte of the transcript", &broken, tried);
    let changed = |change: &dyn Fn(&mut Vec<Value>)| rewrite(&path, &honest, change);
    let tried = audit(&auditor, "short.transcript", &changed(&|entries| drop(entries.remove(3)))?);
    cheats.note("hospital-2", "leaves an entry out of the transcript", &broken, tried);
    let tried = audit(&auditor, "ended.transcript", &changed(&|entries| drop(entries.pop()))?);
    cheats.note("hospital-2", "cuts the transcript's end off", &broken, tried);
    let tried = audit(&auditor, "swapped.transcript", &changed(&|entries| entries.swap(3, 4))?);
    cheats.note("hospital-2", "swaps two entries of the transcript", &broken, tried);
    auditor.write("honest.transcript", &honest)?;
    auditor.receive(&room.party("hospital-1")?.file(HARDWARE))?;
    let tried = auditor.refused(&["audit", "honest.transcript", "--manifest", HARDWARE]);
    cheats.note("hospital-2", "passes the transcript off as another computation's", &broken, tried);
    Ok(())
}

fn audit(auditor: &Party, name: &str, bytes: &[u8]) -> Result<prism_examples::failure::Refusal, Failure> {
    auditor.write(name, bytes)?;
    auditor.refused(&["audit", name])
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The transcript with other entries.
fn rewrite(path: &Path, honest: &[u8], change: &dyn Fn(&mut Vec<Value>)) -> Result<Vec<u8>, Failure> {
    let mut transcript: Value =
        serde_json::from_slice(honest).map_err(|error| Failure::unexpected("a transcript as JSON", error))?;
    let entries = transcript.get_mut("entries").and_then(Value::as_array_mut).filter(|entries| entries.len() > 5);
    change(entries.ok_or_else(|| Failure::unexpected("entries in the transcript", path.display()))?);
    Ok(transcript.to_string().into_bytes())
}

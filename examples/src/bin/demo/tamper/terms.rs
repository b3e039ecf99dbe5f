//! Cheating with the terms.

use prism_examples::failure::Failure;
use prism_examples::party::Party;
use prism_examples::room::{Room, SIGNED, read_json, start_agent};
use prism_examples::scenario::PARTICIPANTS;
use serde_json::Value;

use super::{Cheats, refused_agent};
use crate::story::chapter;

pub(super) fn play(room: &mut Room, cheats: &mut Cheats) -> Result<(), Failure> {
    chapter(
        "Cheating with the terms",
        "An approval is a signature on the manifest's exact bytes, by a key that it names.",
    );
    leave_one_out(room, cheats)?;
    approve_for_another(room, cheats)?;
    change_after_approval(room, cheats)?;
    drop_a_signature(room, cheats)
}

fn assemble(lab: &Party, manifest: &str, approvals: &[String]) -> Vec<String> {
    let fixed = ["manifest", "assemble", manifest].map(str::to_owned);
    let out = ["-o".to_owned(), lab.file("forged.prism").to_string_lossy().into_owned()];
    fixed.into_iter().chain(approvals.iter().cloned()).chain(out).collect()
}

fn refused(party: &Party, args: &[String]) -> Result<prism_examples::failure::Refusal, Failure> {
    party.refused(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn leave_one_out(room: &Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let lab = room.party("lab")?;
    let without = PARTICIPANTS.iter().filter(|name| **name != "hospital-3");
    let approvals: Vec<String> = without.map(|name| format!("{name}.approval")).collect();
    let tried = refused(lab, &assemble(lab, "manifest.json", &approvals));
    cheats.note("lab", "assembles without hospital-3's approval", &["manifest.approval-missing"], tried);
    Ok(())
}

/// Somebody whom the manifest does not name signs it.
fn approve_for_another(room: &Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let mallory = room.stranger("mallory")?;
    mallory.prism(&["keys", "new", "hospital-3"])?;
    mallory.receive(&room.party("lab")?.file("manifest.json"))?;
    let tried = mallory.refused(&["manifest", "approve", "manifest.json", "--key", "hospital-3.key"]);
    let codes = ["key.unknown", "manifest.approval-invalid"];
    cheats.note("mallory", "approves as hospital-3, with a key of his own", &codes, tried);
    Ok(())
}

/// The lab makes itself a consumer when everyone has signed.
fn change_after_approval(room: &Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let lab = room.party("lab")?;
    let path = lab.file("manifest.json");
    let mut changed = read_json(&path)?;
    let consumers = changed.pointer_mut("/results/consumers").and_then(Value::as_array_mut);
    consumers.ok_or_else(|| Failure::unexpected("consumers", path.display()))?.push("lab".into());
    lab.write("changed.json", changed.to_string())?;
    let approvals: Vec<String> = PARTICIPANTS.iter().map(|name| format!("{name}.approval")).collect();
    let tried = refused(lab, &assemble(lab, "changed.json", &approvals));
    let codes = ["manifest.approval-invalid", "manifest.approval-missing", "signature.invalid"];
    cheats.note("lab", "makes itself a consumer after everyone approved", &codes, tried);
    Ok(())
}

/// The cloud gives the agent a signed manifest with one signature taken out.
fn drop_a_signature(room: &Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let cloud = room.cloud();
    let path = cloud.file(SIGNED);
    let mut envelope = read_json(&path)?;
    let signatures = envelope.get_mut("signatures").and_then(Value::as_array_mut);
    signatures.ok_or_else(|| Failure::unexpected("signatures", path.display()))?.pop();
    cloud.write("short.prism", envelope.to_string())?;
    let tried = refused_agent(room, SIGNED, start_agent(cloud, "short.prism", "short-state"));
    cheats.note("cloud", "gives the agent a manifest with a signature removed", &["manifest.approval-missing"], tried);
    Ok(())
}

//! Cheating with what is brought.

use std::fs;
use std::path::Path;

use prism_examples::failure::{Failure, Refusal};
use prism_examples::party::Party;
use prism_examples::room::Room;

use super::Cheats;
use crate::story::chapter;

pub(super) fn play(room: &mut Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let why = "Only the named provider may bring an asset, and only with the digest that everyone approved.";
    chapter("Cheating with uploads", why);
    room.give_dataset("hospital-3")?;
    swap_an_image(room.party("hospital-1")?, cheats)?;
    bring_anothers_data(room, cheats)?;
    use_a_strangers_key(room, cheats)?;
    room.give_dataset("hospital-2")?;
    change_the_program(room.party("lab")?, cheats);
    fetch_as_hospital(room, cheats)?;
    room.give_algorithm()?;
    room.give_dataset("hospital-1")
}

/// Runs a command while a file holds something else.
fn with_altered(
    path: &Path,
    alter: impl FnOnce(&mut Vec<u8>),
    party: &Party,
    args: &[&str],
) -> Result<Refusal, Failure> {
    let honest = fs::read(path).map_err(Failure::io("read", path))?;
    let mut altered = honest.clone();
    alter(&mut altered);
    fs::write(path, altered).map_err(Failure::io("write", path))?;
    let tried = party.refused(args);
    fs::write(path, honest).map_err(Failure::io("write", path))?;
    tried
}

/// One byte of one image: nobody would see it.
fn swap_an_image(hospital: &Party, cheats: &mut Cheats) -> Result<(), Failure> {
    let folder = hospital.file("h1/Normal");
    let mut images: Vec<_> = fs::read_dir(&folder).map_err(Failure::io("read", &folder))?.flatten().collect();
    images.sort_by_key(fs::DirEntry::path);
    let image = images.first().ok_or_else(|| Failure::unexpected("an image", folder.display()))?.path();
    let flip = |bytes: &mut Vec<u8>| bytes.iter_mut().skip(60).take(1).for_each(|byte| *byte ^= 1);
    let tried = with_altered(&image, flip, hospital, &["data", "h1", "--key", "hospital-1.key"]);
    cheats.note("hospital-1", "swaps an image after the terms were approved", &["asset.mismatch"], tried);
    Ok(())
}

/// Even the very bytes that were agreed, from somebody else.
fn bring_anothers_data(room: &Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let (honest, cheat) = (room.party("hospital-1")?, room.party("hospital-2")?);
    copy_tree(&honest.file("h1"), &cheat.file("h1"))?;
    let tried = cheat.refused(&["data", "h1", "--asset", "h1", "--key", "hospital-2.key"]);
    cheats.note("hospital-2", "brings hospital-1's dataset", &["asset.wrong-provider"], tried);
    Ok(())
}

/// Somebody who can reach the agent and knows the manifest, but has no key that it names.
fn use_a_strangers_key(room: &Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let eve = room.party("hospital-1")?;
    eve.prism(&["keys", "new", "eve"])?;
    let tried = eve.refused(&["data", "h1", "--key", "eve.key"]);
    cheats.note("eve", "uploads in hospital-1's name, with a key of her own", &["key.unknown", "auth.refused"], tried);
    Ok(())
}

fn change_the_program(lab: &Party, cheats: &mut Cheats) {
    let program = lab.file("train.py");
    let append = |bytes: &mut Vec<u8>| bytes.extend_from_slice(b"\nprint('and now something else')\n");
    let tried = with_altered(&program, append, lab, &["algo", "train.py", "--key", "lab.key"]);
    cheats.note("lab", "changes its program after the terms were approved", &["asset.mismatch"], tried);
}

fn fetch_as_hospital(room: &Room, cheats: &mut Cheats) -> Result<(), Failure> {
    let hospital = room.party("hospital-3")?;
    let tried = hospital.refused(&["result", "--key", "hospital-3.key", "-o", "results.zip"]);
    cheats.note("hospital-3", "asks for the result, which is the institute's", &["role.refused"], tried);
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir(to).map_err(Failure::io("create", to))?;
    for entry in fs::read_dir(from).map_err(Failure::io("read", from))?.flatten() {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_tree(&path, &copy)?;
        } else {
            fs::copy(&path, &copy).map_err(Failure::io("copy", &path))?;
        }
    }
    Ok(())
}

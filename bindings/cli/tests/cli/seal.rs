//! Sealing, opening and wrapping anew, as people do it.

use std::fs::{self, File};
use std::io::Read as _;
use std::iter;
use std::os::unix::process::CommandExt as _;

use crate::secrets::{SOMEONE, chown, with_program};
use crate::support::{Place, Said, said};

/// A folder with a file, a folder and two identities.
fn scene() -> Place {
    let place = Place::new();
    place.write("h1.csv", "patient,age\n1,70\n");
    place.write("h1/COVID/1.png", "image");
    place.run("keys identity hospital partner").ok();
    place
}

#[test]
fn a_file_is_sealed_to_a_recipient_and_opened_by_its_identity_only() {
    let place = scene();
    assert_eq!((place.mode("hospital.identity"), place.mode("hospital.recipient")), (0o600, 0o644));
    let sealed = place.run("seal h1.csv --to hospital.recipient --json").ok().json();
    assert_eq!(sealed["file"], "h1.csv.age");
    let checksum = place.run("checksum h1.csv h1.csv.age --json").ok().json();
    assert_eq!(
        (&sealed["digest"], &sealed["sealed_digest"]),
        (&checksum["files"][0]["digest"], &checksum["files"][1]["digest"])
    );
    assert_eq!(sealed["sealed_size"], checksum["files"][1]["size"]);
    place.run("open h1.csv.age --identity partner.identity -o out.csv").refused(3, "seal.not-for-you");
    let digest = sealed["digest"].as_str().unwrap();
    place
        .run(&format!(
            "open h1.csv.age --identity partner.identity --identity hospital.identity -o out.csv --digest {digest}"
        ))
        .ok();
    assert_eq!(place.read("out.csv"), place.read("h1.csv"));
    place.run("open h1.csv.age --identity hospital.identity -o out.csv").refused(2, "file.exists");
    let other = format!("sha256:{}", "0".repeat(64));
    place
        .run(&format!("open h1.csv.age --identity hospital.identity -o other.csv --digest {other}"))
        .refused(3, "asset.mismatch");
    assert!(!place.path("other.csv").exists());
}

#[test]
fn a_folder_is_sealed_as_what_its_checksum_names() {
    let place = scene();
    let sealed = place.run("seal h1/ --to hospital.recipient --json").ok().json();
    assert_eq!(sealed["file"], "h1.age");
    assert_eq!(sealed["digest"], place.run("checksum h1 --json").ok().json()["files"][0]["digest"]);
}

#[test]
fn recipients_of_two_kinds_are_refused_before_anything_is_written() {
    let place = scene();
    place.run("keys identity classic --kind x25519").ok();
    place.run("seal h1.csv --to hospital.recipient --to classic.recipient").refused(2, "usage");
    place.run("seal h1.csv --to h1.csv").refused(2, "key.malformed");
    place.run("seal h1.csv --to missing.recipient").refused(5, "file.missing");
    place.run("seal h1.csv").refused(2, "usage");
    place.run("seal h1.csv --codec cobblestone-256 --to hospital.recipient").refused(2, "usage");
    assert!(!place.path("h1.csv.age").exists());
    // The library that knows X25519 opens what was sealed to it.
    place.run("seal h1.csv --to classic.recipient").ok();
    let text = String::from_utf8(place.read("classic.identity")).unwrap();
    let theirs: age::x25519::Identity = text.lines().last().unwrap().parse().unwrap();
    let (file, mut plain) = (place.read("h1.csv.age"), Vec::new());
    let decryptor = age::Decryptor::new(file.as_slice()).unwrap();
    decryptor.decrypt(iter::once(&theirs as &dyn age::Identity)).unwrap().read_to_end(&mut plain).unwrap();
    assert_eq!(plain, place.read("h1.csv"));
}

#[test]
fn what_is_no_recipient_is_called_by_its_name() {
    let place = scene();
    place.write("id.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAc someone\n");
    for (to, found) in [("hospital.identity", "the secret half"), ("id.pub", "an SSH key")] {
        let ran = place.run(&format!("seal h1.csv --to {to}"));
        ran.refused(2, "key.malformed");
        assert!(ran.err.contains(found), "{}", ran.err);
    }
    assert!(!place.path("h1.csv.age").exists());
}

#[test]
fn a_file_is_wrapped_anew_without_touching_its_payload() {
    let place = scene();
    place.run("seal h1.csv --to hospital.recipient").ok();
    place.run("seal --rewrap h1.csv.age --identity hospital.identity --to partner.recipient -o partner.age").ok();
    place.run("open partner.age --identity partner.identity -o out.csv").ok();
    assert_eq!(place.read("out.csv"), place.read("h1.csv"));
    place.run("open partner.age --identity hospital.identity -o b.csv").refused(3, "seal.not-for-you");
    place
        .run("seal --rewrap h1.csv.age --identity hospital.identity --to partner.recipient --header-only -o new.header")
        .ok();
    let (whole, header) = (place.read("partner.age"), place.read("new.header"));
    assert_eq!(header.len(), whole.len() - 49, "what is left is the payload of 17 bytes");
    place
        .run("seal --rewrap h1.csv.age --identity partner.identity --to partner.recipient -o c.age")
        .refused(3, "seal.not-for-you");
}

#[test]
fn passphrases_come_from_a_terminal_or_a_private_file() {
    let place = scene();
    place.write("phrase", "correct horse\n");
    place.run("seal h1.csv --passphrase-file phrase").refused(2, "key.exposed");
    place.set_mode("phrase", 0o600);
    place.run("seal h1.csv --passphrase-file phrase").ok();
    place.run("open h1.csv.age --identity hospital.identity -o out.csv").refused(4, "seal.broken");
    place.run("open h1.csv.age --passphrase-file phrase -o out.csv").ok();
    assert_eq!(place.read("out.csv"), place.read("h1.csv"));
    place.write("phrase", "\n");
    place.run("seal h1.csv --passphrase-file phrase -o b.age").refused(2, "usage");
}

#[test]
fn a_cobblestone_file_opens_under_its_key_for_its_asset() {
    let place = scene();
    let seal = "seal h1.csv --codec cobblestone-256 --symmetric-key h1.secret --asset h1";
    assert_eq!(place.run(&format!("{seal} --json")).ok().json()["file"], "h1.csv.cobblestone");
    assert_eq!((place.mode("h1.secret"), place.read("h1.secret").len()), (0o600, 32));
    place.run("open h1.csv.cobblestone --symmetric-key h1.secret --asset h2 -o out.csv").refused(3, "seal.not-for-you");
    place.run("open h1.csv.cobblestone --symmetric-key h1.secret --asset h1 -o out.csv").ok();
    assert_eq!(place.read("out.csv"), place.read("h1.csv"));
    place.write("short.secret", "short");
    place.set_mode("short.secret", 0o600);
    place.run("open h1.csv.cobblestone --symmetric-key short.secret --asset h1 -o b.csv").refused(2, "key.malformed");
}

#[test]
fn progress_begins_at_the_beginning() {
    let place = scene();
    File::create(place.path("large")).unwrap().set_len(8 << 20).unwrap();
    for line in [
        "seal large --to hospital.recipient",
        "seal h1 --to hospital.recipient",
        "open large.age --identity hospital.identity -o out",
        "seal --rewrap large.age --identity hospital.identity --to partner.recipient -o partner.age",
    ] {
        let said = place.run(line);
        assert!(!said.ok().err.contains("goes on after"), "{line}: {}", said.err);
        assert_eq!(said.err.contains("100 % of 8 MiB"), !line.contains("h1"), "{line}: {}", said.err);
    }
}

#[test]
fn a_sealed_file_that_lost_its_end_is_not_wrapped_anew() {
    let place = scene();
    place.run("seal h1.csv --to hospital.recipient").ok();
    let whole = place.read("h1.csv.age");
    for missing in [1, 17, 40] {
        place.write("short.age", &whole[..whole.len() - missing]);
        place
            .run("seal --rewrap short.age --identity hospital.identity --to partner.recipient -o out.age")
            .refused(4, "seal.broken");
        assert!(!place.path("out.age").exists());
    }
}

#[test]
fn a_file_that_only_other_tools_open_is_said_to_be_one() {
    let place = scene();
    place.write("phrase", "correct horse\n");
    place.set_mode("phrase", 0o600);
    place.run("seal h1.csv --passphrase-file phrase").ok();
    let sealed = place.read("h1.csv.age");
    let end = sealed.windows(4).position(|window| window == b" 18\n").unwrap();
    let (before, after) = (&sealed[..end], &sealed[end + 4..]);
    place.write("costly.age", [before, b" 21\n", after].concat());
    place.write("armoured.age", "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n");
    let first = sealed.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    place.write("crowded.age", [&sealed[..first], "-> X\n\n".repeat(64).as_bytes(), &sealed[first..]].concat());
    for file in ["costly", "armoured", "crowded"] {
        let refused = place.run(&format!("open {file}.age --passphrase-file phrase -o out"));
        refused.refused(3, "seal.unsupported");
        assert!(refused.err.contains("open it with the `age` tool"), "{file}: {}", refused.err);
        assert!(!refused.err.contains("somebody changed it"), "{file}: {}", refused.err);
    }
}

#[test]
fn a_name_that_no_archive_can_hold_is_to_be_changed() {
    let place = scene();
    place.write("h1/back\\slash", "1");
    let refused = place.run("seal h1 --to hospital.recipient");
    refused.refused(3, "archive.unsafe");
    assert!(refused.err.contains("slash") && refused.err.contains("hint: rename the file"), "{}", refused.err);
}

/// The command, by an ordinary user to whom everything in the place belongs.
fn by_someone(place: &Place, line: &str) -> Said {
    let command = place.command(&line.split(' ').collect::<Vec<_>>());
    if !rustix::process::geteuid().is_root() {
        return said(&mut { command });
    }
    // The build directory may be closed to others.
    let program = place.path("prism");
    if !program.exists() {
        fs::copy(command.get_program(), &program).unwrap();
    }
    chown(&place.path("."));
    said(with_program(&program, &[], &command).uid(SOMEONE).gid(SOMEONE))
}

#[test]
fn a_folder_that_cannot_be_written_is_named_and_no_file_that_nobody_asked_for() {
    let place = scene();
    let seal = "seal h1.csv --to hospital.recipient -o";
    let missing = place.run(&format!("{seal} none/out.age"));
    missing.refused(5, "file.missing");
    assert!(missing.err.contains("expected a directory none"), "{}", missing.err);
    place.write("closed/file", "");
    place.set_mode("closed", 0o555);
    let refused = by_someone(&place, &format!("{seal} closed/out.age"));
    refused.refused(1, "file.io");
    assert!(refused.err.contains("could not create a file in closed;"), "{}", refused.err);
    for said in [missing, refused] {
        assert!(!said.err.contains(".draft"), "{}", said.err);
    }
}

#[test]
fn a_folder_that_may_be_written_and_not_listed_takes_a_file() {
    let place = scene();
    place.write("letterbox/file", "");
    place.set_mode("letterbox", 0o300);
    by_someone(&place, "seal h1.csv --to hospital.recipient -o letterbox/out.age").ok();
    place.run("open letterbox/out.age --identity hospital.identity -o out.csv").ok();
    assert_eq!(place.read("out.csv"), place.read("h1.csv"));
}

#[test]
fn a_pipe_is_not_waited_for() {
    let place = scene();
    rustix::fs::mkfifoat(rustix::fs::CWD, place.path("pipe"), 0o600.into()).unwrap();
    for line in ["seal pipe --to hospital.recipient", "open pipe --identity hospital.identity -o out", "checksum pipe"]
    {
        let refused = place.run(line);
        refused.refused(2, "file.malformed");
        assert!(refused.err.contains("a named pipe"), "{}", refused.err);
    }
}

#[test]
fn an_identity_is_never_overwritten() {
    let place = scene();
    let before = place.read("hospital.identity");
    place.run("keys identity other hospital").refused(2, "file.exists");
    assert_eq!(place.read("hospital.identity"), before);
    assert!(!place.path("other.identity").exists());
}

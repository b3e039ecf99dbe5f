//! Keys are made once, readable by their owner only, and never overwritten.

use crate::support::Place;

#[test]
fn a_new_key_is_private_and_its_public_half_is_not() {
    let place = Place::new();
    place.run("keys new hospital-1").ok();
    assert_eq!(place.mode("hospital-1.key"), 0o600);
    assert_eq!(place.mode("hospital-1.pub") & 0o777, 0o644);
    assert!(place.read("hospital-1.key").starts_with(b"-----BEGIN PRIVATE KEY-----"));
    assert!(place.read("hospital-1.pub").starts_with(b"-----BEGIN PUBLIC KEY-----"));
}

#[test]
fn an_existing_key_is_never_overwritten_and_nothing_is_made_beside_it() {
    let place = Place::new();
    place.run("keys new lab").ok();
    let before = place.read("lab.key");
    place.run("keys new hospital lab").refused(2, "file.exists");
    assert_eq!(place.read("lab.key"), before);
    assert!(!place.path("hospital.key").exists(), "a refused command leaves nothing behind");
    std::fs::remove_file(place.path("lab.key")).unwrap();
    place.run("keys new lab").refused(2, "file.exists");
    assert!(!place.path("lab.key").exists());
}

#[test]
fn a_dangling_link_in_place_of_a_key_is_not_followed() {
    let place = Place::new();
    std::os::unix::fs::symlink(place.path("elsewhere"), place.path("lab.key")).unwrap();
    place.run("keys new lab").refused(2, "file.exists");
    assert!(!place.path("elsewhere").exists());
}

#[test]
fn every_algorithm_makes_a_key_that_reads_back() {
    let place = Place::new();
    for algorithm in ["ed25519", "ecdsa-p256", "ecdsa-p384"] {
        place.run(&format!("keys new {algorithm} --algorithm {algorithm} -o keys")).ok();
        let shown = place.run(&format!("keys show keys/{algorithm}.pub keys/{algorithm}.key --json")).ok().json();
        assert_eq!(shown["keys"][0]["algorithm"], algorithm);
        assert_eq!(shown["keys"][0]["key"], shown["keys"][1]["key"]);
        assert!(shown["keys"][0]["fingerprint"].as_str().unwrap().starts_with("sha256:"));
    }
}

#[test]
fn a_private_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let place = Place::new();
    place.run("keys new lab").ok();
    place.set_mode("lab.key", 0o640);
    let said = place.run("keys show lab.key");
    said.refused(2, "key.exposed");
    assert!(said.err.contains("chmod 600 lab.key"), "{}", said.err);
}

#[test]
fn names_that_are_no_names_are_refused() {
    let place = Place::new();
    for name in ["../lab", "a b", "", ".lab"] {
        let said = place.prism(&["keys", "new", name]);
        said.refused(2, "usage");
    }
    assert_eq!(crate::support::files(&place.path(".")), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_file_that_is_no_key_is_said_to_be_none() {
    let place = Place::new();
    place.write("x.pub", "hello");
    place.run("keys show x.pub").refused(2, "key.malformed");
    place.run("keys show nothing.pub").refused(5, "file.missing");
}

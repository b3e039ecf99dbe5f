//! Measurements for a policy, from files that are made here.

use prism_attest::measure::{DirectBoot, Firmware, GuestFeatures, PAGE, SnpLaunch, Vmm};
use prism_attest::replay::EventLog;
use prism_core::digest::Digest;

use crate::support::Place;

/// An image of one page: places for kernel hashes and for one page of memory, and a start address.
fn firmware() -> Vec<u8> {
    let entry = |guid: u128, data: &[u8]| {
        let length = u16::try_from(data.len() + 18).unwrap();
        [data, &length.to_le_bytes(), &guid.to_be_bytes()].concat()
    };
    let mut table = [
        entry(0x6665_88dc_4a98_9847_a75e_5585_a7bf_67cc, &1024_u32.to_le_bytes()),
        entry(0x1f37_5572_3b3a_044b_927b_1da6_efa8_d454, &0x0080_0c00_u32.to_le_bytes()),
        entry(0xde71_f700_7e1a_cb4f_890e_68c7_7e2f_b44e, &0x0080_b004_u32.to_le_bytes()),
    ]
    .concat();
    table.extend(u16::try_from(table.len() + 18).unwrap().to_le_bytes());
    table.extend(0xde82_b596_b21f_f745_baea_a366_c55a_082d_u128.to_be_bytes());
    let sections = [0x0080_0000, 0x1000, 0x10, 0x0080_1000, 0x1000, 1];
    let numbers: Vec<u8> = [40, 1, 2].into_iter().chain(sections).flat_map(u32::to_le_bytes).collect();
    let metadata = [b"ASEV".as_slice(), &numbers].concat();
    let mut image = vec![0; PAGE];
    image[PAGE - 1024..PAGE - 1024 + metadata.len()].copy_from_slice(&metadata);
    image[PAGE - 32 - table.len()..PAGE - 32].copy_from_slice(&table);
    image
}

/// A CCEL with one separator in RTMR0, whose digest is right or not.
fn event_log(digest: &[u8; 48]) -> Vec<u8> {
    let mut header = b"Spec ID Event03\0\0\0\0\0\0\x02\0\x02\x01\0\0\0\x0c\0\x30\0\0".to_vec();
    let length = u32::try_from(header.len()).unwrap();
    header.splice(0..0, [[1, 0, 0, 0, 3, 0, 0, 0].as_slice(), &[0; 20], &length.to_le_bytes()].concat());
    let event = [1_u32, 4, 1].map(u32::to_le_bytes).concat();
    [header, event, vec![0xc, 0], digest.to_vec(), vec![4, 0, 0, 0, 0, 0, 0, 0]].concat()
}

fn place() -> Place {
    let place = Place::new();
    place.write("OVMF.fd", firmware());
    place.write("vmlinuz", "kernel");
    place.write("initrd.img", "initrd");
    place
}

#[test]
fn a_guest_is_measured_from_its_files() {
    let place = place();
    let image = firmware();
    let (kernel, initrd) = (Digest::sha256(b"kernel"), Digest::sha256(b"initrd"));
    let launch = SnpLaunch {
        firmware: Firmware::read(&image).unwrap(),
        boot: Some(DirectBoot::new(kernel, Some(initrd), "-x console=ttyS0").unwrap()),
        vcpus: 4,
        vcpu: "EPYC-Milan".parse().unwrap(),
        features: GuestFeatures::new(0x21),
        vmm: Vmm::Qemu,
    };
    let expected = launch.measurement().unwrap().to_string();
    let mut arguments = "measure snp --firmware OVMF.fd --kernel vmlinuz --initrd initrd.img --vcpus 4 \
                         --vcpu-type EPYC-Milan --guest-features 0x21 --append"
        .split_whitespace()
        .collect::<Vec<_>>();
    arguments.push("-x console=ttyS0");
    let said = place.prism(&arguments);
    assert_eq!(said.ok().out.lines().next(), Some(expected.as_str()));
    assert!(said.err.contains("\"measurements\""), "{}", said.err);
    arguments.push("--json");
    let json = place.prism(&arguments).ok().json();
    assert_eq!(json["measurement"], expected);
    assert_eq!(json["firmware"], Digest::sha256(&image).to_string());
    assert_eq!(json["boot"]["kernel"], kernel.to_string());
    assert_eq!(json["boot"]["initrd"], initrd.to_string());
    assert_eq!(json["boot"]["command_line"], Digest::sha256(b"-x console=ttyS0\0").to_string());
    assert_eq!((&json["vcpus"], &json["vcpu_signature"]), (&4.into(), &"0xa00f11".into()));
    assert_eq!((&json["guest_features"], &json["vmm"]), (&"0x21".into(), &"qemu".into()));
}

#[test]
fn without_a_kernel_nothing_is_said_of_one() {
    let place = place();
    let image = firmware();
    let measure = |vmm: &str| {
        let line = format!("measure snp --firmware OVMF.fd --vcpus 1 --vcpu-type 0x800f12 --json{vmm}");
        place.run(&line).ok().json()
    };
    let launch = SnpLaunch {
        firmware: Firmware::read(&image).unwrap(),
        boot: None,
        vcpus: 1,
        vcpu: "EPYC".parse().unwrap(),
        features: GuestFeatures::SNP,
        vmm: Vmm::Qemu,
    };
    let json = measure("");
    assert_eq!(json["measurement"], launch.measurement().unwrap().to_string());
    assert_eq!(json["boot"], serde_json::Value::Null);
    assert_ne!(measure(" --vmm ec2")["measurement"], json["measurement"]);
    assert_ne!(measure(" --vmm gce")["measurement"], json["measurement"]);
}

#[test]
fn what_cannot_be_launched_is_refused_in_words() {
    let place = place();
    place.write("zeros", vec![0; PAGE]);
    let with = |rest: &str| place.run(&format!("measure snp --vcpu-type EPYC {rest}"));
    with("--vcpus 1 --firmware nothing").refused(5, "file.missing");
    with("--vcpus 1 --firmware zeros").refused(2, "file.malformed");
    with("--vcpus 1 --firmware vmlinuz").refused(2, "file.malformed");
    with("--vcpus 0 --firmware OVMF.fd").refused(2, "usage");
    with("--vcpus 1 --firmware OVMF.fd --guest-features 0x20").refused(2, "usage");
    with("--vcpus 1 --firmware OVMF.fd --guest-features many").refused(2, "usage");
    with("--vcpus 1 --firmware OVMF.fd --vmm xen").refused(2, "usage");
    with("--vcpus 1 --firmware OVMF.fd --initrd initrd.img").refused(2, "usage");
    with("--vcpus 1 --firmware OVMF.fd --kernel nothing").refused(5, "file.missing");
    place.run("measure snp --firmware OVMF.fd --vcpus 1 --vcpu-type Xeon").refused(2, "usage");
    place.run("measure snp --firmware OVMF.fd --vcpus 1").refused(2, "usage");
}

#[test]
fn a_log_leads_to_registers_and_says_which_words_are_proven() {
    let place = Place::new();
    // SHA-384 of four zeros.
    let separator = "394341b7182cd227c5c6b07ef8000cdfd86136c4292b8e576573ad7ed9ae41019f5818b4b971c9effc60e1ad9f1289f0";
    let digest: prism_core::hexadecimal::HexBytes<48> = separator.parse().unwrap();
    let bytes = event_log(digest.as_bytes());
    let rtmrs = EventLog::read(&bytes).unwrap().replay_rtmrs().unwrap();
    place.write("ccel", [bytes, vec![0xff; 64]].concat());
    let said = place.run("measure log ccel --rtmrs");
    assert!(said.ok().out.contains("EV_SEPARATOR") && said.out.contains("proven"), "{}", said.out);
    assert!(said.out.contains(&format!("RTMR0  {}", rtmrs[0])), "{}", said.out);
    assert!(said.out.contains(&format!("RTMR3  {}", "0".repeat(96))), "{}", said.out);
    let json = place.run("measure log ccel --rtmrs --bank sha384 --json").ok().json();
    assert_eq!(json["banks"], serde_json::json!(["sha384"]));
    assert_eq!(json["rtmrs"][0], rtmrs[0].to_string());
    assert_eq!(json["pcrs"]["1"], rtmrs[0].to_string());
    assert_eq!(json["events"][0]["digests"]["sha384"], separator);
    assert_eq!(json["events"][0]["proof"], "proven");
    place.write("forged", event_log(&[1; 48]));
    let said = place.run("measure log forged");
    assert!(said.refused(4, "evidence.refused").out.contains("DIFFERS"), "{}", said.out);
}

#[test]
fn what_is_no_log_or_has_no_such_bank_is_refused() {
    let place = Place::new();
    place.write("ccel", event_log(&[1; 48]));
    place.write("text", "no log");
    place.run("measure log nothing").refused(5, "file.missing");
    place.run("measure log text").refused(2, "file.malformed");
    place.run("measure log ccel --bank sha256").refused(2, "usage");
    place.run("measure log ccel --bank sm3").refused(2, "usage");
}

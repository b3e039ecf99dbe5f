//! Firmware built here: the chain computed a second time by hand, and everything that is refused.

use aws_lc_rs::digest::{SHA384, digest};
use prism_attest::measure::{
    DirectBoot, Firmware, GuestFeatures, MeasureError, PAGE, SnpLaunch, SvsmLaunch, VCPUS_MAX, VcpuSignature, Vmm,
};
use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, DigestAlgorithm};
use proptest::prelude::*;

use crate::image::{HASH_TABLE, Image, RESET_BLOCK, SEV_METADATA, SVSM_INFO};

fn boot() -> DirectBoot {
    DirectBoot::new(Digest::sha256(b"kernel"), Some(Digest::sha256(b"initrd")), "quiet").unwrap()
}

fn launch(bytes: &[u8]) -> SnpLaunch<'_> {
    SnpLaunch {
        firmware: Firmware::read(bytes).unwrap(),
        boot: Some(boot()),
        vcpus: 2,
        vcpu: "EPYC-Milan".parse().unwrap(),
        features: GuestFeatures::SNP,
        vmm: Vmm::Qemu,
    }
}

/// `PAGE_INFO` by hand.
fn extend(chain: &mut Vec<u8>, kind: u8, address: u64, contents: &[u8]) {
    let header = [0x70, 0, kind, 0, 0, 0, 0, 0];
    let info = [chain.as_slice(), contents, &header, &address.to_le_bytes()].concat();
    assert_eq!(info.len(), 0x70);
    *chain = digest(&SHA384, &info).as_ref().to_vec();
}

fn contents(page: &[u8]) -> Vec<u8> {
    digest(&SHA384, page).as_ref().to_vec()
}

/// The first registers by hand, of a processor that QEMU starts.
fn registers(eip: u32) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
    for (at, attributes) in [
        (0x00, 0x93),
        (0x10, 0x9b),
        (0x20, 0x93),
        (0x30, 0x93),
        (0x40, 0x93),
        (0x50, 0x93),
        (0x60, 0),
        (0x70, 0x82),
        (0x80, 0),
        (0x90, 0x8b),
    ] {
        put(at + 2, &[attributes, 0, 0xff, 0xff]);
    }
    put(0x10, &[0, 0xf0]);
    put(0x18, &(eip & 0xffff_0000).to_le_bytes());
    put(0xd0, &[0, 0x10]);
    put(0x148, &[0x40]);
    put(0x158, &[0x10]);
    put(0x160, &[0, 4]);
    put(0x168, &[0xf0, 0x0f, 0xff, 0xff]);
    put(0x170, &[2]);
    put(0x178, &(eip & 0xffff).to_le_bytes());
    put(0x268, &[6, 4, 7, 0, 6, 4, 7, 0]);
    put(0x310, &0x00a0_0f11_u32.to_le_bytes());
    put(0x3b0, &[1]);
    put(0x3e8, &[1]);
    put(0x408, &[0x80, 0x1f]);
    put(0x410, &[0x7f, 0x03]);
    page
}

#[test]
fn the_measurement_is_the_chain_that_the_firmware_interface_describes() {
    let bytes = Image::new().bytes();
    let mut chain = vec![0; 48];
    extend(&mut chain, 1, 0xffff_e000, &contents(&bytes[..PAGE]));
    extend(&mut chain, 1, 0xffff_f000, &contents(&bytes[PAGE..]));
    for page in 0..3 {
        extend(&mut chain, 3, 0x0080_1000 + page * 0x1000, &[0; 48]);
    }
    extend(&mut chain, 5, 0x0080_6000, &[0; 48]);
    extend(&mut chain, 6, 0x0080_7000, &[0; 48]);
    extend(&mut chain, 3, 0x0080_8000, &[0; 48]);
    extend(&mut chain, 3, 0x0080_9000, &[0; 48]);
    let mut page = vec![0; PAGE];
    let mut table = hex::decode("06d63894224fc94cb479a793d411fd21a800").unwrap();
    for (guid, hash) in [
        ("d82dd09720bd944caa78e7714d36ab2a", Digest::sha256(b"quiet\0")),
        ("31f7ba442f3ad74b9af141e29169781d", Digest::sha256(b"initrd")),
        ("3794e74dd2ab7f42b835d5b172d2045b", Digest::sha256(b"kernel")),
    ] {
        table.extend(hex::decode(guid).unwrap());
        table.extend([50, 0]);
        table.extend(hash.as_bytes());
    }
    page[0xc00..0xc00 + table.len()].copy_from_slice(&table);
    extend(&mut chain, 1, 0x0080_0000, &contents(&page));
    extend(&mut chain, 2, 0xffff_ffff_f000, &contents(&registers(0xffff_fff0)));
    extend(&mut chain, 2, 0xffff_ffff_f000, &contents(&registers(0x0080_b004)));
    assert_eq!(launch(&bytes).measurement().unwrap().to_string(), hex::encode(chain));
}

#[test]
fn every_input_counts() {
    let (image, plain) = (Image::new().bytes(), Image::new());
    let mut other_image = image.clone();
    other_image[0] = 1;
    let mut moved = plain.clone();
    moved.sections[1][0] += 0x1000;
    let moved = moved.bytes();
    let base = launch(&image);
    let boot = |kernel: &[u8], initrd, line| Some(DirectBoot::new(Digest::sha256(kernel), initrd, line).unwrap());
    let initrd = Some(Digest::sha256(b"initrd"));
    let variants = [
        base,
        launch(&other_image),
        launch(&moved),
        SnpLaunch { boot: None, ..base },
        SnpLaunch { boot: boot(b"another", initrd, "quiet"), ..base },
        SnpLaunch { boot: boot(b"kernel", None, "quiet"), ..base },
        SnpLaunch { boot: boot(b"kernel", initrd, "quiet init=/bin/sh"), ..base },
        SnpLaunch { vcpus: 1, ..base },
        SnpLaunch { vcpus: 3, ..base },
        SnpLaunch { vcpu: VcpuSignature::of(25, 17, 0), ..base },
        SnpLaunch { features: GuestFeatures::new(0x21), ..base },
        SnpLaunch { vmm: Vmm::Ec2, ..base },
        SnpLaunch { vmm: Vmm::Gce, ..base },
    ];
    let found: std::collections::BTreeSet<_> = variants.iter().map(|v| v.measurement().unwrap()).collect();
    assert_eq!(found.len(), variants.len());
}

#[test]
fn published_digests_of_the_firmware_stand_for_its_pages() {
    let (whole, launched) = (Image { pages: 3, ..Image::new() }.bytes(), Image::new().bytes());
    let whole = launch(&whole);
    let firmware = Firmware::read(&launched).unwrap().with_pages_digest(whole.firmware.launch_digest());
    assert_eq!(SnpLaunch { firmware, ..whole }.measurement(), whole.measurement());
    assert_ne!(launch(&launched).measurement(), whole.measurement());
}

#[test]
fn a_kernel_that_the_firmware_would_not_look_at_is_refused() {
    for image in [
        Image::new().without(HASH_TABLE),
        Image::new().with(HASH_TABLE, &[0; 8]),
        Image { sections: Image::new().sections[..4].to_vec(), ..Image::new() },
        Image::new().without(SEV_METADATA),
    ] {
        let bytes = image.bytes();
        assert_eq!(launch(&bytes).measurement(), Err(MeasureError::NoKernelHashes));
        assert!(SnpLaunch { boot: None, ..launch(&bytes) }.measurement().is_ok());
    }
    for address in [0x0080_1c00_u32, 0x0080_0f60] {
        let bytes = Image::new().with(HASH_TABLE, &address.to_le_bytes()).bytes();
        assert!(matches!(launch(&bytes).measurement(), Err(MeasureError::FirmwareTable { .. })), "{address:#x}");
    }
}

#[test]
fn firmware_that_contradicts_itself_is_refused() {
    let sections = |sections: Vec<[u32; 3]>| Image { sections, ..Image::new() };
    let outside = 0x3000_u32.to_le_bytes();
    for image in [
        Image { version: 2, ..Image::new() },
        Image { signature: *b"VESA", ..Image::new() },
        Image::new().with(SEV_METADATA, &outside),
        Image::new().with(SEV_METADATA, &8_u32.to_le_bytes()),
        Image::new().with(SEV_METADATA, &[0; 3]),
        sections(vec![[0x0080_0000, 0x0800, 1]]),
        sections(vec![[0x0080_0010, 0x1000, 1]]),
        sections(vec![[0x0080_0000, 0x2000, 2]]),
        sections(vec![[0x0080_0000, 0x2000, 3]]),
        sections(vec![[0x0080_0000, 0, 0x10]]),
        sections(vec![[0, 0xffff_f000, 1], [0, 0xffff_f000, 1]]),
        sections(vec![[0, 0x1000, 1]; 65]),
    ] {
        let found = Firmware::read(&image.bytes()).map(drop);
        assert!(matches!(found, Err(MeasureError::FirmwareTable { .. })), "{found:?}");
    }
    let found = Firmware::read(&sections(vec![[0, 0x1000, 5]]).bytes()).map(drop);
    assert_eq!(found, Err(MeasureError::UnknownSection { found: 5 }));
}

#[test]
fn what_is_no_firmware_is_refused() {
    let good = Image::new().bytes();
    for bytes in [&[][..], &good[1..], &good[..=PAGE]] {
        assert_eq!(Firmware::read(bytes).map(drop), Err(MeasureError::FirmwareSize { found: bytes.len() }));
    }
    assert_eq!(Firmware::read(&[0; PAGE]).map(drop), Err(MeasureError::NoFirmwareTable));
    let at = good.len() - 32 - 18;
    for length in [0_u16, 17, 0x7fff] {
        let mut bytes = good.clone();
        bytes[at..at + 2].copy_from_slice(&length.to_le_bytes());
        assert!(matches!(Firmware::read(&bytes).map(drop), Err(MeasureError::FirmwareTable { .. })), "{length}");
    }
    let mut bytes = good.clone();
    bytes[at - 18..at - 16].copy_from_slice(&500_u16.to_le_bytes());
    assert!(matches!(Firmware::read(&bytes).map(drop), Err(MeasureError::FirmwareTable { .. })));
}

#[test]
fn numbers_out_of_range_are_refused() {
    let bytes = Image::new().bytes();
    for vcpus in [0, VCPUS_MAX + 1] {
        let found = SnpLaunch { vcpus, ..launch(&bytes) }.measurement();
        assert_eq!(found, Err(MeasureError::Vcpus { found: vcpus }));
    }
    let found = SnpLaunch { features: GuestFeatures::new(0x20), ..launch(&bytes) }.measurement().unwrap_err();
    assert_eq!(found.code(), Code::Usage);
    assert!(matches!(found, MeasureError::Features { .. }));
}

#[test]
fn more_than_one_processor_needs_a_start_address() {
    for image in [Image::new().without(RESET_BLOCK), Image::new().with(RESET_BLOCK, &[0; 4])] {
        let bytes = image.bytes();
        assert!(matches!(launch(&bytes).measurement(), Err(MeasureError::FirmwareLacks { .. })));
        assert!(SnpLaunch { vcpus: 1, ..launch(&bytes) }.measurement().is_ok());
    }
}

#[test]
fn a_service_module_lies_below_the_variable_store() {
    let firmware = Image::new().bytes();
    let module = Image::new().with(SVSM_INFO, &0x40_u32.to_le_bytes());
    let base = launch(&firmware);
    let (bytes, elsewhere) = (module.bytes(), module.with(SVSM_INFO, &[0; 4]).bytes());
    let launch = |module, variables_size| {
        let SnpLaunch { firmware, vcpus, vcpu, features, .. } = base;
        SvsmLaunch { firmware, variables_size, module, vcpus, vcpu, features }.measurement()
    };
    assert_ne!(launch(&bytes, 0), launch(&bytes, 0x8_4000));
    assert_ne!(launch(&bytes, 0), launch(&elsewhere, 0));
    assert!(matches!(launch(&firmware, 0), Err(MeasureError::FirmwareLacks { .. })));
    assert!(matches!(launch(&bytes, u32::MAX), Err(MeasureError::FirmwareSize { .. })));
}

#[test]
fn only_bare_sha256_and_whole_command_lines_are_taken() {
    let salted = Digest::from_bytes(DigestAlgorithm::Sha256Salted, [1; 32]);
    let good = Digest::sha256(b"");
    for (found, part) in
        [(DirectBoot::new(salted, None, ""), "the kernel"), (DirectBoot::new(good, Some(salted), ""), "the initrd")]
    {
        assert_eq!(found, Err(MeasureError::NotSha256 { part }));
    }
    assert_eq!(DirectBoot::new(good, None, "a\0b"), Err(MeasureError::CommandLine));
}

#[test]
fn words_and_numbers_of_the_command_line_read_back() {
    for name in VcpuSignature::names() {
        let signature: VcpuSignature = name.parse().unwrap();
        assert_eq!(signature.to_string().parse(), Ok(signature), "{name}");
    }
    assert_eq!("EPYC-v4".parse(), Ok(VcpuSignature::new(0x0080_0f12)));
    assert_eq!("EPYC-Rome".parse(), Ok(VcpuSignature::new(0x0083_0f10)));
    assert_eq!("EPYC-Genoa".parse(), Ok(VcpuSignature::new(0x00a1_0f10)));
    assert_eq!("EPYC-Turin".parse(), Ok(VcpuSignature::new(0x00b0_0f00)));
    for text in ["epyc", "EPYC-v9", "0x", "0x100000000", "8392466", "0x+1", ""] {
        assert_eq!(text.parse::<VcpuSignature>(), Err(MeasureError::UnknownVcpu), "{text}");
    }
    assert_eq!("0x21".parse(), Ok(GuestFeatures::new(33)));
    assert_eq!("33".parse(), Ok(GuestFeatures::new(33)));
    for text in ["", "0x", "+1", "0x+1", "-1", "0x1ffffffffffffffff"] {
        assert!(text.parse::<GuestFeatures>().is_err(), "{text}");
    }
    for vmm in Vmm::ALL {
        assert_eq!(vmm.name().parse(), Ok(vmm));
    }
    assert_eq!("QEMU".parse::<Vmm>(), Err(MeasureError::UnknownVmm));
}

proptest! {
    #[test]
    fn no_firmware_makes_it_fall_over(
        changes in proptest::collection::vec((0_usize..2 * PAGE, any::<u8>()), 0..8),
        table in proptest::collection::vec((4000_usize..4060, any::<u8>()), 0..8),
    ) {
        let mut bytes = Image::new().bytes();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        for (at, byte) in table {
            bytes[PAGE + at] = byte;
        }
        if let Ok(firmware) = Firmware::read(&bytes) {
            let good = Image::new().bytes();
            let _ = SnpLaunch { firmware, ..launch(&good) }.measurement();
        }
    }
}

//! The cases that other tools' tests publish, in the words of sev-snp-measure's arguments.

use std::path::Path;

use prism_attest::measure::{
    DirectBoot, Firmware, GuestFeatures, MeasureError, SevEsLaunch, SevLaunch, SnpLaunch, SvsmLaunch, VcpuSignature,
    Vmm,
};
use prism_core::digest::Digest;
use serde_json::Value;

use crate::vectors::vectors;

/// The digest in hexadecimal, or why there is none.
fn measure(args: &Value, folder: &Path) -> Result<String, MeasureError> {
    let bytes = file(&args["ovmf_file"], folder);
    let mut firmware = Firmware::read(&bytes)?;
    if let Some(digest) = args["snp_ovmf_hash_str"].as_str() {
        firmware = firmware.with_pages_digest(digest.parse().unwrap());
    }
    let boot = boot(args, folder)?;
    let number = |name: &str| args[name].as_u64().unwrap_or_default();
    let vcpus = u32::try_from(number("vcpus")).unwrap();
    let vcpu = VcpuSignature::new(u32::try_from(number("vcpu_sig")).unwrap());
    let features = GuestFeatures::new(number("guest_features"));
    let vmm: Vmm = args["vmm_type"].as_str().unwrap_or("QEMU").to_lowercase().parse()?;
    let guest = SevLaunch { firmware, boot };
    match args["mode"].as_str().unwrap() {
        "SEV" => Ok(guest.digest()?.to_string()),
        "SEV_ES" => Ok(SevEsLaunch { guest, vcpus, vcpu, vmm }.digest()?.to_string()),
        "SEV_SNP" => Ok(SnpLaunch { firmware, boot, vcpus, vcpu, features, vmm }.measurement()?.to_string()),
        "SEV_SNP_SVSM" => {
            let module = file(&args["svsm_file"], folder);
            let variables_size = u32::try_from(number("ovmf_vars_size")).unwrap();
            // The tool that made the case always launches the module with this one feature.
            let features = GuestFeatures::SNP;
            let launch = SvsmLaunch { firmware, variables_size, module: &module, vcpus, vcpu, features };
            Ok(launch.measurement()?.to_string())
        }
        other => panic!("the vectors ask for {other}, which no test here knows"),
    }
}

fn boot(args: &Value, folder: &Path) -> Result<Option<DirectBoot>, MeasureError> {
    if args["kernel"].is_null() {
        return Ok(None);
    }
    let digest = |name: &str| (!args[name].is_null()).then(|| Digest::sha256(&file(&args[name], folder)));
    let append = args["append"].as_str().unwrap_or_default();
    DirectBoot::new(digest("kernel").unwrap(), digest("initrd"), append).map(Some)
}

/// The path of a file of the case, whose folders are a part of its name in the vectors.
fn place(name: &Value, folder: &Path) -> std::path::PathBuf {
    folder.join(name.as_str().unwrap().replace('/', "__"))
}

fn file(name: &Value, folder: &Path) -> Vec<u8> {
    if name == "/dev/null" {
        return Vec::new();
    }
    std::fs::read(place(name, folder)).unwrap()
}

/// Whether every file of the case is there; says which is not.
fn complete(args: &Value, folder: &Path) -> bool {
    ["ovmf_file", "svsm_file"].into_iter().filter(|name| !args[*name].is_null()).all(|name| {
        let place = place(&args[name], folder);
        if !place.exists() {
            println!("skipped: no {} for a case of {}", place.display(), args["mode"]);
        }
        place.exists()
    })
}

#[test]
fn every_public_case_has_its_published_digest_or_is_refused() {
    let Some(folder) = vectors("real/sev-snp-measure") else { return };
    let text = std::fs::read_to_string(folder.join("launch_measurements.json")).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    let mut seen = 0;
    for case in cases["cases"].as_array().unwrap() {
        if !complete(&case["args"], &folder) {
            continue;
        }
        let found = measure(&case["args"], &folder);
        match case["expected_ld_hex"].as_str() {
            Some(expected) => assert_eq!(found.as_deref(), Ok(expected), "{}", case["test"]),
            None => assert_eq!(found, Err(MeasureError::NoKernelHashes), "{}", case["test"]),
        }
        seen += 1;
    }
    assert!(seen >= 14, "only {seen} cases");
}

/// The public test suites' other cases over the same two images: (image, boot, append, vcpus, features, vmm, digest).
#[test]
fn the_cases_of_the_other_public_suites_have_their_digests() {
    let Some(folder) = vectors("real/sev-snp-measure") else { return };
    let read = |name: &str| std::fs::read(folder.join(format!("tests__fixtures__ovmf_{name}_suffix.bin"))).unwrap();
    let (amd_sev, plain) = (read("AmdSev"), read("OvmfX64"));
    let (empty, vcpu) = (Digest::sha256(b""), "EPYC-v4".parse().unwrap());
    let kernel = Some(DirectBoot::new(empty, Some(empty), "").unwrap());
    let snp = |image, boot, vcpus, features, vmm| {
        let (firmware, features) = (Firmware::read(image).unwrap(), GuestFeatures::new(features));
        SnpLaunch { firmware, boot, vcpus, vcpu, features, vmm }.measurement().unwrap().to_string()
    };
    for (found, start) in [
        (snp(&amd_sev, kernel, 1, 0x21, Vmm::Qemu), "329c8ce0972ae523"),
        (snp(&amd_sev, kernel, 1, 0x1, Vmm::Ec2), "0883bd0eeb716e65"),
        (snp(&amd_sev, kernel, 4, 0x1, Vmm::Gce), "5c5debf100fc339f"),
        (snp(&amd_sev, None, 1, 0x21, Vmm::Qemu), "e1e1ca029dd7973a"),
        (snp(&amd_sev, kernel, 4, 0x1, Vmm::Qemu), "5061fffb019493a9"),
        (snp(&plain, None, 1, 0x21, Vmm::Qemu), "28797ae0afaba400"),
    ] {
        assert!(found.starts_with(start), "{found} does not start with {start}");
    }
    let sev = |image, boot| SevLaunch { firmware: Firmware::read(image).unwrap(), boot }.digest().unwrap().to_string();
    assert!(sev(&amd_sev, kernel).starts_with("77f613d7bbcdf12a"));
    assert!(sev(&plain, None).starts_with("b4c021e085fb83ce"));
}

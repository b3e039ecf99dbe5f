use super::library::{GIVE, Pretend};
use super::tsm::emulate;
use super::*;

/// The line of one interface.
fn line(paths: &ProbePaths, name: Interface) -> ProbeLine {
    probe(paths).into_iter().find(|line| line.name == name).unwrap()
}

fn refused(paths: &ProbePaths, name: Interface, reason: &str) {
    let line = line(paths, name);
    assert!(!line.available && line.platform.is_none(), "{line:?}");
    assert!(line.reason.contains(reason) && !line.advice.is_empty(), "{line:?}");
}

fn available(paths: &ProbePaths, name: Interface, platform: Platform) {
    let line = line(paths, name);
    assert!(line.available && line.advice.is_empty() && !line.reason.is_empty(), "{line:?}");
    assert_eq!(line.platform, Some(platform));
}

#[test]
fn a_bare_machine_has_none_of_the_five_and_each_says_why() {
    let (_dir, paths) = bare_machine();
    let lines = probe(&paths);
    let names: Vec<&str> = lines.iter().map(|line| line.name.name()).collect();
    assert_eq!(names, ["tsm-snp", "tsm-tdx", "sev-guest", "tdx-attest", "azure-vtpm"]);
    for line in lines {
        assert!(!line.available && line.reason.starts_with("there is no ") && !line.advice.is_empty(), "{line:?}");
    }
}

#[test]
fn the_kernels_provider_says_which_platform_it_serves() {
    for (provider, yes, platform, no) in [
        ("sev_guest\n", Interface::TsmSnp, Platform::Snp, Interface::TsmTdx),
        ("tdx_guest\n", Interface::TsmTdx, Platform::Tdx, Interface::TsmSnp),
    ] {
        let (_dir, paths) = bare_machine();
        emulate(&paths.tsm, provider);
        available(&paths, yes, platform);
        refused(&paths, no, provider.trim_end());
    }
    let (_dir, paths) = bare_machine();
    emulate(&paths.tsm, "arm_cca_guest\n");
    refused(&paths, Interface::TsmSnp, "arm_cca_guest");
    refused(&paths, Interface::TsmTdx, "arm_cca_guest");
}

#[test]
fn a_kernel_interface_that_makes_no_entry_says_so() {
    let (_dir, paths) = bare_machine();
    fs::create_dir_all(&paths.tsm).unwrap();
    // A plain directory makes an entry without files.
    refused(&paths, Interface::TsmSnp, "provider");
    assert!(!paths.tsm.join(entry_name()).exists());
}

#[test]
fn the_snp_device_is_there_when_it_opens() {
    let (_dir, paths) = bare_machine();
    put(&paths.sev_guest, b"");
    available(&paths, Interface::SevGuest, Platform::Snp);
}

#[test]
fn intels_library_counts_only_beside_the_device_that_it_needs() {
    let Some(library) = Pretend::build(GIVE, &tdx_quote()) else { return };
    let (_dir, mut paths) = bare_machine();
    paths.tdx_attest = library.path.clone();
    refused(&paths, Interface::TdxAttest, "there is no ");
    put(&paths.tdx_guest[0], b"");
    available(&paths, Interface::TdxAttest, Platform::Tdx);
    put(&paths.tdx_attest, b"no library");
    refused(&paths, Interface::TdxAttest, "the loader refuses");
    fs::remove_file(&paths.tdx_attest).unwrap();
    refused(&paths, Interface::TdxAttest, "the loader refuses");
}

#[test]
fn a_device_that_is_no_tpm_is_not_azures() {
    let (_dir, paths) = bare_machine();
    put(&paths.tpm, b"");
    refused(&paths, Interface::AzureVtpm, "TPM");
}

#[test]
fn a_line_is_stable_for_programs() {
    let (_dir, paths) = bare_machine();
    put(&paths.sev_guest, b"");
    let line = serde_json::to_value(line(&paths, Interface::SevGuest)).unwrap();
    let reason = format!("{} opens", paths.sev_guest.display());
    let expected = serde_json::json!({
        "name": "sev-guest", "available": true, "platform": "snp", "reason": reason, "advice": ""
    });
    assert_eq!(line, expected);
}

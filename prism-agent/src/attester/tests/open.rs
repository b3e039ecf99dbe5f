use prism_attest::endorsements::{SignedJson, TdxEndorsements};

use super::library::{GIVE, Pretend};
use super::table::file;
use super::tsm::{answer, emulate};
use super::*;

/// Files of endorsements of both vendors beside a bare machine.
pub(super) struct Machine {
    pub(super) paths: ProbePaths,
    snp: PathBuf,
    pub(super) tdx: PathBuf,
    _dir: tempfile::TempDir,
}

fn tdx_endorsements() -> Endorsements {
    let signed = || SignedJson { json: b"{}".to_vec(), signature: [1; 64] };
    Endorsements::tdx(TdxEndorsements {
        tcb_info: signed(),
        tcb_info_chain: b"a".to_vec(),
        qe_identity: signed(),
        qe_identity_chain: b"b".to_vec(),
        pck_crl: b"c".to_vec(),
        pck_crl_chain: b"d".to_vec(),
        root_crl: b"e".to_vec(),
        pck_chain: None,
    })
    .unwrap()
}

pub(super) fn machine() -> Machine {
    let (dir, paths) = bare_machine();
    let (snp, tdx) = (dir.path().join("snp.json"), dir.path().join("tdx.json"));
    put(&snp, &Endorsements::snp(file()).unwrap().to_json());
    put(&tdx, &tdx_endorsements().to_json());
    Machine { paths, snp, tdx, _dir: dir }
}

impl Machine {
    pub(super) fn open(&self, choice: &PlatformChoice) -> Result<Attester, AttesterError> {
        Attester::open_at(choice, 0, &self.paths)
    }
}

fn snp(endorsements: Option<&PathBuf>) -> PlatformChoice {
    PlatformChoice::Snp { endorsements: endorsements.cloned(), vmpl: None }
}

pub(super) fn tdx(endorsements: &Path) -> PlatformChoice {
    PlatformChoice::Tdx { endorsements: endorsements.to_owned() }
}

fn auto(endorsements: Option<&PathBuf>) -> PlatformChoice {
    PlatformChoice::Auto { endorsements: endorsements.cloned() }
}

#[test]
fn a_machine_without_hardware_says_so_whatever_is_asked_for() {
    let bare = machine();
    let azure = [
        PlatformChoice::AzureSnp { endorsements: bare.snp.clone() },
        PlatformChoice::AzureTdx { endorsements: bare.tdx.clone() },
    ];
    for choice in [snp(None), tdx(&bare.tdx), auto(None)].iter().chain(&azure) {
        assert!(matches!(bare.open(choice), Err(AttesterError::NoHardware { .. })), "{choice:?}");
    }
}

#[test]
fn a_tdx_guest_is_opened_by_name_or_automatically() {
    let machine = machine();
    let entry = emulate(&machine.paths.tsm, "tdx_guest\n");
    for (choice, generations) in [(tdx(&machine.tdx), &["4\n"]), (auto(Some(&machine.tdx)), &["5\n"])] {
        let mut attester = machine.open(&choice).unwrap();
        assert_eq!(attester.platform(), Platform::Tdx);
        let kernel = answer(&entry, generations, tdx_quote());
        let (evidence, endorsements) = attester.attest(&data()).unwrap();
        kernel.join().unwrap();
        assert_eq!((evidence.platform(), evidence.bytes()), (Platform::Tdx, &tdx_quote()[..]));
        assert!(endorsements == tdx_endorsements());
    }
}

#[test]
fn an_snp_guest_is_opened_with_or_without_a_file() {
    let machine = machine();
    let entry = emulate(&machine.paths.tsm, "sev_guest\n");
    for choice in [snp(None), auto(None)] {
        assert_eq!(machine.open(&choice).unwrap().platform(), Platform::Snp);
    }
    let mut attester = machine.open(&snp(Some(&machine.snp))).unwrap();
    let kernel = answer(&entry, &["4\n"], snp_report(false));
    let (evidence, endorsements) = attester.attest(&data()).unwrap();
    kernel.join().unwrap();
    assert_eq!(evidence.bytes(), snp_report(false));
    assert_eq!(endorsements.as_snp(), Some(&file()));
}

#[test]
fn a_privilege_level_goes_to_the_kernel() {
    let machine = machine();
    let entry = emulate(&machine.paths.tsm, "sev_guest\n");
    let choice = |vmpl| PlatformChoice::Snp { endorsements: None, vmpl: Some(vmpl) };
    assert!(matches!(machine.open(&choice(1)), Err(AttesterError::Privilege { asked: 1, floor: 2 })));
    machine.open(&choice(3)).unwrap();
    assert_eq!(fs::read(entry.join("privlevel")).unwrap(), b"3");
}

#[test]
fn another_platforms_machine_is_not_taken_for_ours() {
    let intel = machine();
    emulate(&intel.paths.tsm, "tdx_guest\n");
    let refused = intel.open(&snp(None));
    assert!(matches!(refused, Err(AttesterError::OtherPlatform { expected: Platform::Snp, found: Platform::Tdx })));
    let amd = machine();
    emulate(&amd.paths.tsm, "sev_guest\n");
    let refused = amd.open(&tdx(&amd.tdx));
    assert!(matches!(refused, Err(AttesterError::OtherPlatform { expected: Platform::Tdx, found: Platform::Snp })));
}

#[test]
fn evidence_of_another_kind_than_its_interface_is_refused() {
    let machine = machine();
    let entry = emulate(&machine.paths.tsm, "tdx_guest\n");
    let others = [(snp_report(false), "an SEV-SNP report"), (vec![0xd2; 9000], "TDX evidence in the newer DICE form")];
    for ((content, words), generations) in others.into_iter().zip([&["4\n"], &["5\n"]]) {
        let mut attester = machine.open(&tdx(&machine.tdx)).unwrap();
        let kernel = answer(&entry, generations, content);
        let refused = attester.attest(&data());
        kernel.join().unwrap();
        assert!(
            matches!(refused, Err(AttesterError::OtherEvidence { expected: Platform::Tdx, found }) if found == words)
        );
    }
}

#[test]
fn endorsements_have_to_be_the_machines_vendors() {
    let intel = machine();
    emulate(&intel.paths.tsm, "tdx_guest\n");
    let refused = intel.open(&tdx(&intel.snp));
    assert!(matches!(refused, Err(AttesterError::OtherEndorsements { expected: Platform::Tdx })));
    assert!(matches!(intel.open(&auto(None)), Err(AttesterError::NoEndorsements)));
    let absent = intel.tdx.with_extension("absent");
    assert!(matches!(intel.open(&tdx(&absent)), Err(AttesterError::Io { step: "read", .. })));
    let amd = machine();
    emulate(&amd.paths.tsm, "sev_guest\n");
    let refused = amd.open(&snp(Some(&amd.tdx)));
    assert!(matches!(refused, Err(AttesterError::OtherEndorsements { expected: Platform::Snp })));
}

#[test]
fn intels_library_serves_where_the_kernel_does_not() {
    let Some(library) = Pretend::build(GIVE, &tdx_quote()) else { return };
    let mut machine = machine();
    machine.paths.tdx_attest = library.path.clone();
    assert!(matches!(machine.open(&tdx(&machine.tdx)), Err(AttesterError::NoHardware { .. })));
    put(&machine.paths.tdx_guest[0], b"");
    for choice in [tdx(&machine.tdx), auto(Some(&machine.tdx))] {
        let mut attester = machine.open(&choice).unwrap();
        let (evidence, _) = attester.attest(&data()).unwrap();
        assert_eq!(evidence.platform(), Platform::Tdx);
        assert_eq!(evidence.bytes()[0x238..0x278], data().as_bytes()[..]);
    }
}

#[test]
fn a_tpm_that_is_not_azures_is_refused() {
    let machine = machine();
    put(&machine.paths.tpm, b"");
    for choice in [PlatformChoice::AzureTdx { endorsements: machine.tdx.clone() }, auto(None)] {
        assert!(matches!(machine.open(&choice), Err(AttesterError::Azure(AzureError::Tpm(_)))), "{choice:?}");
    }
}

#[cfg(feature = "simulator")]
#[test]
fn a_pretend_tdx_machine_keeps_its_vendor_and_says_what_it_is() {
    let machine = machine();
    let vendor = machine.tdx.with_file_name("vendor.json");
    let choice = PlatformChoice::SimulatedTdx { vendor: vendor.clone() };
    let root = simulated_tdx_vendor(&vendor, 1_800_000_000).unwrap().root_digest();
    let mut attester = machine.open(&choice).unwrap();
    assert_eq!(attester.platform(), Platform::SimulatedTdx);
    let (evidence, endorsements) = attester.attest(&data()).unwrap();
    assert_eq!(evidence.platform(), Platform::SimulatedTdx);
    assert!(evidence.bytes().windows(64).any(|window| window == data().as_bytes()));
    assert!(endorsements.as_tdx().is_some());
    assert_eq!(simulated_tdx_vendor(&vendor, 1_900_000_000).unwrap().root_digest(), root);
    // One vendor's keys are not the other's.
    assert!(simulated_root(&vendor, 1_800_000_000).is_err());
}

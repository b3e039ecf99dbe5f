#![expect(
    clippy::option_option,
    reason = "no quoting enclave, one that reaches no level, one with a status: three cases"
)]

use super::*;
use crate::platform::tdx::claims::TdxTcb;
use crate::platform::tdx::pck::{Configuration, Kind};
use crate::platform::tdx::quote::Td15;
use crate::window::Window;

use TdxStatus::{
    ConfigurationAndSwHardeningNeeded, ConfigurationNeeded, OutOfDate, OutOfDateConfigurationNeeded, SwHardeningNeeded,
    TdRelaunchAdvised, TdRelaunchAdvisedConfigurationNeeded, UpToDate,
};

fn level(status: Option<TdxStatus>) -> Level {
    Level { status, date: 0, advisories: Vec::new() }
}

fn svns<const N: usize>(first: [u8; N]) -> [u8; 16] {
    let mut svns = [0; 16];
    svns[..N].copy_from_slice(&first);
    svns
}

fn platform_level(sgx: u8, tdx: [u8; 3], pce_svn: u16, status: Option<TdxStatus>) -> PlatformLevel {
    PlatformLevel { sgx: svns([sgx, 1]), tdx: svns(tdx), pce_svn, level: level(status) }
}

/// Two levels of the platform, modules of version 1 and 3.
fn info() -> TcbInfo {
    let identity = Identity { signer: [0; 48], attributes: [0; 8], mask: [0xff; 8] };
    let module = |version, signer, levels: &[(u16, Option<TdxStatus>)]| Module {
        version,
        identity: Identity { signer: [signer; 48], ..identity },
        levels: levels.iter().map(|(svn, status)| (*svn, level(*status))).collect(),
    };
    TcbInfo {
        fmspc: [0; 6],
        pce_id: [0; 2],
        evaluation_number: 1,
        window: Window::ALWAYS,
        module: identity,
        modules: vec![
            module(1, 1, &[(6, Some(UpToDate)), (4, Some(OutOfDate)), (2, None)]),
            module(3, 3, &[(3, Some(UpToDate))]),
        ],
        levels: vec![
            platform_level(8, [5, 0, 8], 11, Some(UpToDate)),
            platform_level(7, [5, 0, 7], 11, Some(OutOfDate)),
            platform_level(5, [3, 0, 5], 5, None),
        ],
    }
}

fn pck(sgx: u8, pce_svn: u16) -> Pck {
    Pck {
        ppid: [0; 16],
        components: svns([sgx, 1]),
        pce_svn,
        cpu_svn: [0; 16],
        pce_id: [0; 2],
        fmspc: [0; 6],
        kind: Kind::Standard,
        instance: None,
        configuration: Configuration::default(),
    }
}

fn body(launch: [u8; 3], now: Option<[u8; 3]>) -> Body {
    Body {
        tee_tcb_svn: svns(launch),
        mr_seam: [0; 48],
        mr_signer_seam: [launch[1]; 48],
        seam_attributes: [0; 8],
        td_attributes: 0,
        xfam: 3,
        mr_td: [0; 48],
        mr_config_id: [0; 48],
        mr_owner: [0; 48],
        mr_owner_config: [0; 48],
        rtmr: [[0; 48]; 4],
        report_data: [0; 64],
        td15: now.map(|now| Td15 { tee_tcb_svn2: svns(now), mr_service_td: [0; 48] }),
    }
}

/// The status, or the condition that is not met.
fn judge(info: &TcbInfo, qe: Option<Option<TdxStatus>>, pck: &Pck, body: &Body) -> Result<TdxStatus, Check> {
    let (qe, mut notes) = (qe.map(level), Notes::default());
    match stand(info, qe.as_ref(), pck, body, &mut notes) {
        Ok(standing) => Ok(standing.status),
        Err(Stop) => Err(notes.into_findings().last().unwrap().check),
    }
}

const GOOD_QE: Option<Option<TdxStatus>> = Some(Some(UpToDate));

#[test]
fn the_highest_level_that_everything_reaches_counts() {
    for (sgx, pce_svn, launch, expected) in [
        (8, 11, [6, 1, 8], Ok(UpToDate)),
        (9, 12, [7, 1, 9], Ok(UpToDate)),
        (7, 11, [6, 1, 8], Ok(OutOfDate)),
        (8, 11, [6, 1, 7], Ok(OutOfDate)),
        // The two bytes of the module count for the module only.
        (8, 11, [4, 1, 8], Ok(OutOfDate)),
        (8, 11, [3, 3, 8], Ok(UpToDate)),
        // And for the platform if the module is of version 0.
        (8, 11, [5, 0, 8], Ok(UpToDate)),
        (8, 11, [4, 0, 8], Err(Check::TcbNotRevoked)),
        (8, 10, [6, 1, 8], Err(Check::TcbNotRevoked)),
        (8, 4, [6, 1, 8], Err(Check::TcbPlatformLevel)),
        (4, 11, [6, 1, 8], Err(Check::TcbPlatformLevel)),
        (8, 11, [6, 1, 4], Err(Check::TcbPlatformLevel)),
        (8, 11, [2, 0, 8], Err(Check::TcbPlatformLevel)),
        (8, 11, [1, 1, 8], Err(Check::TcbModuleLevel)),
        (8, 11, [2, 1, 8], Err(Check::TcbNotRevoked)),
        (8, 11, [2, 3, 8], Err(Check::TcbModuleLevel)),
        (8, 11, [6, 2, 8], Err(Check::TcbModule)),
    ] {
        let found = judge(&info(), GOOD_QE, &pck(sgx, pce_svn), &body(launch, None));
        assert_eq!(found, expected, "SGX {sgx}, PCE {pce_svn}, TDX {launch:?}");
    }
}

#[test]
fn the_module_is_by_its_versions_signer_and_has_no_attributes() {
    let pck = pck(8, 11);
    let mut other = body([6, 1, 8], None);
    other.mr_signer_seam[47] ^= 1;
    assert_eq!(judge(&info(), GOOD_QE, &pck, &other), Err(Check::TcbModuleSigner));
    let mut debug = body([6, 1, 8], None);
    debug.seam_attributes[7] = 0x80;
    assert_eq!(judge(&info(), GOOD_QE, &pck, &debug), Err(Check::TcbModuleAttributes));
    let mut masked = info();
    masked.modules[0].identity.mask = [0; 8];
    assert_eq!(judge(&masked, GOOD_QE, &pck, &debug), Err(Check::TcbModuleAttributes));
    let mut listed = info();
    listed.modules[0].identity.attributes = [1, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(judge(&listed, GOOD_QE, &pck, &body([6, 1, 8], None)), Err(Check::TcbModuleAttributes));
}

#[test]
fn the_quoting_enclaves_level_counts_too() {
    let (pck, body) = (pck(8, 11), body([6, 1, 8], None));
    assert_eq!(judge(&info(), None, &pck, &body), Err(Check::TcbQeLevel));
    assert_eq!(judge(&info(), Some(None), &pck, &body), Err(Check::TcbNotRevoked));
    assert_eq!(judge(&info(), Some(Some(OutOfDate)), &pck, &body), Ok(OutOfDate));
}

#[test]
fn a_part_that_is_out_of_date_makes_the_whole_so() {
    for (whole, expected) in [
        (UpToDate, OutOfDate),
        (SwHardeningNeeded, OutOfDate),
        (ConfigurationNeeded, OutOfDateConfigurationNeeded),
        (ConfigurationAndSwHardeningNeeded, OutOfDateConfigurationNeeded),
        (OutOfDate, OutOfDate),
        (OutOfDateConfigurationNeeded, OutOfDateConfigurationNeeded),
        (TdRelaunchAdvised, TdRelaunchAdvised),
        (TdRelaunchAdvisedConfigurationNeeded, TdRelaunchAdvisedConfigurationNeeded),
    ] {
        assert_eq!(converge(whole, OutOfDate), expected);
        assert_eq!(converge(whole, UpToDate), whole);
    }
}

#[test]
fn relaunching_is_advised_only_where_it_would_help() {
    for (launch, now, expected) in [
        // On an old module since the launch, and the new one runs now.
        ([4, 1, 8], [6, 1, 8], Ok(TdRelaunchAdvised)),
        ([4, 1, 8], [9, 1, 9], Ok(TdRelaunchAdvised)),
        ([4, 1, 8], [3, 3, 8], Ok(TdRelaunchAdvised)),
        // The module that runs now is old too, or of microcode that is.
        ([4, 1, 8], [5, 1, 8], Ok(OutOfDate)),
        ([4, 1, 8], [6, 1, 7], Ok(OutOfDate)),
        // The platform was old, but not the module.
        ([6, 1, 7], [6, 1, 8], Ok(OutOfDate)),
        // Nothing was old.
        ([6, 1, 8], [6, 1, 8], Ok(UpToDate)),
        // What runs now is worse than what was launched, or unknown.
        ([6, 1, 8], [4, 1, 8], Ok(OutOfDate)),
        ([6, 1, 8], [6, 1, 7], Ok(OutOfDate)),
        ([5, 0, 8], [5, 0, 7], Ok(OutOfDate)),
        ([6, 1, 8], [2, 1, 8], Err(Check::TcbNotRevoked)),
        ([6, 1, 8], [1, 1, 8], Err(Check::TcbModuleLevel)),
        ([6, 1, 8], [6, 9, 8], Err(Check::TcbModuleLevel)),
        ([6, 1, 8], [6, 1, 4], Err(Check::TcbPlatformLevel)),
        ([6, 1, 8], [6, 1, 6], Err(Check::TcbNotRevoked)),
        ([4, 1, 8], [5, 0, 8], Ok(TdRelaunchAdvised)),
        ([4, 1, 8], [3, 0, 8], Err(Check::TcbNotRevoked)),
    ] {
        let found = judge(&info(), GOOD_QE, &pck(8, 11), &body(launch, Some(now)));
        assert_eq!(found, expected, "launched {launch:?}, now {now:?}");
    }
}

#[test]
fn relaunching_helps_no_old_platform_and_no_old_quoting_enclave() {
    let relaunched = body([4, 1, 8], Some([6, 1, 8]));
    assert_eq!(judge(&info(), GOOD_QE, &pck(7, 11), &relaunched), Ok(OutOfDate));
    assert_eq!(judge(&info(), Some(Some(OutOfDate)), &pck(8, 11), &relaunched), Ok(OutOfDate));
    for (status, expected) in [
        (SwHardeningNeeded, TdRelaunchAdvised),
        (ConfigurationNeeded, TdRelaunchAdvisedConfigurationNeeded),
        (ConfigurationAndSwHardeningNeeded, TdRelaunchAdvisedConfigurationNeeded),
    ] {
        let mut info = info();
        info.levels[0].level.status = Some(status);
        assert_eq!(judge(&info, GOOD_QE, &pck(8, 11), &relaunched), Ok(expected), "{status}");
    }
}

#[test]
fn relaunching_helps_nothing_while_any_part_of_what_runs_now_is_out_of_date() {
    // Intel's rule for the advice looks at three of the sixteen versions; a level has all of them.
    let mut info = info();
    info.levels[0].tdx[9] = 2;
    let mut relaunched = body([4, 1, 8], Some([6, 1, 8]));
    let mut judged = |version| {
        relaunched.td15.as_mut().unwrap().tee_tcb_svn2[9] = version;
        judge(&info, GOOD_QE, &pck(8, 11), &relaunched)
    };
    assert_eq!([judged(1), judged(2)], [Ok(OutOfDate), Ok(TdRelaunchAdvised)]);
}

#[test]
fn what_runs_now_has_its_own_advisories_and_its_own_date() {
    let (mut info, mut notes) = (info(), Notes::default());
    info.levels[1].level = Level { date: 7, advisories: vec!["INTEL-SA-00001".to_owned()], ..level(Some(OutOfDate)) };
    info.modules[0].levels[1].1 =
        Level { date: 5, advisories: vec!["INTEL-SA-00002".to_owned()], ..level(Some(OutOfDate)) };
    let qe = level(Some(UpToDate));
    for (now, advisories, since) in [
        ([6, 1, 8], &[][..], None),
        ([6, 1, 7], &["INTEL-SA-00001"], Some(7)),
        ([4, 1, 8], &["INTEL-SA-00002"], Some(5)),
        ([4, 1, 7], &["INTEL-SA-00001", "INTEL-SA-00002"], Some(5)),
    ] {
        let body = body([6, 1, 8], Some(now));
        let tcb = TdxTcb::new(&stand(&info, Some(&qe), &pck(8, 11), &body, &mut notes).unwrap(), [1, 1]);
        assert_eq!(tcb.advisories, advisories, "now {now:?}");
        assert_eq!(tcb.out_of_date_since(), since, "now {now:?}");
    }
}

#[test]
fn relaunching_does_not_configure_the_platform_that_the_launch_reached() {
    let mut info = info();
    info.levels[1].level.status = Some(ConfigurationNeeded);
    let relaunched = body([4, 1, 7], Some([6, 1, 8]));
    let found = judge(&info, GOOD_QE, &pck(8, 11), &relaunched);
    assert_eq!(found, Ok(TdRelaunchAdvisedConfigurationNeeded));
}

#[test]
fn a_revoked_level_of_the_processors_is_never_outweighed() {
    let mut info = info();
    info.levels[0].level.status = None;
    assert_eq!(judge(&info, GOOD_QE, &pck(8, 11), &body([6, 1, 7], None)), Err(Check::TcbNotRevoked));
}

#[test]
fn words_of_intels_that_are_not_for_levels_are_refused() {
    let platform = |word: &str| serde_json::from_str::<PlatformWord>(&format!("{word:?}")).map(|word| word.0);
    let module = |word: &str| serde_json::from_str::<ModuleWord>(&format!("{word:?}")).map(|word| word.0);
    assert_eq!(platform("Revoked").unwrap(), None);
    assert_eq!(module("Revoked").unwrap(), None);
    assert_eq!(platform("SWHardeningNeeded").unwrap(), Some(SwHardeningNeeded));
    assert_eq!(module("OutOfDate").unwrap(), Some(OutOfDate));
    for word in ["TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded", "uptodate", "", "Fine"] {
        assert!(platform(word).is_err() && module(word).is_err(), "{word}");
    }
    assert!(module("ConfigurationNeeded").is_err());
}

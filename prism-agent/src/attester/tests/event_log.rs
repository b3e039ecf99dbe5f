use prism_core::manifest::platform::{
    Accept, AzureSnpPolicy, EventLogRule, Profile, Rtmrs, SnpPolicy, TdxPolicy, VtpmPolicy,
};

use super::open::{machine, tdx};
use super::tsm::{answer, emulate};
use super::*;

fn tdx_policy(rule: EventLogRule) -> Profile {
    let mut tdx = TdxPolicy::strict(Accept::Any, Rtmrs::new([Accept::Any, Accept::Any, Accept::Any, Accept::Any]));
    tdx.event_log = rule;
    Profile::Tdx(tdx)
}

fn azure_policy(rule: EventLogRule) -> Profile {
    let mut vtpm = VtpmPolicy::new([(4.try_into().unwrap(), Accept::Any)].into());
    vtpm.event_log = rule;
    Profile::AzureSnp(AzureSnpPolicy::new(SnpPolicy::strict([].into(), Accept::Any), vtpm))
}

#[test]
fn a_log_is_shown_exactly_where_the_policy_demands_one_of_such_machines() {
    let machine = machine();
    let entry = emulate(&machine.paths.tsm, "tdx_guest\n");
    put(&machine.paths.ccel, b"the log");
    let cases: [(_, _, &[&str]); 4] = [
        (vec![tdx_policy(EventLogRule::Require)], true, &["4\n"]),
        (vec![tdx_policy(EventLogRule::IfPresent)], false, &["5\n"]),
        (vec![tdx_policy(EventLogRule::IfPresent), azure_policy(EventLogRule::Require)], false, &["6\n"]),
        (vec![tdx_policy(EventLogRule::IfPresent), tdx_policy(EventLogRule::Require)], true, &["7\n"]),
    ];
    for (profiles, shown, generations) in cases {
        let policy = PlatformPolicy::new(profiles).unwrap();
        let attester = machine.open(&tdx(&machine.tdx)).unwrap();
        let mut attester = attester.prepare_at(&policy, &machine.paths).unwrap();
        let kernel = answer(&entry, generations, tdx_quote());
        let (evidence, _) = attester.attest(&data()).unwrap();
        kernel.join().unwrap();
        assert_eq!(evidence.event_log(), shown.then_some(&b"the log"[..]));
        let held = attester.event_log.as_ref().map(|log| log.as_ptr());
        assert_eq!(evidence.event_log().map(<[u8]>::as_ptr), held, "one copy, however many sessions");
    }
}

#[test]
fn a_demanded_log_that_is_not_there_or_cannot_be_sent_stops_the_agent() {
    let machine = machine();
    emulate(&machine.paths.tsm, "tdx_guest\n");
    let policy = PlatformPolicy::only(tdx_policy(EventLogRule::Require));
    let open = || machine.open(&tdx(&machine.tdx)).unwrap().prepare_at(&policy, &machine.paths);
    assert!(matches!(open(), Err(AttesterError::NoEventLog { platform: Platform::Tdx })));
    put(&machine.paths.ccel, &vec![0; EVENT_LOG_SENT_MAX + 1]);
    assert!(matches!(open(), Err(AttesterError::EventLogTooLarge { .. })));
    put(&machine.paths.ccel, &vec![0; EVENT_LOG_SENT_MAX]);
    assert!(open().is_ok());
}

#[test]
fn a_log_is_read_where_the_platform_has_it() {
    let (_dir, paths) = bare_machine();
    put(&paths.tpm_log, b"of the tpm");
    let read = |platform| log_file::read(platform, &paths.ccel, &paths.tpm_log);
    for platform in [Platform::AzureSnp, Platform::AzureTdx] {
        assert_eq!(read(platform).unwrap(), b"of the tpm");
    }
    for platform in [Platform::Tdx, Platform::Snp, Platform::Simulated, Platform::SimulatedTdx] {
        assert!(matches!(read(platform), Err(AttesterError::NoEventLog { platform: of }) if of == platform));
    }
    assert!(log_file::is_demanded(&PlatformPolicy::only(azure_policy(EventLogRule::Require)), Platform::AzureSnp));
    assert!(!log_file::is_demanded(&PlatformPolicy::only(azure_policy(EventLogRule::Require)), Platform::AzureTdx));
}

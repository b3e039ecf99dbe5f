//! Each field of a report that has one right form is refused in any other, before anything is verified.

use std::sync::OnceLock;

use prism_attest::platform::simulated::{Mutations, ReportVersion, SimulatedMachine};
use prism_attest::{Check, Endorsements, Evidence, Findings, Platform, Roots, appraise, verify};
use prism_core::manifest::platform::{Accept, PlatformPolicy, Profile, SimulatedPolicy};

use crate::simulated::{NOW, attest, policy, report_data, vendor};

fn roots() -> Roots {
    Roots::built_in().with_simulated(vendor().root_digest())
}

/// A report of each version, and what vouches for its machine.
fn reports() -> &'static [(Vec<u8>, Endorsements); 4] {
    static REPORTS: OnceLock<[(Vec<u8>, Endorsements); 4]> = OnceLock::new();
    let report = |version| {
        let mut machine = SimulatedMachine::default();
        machine.version = version;
        let (evidence, endorsements) = vendor().attest_as(&machine, &report_data(), &Mutations::none()).unwrap();
        (evidence.bytes().to_vec(), endorsements)
    };
    REPORTS.get_or_init(|| [ReportVersion::V2, ReportVersion::V3, ReportVersion::V4, ReportVersion::V5].map(report))
}

/// Where the report of this version ends up once these bytes are in it.
fn findings(version: usize, changes: &[(usize, u8)]) -> Findings {
    let (mut bytes, endorsements) = reports()[version - 2].clone();
    for (at, byte) in changes {
        bytes[*at] = *byte;
    }
    let evidence = Evidence::new(Platform::Simulated, bytes).unwrap();
    verify(&evidence, &endorsements, &roots(), NOW).unwrap_err().findings().clone()
}

fn refused(version: usize, changes: &[(usize, u8)]) -> Check {
    findings(version, changes).last().unwrap().check
}

#[test]
fn a_masked_key_is_refused_whoever_it_is() {
    for key in [0b00010, 0b00110] {
        assert_eq!(refused(3, &[(0x48, key)]), Check::ReportSigningKey, "{key:#b}");
    }
    // The author's key may be there or not; the signature notices.
    assert_eq!(refused(3, &[(0x48, 1)]), Check::ReportSignature);
}

#[test]
fn every_reserved_byte_is_looked_at() {
    let reserved = [0x4c..0x50, 0x18b..0x1a0, 0x1eb..0x1ec, 0x1ef..0x1f0, 0x208..0x2a0];
    for at in reserved.into_iter().flatten().chain([0x49, 0x4a, 0x4b]) {
        assert_eq!(refused(5, &[(at, 1)]), Check::ReportReserved, "{at:#x}");
    }
    assert_eq!(refused(5, &[(0x48, 0x20)]), Check::ReportReserved);
}

#[test]
fn fields_that_came_later_are_zero_before() {
    let mitigations = [(0x1f8, 1), (0x200, 1)];
    for version in [2, 3, 4] {
        assert_eq!(refused(version, &mitigations), Check::ReportReserved);
        assert_eq!(refused(version, &mitigations[..1]), Check::ReportReserved);
        assert_eq!(refused(version, &mitigations[1..]), Check::ReportReserved);
    }
    assert_eq!(refused(5, &[(0x1f8, 1), (0x200, 1)]), Check::ReportSignature);
    for at in 0x188..0x18b {
        assert_eq!(refused(2, &[(at, 1)]), Check::ReportReserved);
    }
    // Pages may not be moved, from version 5 on.
    assert_eq!(refused(4, &[(0x0b, 0x02)]), Check::ReportGuestPolicy);
    assert_eq!(refused(5, &[(0x0b, 0x02)]), Check::ReportSignature);
    assert_eq!(refused(5, &[(0x0b, 0x04)]), Check::ReportGuestPolicy);
}

#[test]
fn every_byte_beside_the_signature_s_numbers_is_zero() {
    for at in (0x2a0 + 48..0x2a0 + 72).chain(0x2e8 + 48..0x2e8 + 72).chain([0x330, 0x49f]) {
        assert_eq!(refused(3, &[(at, 1)]), Check::ReportSignatureForm, "{at:#x}");
    }
}

#[test]
fn bits_of_the_platform_that_are_unknown_are_shown() {
    let found = |changes: &[(usize, u8)]| {
        let findings = findings(3, changes);
        let bits = findings.iter().find(|finding| finding.check == Check::ReportPlatformBits).unwrap();
        bits.found.to_owned()
    };
    assert_eq!(found(&[(0x40, 0x61)]), "0x61, of which unknown here 0x40");
    assert_eq!(found(&[(0x40, 0xbf)]), "0xbf, of which unknown here 0x0");
}

#[test]
fn appraisal_says_whether_the_machine_is_wanted_and_why_not() {
    let (evidence, endorsements) = attest(&[]);
    let claims = verify(&evidence, &endorsements, &roots(), NOW).unwrap();
    let wanted = appraise(&claims, &policy());
    assert!(wanted.is_wanted() && wanted.findings().unmet().next().is_none() && wanted.findings().len() > 30);

    let mut other = SimulatedMachine::default().policy();
    other.measurements = Accept::only("77".repeat(48).parse().unwrap());
    let simulated = SimulatedPolicy::new(vendor().root_digest(), other.clone());
    let refused = appraise(&claims, &PlatformPolicy::only(Profile::Simulated(simulated)));
    let unmet: Vec<_> = refused.findings().unmet().map(|finding| finding.check).collect();
    assert!(!refused.is_wanted() && unmet == [Check::Measurement]);

    let hardware = appraise(&claims, &PlatformPolicy::only(Profile::Snp(other)));
    let unmet: Vec<_> = hardware.findings().unmet().map(|finding| finding.check).collect();
    assert!(!hardware.is_wanted() && unmet == [Check::PlatformAccepted]);
}

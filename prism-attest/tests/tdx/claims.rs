//! What a verified quote tells is what the machine said.

use prism_attest::platform::simulated::{PckAuthority, QuoteVersion, SimulatedTd, TdxMutation, TdxMutations};
use prism_attest::{Roots, TdxClaims, verify};
use prism_core::manifest::platform::HexBytes;

use crate::simulated::{NOW, report_data, vendor};

fn claims(td: &SimulatedTd, mutations: &[TdxMutation]) -> TdxClaims {
    let mutations = TdxMutations::new(mutations.to_vec());
    let (evidence, endorsements) = vendor().attest_as(td, &report_data(), &mutations).unwrap();
    let roots = Roots::built_in().with_simulated(vendor().root_digest());
    verify(&evidence, &endorsements, &roots, NOW).unwrap().as_tdx().unwrap().clone()
}

/// A guest in which no two fields are alike.
fn td(quote: QuoteVersion) -> SimulatedTd {
    let mut td = SimulatedTd::default();
    td.quote = quote;
    (td.mr_config_id, td.mr_owner) = (HexBytes::new([0xa1; 48]), HexBytes::new([0xa2; 48]));
    td.mr_owner_config = HexBytes::new([0xa3; 48]);
    td
}

#[test]
fn claims_tell_what_the_guest_is() {
    let td = td(QuoteVersion::V5Td15);
    let told = claims(&td, &[]);
    assert_eq!((told.quote_version(), told.mrtd(), *told.rtmrs()), (5, td.mr_td, td.rtmrs));
    assert_eq!((told.mr_config_id(), told.mr_owner()), (td.mr_config_id, td.mr_owner));
    assert_eq!((told.mr_owner_config(), told.mr_seam()), (td.mr_owner_config, td.mr_seam));
    assert_eq!(told.td_attributes().as_bytes(), &td.td_attributes.to_le_bytes());
    assert_eq!(told.xfam().as_bytes(), &td.xfam.to_le_bytes());
    assert_eq!((told.tee_tcb_svn(), told.tee_tcb_svn_2()), (td.tee_tcb_svn, Some(td.tee_tcb_svn)));
    assert_eq!(told.mr_service_td(), Some(HexBytes::new([0; 48])));
    assert!(!told.is_debuggable() && claims(&td, &[TdxMutation::Debug]).is_debuggable());
}

#[test]
fn claims_of_tdx_1_0_say_nothing_about_what_came_later() {
    let told = claims(&td(QuoteVersion::V4), &[]);
    assert_eq!((told.quote_version(), told.tee_tcb_svn_2(), told.mr_service_td()), (4, None, None));
    assert_eq!(claims(&td(QuoteVersion::V5Td10), &[]).tee_tcb_svn_2(), None);
}

#[test]
fn claims_tell_what_the_platform_is() {
    let told = claims(&SimulatedTd::default(), &[]);
    assert_eq!(told.fmspc(), HexBytes::new([0x00, 0x80, 0x6f, 0x05, 0, 0]));
    assert_eq!(
        (told.ppid(), told.platform_instance_id()),
        (HexBytes::new([0x51; 16]), Some(HexBytes::new([0x52; 16])))
    );
    assert_eq!((told.pce_svn(), told.qe_svn(), told.tcb().evaluation_number), (11, 4, 20));
    let told = |mutation| {
        let told = claims(&SimulatedTd::default(), &[mutation]);
        [told.dynamic_platform(), told.cached_keys(), told.smt()]
    };
    assert_eq!(told(TdxMutation::V5), [Some(false), Some(false), Some(false)]);
    assert_eq!(told(TdxMutation::DynamicPlatform), [Some(true), Some(false), Some(false)]);
    assert_eq!(told(TdxMutation::CachedKeys), [Some(false), Some(true), Some(false)]);
    assert_eq!(told(TdxMutation::Smt), [Some(false), Some(false), Some(true)]);
    let mut processor = SimulatedTd::default();
    processor.authority = PckAuthority::Processor;
    let told = claims(&processor, &[]);
    assert_eq!((told.platform_instance_id(), told.dynamic_platform()), (None, None));
    assert_eq!((told.cached_keys(), told.smt()), (None, None));
}

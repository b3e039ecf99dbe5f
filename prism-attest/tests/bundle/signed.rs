//! Only what a known authority signed is the vendor's.

use std::sync::OnceLock;

use prism_attest::endorsements::Offered;
use prism_attest::endorsements::bundle::{Answer, Authorities, Bundle, Entry};
use prism_attest::platform::simulated::{SimulatedTdxVendor, TdxMutations};
use prism_attest::{Endorsements, ReportData};
use prism_core::code::{Code, Coded};

use crate::made::{NOW, machine, origin, rented, vectors};

fn intels() -> &'static Endorsements {
    static MADE: OnceLock<Endorsements> = OnceLock::new();
    MADE.get_or_init(|| {
        let vendor = SimulatedTdxVendor::generate(NOW).unwrap();
        vendor.attest(&ReportData::simulated_key_only(b"bundle"), &TdxMutations::none()).unwrap().1
    })
}

fn of(endorsements: &Endorsements) -> Vec<Entry> {
    Bundle::of_machine(endorsements, &origin()).unwrap().entries().to_vec()
}

/// The last certificate of a chain in PEM.
fn root(chain: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(chain).unwrap();
    format!("-----BEGIN{}", text.rsplit_once("-----BEGIN").unwrap().1).into_bytes()
}

fn laboratory(endorsements: &Endorsements) -> Authorities {
    let built_in = Authorities::built_in();
    match (endorsements.as_snp(), endorsements.as_tdx()) {
        (Some(parts), _) => built_in.with_file(&parts.ask).unwrap().with_file(&parts.ark).unwrap(),
        (_, Some(parts)) => built_in.with_file(&root(&parts.tcb_info_chain)).unwrap(),
        _ => unreachable!("one of the two"),
    }
}

#[test]
fn what_an_authority_signed_is_taken_and_only_under_that_authority() {
    for endorsements in [&machine().1, &rented().1, intels()] {
        for entry in of(endorsements) {
            laboratory(endorsements).check(&entry).unwrap();
            let error = Authorities::built_in().check(&entry).unwrap_err();
            assert_eq!((error.code(), error.key.as_ref()), (Code::EndorsementsUnsigned, entry.key()));
        }
    }
    for entry in of(&machine().1) {
        assert!(laboratory(intels()).check(&entry).is_err(), "{}", entry.key());
    }
}

/// The same entry with a change in its body at this distance from the end, if it still has its form.
fn altered(entry: &Entry, back: usize) -> Option<Entry> {
    let Answer { mut bytes, issuers } = entry.answer().clone();
    let at = bytes.len() - back;
    bytes[at] = match bytes[at] {
        byte @ (b'0'..=b'9' | b'a'..=b'f') if bytes.starts_with(b"{") => {
            if byte == b'0' {
                b'1'
            } else {
                b'0'
            }
        }
        byte => byte ^ 1,
    };
    Entry::new(entry.key().clone(), Answer { bytes, issuers }, entry.origin().clone()).ok()
}

#[test]
fn no_altered_endorsement_is_taken() {
    for endorsements in [&machine().1, intels()] {
        let authorities = laboratory(endorsements);
        for entry in of(endorsements) {
            // Not in the text that is around a certificate in PEM.
            let ends = if entry.answer().bytes.starts_with(b"-----") { 100..400 } else { 3..60 };
            let altered: Vec<_> = ends.filter_map(|back| altered(&entry, back)).collect();
            assert!(!altered.is_empty(), "{}", entry.key());
            assert!(altered.iter().all(|entry| authorities.check(entry).is_err()), "{}", entry.key());
        }
    }
}

#[test]
fn an_answer_whose_signer_is_missing_or_another_is_not_taken() {
    let authorities = laboratory(intels());
    for entry in of(intels()).iter().filter(|entry| entry.answer().issuers.is_some()) {
        let with = |issuers| Answer { bytes: entry.answer().bytes.clone(), issuers };
        let chain = Bundle::of_machine(&machine().1, &origin()).unwrap();
        let chain = chain.entries().iter().find(|entry| entry.key().kind() == "amd-chain").unwrap();
        // A chain that is longer, as one would be under a machine's own key.
        let longer =
            [entry.answer().issuers.clone().unwrap(), root(&intels().as_tdx().unwrap().tcb_info_chain)].concat();
        for answer in [with(None), with(Some(chain.answer().bytes.clone())), with(Some(longer))] {
            let made = Entry::new(entry.key().clone(), answer, entry.origin().clone());
            assert!(made.map_or(true, |entry| authorities.check(&entry).is_err()), "{}", entry.key());
        }
    }
}

#[test]
fn real_endorsements_are_the_vendors() {
    let Some(folder) = vectors("real") else { return };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let amd = Endorsements::snp_from_leaf(read("go-sev-guest/verify__testdata__vcek.testcer"), None).unwrap();
    let Offered::Machine(intel) = Offered::read(&read("dcap-qvl/tdx_quote_collateral.json")).unwrap() else {
        panic!("a bundle")
    };
    for entry in of(&amd).iter().chain(&of(&intel)) {
        Authorities::built_in().check(entry).unwrap();
    }
}

#[test]
fn an_authority_is_one_certificate() {
    assert!(Authorities::built_in().with_file(b"no certificate").is_err());
    let parts = machine().1.as_snp().unwrap();
    assert!(Authorities::built_in().with_file(&[parts.ask.as_slice(), &parts.ark].concat()).is_err());
}

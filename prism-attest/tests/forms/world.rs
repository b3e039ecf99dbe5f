//! Pretend machines, their policies, and certificates that carry their evidence.

use std::sync::OnceLock;

use prism_attest::platform::simulated::{
    Mutations, SimulatedMachine, SimulatedTd, SimulatedTdxVendor, SimulatedVendor, TdxMutations,
};
use prism_attest::{Endorsements, Evidence, ExpectedBinding, ReportData, Verdict, judge};
use prism_core::entropy::SystemEntropy;
use prism_core::key::{KeyAlgorithm, SigningKey};
use prism_core::manifest::platform::PlatformPolicy;
use yasna::models::ObjectIdentifier;
use yasna::{DERWriterSeq, construct_der};

pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn amd() -> &'static SimulatedVendor {
    static VENDOR: OnceLock<SimulatedVendor> = OnceLock::new();
    VENDOR.get_or_init(|| SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap())
}

pub(crate) fn intel() -> &'static SimulatedTdxVendor {
    static VENDOR: OnceLock<SimulatedTdxVendor> = OnceLock::new();
    VENDOR.get_or_init(|| SimulatedTdxVendor::generate(NOW).unwrap())
}

pub(crate) fn snp(report_data: &ReportData) -> (Evidence, Endorsements) {
    amd().attest(report_data, &Mutations::new(vec![])).unwrap()
}

pub(crate) fn tdx(report_data: &ReportData) -> (Evidence, Endorsements) {
    intel().attest(report_data, &TdxMutations::new(vec![])).unwrap()
}

pub(crate) fn snp_policy() -> PlatformPolicy {
    amd().policy_for(&SimulatedMachine::default())
}

pub(crate) fn tdx_policy() -> PlatformPolicy {
    intel().policy_for(&SimulatedTd::default())
}

pub(crate) fn report_data() -> ReportData {
    ReportData::simulated_key_only(b"anything")
}

/// A good verdict on a simulated machine whose report data are as the caller gave them.
pub(crate) fn accepted() -> Verdict {
    let (evidence, endorsements) = snp(&report_data());
    let expected = ExpectedBinding::foreign(*report_data().as_bytes());
    judge(&evidence, &endorsements, &snp_policy(), &expected, NOW)
}

/// The same machine, but not the report data.
pub(crate) fn refused() -> Verdict {
    let (evidence, endorsements) = snp(&report_data());
    judge(&evidence, &endorsements, &snp_policy(), &ExpectedBinding::foreign([9; 64]), NOW)
}

/// The same machine under another machine's certificates.
pub(crate) fn not_genuine() -> Verdict {
    let (evidence, endorsements) = snp(&report_data());
    let mut bytes = evidence.bytes().to_vec();
    bytes[0x90] ^= 1;
    let evidence = Evidence::new(evidence.platform(), bytes).unwrap();
    judge(&evidence, &endorsements, &snp_policy(), &ExpectedBinding::unbound(), NOW)
}

pub(crate) fn key(algorithm: KeyAlgorithm) -> SigningKey {
    SigningKey::generate(algorithm, &mut SystemEntropy::default()).unwrap()
}

/// A self-signed certificate with these extensions, each an object identifier and a value.
pub(crate) fn certificate(key: &SigningKey, extensions: &[(&[u64], Vec<u8>)]) -> Vec<u8> {
    let algorithm = |writer: &mut DERWriterSeq| {
        writer.next().write_sequence(|writer| {
            writer.next().write_oid(&ObjectIdentifier::from_slice(&[1, 2, 840, 10045, 4, 3, 2]));
        });
    };
    let tbs = construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_tagged(yasna::Tag::context(0), |writer| writer.write_u8(2));
            writer.next().write_u8(1);
            algorithm(writer);
            writer.next().write_sequence(|_| ());
            writer.next().write_sequence(|writer| {
                for text in [b"20250101000000Z", b"20400101000000Z"] {
                    let tag = yasna::tags::TAG_GENERALIZEDTIME;
                    writer.next().write_tagged_implicit(tag, |writer| writer.write_bytes(text));
                }
            });
            writer.next().write_sequence(|_| ());
            writer.next().write_der(key.public().spki_der());
            writer.next().write_tagged(yasna::Tag::context(3), |writer| {
                writer.write_sequence(|writer| {
                    for (oid, value) in extensions {
                        writer.next().write_sequence(|writer| {
                            writer.next().write_oid(&ObjectIdentifier::from_slice(oid));
                            writer.next().write_bytes(value);
                        });
                    }
                });
            });
        });
    });
    let signature = key.sign(&tbs).unwrap();
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(&tbs);
            algorithm(writer);
            writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
        });
    })
}

//! SEV-SNP: cold, warm, beside `sev`.

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, RSA_PSS_2048_8192_SHA384, UnparsedPublicKey};
use prism_attest::platform::simulated::{Mutation, Mutations, SimulatedVendor};
use prism_attest::{Endorsements, Evidence, Platform, Prepared, Roots, SnpEndorsements, verify};
use prism_benches::{Operation, Ratios};
use prism_core::entropy::SystemEntropy;
use sev::certs::snp::{Chain, Verifiable};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::threads::report_data;

pub(crate) const NOW: u64 = 1_800_000_000;

/// A simulated machine's evidence: the same sizes and algorithms as AMD's.
pub(crate) struct Machine {
    pub(crate) evidence: Evidence,
    pub(crate) endorsements: Endorsements,
    pub(crate) roots: Roots,
}

impl Machine {
    pub(crate) fn new(vendor: &SimulatedVendor, mutations: Vec<Mutation>) -> Self {
        let (evidence, endorsements) = vendor.attest(&report_data(), &Mutations::new(mutations)).unwrap();
        let roots = Roots::built_in().with_simulated(vendor.root_digest());
        Self { evidence, endorsements, roots }
    }

    fn verify(&self) {
        drop(verify(&self.evidence, &self.endorsements, &self.roots, NOW).unwrap());
    }

    fn parts(&self) -> &SnpEndorsements {
        self.endorsements.as_snp().unwrap()
    }
}

/// One signature as raw as it gets: a key, a message, a signature.
struct Raw {
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Raw {
    /// The issuer's signature on a certificate.
    fn certificate(issuer: &[u8], certificate: &[u8]) -> Self {
        let (_, issuer) = X509Certificate::from_der(issuer).unwrap();
        let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
        Self {
            key: issuer.public_key().subject_public_key.data.to_vec(),
            message: certificate.tbs_certificate.as_ref().to_vec(),
            signature: certificate.signature_value.data.to_vec(),
        }
    }

    fn list(issuer: &[u8], list: &[u8]) -> Self {
        let (_, issuer) = X509Certificate::from_der(issuer).unwrap();
        let (_, list) = CertificateRevocationList::from_der(list).unwrap();
        Self {
            key: issuer.public_key().subject_public_key.data.to_vec(),
            message: list.tbs_cert_list.as_ref().to_vec(),
            signature: list.signature_value.data.to_vec(),
        }
    }

    /// The machine's signature on a report.
    fn report(vek: &[u8], report: &[u8]) -> Self {
        let (_, vek) = X509Certificate::from_der(vek).unwrap();
        let number = |at: usize| report[at..at + 48].iter().rev().copied().collect::<Vec<_>>();
        Self {
            key: vek.public_key().subject_public_key.data.to_vec(),
            message: report[..0x2a0].to_vec(),
            signature: [number(0x2a0), number(0x2a0 + 72)].concat(),
        }
    }

    fn rsa(&self) {
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, &self.key).verify(&self.message, &self.signature).unwrap();
    }

    fn p384(&self) {
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &self.key).verify(&self.message, &self.signature).unwrap();
    }
}

pub(crate) fn run() {
    let vendor = SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap();
    // No other verifier accepts the simulator's marks: `sev` gets the same machine without them.
    let [bare, listed, theirs] =
        [vec![Mutation::NoCrl], vec![], vec![Mutation::Disguised]].map(|mutations| Machine::new(&vendor, mutations));
    println!("SEV-SNP, endorsements and evidence\n{}", cold(&bare, &theirs));
    println!("SEV-SNP, the same with AMD's revocation list\n{}", cold_with_list(&listed));
    let (machine, parts) = (&listed, listed.parts());
    let report = Raw::report(&parts.vek, machine.evidence.bytes());
    let prepared = Prepared::new(Platform::Simulated, &machine.endorsements, &machine.roots, NOW).unwrap();
    let warm = Ratios::measure(vec![
        Operation::new("1 bare P-384", || report.p384()),
        Operation::new("prism, warm (target 1.15)", || drop(prepared.verify(&machine.evidence, NOW).unwrap())),
        Operation::new("sev 8 with RustCrypto, which prepares nothing", || peer(&theirs)),
    ]);
    println!("SEV-SNP, prepared endorsements\n{warm}");
}

fn cold<'a>(machine: &'a Machine, theirs: &'a Machine) -> Ratios<'a> {
    let parts = machine.parts();
    let (ask, vek) = (Raw::certificate(&parts.ark, &parts.ask), Raw::certificate(&parts.ask, &parts.vek));
    let report = Raw::report(&parts.vek, machine.evidence.bytes());
    Ratios::measure(vec![
        Operation::new("2 bare RSA-4096-PSS and 1 bare P-384", move || {
            ask.rsa();
            vek.rsa();
            report.p384();
        }),
        Operation::new("prism, cold (target 1.25)", || machine.verify()),
        Operation::new("sev 8 with RustCrypto, cold", || peer(theirs)),
    ])
}

fn cold_with_list(machine: &Machine) -> Ratios<'_> {
    let parts = machine.parts();
    let certificates = [Raw::certificate(&parts.ark, &parts.ask), Raw::certificate(&parts.ask, &parts.vek)];
    let list = Raw::list(&parts.ark, parts.crl.as_ref().unwrap());
    let report = Raw::report(&parts.vek, machine.evidence.bytes());
    Ratios::measure(vec![
        Operation::new("3 bare RSA-4096-PSS and 1 bare P-384", move || {
            certificates.iter().for_each(Raw::rsa);
            list.rsa();
            report.p384();
        }),
        Operation::new("prism, cold (target 1.25)", || machine.verify()),
    ])
}

/// What `sev` checks of the same bytes: the chain and the report's signature.
fn peer(machine: &Machine) {
    let parts = machine.parts();
    let chain = Chain::from_der(&parts.ark, &parts.ask, &parts.vek).unwrap();
    let report = AttestationReport::from_bytes(machine.evidence.bytes()).unwrap();
    (&chain, &report).verify().unwrap();
}

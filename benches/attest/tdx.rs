//! TDX: cold, with prepared endorsements, warm, beside `dcap-qvl`.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, UnparsedPublicKey, VerificationAlgorithm};
use dcap_qvl::QuoteCollateralV3;
use dcap_qvl::policy::QuotePolicy;
use dcap_qvl::verify::QuoteVerifier;
use prism_attest::platform::simulated::{SimulatedTdxVendor, TdxMutation, TdxMutations};
use prism_attest::{Endorsements, Evidence, Platform, Prepared, Roots, SignedJson, TdxEndorsements, Vendor, verify};
use prism_benches::{Operation, Ratios};
use x509_parser::pem::Pem;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::snp::NOW;
use crate::threads::report_data;

/// Where a quote of version 4 with the body of TDX 1.0 has its parts.
const SIGNED: usize = 632;
const SIGNATURE: usize = SIGNED + 4;
const KEY: usize = SIGNATURE + 64;
const QE_REPORT: usize = KEY + 64 + 6;
const QE_SIGNATURE: usize = QE_REPORT + 384;
const AUTHENTICATION: usize = QE_SIGNATURE + 64;

/// One signature as raw as it gets.
struct Raw {
    algorithm: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Raw {
    fn fixed(key: &[u8], message: &[u8], signature: &[u8]) -> Self {
        let (key, message, signature) = (key.to_vec(), message.to_vec(), signature.to_vec());
        Self { algorithm: &ECDSA_P256_SHA256_FIXED, key, message, signature }
    }

    fn der(key: &[u8], message: &[u8], signature: &[u8]) -> Self {
        Self { algorithm: &ECDSA_P256_SHA256_ASN1, ..Self::fixed(key, message, signature) }
    }

    /// The issuer's signature on a certificate.
    fn certificate(issuer: &[u8], certificate: &[u8]) -> Self {
        let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
        Self::der(&key(issuer), certificate.tbs_certificate.as_ref(), &certificate.signature_value.data)
    }

    fn list(issuer: &[u8], list: &[u8]) -> Self {
        let (_, list) = CertificateRevocationList::from_der(list).unwrap();
        Self::der(&key(issuer), list.tbs_cert_list.as_ref(), &list.signature_value.data)
    }

    fn json(signer: &[u8], json: &SignedJson) -> Self {
        Self::fixed(&key(signer), &json.json, &json.signature)
    }

    fn verify(&self) {
        UnparsedPublicKey::new(self.algorithm, &self.key).verify(&self.message, &self.signature).unwrap();
    }
}

fn key(certificate: &[u8]) -> Vec<u8> {
    X509Certificate::from_der(certificate).unwrap().1.public_key().subject_public_key.data.to_vec()
}

/// The certificates (DER) of a chain in PEM.
fn chain(pem: &[u8]) -> Vec<Vec<u8>> {
    let text = pem.strip_suffix(b"\0").unwrap_or(pem);
    Pem::iter_from_buffer(text).map(|pem| pem.unwrap().contents).collect()
}

/// The nine signatures that cold verification needs; the last three need no endorsements, the last two no certificate.
fn signatures(quote: &[u8], parts: &TdxEndorsements) -> Vec<Raw> {
    let two = |at: usize| usize::from(u16::from_le_bytes([quote[at], quote[at + 1]]));
    let certification = AUTHENTICATION + 2 + two(AUTHENTICATION);
    let pck_chain = chain(&quote[certification + 6..]);
    let [pck, ca, root] = [&pck_chain[0], &pck_chain[1], &pck_chain[2]];
    let signer = &chain(&parts.tcb_info_chain)[0];
    let point = [&[4], &quote[KEY..KEY + 64]].concat();
    vec![
        Raw::certificate(root, ca),
        Raw::certificate(root, signer),
        Raw::json(signer, &parts.tcb_info),
        Raw::json(signer, &parts.qe_identity),
        Raw::list(ca, &parts.pck_crl),
        Raw::list(root, &parts.root_crl),
        Raw::certificate(ca, pck),
        Raw::fixed(&key(pck), &quote[QE_REPORT..QE_SIGNATURE], &quote[QE_SIGNATURE..AUTHENTICATION]),
        Raw::fixed(&point, &quote[..SIGNED], &quote[SIGNATURE..KEY]),
    ]
}

pub(crate) fn run() {
    let vendor = SimulatedTdxVendor::generate(NOW).unwrap();
    // Without the simulator's marks, which no other verifier accepts: then it is a machine under a root of our own.
    let disguise = TdxMutations::new(vec![TdxMutation::Disguised]);
    let (evidence, endorsements) = vendor.attest(&report_data(), &disguise).unwrap();
    let evidence = Evidence::new(Platform::Tdx, evidence.bytes().to_vec()).unwrap();
    let parts = endorsements.as_tdx().unwrap();
    let root = chain(&parts.tcb_info_chain).pop().unwrap();
    let roots = Roots::built_in().with_custom(Vendor::Intel, &root);
    let raw = signatures(evidence.bytes(), parts);
    let peer = Peer::new(root, parts);

    println!("TDX, endorsements and evidence\n{}", cold(&raw, (&evidence, &endorsements, &roots), &peer));
    let prepared = Prepared::new(Platform::Tdx, &endorsements, &roots, NOW).unwrap();
    println!("TDX, prepared endorsements, another machine each time\n{}", again(&raw[6..], &prepared, &evidence));
    let admitted = prepared.admit(&evidence, NOW).unwrap();
    println!(
        "TDX, prepared endorsements and the machine's certificate\n{}",
        warm(&raw[7..], &admitted, &evidence, &peer)
    );
}

fn cold<'a>(
    raw: &'a [Raw],
    (evidence, endorsements, roots): (&'a Evidence, &'a Endorsements, &'a Roots),
    peer: &'a Peer,
) -> Ratios<'a> {
    Ratios::measure(vec![
        Operation::new("9 bare P-256", || raw.iter().for_each(Raw::verify)),
        Operation::new("prism, cold (target 1.30)", || drop(verify(evidence, endorsements, roots, NOW).unwrap())),
        Operation::new("dcap-qvl 0.7 with RustCrypto, cold", || peer.verify(evidence)),
    ])
}

fn again<'a>(raw: &'a [Raw], prepared: &'a Prepared, evidence: &'a Evidence) -> Ratios<'a> {
    Ratios::measure(vec![
        Operation::new("3 bare P-256", || raw.iter().for_each(Raw::verify)),
        Operation::new("prism, prepared (target 1.25)", || drop(prepared.verify(evidence, NOW).unwrap())),
    ])
}

fn warm<'a>(raw: &'a [Raw], admitted: &'a Prepared, evidence: &'a Evidence, peer: &'a Peer) -> Ratios<'a> {
    Ratios::measure(vec![
        Operation::new("2 bare P-256", || raw.iter().for_each(Raw::verify)),
        Operation::new("prism, warm (target 1.15)", || drop(admitted.verify(evidence, NOW).unwrap())),
        Operation::new("dcap-qvl 0.7 with RustCrypto, which prepares nothing", || peer.verify(evidence)),
    ])
}

/// What `dcap-qvl` checks of the same bytes.
struct Peer {
    verifier: QuoteVerifier,
    collateral: QuoteCollateralV3,
    policy: QuotePolicy,
}

impl Peer {
    fn new(root: Vec<u8>, parts: &TdxEndorsements) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let collateral = QuoteCollateralV3 {
            pck_crl_issuer_chain: text(&parts.pck_crl_chain),
            root_ca_crl: parts.root_crl.clone(),
            pck_crl: parts.pck_crl.clone(),
            tcb_info_issuer_chain: text(&parts.tcb_info_chain),
            tcb_info: text(&parts.tcb_info.json),
            tcb_info_signature: parts.tcb_info.signature.to_vec(),
            qe_identity_issuer_chain: text(&parts.qe_identity_chain),
            qe_identity: text(&parts.qe_identity.json),
            qe_identity_signature: parts.qe_identity.signature.to_vec(),
            pck_certificate_chain: None,
        };
        Self { verifier: QuoteVerifier::new(root), collateral, policy: QuotePolicy::strict(NOW) }
    }

    fn verify(&self, evidence: &Evidence) {
        let collateral = self.collateral.clone();
        drop(self.verifier.verify_with_policy(evidence.bytes(), collateral, NOW, &self.policy).unwrap());
    }
}

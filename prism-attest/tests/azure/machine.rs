//! A machine as Azure would make it on the private laboratory's processor, with a place to change everything.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaEncoding};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prism_attest::{AzureEvidence, AzureQuote, Case, Evidence, ExpectedBinding, Platform, Roots, Vendor, Verdict};
use prism_core::digest::Digest;
use prism_core::manifest::platform::{
    Accept, AzureSnpPolicy, HexBytes, Minimum, PcrIndex, PlatformPolicy, Product, Profile, Revocation, SnpPolicy, Tcb,
    VtpmPolicy,
};

use crate::amd::{NOW, Processor};

/// What the guest has the quote bound to.
pub(crate) const NONCE: [u8; 64] = [0x4e; 64];

/// The machine's id.
pub(crate) const VM: &str = "26F8BC30-774E-4290-8E7A-535F3B672AEE";

pub(crate) fn processor() -> &'static Processor {
    static PROCESSOR: OnceLock<Processor> = OnceLock::new();
    PROCESSOR.get_or_init(Processor::new)
}

fn key(keys: &'static OnceLock<RsaKeyPair>, size: KeySize) -> &'static RsaKeyPair {
    keys.get_or_init(|| RsaKeyPair::generate(size).unwrap())
}

/// The virtual TPM's attestation key.
pub(crate) fn ak() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    key(&KEY, KeySize::Rsa2048)
}

/// A key that no claims name.
pub(crate) fn stranger() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    key(&KEY, KeySize::Rsa2048)
}

/// A key of another size.
pub(crate) fn large() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    key(&KEY, KeySize::Rsa3072)
}

/// The modulus of a key as JSON web keys have it.
pub(crate) fn modulus(key: &RsaKeyPair) -> String {
    URL_SAFE_NO_PAD.encode(key.public_key().modulus().big_endian_without_leading_zero())
}

/// The register with this number.
pub(crate) fn register(number: u8) -> HexBytes<32> {
    HexBytes::new([number + 1; 32])
}

/// One bank that a quote selects: algorithm, and the bytes of the selection.
pub(crate) type Bank = (u16, Vec<u8>);

/// Everything that evidence is made from. Fields are signed and hashed as they are when it is made.
pub(crate) struct Draft {
    pub(crate) vmpl: u8,
    /// The runtime claims.
    pub(crate) claims: String,
    /// Other report data than the claims' digest and zeros.
    pub(crate) report_data: Option<[u8; 64]>,
    pub(crate) nonce: Vec<u8>,
    /// What the nonce is claimed to be the digest of.
    pub(crate) beside: Option<[u8; 64]>,
    pub(crate) magic: u32,
    pub(crate) kind: u16,
    pub(crate) reset_count: u32,
    pub(crate) restart_count: u32,
    pub(crate) safe: u8,
    pub(crate) banks: Vec<Bank>,
    pub(crate) digest: Vec<u8>,
    pub(crate) registers: BTreeMap<u8, HexBytes<32>>,
    pub(crate) signer: &'static RsaKeyPair,
    pub(crate) encoding: &'static dyn RsaEncoding,
    /// Changes the quote before it is signed.
    pub(crate) message: fn(&mut Vec<u8>),
    /// Changes the paravisor's report when it is made.
    pub(crate) hcl: fn(&mut Vec<u8>),
    /// Changes the whole when it is made.
    pub(crate) parts: fn(&mut AzureEvidence),
}

impl Default for Draft {
    fn default() -> Self {
        let registers: BTreeMap<_, _> = (0..24).map(|number| (number, register(number))).collect();
        Self {
            vmpl: 0,
            claims: claims(&key_text("HCLAkPub", &modulus(ak()))),
            report_data: None,
            nonce: Digest::sha256(&NONCE).as_bytes().to_vec(),
            beside: Some(NONCE),
            magic: 0xff54_4347,
            kind: 0x8018,
            reset_count: 2,
            restart_count: 0,
            safe: 1,
            banks: vec![(0x000b, vec![0xff; 3])],
            digest: digest(registers.values()),
            registers,
            signer: ak(),
            encoding: &RSA_PKCS1_SHA256,
            message: |_| {},
            hcl: |_| {},
            parts: |_| {},
        }
    }
}

/// SHA-256 over values in this order.
pub(crate) fn digest<'a>(values: impl Iterator<Item = &'a HexBytes<32>>) -> Vec<u8> {
    let values: Vec<u8> = values.flat_map(|value| *value.as_bytes()).collect();
    Digest::sha256(&values).as_bytes().to_vec()
}

/// Runtime claims with these keys.
pub(crate) fn claims(keys: &str) -> String {
    format!(
        r#"{{"keys":[{keys}],"vm-configuration":{{"console-enabled":true,"secure-boot":true,"tpm-enabled":true,"vmUniqueId":"{VM}"}},"user-data":"00"}}"#
    )
}

pub(crate) fn key_text(kid: &str, modulus: &str) -> String {
    format!(r#"{{"kid":"{kid}","key_ops":["sign"],"kty":"RSA","e":"AQAB","n":"{modulus}"}}"#)
}

impl Draft {
    fn hcl_report(&self) -> Vec<u8> {
        let mut report_data = [0; 64];
        report_data[..32].copy_from_slice(Digest::sha256(self.claims.as_bytes()).as_bytes());
        let report = processor().report(self.report_data.unwrap_or(report_data), self.vmpl);
        let length = u32::try_from(self.claims.len()).unwrap();
        let mut bytes = b"HCLA".to_vec();
        for number in [1, 1216 + 20 + length, 2, 0, 0, 0, 0] {
            bytes.extend(u32::to_le_bytes(number));
        }
        bytes.extend(report);
        for number in [20 + length, 1, 2, 1, length] {
            bytes.extend(u32::to_le_bytes(number));
        }
        bytes.extend(self.claims.as_bytes());
        bytes.resize(2600.max(bytes.len()), 0);
        (self.hcl)(&mut bytes);
        bytes
    }

    fn attest(&self) -> Vec<u8> {
        let mut bytes = self.magic.to_be_bytes().to_vec();
        bytes.extend(self.kind.to_be_bytes());
        let sized = |bytes: &mut Vec<u8>, part: &[u8]| {
            bytes.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
            bytes.extend(part);
        };
        sized(&mut bytes, &[&[0x00, 0x0b][..], &[0x11; 32]].concat());
        sized(&mut bytes, &self.nonce);
        bytes.extend(777_u64.to_be_bytes());
        bytes.extend(self.reset_count.to_be_bytes());
        bytes.extend(self.restart_count.to_be_bytes());
        bytes.push(self.safe);
        bytes.extend(0x2020_0312_0012_0003_u64.to_be_bytes());
        bytes.extend(u32::try_from(self.banks.len()).unwrap().to_be_bytes());
        for (algorithm, select) in &self.banks {
            bytes.extend(algorithm.to_be_bytes());
            bytes.push(u8::try_from(select.len()).unwrap());
            bytes.extend(select);
        }
        sized(&mut bytes, &self.digest);
        (self.message)(&mut bytes);
        bytes
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let message = self.attest();
        let mut signature = vec![0; self.signer.public_modulus_len()];
        self.signer.sign(self.encoding, &SystemRandom::new(), &message, &mut signature).unwrap();
        let quote = AzureQuote { message, signature, registers: self.registers.clone() };
        let mut parts =
            AzureEvidence { report_data: self.beside, hcl_report: self.hcl_report(), quote, td_quote: None };
        (self.parts)(&mut parts);
        Evidence::new(Platform::AzureSnp, parts.to_json()).unwrap()
    }

    /// Judged under the policy made for such machines, with the nonce expected.
    pub(crate) fn judge(&self) -> Verdict {
        judge(&self.evidence(), policy(), &ExpectedBinding::foreign(NONCE))
    }
}

/// Judged under the laboratory's root, beside the built-in ones.
pub(crate) fn judge(evidence: &Evidence, policy: AzureSnpPolicy, expected: &ExpectedBinding) -> Verdict {
    judge_under(evidence, &PlatformPolicy::only(Profile::AzureSnp(policy)), expected)
}

pub(crate) fn judge_under(evidence: &Evidence, policy: &PlatformPolicy, expected: &ExpectedBinding) -> Verdict {
    let case = Case { evidence, endorsements: processor().endorsements(), policy, expected, now: NOW };
    case.judge_under(&roots())
}

pub(crate) fn roots() -> Roots {
    Roots::built_in().with_custom(Vendor::Amd(Product::Genoa), processor().root())
}

/// Pins the paravisor, and registers 4 and 11.
pub(crate) fn policy() -> AzureSnpPolicy {
    let products = BTreeMap::from([(Product::Genoa, Minimum::both(Tcb::default()))]);
    let mut snp = SnpPolicy::strict(products, Accept::only(HexBytes::new([0x5f; 48])));
    snp.revocation = Revocation::IfPresent;
    let registers = [4, 11].map(|number| (PcrIndex::try_from(number).unwrap(), Accept::only(register(number))));
    AzureSnpPolicy::new(snp, VtpmPolicy::new(BTreeMap::from(registers)))
}

//! Where the public test vectors are, and how their expectations become policies.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_attest::{Endorsements, ExpectedBinding, Roots, SignedJson, TdxEndorsements, Vendor};
use prism_core::manifest::platform::{Accept, List, PlatformPolicy, Profile, Rtmrs, TdxPolicy};
use serde_json::Value;

/// The folder of vectors; says so when there is none.
pub(crate) fn vectors(folder: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let root = std::env::var_os("PRISM_VECTORS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = root.join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no test vectors at {}", folder.display());
    None
}

/// Any measurement, but no weakness.
pub(crate) fn open_policy() -> TdxPolicy {
    let any = || Accept::Any;
    TdxPolicy::strict(Accept::Any, Rtmrs::new([any(), any(), any(), any()]))
}

pub(crate) fn accept(policy: TdxPolicy) -> PlatformPolicy {
    PlatformPolicy::new(vec![Profile::Tdx(policy)]).unwrap()
}

/// The policy and the binding that an `expect.json` asks for, in words of the vectors.
pub(crate) fn expectation(expect: &Value) -> (PlatformPolicy, ExpectedBinding) {
    let mut policy = open_policy();
    let binding = ExpectedBinding::unbound();
    for (key, value) in expect["policy"].as_object().into_iter().flatten() {
        match key.as_str() {
            "min_tcb_eval_data_number" => {
                policy.min_tcb_evaluation_number = u32::try_from(value.as_u64().unwrap()).unwrap();
            }
            "td_attributes" => policy.td_attributes = Accept::only(value.as_str().unwrap().parse().unwrap()),
            "mr_config_id" => policy.mr_config_ids = Accept::only(value.as_str().unwrap().parse().unwrap()),
            "mrtd" => {
                let values = value.as_array().unwrap().iter().map(|mrtd| mrtd.as_str().unwrap().parse().unwrap());
                policy.mrtd = Accept::OneOf(List::new(values.collect()).unwrap());
            }
            "allow_dynamic_platform" => policy.allow.dynamic_platform = value.as_bool().unwrap(),
            other => panic!("the vectors ask for {other}, which no test here knows"),
        }
    }
    (accept(policy), binding)
}

/// The test root of the synthetic vectors besides the built-in ones.
pub(crate) fn synthetic_roots(folder: &Path) -> Roots {
    Roots::built_in().with_custom(Vendor::Intel, &std::fs::read(folder.join("test-root.der")).unwrap())
}

/// The parts of a collateral file.
pub(crate) fn parts(file: &Path) -> TdxEndorsements {
    let collateral: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let text = |name: &str| collateral[name].as_str().unwrap().as_bytes().to_vec();
    let bytes = |name: &str| hex::decode(collateral[name].as_str().unwrap()).unwrap();
    let signed = |name: &str| SignedJson {
        json: text(name),
        signature: bytes(&format!("{name}_signature")).try_into().unwrap(),
    };
    TdxEndorsements {
        tcb_info: signed("tcb_info"),
        tcb_info_chain: text("tcb_info_issuer_chain"),
        qe_identity: signed("qe_identity"),
        qe_identity_chain: text("qe_identity_issuer_chain"),
        pck_crl: bytes("pck_crl"),
        pck_crl_chain: text("pck_crl_issuer_chain"),
        root_crl: bytes("root_ca_crl"),
        pck_chain: None,
    }
}

pub(crate) fn endorsements(file: &Path) -> Endorsements {
    Endorsements::tdx(parts(file)).unwrap()
}

/// The certificates (DER) of a chain in PEM.
pub(crate) fn certificates(chain: &[u8]) -> Vec<Vec<u8>> {
    let chain = std::str::from_utf8(chain).unwrap();
    let bodies = chain.split("-----BEGIN CERTIFICATE-----").skip(1).map(|rest| rest.split("-----END").next().unwrap());
    bodies.map(|body| STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap()).collect()
}

/// A chain in PEM of these certificates (DER).
pub(crate) fn pem(certificates: &[Vec<u8>]) -> Vec<u8> {
    let block = |der: &Vec<u8>| {
        let text = STANDARD.encode(der);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    };
    certificates.iter().map(block).collect::<String>().into_bytes()
}

/// The last certificate (DER) of a chain in PEM: its root.
pub(crate) fn last_certificate(chain: &[u8]) -> Vec<u8> {
    certificates(chain).pop().unwrap()
}

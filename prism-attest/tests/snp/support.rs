//! Where the public test vectors are, and how their expectations become policies.

use std::collections::BTreeMap;
use std::path::PathBuf;

use prism_attest::{Endorsements, ExpectedBinding, Roots, SnpEndorsements, Vendor};
use prism_core::manifest::platform::{
    Accept, List, Minimum, PlatformPolicy, Product, Profile, Revocation, SigningKeyRule, SnpPolicy, Tcb, VlekRule, Vmpl,
};
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

/// Every product at any security version, signed by either kind of key, any measurement.
pub(crate) fn open_policy() -> SnpPolicy {
    let products = Product::ALL.map(|product| (product, Minimum::both(Tcb::default())));
    let mut policy = SnpPolicy::strict(BTreeMap::from(products), Accept::Any);
    policy.signing_keys =
        List::new(vec![SigningKeyRule::Vcek, SigningKeyRule::Vlek(VlekRule { csp_ids: Accept::Any })]).unwrap();
    policy.revocation = Revocation::IfPresent;
    policy
}

pub(crate) fn accept(policy: SnpPolicy) -> PlatformPolicy {
    PlatformPolicy::new(vec![Profile::Snp(policy)]).unwrap()
}

/// The policy and the binding that an `expect.json` asks for, in words of the vectors.
pub(crate) fn expectation(expect: &Value) -> (PlatformPolicy, ExpectedBinding) {
    let mut policy = open_policy();
    let mut binding = ExpectedBinding::unbound();
    for (key, value) in expect["policy"].as_object().into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        let number = value.as_u64().unwrap_or_default();
        match key.as_str() {
            "min_tcb" => policy.products.values_mut().for_each(|minimum| minimum.min_tcb = tcb(value)),
            "min_launch_tcb" => policy.products.values_mut().for_each(|minimum| minimum.min_launch_tcb = tcb(value)),
            "min_launch_mitigations" => policy.min_mitigations.launch = number,
            "min_current_mitigations" => policy.min_mitigations.current = number,
            "vmpl" => policy.vmpls = List::only(Vmpl::try_from(u32::try_from(number).unwrap()).unwrap()),
            "measurement" => policy.measurements = Accept::only(text.parse().unwrap()),
            "host_data" => policy.host_data = Accept::only(text.parse().unwrap()),
            "min_abi" => policy.min_abi = text.parse().unwrap(),
            "min_guest_svn" => policy.min_guest_svn = u32::try_from(number).unwrap(),
            "report_data" => {
                let bytes = hex::decode(text).unwrap();
                binding = ExpectedBinding::foreign(bytes.try_into().unwrap());
            }
            "allowed_products" => {
                let named: Vec<_> = value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
                policy.products.retain(|product, _| named.contains(&product.name()));
            }
            other => panic!("the vectors ask for {other}, which no test here knows"),
        }
    }
    (accept(policy), binding)
}

fn tcb(value: &Value) -> Tcb {
    let part = |name: &str| u8::try_from(value[name].as_u64().unwrap_or_default()).unwrap();
    Tcb { fmc: part("fmc"), bootloader: part("bl"), tee: part("tee"), snp: part("snp"), microcode: part("uc") }
}

/// The test roots of the synthetic vectors, each for its product.
pub(crate) fn synthetic_roots(folder: &std::path::Path) -> Roots {
    Product::ALL.into_iter().fold(Roots::built_in(), |roots, product| {
        let ark = std::fs::read(folder.join(format!("test-ark-{product}.der"))).unwrap();
        roots.with_custom(Vendor::Amd(product), &ark)
    })
}

pub(crate) fn endorsements(folder: &std::path::Path) -> Endorsements {
    let read = |name: &str| std::fs::read(folder.join(name));
    let parts = SnpEndorsements {
        vek: read("vek.der").unwrap(),
        ask: read("ask.der").unwrap(),
        ark: read("ark.der").unwrap(),
        crl: read("crl.der").ok(),
    };
    Endorsements::snp(parts).unwrap()
}

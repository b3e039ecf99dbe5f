use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prism_attest::ear::{EarClaims, Tier};
use prism_attest::{Case, Endorsements, Evidence, ExpectedBinding, Platform, Roots, SnpEndorsements, Vendor, Verdict};
use prism_core::digest::Digest;
use prism_core::key::KeyAlgorithm;
use prism_core::manifest::platform::{Accept, Minimum, PlatformPolicy, Product, Profile, Revocation, SnpPolicy, Tcb};
use serde_json::{Value, json};

use crate::world::{NOW, accepted, key, not_genuine, refused};

pub(crate) fn claims(verdict: &Verdict) -> EarClaims {
    EarClaims::of(verdict, Digest::sha256(b"policy"), NOW)
}

fn json(claims: &EarClaims) -> Value {
    let token = claims.to_jwt(&key(KeyAlgorithm::Ed25519)).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn a_result_names_its_profile_verifier_policy_and_nonce() {
    let verdict = accepted();
    let document = json(&claims(&verdict).with_nonce(b"8 bytes!"));
    assert_eq!(document["eat_profile"], "tag:github.com,2023:veraison/ear");
    assert_eq!((&document["iat"], &document["exp"]), (&json!(NOW), &json!(verdict.window().unwrap().not_after)));
    assert_eq!(document["ear.verifier-id"]["developer"], "prism");
    assert_eq!(document["eat_nonce"], "OCBieXRlcyE");
    let prism = &document["submods"]["prism"];
    assert_eq!(prism["ear.appraisal-policy-id"], Digest::sha256(b"policy").to_string());
    assert_eq!(prism["prism.verdict"], serde_json::from_str::<Value>(&verdict.to_json()).unwrap());
    for nonce in [b"1234567".as_slice(), &[0; 65]] {
        assert_eq!(json(&claims(&verdict).with_nonce(nonce)).get("eat_nonce"), None);
    }
}

#[test]
fn a_simulated_machine_is_contraindicated_even_when_it_is_accepted() {
    let verdict = accepted();
    assert!(verdict.is_good());
    let claims = claims(&verdict);
    assert_eq!(claims.status(), Tier::Contraindicated);
    assert_eq!((claims.vector().hardware, claims.vector().runtime_opaque), (Some(96), Some(96)));
    assert_eq!((claims.vector().configuration, claims.vector().executables), (Some(2), Some(3)));
    assert_eq!(json(&claims)["submods"]["prism"]["ear.status"], "contraindicated");
}

#[test]
fn a_refused_or_forged_machine_is_contraindicated() {
    let document = json(&claims(&refused()));
    assert_eq!(document["submods"]["prism"]["ear.status"], "contraindicated");
    assert_eq!(document.get("exp"), None);
    let claims = claims(&not_genuine());
    assert_eq!(claims.status(), Tier::Contraindicated);
    assert_eq!(json(&claims)["submods"]["prism"]["ear.trustworthiness-vector"], json!({ "hardware": 99 }));
}

/// A synthetic Milan machine under a test root, if the public vectors are there, under a policy that the caller changes.
fn real(change: impl FnOnce(&mut SnpPolicy)) -> Option<Verdict> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = std::env::var_os("PRISM_VECTORS").map_or_else(|| beside.into(), std::path::PathBuf::from);
    let folder = folder.join("synthetic-snp");
    let case = folder.join("ok-milan-v2");
    let Ok(report) = std::fs::read(case.join("report.bin")) else {
        println!("skipped: no test vectors at {}", case.display());
        return None;
    };
    let part = |name: &str| std::fs::read(case.join(name)).unwrap();
    let parts = SnpEndorsements {
        vek: part("vek.der"),
        ask: part("ask.der"),
        ark: part("ark.der"),
        crl: Some(part("crl.der")),
    };
    let expect: Value = serde_json::from_slice(&part("expect.json")).unwrap();
    let ark = std::fs::read(folder.join("test-ark-Milan.der")).unwrap();
    let product = Product::Milan;
    let roots = Roots::built_in().with_custom(Vendor::Amd(product), &ark);
    let minimum = Minimum::both(Tcb::default());
    let mut policy = SnpPolicy::strict([(product, minimum)].into(), Accept::Any);
    policy.revocation = Revocation::IfPresent;
    change(&mut policy);
    let policy = PlatformPolicy::new(vec![Profile::Snp(policy)]).unwrap();
    let evidence = Evidence::new(Platform::Snp, report).unwrap();
    let endorsements = Endorsements::snp(parts).unwrap();
    let now = expect["now"].as_u64().unwrap();
    let expected = ExpectedBinding::unbound();
    Some(
        Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now }
            .judge_under(&roots),
    )
}

#[test]
fn a_root_of_the_callers_is_a_warning_and_what_nobody_named_earns_no_word() {
    let Some(verdict) = real(|_| ()) else { return };
    assert!(verdict.is_good(), "{verdict}");
    let claims = claims(&verdict);
    assert_eq!(claims.status(), Tier::Warning);
    assert_eq!((claims.vector().hardware, claims.vector().executables), (Some(-33), None));
    assert_eq!((claims.vector().instance_identity, claims.vector().configuration), (None, Some(2)));
}

#[test]
fn another_measurement_or_setting_is_named_where_it_belongs() {
    let other = Accept::only("ab".repeat(48).parse().unwrap());
    let Some(verdict) = real(|policy| policy.measurements = other) else { return };
    let vector = *claims(&verdict).vector();
    assert_eq!((vector.executables, vector.configuration), (Some(96), Some(2)));
    assert_eq!(claims(&verdict).status(), Tier::Contraindicated);
    let Some(verdict) = real(|policy| policy.min_guest_svn = u32::MAX) else { return };
    let vector = *claims(&verdict).vector();
    assert_eq!((vector.executables, vector.configuration), (None, Some(96)));
    let Some(verdict) = real(|policy| policy.chip_ids = Accept::only("ab".repeat(64).parse().unwrap())) else { return };
    assert_eq!(claims(&verdict).vector().instance_identity, Some(97));
}

#[test]
fn a_td_whose_kernel_nobody_named_earns_no_word_about_it() {
    use crate::world::{report_data, tdx, tdx_policy};
    let (evidence, endorsements) = tdx(&report_data());
    let executables = |any: bool| {
        let Profile::SimulatedTdx(mut profile) = tdx_policy().accept[0].clone() else {
            panic!("a policy of another platform")
        };
        if any {
            profile.tdx.rtmrs.rtmr1 = Accept::Any;
        }
        let policy = PlatformPolicy::only(Profile::SimulatedTdx(profile));
        let expected = ExpectedBinding::unbound();
        let case =
            Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now: NOW };
        let verdict = case.judge_under(&Roots::built_in());
        assert!(verdict.is_good(), "{verdict}");
        claims(&verdict).vector().executables
    };
    assert_eq!((executables(false), executables(true)), (Some(3), None));
}

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prism_attest::ear::{EarClaims, Tier};
use prism_attest::endorsements::Offered;
use prism_attest::{
    Case, Endorsements, Evidence, ExpectedBinding, Platform, Roots, SnpEndorsements, Vendor, Verdict, judge,
    policy_from, verify,
};
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
    assert_eq!((&document["iat"], &document["exp"]), (&json!(NOW), &json!(NOW + 86_400)), "a day at most");
    let end = verdict.window().unwrap().not_after;
    let last = json(&EarClaims::of(&verdict, Digest::sha256(b"policy"), end - 9));
    assert_eq!((&last["iat"], &last["exp"]), (&json!(end - 9), &json!(end)));
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

/// The folder of real evidence, if it is there.
fn hardware() -> Option<std::path::PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = std::env::var_os("PRISM_VECTORS").map_or_else(|| beside.into(), std::path::PathBuf::from).join("real");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no test vectors at {}", folder.display());
    None
}

/// The verdict under the policy that is drafted from the machine itself and then changed.
fn judged(
    (evidence, endorsements, now): (&Evidence, &Endorsements, u64),
    change: impl FnOnce(&mut Profile),
    expected: &ExpectedBinding,
) -> Verdict {
    let claims = verify(evidence, endorsements, &Roots::built_in(), now).unwrap();
    let mut profile = policy_from(&claims).document().profiles()[0].clone();
    change(&mut profile);
    judge(evidence, endorsements, &PlatformPolicy::only(profile), expected, now)
}

#[test]
fn only_evidence_that_is_bound_to_something_is_affirmed() {
    let Some(folder) = hardware() else { return };
    let read = |name: &str| std::fs::read(folder.join("dcap-qvl").join(name)).unwrap();
    let evidence = Evidence::new(Platform::Tdx, read("tdx_quote")).unwrap();
    let endorsements = Offered::read(&read("tdx_quote_collateral.json")).unwrap().for_evidence(&evidence).unwrap();
    let machine = (&evidence, &endorsements, 1_751_624_191);
    let signed = evidence.bytes()[568..632].try_into().unwrap();
    for (expected, status) in
        [(ExpectedBinding::foreign(signed), Tier::Affirming), (ExpectedBinding::unbound(), Tier::Warning)]
    {
        let verdict = judged(machine, |_| (), &expected);
        assert!(verdict.is_good(), "{verdict}");
        let claims = claims(&verdict);
        assert_eq!((claims.status(), claims.vector().worst()), (status, Tier::Affirming), "{}", verdict.binding());
        assert_eq!((claims.vector().hardware, claims.vector().runtime_opaque), (Some(2), Some(2)));
    }
}

#[test]
fn a_machine_open_to_a_debugger_is_never_opaque_and_one_without_a_list_is_warned_of() {
    let Some(folder) = hardware() else { return };
    let read = |name: &str| std::fs::read(folder.join("go-sev-guest").join(name)).unwrap();
    let evidence = Evidence::new(Platform::Snp, read("verify__testdata__attestation.bin")).unwrap();
    let endorsements = Endorsements::snp_from_leaf(read("verify__testdata__vcek.testcer"), None).unwrap();
    let signed = evidence.bytes()[0x50..0x90].try_into().unwrap();
    let allow = |profile: &mut Profile| {
        let Profile::Snp(policy) = profile else { panic!("{profile:?}") };
        policy.allow.debug = true;
        policy.revocation = Revocation::IfPresent;
    };
    let machine = (&evidence, &endorsements, 1_663_980_928);
    let verdict = judged(machine, allow, &ExpectedBinding::foreign(signed));
    assert!(verdict.is_good(), "{verdict}");
    let claims = claims(&verdict);
    assert_eq!((claims.vector().hardware, claims.vector().runtime_opaque), (Some(32), Some(96)));
    assert_eq!(claims.status(), Tier::Contraindicated);
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

//! The public cases and real machines, each judged by us and by the others.

use std::fs;
use std::path::{Path, PathBuf};

use dcap_qvl::policy::QuotePolicy;
use dcap_qvl::verify::QuoteVerifier;
use prism_attest::{Case, Endorsements, Evidence, Platform, Roots, SnpEndorsements, Vendor, Verdict, verify};
use serde_json::Value;

use crate::simulated_tdx::collateral;
use crate::support::{Answer, Disagreement, compare};
use crate::{sev, snp, tdx};

/// Intel's own root, under which a case with a forged one has to be judged.
const FORGED_ROOT: &str = "n79-forged-root";

/// Where dcap-qvl answers otherwise on the synthetic cases.
const TDX_DISAGREEMENTS: &[Disagreement] = &[
    ("n05-tail-junk", Answer::Accepts, "does not look behind the quote"),
    ("n13-qe-rd-tail", Answer::Accepts, "compares the first half of the quoting enclave's report data only"),
    ("n57-pks", Answer::Accepts, "has no policy for attributes other than debugging and migration"),
    ("n59-xfam", Answer::Accepts, "does not look at the fixed bits of XFAM"),
    ("n63-mrtd", Answer::Accepts, "has no policy for measurements and configuration"),
    ("n65-cfgid", Answer::Accepts, "has no policy for measurements and configuration"),
    ("ok-qeauth-empty", Answer::Refuses, "accepts authentication data of 32 bytes only; the format allows any length"),
];

/// Where sev answers otherwise on the synthetic cases.
const SNP_DISAGREEMENTS: &[Disagreement] = &[
    (
        "n03-r-high-bytes",
        Answer::Accepts,
        "verifies a report that it wrote itself: what the signature field holds besides is lost",
    ),
    (
        "n05-sig-tail",
        Answer::Accepts,
        "verifies a report that it wrote itself: what the signature field holds besides is lost",
    ),
    ("n13-ver6", Answer::Accepts, "reads any version above 5 as 5"),
    ("n15-algo0", Answer::Accepts, "ignores the report's own name of its algorithm"),
    ("n17-key-none", Answer::Accepts, "does not look at which kind of key signed"),
    ("n19-key-vlek-cert-vcek", Answer::Accepts, "does not look at which kind of key signed"),
    ("n21-mask-chip-key", Answer::Accepts, "does not look at which kind of key signed"),
    ("n23-policy-bit17", Answer::Accepts, "does not look at fixed bits"),
    ("n25-debug", Answer::Accepts, "has no policy"),
    ("n27-smt", Answer::Accepts, "has no policy"),
    ("n35-chip-zero-unmasked", Answer::Accepts, "has no policy"),
    ("n63-launch-tcb", Answer::Accepts, "has no policy"),
    ("n65-mitvec", Answer::Accepts, "has no policy"),
    ("n67-vmpl", Answer::Accepts, "has no policy"),
    ("n69-measurement", Answer::Accepts, "has no policy"),
    ("n73-abi", Answer::Accepts, "has no policy"),
    ("n75-product", Answer::Accepts, "has no policy"),
    (
        "n31-tcb-cert-lower",
        Answer::Accepts,
        "does not tie the certificate to the report: no product, security version or chip",
    ),
    (
        "n33-hwid-mismatch",
        Answer::Accepts,
        "does not tie the certificate to the report: no product, security version or chip",
    ),
    (
        "n37-spl-negative",
        Answer::Accepts,
        "does not tie the certificate to the report: no product, security version or chip",
    ),
    (
        "n77-turin-fmc",
        Answer::Accepts,
        "does not tie the certificate to the report: no product, security version or chip",
    ),
    ("n39-vcek-expired", Answer::Accepts, "reads no dates"),
    ("n41-vlek-expired", Answer::Accepts, "reads no dates"),
    ("n43-ask-expired", Answer::Accepts, "reads no dates"),
    ("n53-crl-expired", Answer::Accepts, "reads no revocation list"),
    ("n55-crl-wrong-key", Answer::Accepts, "reads no revocation list"),
    ("n57-crl-asvk-revoked", Answer::Accepts, "reads no revocation list"),
    ("n59-committed-gt-current", Answer::Accepts, "does not compare security versions with each other"),
    ("n61-fw-uncommitted", Answer::Accepts, "does not compare security versions with each other"),
    ("n71-reportdata-prefix", Answer::Accepts, "compares no report data"),
];

fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.join("expect.json").is_file());
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

fn name(case: &Path) -> String {
    case.file_name().unwrap().to_str().unwrap().to_owned()
}

fn expect(case: &Path) -> Value {
    serde_json::from_slice(&fs::read(case.join("expect.json")).unwrap()).unwrap()
}

fn answer(verdict: &Verdict) -> Answer {
    Answer::of(verdict.is_good())
}

#[test]
fn dcap_qvl_and_we_agree_on_the_synthetic_cases_but_the_listed_ones() {
    let Some(folder) = tdx::vectors("synthetic-tdx") else { return };
    let root = fs::read(folder.join("test-root.der")).unwrap();
    let mut answers = Vec::new();
    for case in cases(&folder) {
        let expect = expect(&case);
        let now = expect["now"].as_u64().unwrap();
        let forged = name(&case) == FORGED_ROOT;
        let evidence = Evidence::new(Platform::Tdx, fs::read(case.join("quote.bin")).unwrap()).unwrap();
        let endorsements = tdx::endorsements(&case.join("collateral.json"));
        let (policy, expected) = tdx::expectation(&expect);
        let judged =
            Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now };
        let roots = if forged { Roots::built_in() } else { Roots::built_in().with_custom(Vendor::Intel, &root) };
        let verifier = if forged { QuoteVerifier::new_prod() } else { QuoteVerifier::new(root.clone()) };
        let wanted = &expect["policy"];
        let theirs = QuotePolicy::strict(now)
            .allow_dynamic_platform(wanted["allow_dynamic_platform"].as_bool().unwrap_or(true))
            .allow_cached_keys(true)
            .allow_smt(true)
            .min_tcb_eval_data_number(
                wanted["min_tcb_eval_data_number"].as_u64().unwrap_or_default().try_into().unwrap(),
            );
        let theirs =
            verifier.verify_with_policy(evidence.bytes(), collateral(endorsements.as_tdx().unwrap()), now, &theirs);
        let theirs = theirs.map(drop).map_err(|error| format!("{error:#}"));
        answers.push((name(&case), answer(&judged.judge_under(&roots)), theirs));
    }
    compare(&answers, TDX_DISAGREEMENTS);
}

#[test]
fn sev_and_we_agree_on_the_synthetic_cases_but_the_listed_ones() {
    let Some(folder) = snp::vectors("synthetic-snp") else { return };
    let mut answers = Vec::new();
    for case in cases(&folder) {
        let expect = expect(&case);
        let evidence = Evidence::new(Platform::Snp, fs::read(case.join("report.bin")).unwrap()).unwrap();
        let endorsements = snp::endorsements(&case);
        let (policy, expected) = snp::expectation(&expect);
        let now = expect["now"].as_u64().unwrap();
        let judged =
            Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now };
        let ours = answer(&judged.judge_under(&snp::synthetic_roots(&folder)));
        answers.push((name(&case), ours, sev::ask(evidence.bytes(), endorsements.as_snp().unwrap())));
    }
    compare(&answers, SNP_DISAGREEMENTS);
}

/// Real TDX machines: quote, collateral, and the moment at which they were seen.
const QUOTES: &[(&str, &str, u64)] = &[
    ("dcap-qvl/tdx_quote", "dcap-qvl/tdx_quote_collateral.json", 1_751_624_191),
    ("dcap-qvl/tdx_quote_outdated", "dcap-qvl/tdx_quote_outdated_collateral.json", 1_772_707_803),
    ("dcap-rs/data__quote_tdx_00806f050000.dat", "derived/dcaprs2.json", 1_740_714_290),
    ("dcap-rs/data__quote_tdx_00806f050000.dat", "derived/dcaprs.json", 1_740_714_290),
    ("go-tdx-guest/testing__testdata__tdx_prod_quote_SPR_E4.dat", "derived/gtg_50806f.json", 1_688_169_600),
];

#[test]
fn dcap_qvl_and_we_agree_on_real_quotes() {
    let Some(folder) = tdx::vectors("real") else { return };
    let mut answers = Vec::new();
    for (quote, file, at) in QUOTES {
        // A machine is out of date by its quote and what Intel says, whoever asks.
        for (when, now) in [("then", *at), ("a year before", at - 31_536_000), ("a year after", at + 31_536_000)] {
            let evidence = Evidence::new(Platform::Tdx, fs::read(folder.join(quote)).unwrap()).unwrap();
            let endorsements = tdx::endorsements(&folder.join(file));
            let ours = verify(&evidence, &endorsements, &Roots::built_in(), now);
            let parts = collateral(endorsements.as_tdx().unwrap());
            let theirs = QuoteVerifier::new_prod().verify(evidence.bytes(), &parts, now);
            let theirs = theirs.map_err(|error| format!("{error:#}"));
            if let (Ok(ours), Ok(theirs)) = (&ours, &theirs) {
                let tcb = ours.as_tdx().unwrap().tcb();
                assert_eq!(tcb.status.name(), theirs.status, "{quote}");
                let listed: Vec<_> = tcb.advisories.iter().map(|advisory| advisory.as_str().to_owned()).collect();
                let mut advisories = theirs.advisory_ids.clone();
                advisories.sort();
                assert_eq!(listed, advisories, "{quote}");
            }
            answers.push((format!("{file} {when}"), Answer::of(ours.is_ok()), theirs.map(drop)));
        }
    }
    compare(&answers, &[]);
}

/// Real SEV-SNP machines: report, leaf, a moment within the leaf's dates.
const REPORTS: &[(&str, &str, u64)] = &[
    ("sev/tests__certs_data__report_milan.hex", "sev/tests__certs_data__vcek_milan.der", 1_700_000_000),
    ("go-sev-guest/verify__testdata__attestation.bin", "go-sev-guest/verify__testdata__vcek.testcer", 1_700_000_000),
    ("ms-tav/tests__test_data__genoa_attestation_report.bin", "ms-tav/tests__test_data__genoa_vcek.pem", 1_780_000_000),
    ("ms-tav/tests__test_data__turin_attestation_report.bin", "ms-tav/tests__test_data__turin_vcek.pem", 1_780_000_000),
    (
        "trustee/deps__verifier__test_data__snp__test-vlek-report.bin",
        "trustee/deps__verifier__test_data__snp__test-vlek.der",
        1_750_000_000,
    ),
];

#[test]
fn sev_and_we_agree_on_real_reports_and_on_other_machines_certificates() {
    let Some(folder) = snp::vectors("real") else { return };
    let mut answers = Vec::new();
    for (report, _, now) in REPORTS {
        for (_, leaf, _) in REPORTS {
            let evidence = Evidence::new(Platform::Snp, bytes(&folder.join(report))).unwrap();
            let endorsements = Endorsements::snp_from_leaf(bytes(&folder.join(leaf)), None).unwrap();
            let ours = verify(&evidence, &endorsements, &Roots::built_in(), *now);
            let parts: &SnpEndorsements = endorsements.as_snp().unwrap();
            answers.push((format!("{report} {leaf}"), Answer::of(ours.is_ok()), sev::ask(evidence.bytes(), parts)));
        }
    }
    assert_eq!(answers.iter().filter(|(_, ours, _)| *ours == Answer::Accepts).count(), REPORTS.len());
    compare(&answers, &[]);
}

/// The bytes of a DER, PEM or hex file.
fn bytes(path: &Path) -> Vec<u8> {
    let raw = fs::read(path).unwrap();
    let text = std::str::from_utf8(&raw).unwrap_or_default();
    if text.trim_start().starts_with("-----BEGIN CERTIFICATE-----") {
        return tdx::last_certificate(&raw);
    }
    if path.extension().is_some_and(|extension| extension == "hex") {
        return hex::decode(text.split_whitespace().collect::<String>()).unwrap();
    }
    raw
}

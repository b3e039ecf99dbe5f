//! The pretend Intel's evidence, judged by dcap-qvl.

use dcap_qvl::QuoteCollateralV3;
use dcap_qvl::policy::QuotePolicy;
use dcap_qvl::verify::QuoteVerifier;
use prism_attest::platform::simulated::{SimulatedTdxVendor, TdxMutation, TdxMutations};
use prism_attest::{Endorsements, Evidence, TdxEndorsements};

use crate::support::{Answer, Disagreement, compare, report_data};
use crate::tdx;

const NOW: u64 = 1_800_000_000;

/// The lowest `tcbEvaluationDataNumber` that the simulator's own policy accepts.
const EVALUATION: u32 = 20;

/// Where dcap-qvl answers otherwise.
const DISAGREEMENTS: &[Disagreement] = &[
    (
        "no-authentication-data",
        Answer::Refuses,
        "accepts authentication data of 32 bytes only; the format allows any length",
    ),
    (
        "long-authentication-data",
        Answer::Refuses,
        "accepts authentication data of 32 bytes only; the format allows any length",
    ),
    ("trailing", Answer::Accepts, "does not look behind the quote"),
    ("qe-report-data-tail", Answer::Accepts, "compares the first half of the quoting enclave's report data only"),
    ("other-pceid", Answer::Accepts, "does not compare the provisioning enclave's id"),
    ("perfmon", Answer::Accepts, "has no policy for attributes other than debugging and migration"),
    ("pks", Answer::Accepts, "has no policy for attributes other than debugging and migration"),
    ("xfam", Answer::Accepts, "does not look at the fixed bits of XFAM"),
    ("other-report-data", Answer::Accepts, "compares no report data"),
    ("report-data-prefix", Answer::Accepts, "compares no report data"),
    ("other-mrtd", Answer::Accepts, "has no policy for measurements and configuration"),
    ("other-rtmr", Answer::Accepts, "has no policy for measurements and configuration"),
    ("other-config-id", Answer::Accepts, "has no policy for measurements and configuration"),
    ("other-owner", Answer::Accepts, "has no policy for measurements and configuration"),
    ("pck-crl-future", Answer::Accepts, "does not look at when a revocation list begins"),
    ("root-crl-future", Answer::Accepts, "does not look at when a revocation list begins"),
    ("repeated-fmspc", Answer::Accepts, "takes the first of two values"),
    ("other-pck-name", Answer::Accepts, "looks at no name of certificates"),
];

#[test]
fn dcap_qvl_and_we_agree_on_every_simulated_quote_but_the_listed_ones() {
    let vendor = SimulatedTdxVendor::generate(NOW).unwrap();
    let root = root(&vendor.attest(&report_data(), &TdxMutations::new(vec![TdxMutation::Disguised])).unwrap().1);
    let answers: Vec<_> = TdxMutation::NAMED
        .iter()
        .filter(|mutation| !about_marks(**mutation))
        .map(|mutation| {
            // Nobody else can accept the simulator's marks: a critical extension that only its own verifier knows.
            let mutations = TdxMutations::new(vec![TdxMutation::Disguised, *mutation]);
            let evidence = vendor.attest(&report_data(), &mutations).unwrap();
            (mutation.to_string(), Answer::expected(mutation.expected()), ask(&root, &evidence, NOW))
        })
        .collect();
    compare(&answers, DISAGREEMENTS);
}

#[test]
fn dcap_qvl_accepts_the_simulator_s_quotes_only_without_their_marks() {
    let vendor = SimulatedTdxVendor::generate(NOW).unwrap();
    let disguised = vendor.attest(&report_data(), &TdxMutations::new(vec![TdxMutation::Disguised])).unwrap();
    assert_eq!(ask(&root(&disguised.1), &disguised, NOW), Ok(()));
    let marked = vendor.attest(&report_data(), &TdxMutations::none()).unwrap();
    assert!(ask(&root(&marked.1), &marked, NOW).is_err());
    assert!(ask(&root(&disguised.1), &marked, NOW).is_err());
}

/// Faults of the marks say nothing to a verifier that does not know them.
fn about_marks(mutation: TdxMutation) -> bool {
    matches!(
        mutation,
        TdxMutation::UnmarkedQuote
            | TdxMutation::UnmarkedCertificate
            | TdxMutation::Disguised
            | TdxMutation::DisguisedCertificates
    )
}

/// Their answer under a policy as strict as the simulator's own, as far as theirs goes.
fn ask(root: &[u8], (evidence, endorsements): &(Evidence, Endorsements), now: u64) -> Result<(), String> {
    let policy = QuotePolicy::strict(now).min_tcb_eval_data_number(EVALUATION);
    let verifier = QuoteVerifier::new(root.to_vec());
    let collateral = collateral(endorsements.as_tdx().unwrap());
    let answer = verifier.verify_with_policy(evidence.bytes(), collateral, now, &policy);
    answer.map(drop).map_err(|error| format!("{error:#}"))
}

pub(crate) fn collateral(parts: &TdxEndorsements) -> QuoteCollateralV3 {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    QuoteCollateralV3 {
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
    }
}

/// The root that the endorsements came with.
fn root(endorsements: &Endorsements) -> Vec<u8> {
    tdx::last_certificate(&endorsements.as_tdx().unwrap().tcb_info_chain)
}

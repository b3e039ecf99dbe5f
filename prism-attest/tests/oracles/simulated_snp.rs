//! The pretend AMD's evidence, judged by sev.

use std::sync::OnceLock;

use prism_attest::platform::simulated::{Mutation, Mutations, SimulatedVendor};
use prism_core::entropy::SystemEntropy;

use crate::sev::ask;
use crate::support::{Answer, Disagreement, compare, report_data};

const NOW: u64 = 1_800_000_000;

/// Where sev answers otherwise.
const DISAGREEMENTS: &[Disagreement] = &[
    ("milan", Answer::Accepts, "has no policy"),
    ("turin", Answer::Accepts, "has no policy"),
    ("vlek", Answer::Accepts, "has no policy"),
    ("debug", Answer::Accepts, "has no policy"),
    ("migration", Answer::Accepts, "has no policy"),
    ("cxl", Answer::Accepts, "has no policy"),
    ("smt-against-policy", Answer::Accepts, "has no policy"),
    ("no-alias-check", Answer::Accepts, "has no policy"),
    ("trusted-io", Answer::Accepts, "has no policy"),
    ("other-measurement", Answer::Accepts, "has no policy"),
    ("other-host-data", Answer::Accepts, "has no policy"),
    ("vmpl-3", Answer::Accepts, "has no policy"),
    ("old-guest", Answer::Accepts, "has no policy"),
    ("tcb-below", Answer::Accepts, "has no policy"),
    ("launch-tcb-below", Answer::Accepts, "has no policy"),
    ("masked-chip", Answer::Accepts, "has no policy"),
    ("no-mitigations", Answer::Accepts, "has no policy"),
    ("untold-mitigations", Answer::Accepts, "has no policy"),
    ("old-abi", Answer::Accepts, "has no policy"),
    ("other-report-data", Answer::Accepts, "compares no report data"),
    ("report-data-prefix", Answer::Accepts, "compares no report data"),
    ("tcb-order", Answer::Accepts, "does not compare security versions with each other"),
    ("committed-above-current", Answer::Accepts, "does not compare security versions with each other"),
    ("provisional-firmware", Answer::Accepts, "does not compare security versions with each other"),
    ("provisional-tcb", Answer::Accepts, "does not compare security versions with each other"),
    ("wrong-tcb", Answer::Accepts, "does not tie the certificate to the report: no product, security version or chip"),
    ("newer-tcb", Answer::Accepts, "does not tie the certificate to the report: no product, security version or chip"),
    ("wrong-chip", Answer::Accepts, "does not tie the certificate to the report: no product, security version or chip"),
    ("no-chip", Answer::Accepts, "does not tie the certificate to the report: no product, security version or chip"),
    (
        "wrong-product",
        Answer::Accepts,
        "does not tie the certificate to the report: no product, security version or chip",
    ),
    (
        "other-product",
        Answer::Accepts,
        "does not tie the certificate to the report: no product, security version or chip",
    ),
    ("no-tcb", Answer::Accepts, "does not tie the certificate to the report: no product, security version or chip"),
    (
        "long-microcode",
        Answer::Accepts,
        "does not tie the certificate to the report: no product, security version or chip",
    ),
    (
        "negative-microcode",
        Answer::Accepts,
        "does not tie the certificate to the report: no product, security version or chip",
    ),
    ("wrong-fmc", Answer::Accepts, "does not tie the certificate to the report: no product, security version or chip"),
    ("long-chip", Answer::Accepts, "does not tie the certificate to the report: no product, security version or chip"),
    ("vlek-as-vcek", Answer::Accepts, "does not look at which kind of key signed"),
    ("vcek-as-vlek", Answer::Accepts, "does not look at which kind of key signed"),
    ("masked-key", Answer::Accepts, "does not look at which kind of key signed"),
    ("no-signer", Answer::Accepts, "does not look at which kind of key signed"),
    ("unknown-signer", Answer::Accepts, "does not look at which kind of key signed"),
    ("reserved-key-bit", Answer::Accepts, "does not look at which kind of key signed"),
    ("ask-expired", Answer::Accepts, "reads no dates"),
    ("expired", Answer::Accepts, "reads no dates"),
    ("not-yet-valid", Answer::Accepts, "reads no dates"),
    ("vlek-expired", Answer::Accepts, "reads no dates"),
    ("revoked", Answer::Accepts, "reads no revocation list"),
    ("asvk-revoked", Answer::Accepts, "reads no revocation list"),
    ("crl-expired", Answer::Accepts, "reads no revocation list"),
    ("crl-future", Answer::Accepts, "reads no revocation list"),
    ("crl-other-key", Answer::Accepts, "reads no revocation list"),
    ("crl-other-issuer", Answer::Accepts, "reads no revocation list"),
    ("no-crl", Answer::Accepts, "reads no revocation list"),
    ("ask-not-authority", Answer::Accepts, "looks at no name, usage, key size or extension of certificates"),
    ("weak-issuer", Answer::Accepts, "looks at no name, usage, key size or extension of certificates"),
    ("other-issuer-name", Answer::Accepts, "looks at no name, usage, key size or extension of certificates"),
    ("repeated-extension", Answer::Accepts, "looks at no name, usage, key size or extension of certificates"),
    ("unknown-extension", Answer::Accepts, "looks at no name, usage, key size or extension of certificates"),
    ("forged-root", Answer::Accepts, "takes the root that it is given"),
    ("short-salt", Answer::Accepts, "does not look at the parameters of RSASSA-PSS"),
    ("unknown-version", Answer::Accepts, "reads any version above 5 as 5"),
    ("version-max", Answer::Accepts, "reads any version above 5 as 5"),
    ("unknown-algorithm", Answer::Accepts, "ignores the report's own name of its algorithm"),
    ("no-algorithm", Answer::Accepts, "ignores the report's own name of its algorithm"),
    ("vmpl-4", Answer::Accepts, "does not look at fixed bits and the range of fields"),
    ("unknown-policy-bit", Answer::Accepts, "does not look at fixed bits and the range of fields"),
    ("policy-bit-17", Answer::Accepts, "does not look at fixed bits and the range of fields"),
    (
        "signature-tail",
        Answer::Accepts,
        "verifies a report that it wrote itself: what the signature field holds besides is lost",
    ),
    (
        "long-r",
        Answer::Accepts,
        "verifies a report that it wrote itself: what the signature field holds besides is lost",
    ),
    (
        "long-s",
        Answer::Accepts,
        "verifies a report that it wrote itself: what the signature field holds besides is lost",
    ),
];

#[test]
fn sev_and_we_agree_on_every_simulated_report_but_the_listed_ones() {
    let answers: Vec<_> = Mutation::NAMED
        .iter()
        .filter(|mutation| !about_marks(**mutation))
        .map(|mutation| {
            // Nobody else can even read the simulator's marks: an identifier with a number beyond 32 bits.
            let mutations = Mutations::new(vec![Mutation::Disguised, *mutation]);
            let (evidence, endorsements) = vendor().attest(&report_data(), &mutations).unwrap();
            let theirs = ask(evidence.bytes(), endorsements.as_snp().unwrap());
            (mutation.to_string(), Answer::expected(mutation.expected()), theirs)
        })
        .collect();
    compare(&answers, DISAGREEMENTS);
}

#[test]
fn sev_does_not_even_read_the_simulator_s_certificates_with_their_marks() {
    let (marked, endorsements) = vendor().attest(&report_data(), &Mutations::none()).unwrap();
    assert!(ask(marked.bytes(), endorsements.as_snp().unwrap()).is_err());
    let (disguised, endorsements) =
        vendor().attest(&report_data(), &Mutations::new(vec![Mutation::Disguised])).unwrap();
    assert_eq!(ask(disguised.bytes(), endorsements.as_snp().unwrap()), Ok(()));
}

/// One vendor for both tests: its RSA keys take seconds.
fn vendor() -> &'static SimulatedVendor {
    static VENDOR: OnceLock<SimulatedVendor> = OnceLock::new();
    VENDOR.get_or_init(|| SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap())
}

/// Faults of the marks say nothing to a verifier that does not know them.
fn about_marks(mutation: Mutation) -> bool {
    matches!(mutation, Mutation::UnmarkedReport | Mutation::UnmarkedCertificate | Mutation::Disguised)
}

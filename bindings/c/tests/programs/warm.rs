//! What is verified once is not verified again, and changes no answer: a verifier that has judged before judges as a new
//! one does.

use std::fs;
use std::path::Path;
use std::process::Command;

use prism_attest::platform::simulated::{Mutation, Mutations, SimulatedMachine};
use prism_core::manifest::platform::PolicyDocument;

use crate::common::{build, run};
use crate::world::{NOW, honest, report_data, world};

/// Judges each report at each time, once with one verifier for all of them and once with a new one each time.
const PROGRAM: &str = r#"
#include <prism.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static prism_error *err = NULL;

static void done(int status) {
    if (status) { fprintf(stderr, "%s: %s\n", prism_error_code(err), prism_error_message(err)); exit(1); }
}

static prism_verifier *prepared(void) {
    prism_verifier *verifier = NULL;
    done(prism_verifier_new(&verifier, &err));
    done(prism_verifier_endorsements_file(verifier, "endorsements.json", &err));
    done(prism_verifier_policy_file(verifier, "policy.toml", &err));
    done(prism_verifier_unbound(verifier, &err));
    return verifier;
}

static prism_verdict *judged(prism_verifier *verifier, const char *report, const char *at) {
    prism_verdict *verdict = NULL;
    done(prism_verifier_evidence_file(verifier, "simulated", report, &err));
    done(prism_verifier_judge(verifier, (uint64_t)strtoull(at, NULL, 10), &verdict, &err));
    return verdict;
}

static const char *refusal(const prism_verdict *verdict) {
    size_t i;
    for (i = 0; i < prism_verdict_findings(verdict); i++)
        if (!prism_verdict_finding_met(verdict, i)) return prism_verdict_finding_code(verdict, i);
    return "";
}

static int has(const prism_verdict *verdict, const char *code, const char *expected, const char *found) {
    size_t i;
    for (i = 0; i < prism_verdict_findings(verdict); i++)
        if (!strcmp(prism_verdict_finding_code(verdict, i), code) && !strcmp(prism_verdict_finding_found(verdict, i), found)
            && !strcmp(prism_verdict_finding_expected(verdict, i), expected)) return 1;
    return 0;
}

/* Whether all that led to a new verdict led to the other one, in whatever order; of a refusal, why. */
static int same(const prism_verdict *one, const prism_verdict *other) {
    size_t i;
    if (prism_verdict_good(one) != prism_verdict_good(other) || strcmp(refusal(one), refusal(other))) return 0;
    if (!prism_verdict_good(one)) return 1;
    for (i = 0; i < prism_verdict_findings(one); i++)
        if (!has(other, prism_verdict_finding_code(one, i), prism_verdict_finding_expected(one, i),
                 prism_verdict_finding_found(one, i))) return 0;
    return 1;
}

int main(int argc, char **argv) {
    prism_verifier *warm = prepared();
    int i;
    for (i = 1; i + 1 < argc; i += 2) {
        prism_verifier *cold = prepared();
        prism_verdict *one = judged(warm, argv[i], argv[i + 1]), *other = judged(cold, argv[i], argv[i + 1]);
        if (!same(other, one)) {
            fprintf(stderr, "%s\n%s\n", prism_verdict_text(one), prism_verdict_text(other));
            return 1;
        }
        printf("%s %s %s\n", argv[i], argv[i + 1], prism_verdict_good(one) ? "good" : refusal(one));
        prism_verdict_free(one);
        prism_verdict_free(other);
        prism_verifier_free(cold);
    }
    prism_verifier_free(warm);
    return 0;
}
"#;

fn scene(place: &Path) {
    let write = |name: &str, bytes: &[u8]| fs::write(place.join(name), bytes).unwrap();
    let attest = |mutations| world().vendor.attest(&report_data(&honest()), &Mutations::new(mutations)).unwrap();
    let (evidence, endorsements) = attest(vec![]);
    let policy = PolicyDocument::confirmed(world().vendor.policy_for(&SimulatedMachine::default()));
    write("good.bin", evidence.bytes());
    write("debug.bin", attest(vec![Mutation::Debug]).0.bytes());
    let mut altered = evidence.bytes().to_vec();
    altered[0x90] ^= 1;
    write("altered.bin", &altered);
    write("endorsements.json", &endorsements.to_json());
    write("policy.toml", policy.to_toml().unwrap().as_bytes());
    write("warm.c", PROGRAM.as_bytes());
}

#[test]
fn a_verifier_that_has_judged_before_judges_as_a_new_one_does() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    scene(place.path());
    let (source, program) = (place.path().join("warm.c"), place.path().join("warm"));
    let built = build(&source, &program, &[]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let (now, late) = (NOW.to_string(), u64::from(u32::MAX).to_string());
    let cases = [
        ("good", "1"),
        ("good", &*now),
        ("good", &*now),
        ("altered", &now),
        ("debug", &now),
        ("good", "1"),
        ("good", &late),
        ("good", &now),
    ];
    let mut command = Command::new(&program);
    for (report, at) in cases {
        command.arg(format!("{report}.bin")).arg(at);
    }
    let said = run(command.current_dir(place.path()));
    let words: Vec<&str> = said.lines().filter_map(|line| line.rsplit(' ').next()).collect();
    let dates = "endorsement.dates";
    assert_eq!(words, [dates, "good", "good", "signature.report", "policy.debug", dates, dates, "good"], "{said}");
}

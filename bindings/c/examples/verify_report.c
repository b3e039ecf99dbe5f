/* Is this machine real, and the one that was agreed on? Judges what a machine signed, without a network.
 *
 *   verify_report PLATFORM REPORT ENDORSEMENTS POLICY [AT]
 *
 * AT is the time to judge as of, in seconds since 1970; now, if it is left out. The exit code is 0 only for a
 * good verdict.
 */
#include <prism.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv) {
    prism_error *err = NULL;
    prism_verifier *verifier = NULL;
    prism_verdict *verdict = NULL;
    int rc = PRISM_USAGE;
    size_t i;
    if (argc < 5 || prism_abi() != PRISM_ABI) {
        fputs("usage: verify_report PLATFORM REPORT ENDORSEMENTS POLICY [AT]\n", stderr);
        return rc;
    }
    if ((rc = prism_verifier_new(&verifier, &err))) goto done;
    if ((rc = prism_verifier_evidence_file(verifier, argv[1], argv[2], &err))) goto done;
    if ((rc = prism_verifier_endorsements_file(verifier, argv[3], &err))) goto done;
    if ((rc = prism_verifier_policy_file(verifier, argv[4], &err))) goto done;
    /* What the signed bytes stand for is not known to this program; one that knows gives report data instead. */
    if ((rc = prism_verifier_unbound(verifier, &err))) goto done;
    rc = prism_verifier_judge(verifier, argc > 5 ? strtoull(argv[5], NULL, 10) : (uint64_t)time(NULL), &verdict, &err);
    if (rc) goto done;
    if (prism_verdict_simulated(verdict)) puts("SIMULATED, NOT A TEE");
    for (i = 0; i < prism_verdict_findings(verdict); i++)
        printf("%-4s  %s: %s\n", prism_verdict_finding_met(verdict, i) ? "ok" : "FAIL",
               prism_verdict_finding_code(verdict, i), prism_verdict_finding_found(verdict, i));
    rc = prism_verdict_require_good(verdict, &err);
    if (!rc) puts("this machine is genuine and wanted");
done:
    if (err) fprintf(stderr, "%s: %s\n  hint: %s\n", prism_error_code(err), prism_error_message(err), prism_error_hint(err));
    prism_verdict_free(verdict);
    prism_verifier_free(verifier);
    prism_error_free(err);
    return rc;
}

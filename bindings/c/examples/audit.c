/* What happened? Replays a transcript without a key, an agent or a network.
 *
 *   audit TRANSCRIPT AT [MANIFEST]
 *
 * AT is the time to judge as of, in seconds since 1970. With MANIFEST, the transcript has to be about it. The exit
 * code is 0 only when every rule is kept.
 */
#include <prism.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    prism_error *err = NULL;
    prism_manifest *terms = NULL;
    prism_audit *report = NULL;
    int rc = PRISM_USAGE;
    size_t i;
    if (argc < 3 || prism_abi() != PRISM_ABI) {
        fputs("usage: audit TRANSCRIPT AT [MANIFEST]\n", stderr);
        return rc;
    }
    if (argc > 3 && (rc = prism_manifest_read(argv[3], &terms, &err))) goto done;
    if ((rc = prism_audit_file(argv[1], terms, strtoull(argv[2], NULL, 10), &report, &err))) goto done;
    for (i = 0; i < prism_audit_findings(report); i++)
        if (!prism_audit_finding_kept(report, i))
            printf("BROKEN %s at %s: %s\n", prism_audit_finding_rule(report, i), prism_audit_finding_place(report, i),
                   prism_audit_finding_found(report, i));
    rc = prism_audit_require_holds(report, &err);
    if (!rc) puts(prism_audit_text(report));
done:
    if (err) fprintf(stderr, "%s: %s\n  hint: %s\n", prism_error_code(err), prism_error_message(err), prism_error_hint(err));
    prism_audit_free(report);
    prism_manifest_free(terms);
    prism_error_free(err);
    return rc;
}

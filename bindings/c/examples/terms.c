/* A participant's part before a computation: read the terms, approve them, put the approvals together.
 *
 *   terms MANIFEST                            says in plain words what the terms are, and who approved
 *   terms MANIFEST approve KEY APPROVAL       writes one participant's approval
 *   terms MANIFEST assemble SIGNED APPROVAL...  writes the manifest with everybody's approval
 */
#include <prism.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show(const prism_manifest *terms) {
    size_t i;
    puts(prism_manifest_words(terms));
    if (prism_manifest_simulated(terms)) puts("SIMULATED, NOT A TEE: these terms accept a machine that protects nothing");
    printf("manifest %s\n", prism_manifest_digest(terms));
    for (i = 0; i < prism_manifest_participants(terms); i++)
        printf("%-12s %s\n", prism_manifest_participant(terms, i), prism_manifest_approved(terms, i) ? "approved" : "-");
}

static int approve(const prism_manifest *terms, const char *key_file, const char *to, prism_error **err) {
    prism_key *key = NULL;
    prism_manifest *approval = NULL;
    int rc = prism_key_load(key_file, &key, err);
    if (!rc) rc = prism_manifest_approve(terms, key, &approval, err);
    if (!rc) rc = prism_manifest_save(approval, to, err);
    prism_manifest_free(approval);
    prism_key_free(key);
    return rc;
}

static int assemble(const prism_manifest *terms, const char *to, char **files, size_t count, prism_error **err) {
    prism_manifest **read = calloc(count + 1, sizeof *read), *whole = NULL;
    int rc = read ? 0 : PRISM_INTERNAL;
    size_t i;
    for (i = 0; !rc && i < count; i++) rc = prism_manifest_read(files[i], &read[i], err);
    if (!rc) rc = prism_manifest_assemble(terms, (const prism_manifest *const *)read, count, &whole, err);
    if (!rc) rc = prism_manifest_save(whole, to, err);
    for (i = 0; read && i < count; i++) prism_manifest_free(read[i]);
    prism_manifest_free(whole);
    free(read);
    return rc;
}

int main(int argc, char **argv) {
    prism_error *err = NULL;
    prism_manifest *terms = NULL;
    int rc;
    if (argc < 2 || prism_abi() != PRISM_ABI) {
        fputs("usage: terms MANIFEST [approve KEY APPROVAL | assemble SIGNED APPROVAL...]\n", stderr);
        return PRISM_USAGE;
    }
    rc = prism_manifest_read(argv[1], &terms, &err);
    if (!rc && argc == 5 && !strcmp(argv[2], "approve")) rc = approve(terms, argv[3], argv[4], &err);
    else if (!rc && argc > 4 && !strcmp(argv[2], "assemble")) rc = assemble(terms, argv[3], argv + 4, (size_t)argc - 4, &err);
    else if (!rc) show(terms);
    if (err) fprintf(stderr, "%s: %s\n  hint: %s\n", prism_error_code(err), prism_error_message(err), prism_error_hint(err));
    prism_manifest_free(terms);
    prism_error_free(err);
    return rc;
}

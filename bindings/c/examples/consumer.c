/* A consumer's part: watches the run, takes the result exactly once, and keeps the transcript for an audit.
 *
 *   consumer ADDRESS TERMS KEY RESULT TRANSCRIPT
 *
 * RESULT is a new file, a ZIP archive of what the program wrote. Whatever ends this program, the same command goes on.
 */
#include <prism.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int on_entry(void *user, uint64_t index, const char *state, const char *entry) {
    (void)user;
    (void)entry;
    printf("%4llu  %s\n", (unsigned long long)index, state);
    fflush(stdout);
    /* From here on there is a result; a run that failed closes its log, and the watching ends by itself. */
    return !strcmp(state, "Delivering");
}

static int on_figure(void *user, uint64_t step, const char *name, double value) {
    (void)user;
    printf("      step %llu: %s %g\n", (unsigned long long)step, name, value);
    return 0;
}

static int take(prism_session *session, char **argv, prism_error **err) {
    prism_result_options options = PRISM_RESULT_OPTIONS_INIT;
    prism_result *result = NULL;
    int rc = prism_session_watch(session, 0, on_entry, NULL, NULL, err), late;
    if (!rc) rc = prism_session_figures(session, on_figure, NULL, NULL, err);
    options.keep_receipt = 1;
    if (!rc) rc = prism_session_result_file(session, argv[4], &options, &result, err);
    if (!rc) printf("%s: %llu bytes, %s; nobody can have it again\n", argv[4],
                    (unsigned long long)prism_result_size(result), prism_result_digest(result));
    prism_result_free(result);
    /* Also where there is no result, or where it was taken before: the transcript says what became of it. */
    late = prism_session_transcript(session, argv[5], rc ? NULL : err);
    return rc ? rc : late;
}

int main(int argc, char **argv) {
    prism_error *err = NULL;
    prism_key *key = NULL;
    prism_manifest *terms = NULL;
    prism_session *session = NULL;
    int rc;
    if (argc != 6 || prism_abi() != PRISM_ABI) {
        fputs("usage: consumer ADDRESS TERMS KEY RESULT TRANSCRIPT\n", stderr);
        return PRISM_USAGE;
    }
    rc = prism_manifest_read(argv[2], &terms, &err);
    if (!rc) rc = prism_key_load(argv[3], &key, &err);
    if (!rc) rc = prism_session_connect(argv[1], terms, key, NULL, (uint64_t)time(NULL), &session, &err);
    if (!rc && prism_session_simulated(session)) puts("SIMULATED, NOT A TEE");
    if (!rc) rc = take(session, argv, &err);
    if (err) {
        if (prism_error_verdict(err)) puts(prism_verdict_text(prism_error_verdict(err)));
        fprintf(stderr, "%s: %s\n  hint: %s\n", prism_error_code(err), prism_error_message(err), prism_error_hint(err));
    }
    prism_session_free(session);
    prism_manifest_free(terms);
    prism_key_free(key);
    prism_error_free(err);
    return rc;
}

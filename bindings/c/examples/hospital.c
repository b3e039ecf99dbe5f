/* A provider's part: looks at the machine, then sends a dataset or a program, and keeps the agent's word that it has it.
 *
 *   hospital ADDRESS TERMS KEY ASSET FILE RECEIPT
 *
 * ASSET is the name that the terms give it, FILE a file or a folder. Ctrl-C ends it and loses nothing: the same command
 * sends what the agent does not hold yet.
 */
#include <prism.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

static prism_cancel *cancel;

static void on_interrupt(int number) {
    (void)number;
    prism_cancel_request(cancel);
}

static int on_progress(void *user, const prism_upload_state *at) {
    double all = at->total ? (double)at->total : 1.0;
    (void)user;
    fprintf(stderr, "\rsent %3.0f %%, held by the agent %3.0f %%", 100.0 * (double)at->sent / all, 100.0 * (double)at->durable / all);
    return 0;
}

static void on_notice(void *user, const char *text) {
    (void)user;
    fprintf(stderr, "\n%s\n", text);
}

static int give(prism_session *session, char **argv, prism_error **err) {
    prism_upload_options options = PRISM_UPLOAD_OPTIONS_INIT;
    prism_receipt *receipt = NULL;
    int rc;
    puts(prism_verdict_text(prism_session_verdict(session)));
    options.progress = on_progress;
    rc = prism_session_upload_file(session, argv[4], argv[5], &options, &receipt, err);
    fputc('\n', stderr);
    if (!rc) rc = prism_receipt_save(receipt, argv[6], err);
    if (!rc) printf("%s holds %s: log entry %llu\n", argv[1], argv[4], (unsigned long long)prism_receipt_index(receipt));
    prism_receipt_free(receipt);
    return rc;
}

int main(int argc, char **argv) {
    prism_connect_options options = PRISM_CONNECT_OPTIONS_INIT;
    prism_error *err = NULL;
    prism_key *key = NULL;
    prism_manifest *terms = NULL;
    prism_session *session = NULL;
    int rc;
    if (argc != 7 || prism_abi() != PRISM_ABI) {
        fputs("usage: hospital ADDRESS TERMS KEY ASSET FILE RECEIPT\n", stderr);
        return PRISM_USAGE;
    }
    rc = prism_cancel_new(&cancel, &err);
    if (!rc) signal(SIGINT, on_interrupt);
    options.cancel = cancel;
    options.notice = on_notice;
    if (!rc) rc = prism_manifest_read(argv[2], &terms, &err);
    if (!rc) rc = prism_key_load(argv[3], &key, &err);
    /* Fails unless the machine is genuine and the one that was agreed on: nothing was sent then. */
    if (!rc) rc = prism_session_connect(argv[1], terms, key, &options, (uint64_t)time(NULL), &session, &err);
    if (!rc) rc = give(session, argv, &err);
    if (err) {
        if (prism_error_verdict(err)) puts(prism_verdict_text(prism_error_verdict(err)));
        fprintf(stderr, "%s: %s\n  hint: %s\n", prism_error_code(err), prism_error_message(err), prism_error_hint(err));
    }
    prism_session_free(session);
    prism_manifest_free(terms);
    prism_key_free(key);
    prism_error_free(err);
    signal(SIGINT, SIG_DFL);
    prism_cancel_free(cancel);
    return rc;
}

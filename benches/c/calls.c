/* The C side of the measurements in main.rs. Each line of standard input asks for one turn.
 *
 *   calls verify FOLDER TIMES NOW              judges FOLDER/report.bin TIMES times a turn; prints microseconds for each
 *   calls upload ADDRESS TERMS KEY ASSET FILE  connects, says "ready", sends FILE once, says "done"
 */
#define _POSIX_C_SOURCE 200809L
#include <prism.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static prism_error *err = NULL;

static void done(int status) {
    if (!status) return;
    fprintf(stderr, "%s: %s\n", prism_error_code(err), prism_error_message(err));
    exit(status);
}

static const char *below(const char *folder, const char *name) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static size_t read_file(const char *path, uint8_t *into, size_t most) {
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(into, 1, most, file) : 0;
    if (file) fclose(file);
    return size;
}

static double processor_time(void) {
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static void judge(prism_verifier *verifier, const uint8_t *report, size_t size, uint64_t now) {
    prism_verdict *verdict = NULL;
    done(prism_verifier_evidence(verifier, "simulated", report, size, &err));
    done(prism_verifier_judge(verifier, now, &verdict, &err));
    if (!prism_verdict_good(verdict)) {
        fputs(prism_verdict_text(verdict), stderr);
        exit(1);
    }
    prism_verdict_free(verdict);
}

static void verify(const char *folder, int times, uint64_t now) {
    char line[16];
    uint8_t report[4096], data[64];
    size_t size = read_file(below(folder, "report.bin"), report, sizeof report);
    prism_verifier *verifier = NULL;
    done(prism_verifier_new(&verifier, &err));
    done(prism_verifier_endorsements_file(verifier, below(folder, "endorsements.json"), &err));
    done(prism_verifier_policy_file(verifier, below(folder, "policy.toml"), &err));
    done(prism_verifier_report_data(verifier, data, read_file(below(folder, "report-data.bin"), data, 64), &err));
    judge(verifier, report, size, now);
    while (fgets(line, sizeof line, stdin)) {
        double begun = processor_time();
        int i;
        for (i = 0; i < times; i++) judge(verifier, report, size, now);
        printf("%f\n", (processor_time() - begun) / times);
        fflush(stdout);
    }
    prism_verifier_free(verifier);
}

static void upload(char **argv, uint64_t now) {
    char line[16];
    prism_upload_options options = PRISM_UPLOAD_OPTIONS_INIT;
    prism_manifest *terms = NULL;
    prism_key *key = NULL;
    prism_session *session = NULL;
    prism_receipt *receipt = NULL;
    options.one_pass = 1;
    done(prism_manifest_read(argv[3], &terms, &err));
    done(prism_key_load(argv[4], &key, &err));
    done(prism_session_connect(argv[2], terms, key, NULL, now, &session, &err));
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) exit(1);
    done(prism_session_upload_file(session, argv[5], argv[6], &options, &receipt, &err));
    puts("done");
    fflush(stdout);
    prism_receipt_free(receipt);
    prism_session_free(session);
    prism_key_free(key);
    prism_manifest_free(terms);
}

int main(int argc, char **argv) {
    if (argc == 5 && !strcmp(argv[1], "verify")) verify(argv[2], atoi(argv[3]), (uint64_t)strtoull(argv[4], NULL, 10));
    else if (argc == 7 && !strcmp(argv[1], "upload")) upload(argv, (uint64_t)time(NULL));
    else return 2;
    return 0;
}

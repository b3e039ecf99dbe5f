/* Calls every function of the header as nobody should: NULL in each place, sizes of 0, texts that are no text, numbers
 * beyond the end. Each has to answer with an error or its neutral value. misuse.rs compiles and runs it, and fails when
 * a function of the header is not named here.
 *
 *   misuse FOLDER MATERIAL
 *
 * FOLDER is an empty folder to write into. MATERIAL is a folder with terms.prism, and with report.bin, endorsements.json,
 * policy.toml and report-data.bin of a simulated machine, which is good as of the time in `NOW`.
 */
#define _POSIX_C_SOURCE 200809L
#include <sys/stat.h>
#include "trying.h"

static prism_error *err = NULL;
static const char *folder, *material;

static const char *at(const char *name) { return below(folder, name); }
static const char *given(const char *name) { return below(material, name); }

static int stop_at_once(void *user, uint64_t done, uint64_t total) {
    (void)done;
    (void)total;
    ++*(int *)user;
    return 1;
}

static int go_on(void *user, uint64_t done, uint64_t total) {
    CHECK(done <= total);
    *(uint64_t *)user = done;
    return 0;
}

static void errors(void) {
    CHECK(prism_abi() == PRISM_ABI && prism_version() && *prism_version());
    CHECK(!prism_error_code(NULL) && !prism_error_message(NULL) && !prism_error_hint(NULL));
    prism_error_free(NULL);
    /* Without a place for the error, the status is all there is. */
    CHECK(prism_key_load(NULL, NULL, NULL) == PRISM_USAGE);
    CHECK(prism_key_load(at("nothing"), NULL, NULL) == PRISM_USAGE);
}

static void keys(void) {
    struct stat facts;
    prism_key *key = NULL, *again = NULL;
    prism_public_key *half = NULL, *other = NULL;
    USAGE(prism_key_generate(NULL, &key, &err));
    USAGE(prism_key_generate("ed25519", NULL, &err));
    USAGE(prism_key_generate("rsa", &key, &err));
    USAGE(prism_key_generate("\xff\xfe", &key, &err));
    USAGE(prism_key_load(NULL, &key, &err));
    USAGE(prism_key_load("", &key, &err));
    USAGE(prism_key_load(at("a.key"), NULL, &err));
    REFUSED("file.missing", prism_key_load(at("a.key"), &key, &err));
    CHECK(!key);
    DONE(prism_key_generate("ed25519", &key, &err));
    USAGE(prism_key_save(NULL, at("a.key"), &err));
    USAGE(prism_key_save(key, NULL, &err));
    DONE(prism_key_save(key, at("a.key"), &err));
    REFUSED("file.exists", prism_key_save(key, at("a.key"), &err));
    CHECK(!stat(at("a.key"), &facts) && (facts.st_mode & 07777) == 0600);
    CHECK(!chmod(at("a.key"), 0644));
    REFUSED("key.exposed", prism_key_load(at("a.key"), &again, &err));
    CHECK(!again && !chmod(at("a.key"), 0600));
    DONE(prism_key_load(at("a.key"), &again, &err));
    CHECK(!strcmp(prism_key_fingerprint(key), prism_key_fingerprint(again)) && !prism_key_fingerprint(NULL));
    USAGE(prism_key_public(NULL, &half, &err));
    USAGE(prism_key_public(key, NULL, &err));
    CHECK(!half);
    DONE(prism_key_public(key, &half, &err));
    prism_key_free(key);
    prism_key_free(again);
    prism_key_free(NULL);
    CHECK(!strcmp(prism_public_key_kind(half), "ed25519") && !prism_public_key_kind(NULL));
    CHECK(strstr(prism_public_key_pem(half), "PUBLIC KEY") && !prism_public_key_pem(NULL));
    CHECK(!strncmp(prism_public_key_fingerprint(half), "sha256:", 7) && !prism_public_key_fingerprint(NULL));
    USAGE(prism_public_key_save(NULL, at("a.pub"), &err));
    USAGE(prism_public_key_save(half, NULL, &err));
    DONE(prism_public_key_save(half, at("a.pub"), &err));
    REFUSED("file.exists", prism_public_key_save(half, at("a.pub"), &err));
    USAGE(prism_public_key_load(NULL, &other, &err));
    USAGE(prism_public_key_load(at("a.pub"), NULL, &err));
    REFUSED("file.missing", prism_public_key_load(at("b.pub"), &other, &err));
    DONE(prism_public_key_load(at("a.pub"), &other, &err));
    prism_public_key_free(other);
    other = NULL;
    USAGE(prism_public_key_from_pem(NULL, &other, &err));
    USAGE(prism_public_key_from_pem("x", NULL, &err));
    REFUSED("key.malformed", prism_public_key_from_pem("x", &other, &err));
    DONE(prism_public_key_from_pem(prism_public_key_pem(half), &other, &err));
    prism_public_key_free(other);
    prism_public_key_free(half);
    prism_public_key_free(NULL);
}

static void manifests(void) {
    prism_manifest *terms = NULL;
    prism_key *key = NULL;
    const prism_manifest *none[1] = {NULL};
    USAGE(prism_manifest_read(NULL, &terms, &err));
    USAGE(prism_manifest_read(at("a.prism"), NULL, &err));
    REFUSED("file.missing", prism_manifest_read(at("a.prism"), &terms, &err));
    USAGE(prism_manifest_from_buffer(NULL, 7, &terms, &err));
    USAGE(prism_manifest_from_buffer((const uint8_t *)"{}", 2, NULL, &err));
    REFUSED("manifest.malformed", prism_manifest_from_buffer(NULL, 0, &terms, &err));
    REFUSED("manifest.malformed", prism_manifest_from_buffer((const uint8_t *)"{}", 2, &terms, &err));
    USAGE(prism_manifest_from_buffer((const uint8_t *)"{}", (size_t)-1, &terms, &err));
    USAGE(prism_manifest_save(NULL, at("b.prism"), &err));
    USAGE(prism_manifest_require_approved(NULL, &err));
    DONE(prism_key_generate("ecdsa-p256", &key, &err));
    USAGE(prism_manifest_approve(NULL, key, &terms, &err));
    USAGE(prism_manifest_approve(NULL, NULL, NULL, &err));
    USAGE(prism_manifest_assemble(NULL, none, 1, &terms, &err));
    CHECK(!terms && !prism_manifest_words(NULL) && !prism_manifest_json(NULL) && !prism_manifest_card(NULL));
    CHECK(!prism_manifest_digest(NULL) && prism_manifest_simulated(NULL) && !prism_manifest_participants(NULL));
    CHECK(!prism_manifest_participant(NULL, 0) && !prism_manifest_approved(NULL, 0));
    prism_key_free(key);
    prism_manifest_free(NULL);
}

/* With the terms that the test made, and the key of one who has nothing to do with them. */
static void terms_of(const char *file) {
    prism_manifest *terms = NULL, *out = NULL;
    const prism_manifest *array[2];
    prism_key *stranger = NULL;
    size_t n;
    DONE(prism_manifest_read(file, &terms, &err));
    n = prism_manifest_participants(terms);
    CHECK(n == 5 && prism_manifest_participant(terms, n - 1));
    CHECK(!prism_manifest_participant(terms, n) && !prism_manifest_participant(terms, (size_t)-1));
    CHECK(!prism_manifest_approved(terms, n) && prism_manifest_words(terms) == prism_manifest_words(terms));
    USAGE(prism_manifest_save(terms, NULL, &err));
    DONE(prism_key_generate("ecdsa-p384", &stranger, &err));
    USAGE(prism_manifest_approve(terms, NULL, &out, &err));
    USAGE(prism_manifest_approve(terms, stranger, NULL, &err));
    REFUSED("key.unknown", prism_manifest_approve(terms, stranger, &out, &err));
    array[0] = terms;
    array[1] = NULL;
    USAGE(prism_manifest_assemble(terms, NULL, 2, &out, &err));
    USAGE(prism_manifest_assemble(terms, array, 2, &out, &err));
    USAGE(prism_manifest_assemble(terms, array, 1, NULL, &err));
    USAGE(prism_manifest_assemble(terms, array, (size_t)-1, &out, &err));
    REFUSED("manifest.approval-missing", prism_manifest_assemble(terms, NULL, 0, &out, &err));
    REFUSED("envelope.malformed", prism_manifest_assemble(terms, array, 1, &out, &err));
    REFUSED("manifest.approval-missing", prism_manifest_require_approved(terms, &err));
    CHECK(!out);
    prism_key_free(stranger);
    prism_manifest_free(terms);
}

static void assets(void) {
    prism_asset *asset = NULL, *same = NULL;
    uint64_t seen = 0;
    int told = 0;
    USAGE(prism_asset_measure(NULL, NULL, NULL, &asset, &err));
    USAGE(prism_asset_measure(at("a.key"), NULL, NULL, NULL, &err));
    REFUSED("file.missing", prism_asset_measure(at("none"), NULL, NULL, &asset, &err));
    REFUSED("cancelled", prism_asset_measure(at("a.pub"), stop_at_once, &told, &asset, &err));
    CHECK(told == 1 && !asset);
    told = 0;
    REFUSED("cancelled", prism_asset_measure(folder, stop_at_once, &told, &asset, &err));
    CHECK(told == 1 && !asset);
    DONE(prism_asset_measure(at("a.pub"), go_on, &seen, &asset, &err));
    CHECK(seen == prism_asset_size(asset) && seen > 0 && !strncmp(prism_asset_digest(asset), "sha256:", 7));
    prism_asset_free(asset);
    asset = NULL;
    USAGE(prism_asset_from_buffer(NULL, 1, &asset, &err));
    USAGE(prism_asset_from_buffer((const uint8_t *)"x", 1, NULL, &err));
    DONE(prism_asset_from_buffer(NULL, 0, &asset, &err));
    DONE(prism_asset_from_buffer((const uint8_t *)"x", 0, &same, &err));
    CHECK(!strcmp(prism_asset_digest(asset), prism_asset_digest(same)));
    CHECK(!prism_asset_digest(NULL) && !prism_asset_size(NULL) && !prism_asset_size(asset));
    prism_asset_free(asset);
    prism_asset_free(same);
    prism_asset_free(NULL);
}

static void verifiers(void) {
    const uint8_t few[3] = {1, 2, 3}, zeros[1184] = {0};
    prism_verifier *v = NULL;
    prism_verdict *verdict = NULL;
    USAGE(prism_verifier_new(NULL, &err));
    USAGE(prism_verifier_evidence(NULL, "snp", few, 3, &err));
    USAGE(prism_verifier_evidence_file(NULL, "snp", at("a.pub"), &err));
    USAGE(prism_verifier_endorsements(NULL, few, 3, &err));
    USAGE(prism_verifier_endorsements_file(NULL, at("a.pub"), &err));
    USAGE(prism_verifier_policy(NULL, few, 3, &err));
    USAGE(prism_verifier_policy_file(NULL, at("a.pub"), &err));
    USAGE(prism_verifier_report_data(NULL, zeros, 64, &err));
    USAGE(prism_verifier_unbound(NULL, &err));
    USAGE(prism_verifier_judge(NULL, 0, &verdict, &err));
    DONE(prism_verifier_new(&v, &err));
    USAGE(prism_verifier_judge(v, 0, NULL, &err));
    USAGE(prism_verifier_judge(v, 0, &verdict, &err));
    USAGE(prism_verifier_evidence(v, NULL, few, 3, &err));
    USAGE(prism_verifier_evidence(v, "snp", NULL, 3, &err));
    CHECK(prism_verifier_evidence(v, "abacus", few, 3, NULL) && prism_verifier_evidence(v, "snp", few, 0, NULL));
    DONE(prism_verifier_evidence(v, "snp", zeros, sizeof zeros, &err));
    USAGE(prism_verifier_evidence_file(v, NULL, at("a.pub"), &err));
    USAGE(prism_verifier_evidence_file(v, "snp", NULL, &err));
    REFUSED("file.missing", prism_verifier_evidence_file(v, "snp", at("none"), &err));
    USAGE(prism_verifier_endorsements(v, NULL, 3, &err));
    CHECK(prism_verifier_endorsements(v, few, 3, NULL) && prism_verifier_endorsements(v, NULL, 0, NULL));
    USAGE(prism_verifier_endorsements_file(v, NULL, &err));
    REFUSED("file.missing", prism_verifier_endorsements_file(v, at("none"), &err));
    USAGE(prism_verifier_policy(v, NULL, 3, &err));
    REFUSED("policy.malformed", prism_verifier_policy(v, few, 3, &err));
    USAGE(prism_verifier_policy_file(v, NULL, &err));
    REFUSED("policy.malformed", prism_verifier_policy_file(v, at("a.pub"), &err));
    USAGE(prism_verifier_report_data(v, NULL, 64, &err));
    USAGE(prism_verifier_report_data(v, zeros, 63, &err));
    DONE(prism_verifier_report_data(v, zeros, 64, &err));
    DONE(prism_verifier_unbound(v, &err));
    USAGE(prism_verifier_judge(v, 0, &verdict, &err));
    CHECK(!verdict && !prism_verdict_good(NULL) && prism_verdict_simulated(NULL) && !prism_verdict_text(NULL));
    USAGE(prism_verdict_require_good(NULL, &err));
    CHECK(!prism_verdict_json(NULL) && !prism_verdict_card(NULL) && !prism_verdict_findings(NULL));
    CHECK(!prism_verdict_finding_met(NULL, 0) && !prism_verdict_finding_code(NULL, 0) && !prism_verdict_finding_stage(NULL, 0));
    CHECK(!prism_verdict_finding_expected(NULL, 0) && !prism_verdict_finding_found(NULL, 0));
    prism_verdict_free(NULL);
    prism_verifier_free(v);
    prism_verifier_free(NULL);
}

/* The evidence that MATERIAL holds, with everything said but what the signed bytes stand for. */
static prism_verifier *prepared(void) {
    prism_verifier *v = NULL;
    DONE(prism_verifier_new(&v, &err));
    USAGE(prism_verifier_judge(v, NOW, &(prism_verdict *){NULL}, &err));
    DONE(prism_verifier_evidence_file(v, "simulated", given("report.bin"), &err));
    USAGE(prism_verifier_judge(v, NOW, &(prism_verdict *){NULL}, &err));
    DONE(prism_verifier_endorsements_file(v, given("endorsements.json"), &err));
    USAGE(prism_verifier_judge(v, NOW, &(prism_verdict *){NULL}, &err));
    DONE(prism_verifier_policy_file(v, given("policy.toml"), &err));
    /* Nobody is spared saying what the signed bytes stand for. */
    USAGE(prism_verifier_judge(v, NOW, &(prism_verdict *){NULL}, &err));
    return v;
}

static void verdicts(void) {
    uint8_t data[64];
    size_t n, i, unmet = 0;
    prism_verdict *verdict = NULL;
    prism_verifier *v = prepared();
    FILE *file = fopen(given("report-data.bin"), "rb");
    CHECK(file && fread(data, 1, sizeof data, file) == sizeof data && !fclose(file));
    DONE(prism_verifier_report_data(v, data, sizeof data, &err));
    DONE(prism_verifier_judge(v, NOW, &verdict, &err));
    CHECK(prism_verdict_good(verdict) && prism_verdict_simulated(verdict));
    DONE(prism_verdict_require_good(verdict, &err));
    CHECK(strstr(prism_verdict_json(verdict), "\"binding\":\"report-data\""));
    prism_verdict_free(verdict);
    /* Other report data, then another time: the same machine is refused. What was refused to be read changes nothing. */
    data[63] ^= 1;
    DONE(prism_verifier_report_data(v, data, sizeof data, &err));
    REFUSED("policy.malformed", prism_verifier_policy(v, data, sizeof data, &err));
    verdict = NULL;
    DONE(prism_verifier_judge(v, NOW, &verdict, &err));
    prism_verifier_free(v);
    CHECK(!prism_verdict_good(verdict));
    REFUSED("evidence.refused", prism_verdict_require_good(verdict, &err));
    n = prism_verdict_findings(verdict);
    for (i = 0; i < n; i++) {
        CHECK(*prism_verdict_finding_code(verdict, i) && *prism_verdict_finding_stage(verdict, i));
        CHECK(prism_verdict_finding_expected(verdict, i) && prism_verdict_finding_found(verdict, i));
        unmet += !prism_verdict_finding_met(verdict, i);
    }
    CHECK(n > 10 && unmet == 1);
    CHECK(!prism_verdict_finding_code(verdict, n) && !prism_verdict_finding_stage(verdict, (size_t)-1));
    CHECK(!prism_verdict_finding_expected(verdict, n) && !prism_verdict_finding_found(verdict, n));
    CHECK(!prism_verdict_finding_met(verdict, n));
    CHECK(strstr(prism_verdict_text(verdict), "FAIL") && strstr(prism_verdict_card(verdict), "SIMULATED"));
    CHECK(prism_verdict_text(verdict) == prism_verdict_text(verdict));
    prism_verdict_free(verdict);
    v = prepared();
    verdict = NULL;
    DONE(prism_verifier_unbound(v, &err));
    DONE(prism_verifier_judge(v, 1, &verdict, &err));
    CHECK(!prism_verdict_good(verdict));
    prism_verdict_free(verdict);
    prism_verifier_free(v);
}

static void audits(void) {
    prism_audit *report = NULL;
    size_t n;
    USAGE(prism_audit_file(NULL, NULL, 0, &report, &err));
    USAGE(prism_audit_file(at("a.pub"), NULL, 0, NULL, &err));
    REFUSED("file.missing", prism_audit_file(at("none"), NULL, 0, &report, &err));
    USAGE(prism_audit_buffer(NULL, 1, NULL, 0, &report, &err));
    USAGE(prism_audit_buffer((const uint8_t *)"{}", 2, NULL, 0, NULL, &err));
    USAGE(prism_audit_require_holds(NULL, &err));
    CHECK(!report && !prism_audit_holds(NULL) && !prism_audit_text(NULL) && !prism_audit_json(NULL));
    CHECK(!prism_audit_card(NULL) && !prism_audit_findings(NULL) && !prism_audit_finding_kept(NULL, 0) && !prism_audit_finding_rule(NULL, 0));
    CHECK(!prism_audit_finding_place(NULL, 0) && !prism_audit_finding_found(NULL, 0));
    /* Bytes that are no transcript break a rule; nothing else happens. */
    DONE(prism_audit_buffer((const uint8_t *)"{}", 2, NULL, UINT64_MAX, &report, &err));
    n = prism_audit_findings(report);
    CHECK(n > 0 && !prism_audit_holds(report) && !prism_audit_finding_kept(report, 0));
    CHECK(prism_audit_finding_rule(report, 0) && prism_audit_finding_place(report, 0) && prism_audit_finding_found(report, 0));
    CHECK(!prism_audit_finding_rule(report, n) && !prism_audit_finding_found(report, (size_t)-1));
    CHECK(*prism_audit_text(report) && *prism_audit_json(report));
    REFUSED("audit.failed", prism_audit_require_holds(report, &err));
    prism_audit_free(report);
    prism_audit_free(NULL);
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    folder = argv[1];
    material = argv[2];
    errors();
    keys();
    manifests();
    terms_of(given("terms.prism"));
    assets();
    verifiers();
    verdicts();
    audits();
    printf("%d refusals\n", checked);
    return 0;
}

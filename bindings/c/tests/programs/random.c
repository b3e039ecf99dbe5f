/* Random calls with random arguments: handles of every kind or none, files that are what they should be or not, sizes,
 * numbers, callbacks that end what called them. Whatever comes, each call keeps the contract. random.rs runs it.
 *
 *   random ROOM SECONDS SEED
 *
 * ROOM is a folder as room.rs makes it. The same seed makes the same calls, as far as the machine's timing permits.
 */
#define _POSIX_C_SOURCE 200809L
#include <time.h>
#include "trying.h"

static prism_error *err = NULL;
static const char *room;
static uint64_t seed, calls, refusals;

/* SplitMix64. */
static uint64_t draw(uint64_t below) {
    uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

/* A few handles of each kind; a place may be empty. */
#define SLOTS 4
#define POOL(kind) static prism_##kind *kind##s[SLOTS]; \
    static prism_##kind *any_##kind(void) { return kind##s[draw(SLOTS)]; } \
    static void drop_##kind(void) { size_t i = draw(SLOTS); prism_##kind##_free(kind##s[i]); kind##s[i] = NULL; }
POOL(key) POOL(public_key) POOL(manifest) POOL(asset) POOL(identity) POOL(verifier) POOL(verdict) POOL(audit)
POOL(session) POOL(status) POOL(receipt) POOL(result) POOL(cancel)
static prism_agent *agent;

/* A call that makes a handle: on success there is one and no error; on failure an error and no handle. */
#define MAKE(kind, call) do { \
    prism_##kind *made = NULL, **out = draw(20) ? &made : NULL; \
    int status = (call); \
    kept(status, out && made, 1); \
    if (made) { size_t i = draw(SLOTS); prism_##kind##_free(kind##s[i]); kind##s[i] = made; } } while (0)
#define CALL(call) kept((call), 1, 0)

static void kept(int status, int made, int makes) {
    calls++;
    if (status == 0) {
        CHECK(!err && (made || !makes));
        return;
    }
    refusals++;
    CHECK(status >= PRISM_INTERNAL && status <= PRISM_RUN_FAILED && err && (!makes || !made));
    CHECK(*prism_error_code(err) && *prism_error_message(err) && *prism_error_hint(err));
    if (!strcmp(prism_error_code(err), "internal")) {
        fprintf(stderr, "a fault of prism: %s\n", prism_error_message(err));
        exit(1);
    }
    if (prism_error_verdict(err)) CHECK(*prism_verdict_text(prism_error_verdict(err)));
    prism_error_free(err);
    err = NULL;
}

static const char *file(void) {
    static const char *names[] = {"lab.key", "lab.pub", "hospital-1.key", "hospital-2.key", "institute.key", "terms.prism", "h1", "h2.csv",
                                  "count.py", "mine", "none", "none/deeper", "run.transcript", "h1.age", ".", "state"};
    static char fresh[64];
    switch (draw(8)) {
    case 0: return NULL;
    case 1: return draw(2) ? "" : "\xff\xfe";
    case 2:
        snprintf(fresh, sizeof fresh, "new-%llu", (unsigned long long)draw(1000));
        return below(room, fresh);
    default: return below(room, names[draw(sizeof names / sizeof *names)]);
    }
}

static const char *word(void) {
    static const char *words[] = {"ed25519", "ecdsa-p256", "ecdsa-p384", "hybrid", "x25519", "snp", "tdx", "azure-snp", "simulated", "h1", "h2.csv",
                                  "count.py", "\xff", "", "127.0.0.1:1", "age1", "-----BEGIN PUBLIC KEY-----"};
    return draw(12) ? words[draw(sizeof words / sizeof *words)] : NULL;
}

static uint8_t bytes[8192];
/* How many bytes there are, or more than any memory has. */
static size_t some(void) {
    size_t i, size = (size_t)draw(draw(2) ? 80 : sizeof bytes);
    for (i = 0; i < size; i++) bytes[i] = (uint8_t)draw(256);
    return draw(30) ? size : (size_t)-1;
}
static const uint8_t *maybe(void) { return draw(10) ? bytes : NULL; }

static uint64_t when(void) { return draw(3) ? (uint64_t)time(NULL) : draw(UINT64_MAX); }
static int now_and_then(void) { return draw(3) ? 0 : draw(2) ? 1 : -1; }

static int on_progress(void *user, uint64_t done, uint64_t total) { (void)user; (void)done; (void)total; return now_and_then(); }
static int on_upload(void *user, const prism_upload_state *state) { (void)user; CHECK(state->durable <= state->total); return now_and_then(); }
static int on_entry(void *user, uint64_t index, const char *state, const char *entry) { (void)user; (void)index; CHECK(*state && *entry); return draw(2) ? 1 : -1; }
static int on_output(void *user, int stream, const uint8_t *data, size_t size) { (void)user; CHECK(stream && data && size); return 1; }
static int on_figure(void *user, uint64_t step, const char *name, double value) { (void)user; (void)step; (void)value; CHECK(*name); return 1; }
static int64_t on_read(void *user, uint64_t offset, uint8_t *buffer, size_t size) {
    (void)user;
    (void)offset;
    memset(buffer, 7, size);
    return draw(4) ? (int64_t)(draw(size) + 1) : (int64_t)draw(UINT64_MAX);
}

static prism_progress progress(void) { return draw(2) ? on_progress : NULL; }

static void texts(void) {
    size_t i = (size_t)draw(draw(2) ? 6 : UINT64_MAX);
    (void)prism_key_fingerprint(any_key());
    (void)prism_public_key_pem(any_public_key());
    (void)prism_manifest_words(any_manifest());
    (void)prism_manifest_participant(any_manifest(), i);
    (void)prism_manifest_approved(any_manifest(), i);
    (void)prism_asset_digest(any_asset());
    (void)prism_identity_recipient(any_identity());
    (void)prism_verdict_json(any_verdict());
    (void)prism_verdict_finding_found(any_verdict(), i);
    (void)prism_audit_card(any_audit());
    (void)prism_audit_finding_place(any_audit(), i);
    (void)prism_session_verdict(any_session());
    (void)prism_session_boot(any_session());
    (void)prism_status_asset(any_status(), i);
    (void)prism_status_result_sealed(any_status(), i);
    (void)prism_receipt_entry(any_receipt());
    (void)prism_receipt_proof(prism_result_receipt(any_result()));
    (void)prism_result_data(any_result());
    prism_cancel_reset(any_cancel());
}

static void drops(void) {
    void (*drop[])(void) = {drop_key, drop_public_key, drop_manifest, drop_asset, drop_identity, drop_verifier, drop_verdict, drop_audit,
                            drop_session, drop_status, drop_receipt, drop_result, drop_cancel};
    drop[draw(sizeof drop / sizeof *drop)]();
}

static void offline(void) {
    const prism_manifest *approvals[3];
    const char *to[2];
    size_t size;
    switch (draw(26)) {
    case 0: MAKE(key, prism_key_generate(word(), out, &err)); break;
    case 1: MAKE(key, prism_key_load(file(), out, &err)); break;
    case 2: CALL(prism_key_save(any_key(), file(), &err)); break;
    case 3: MAKE(public_key, prism_key_public(any_key(), out, &err)); break;
    case 4: MAKE(public_key, prism_public_key_load(file(), out, &err)); break;
    case 5: MAKE(public_key, prism_public_key_from_pem(draw(2) ? prism_public_key_pem(any_public_key()) : word(), out, &err)); break;
    case 6: MAKE(manifest, prism_manifest_read(draw(2) ? below(room, "terms.prism") : file(), out, &err)); break;
    case 7: size = some(); MAKE(manifest, prism_manifest_from_buffer(maybe(), size, out, &err)); break;
    case 8: MAKE(manifest, prism_manifest_approve(any_manifest(), any_key(), out, &err)); break;
    case 9:
        approvals[0] = any_manifest(), approvals[1] = any_manifest(), approvals[2] = any_manifest();
        MAKE(manifest, prism_manifest_assemble(any_manifest(), draw(5) ? approvals : NULL, (size_t)draw(4), out, &err));
        break;
    case 10: CALL(prism_manifest_require_approved(any_manifest(), &err)); break;
    case 11: MAKE(asset, prism_asset_measure(file(), progress(), NULL, out, &err)); break;
    case 12: size = some(); MAKE(asset, prism_asset_from_buffer(maybe(), size, out, &err)); break;
    case 13: MAKE(identity, prism_identity_generate(word(), out, &err)); break;
    case 14: MAKE(identity, prism_identity_load(file(), out, &err)); break;
    case 15:
        to[0] = draw(2) ? prism_identity_recipient(any_identity()) : word(), to[1] = word();
        MAKE(asset, prism_seal(file(), draw(8) ? to : NULL, (size_t)draw(3), file(), progress(), NULL, out, &err));
        break;
    case 16: MAKE(asset, prism_open(file(), any_identity(), file(), progress(), NULL, out, &err)); break;
    case 17: MAKE(verifier, prism_verifier_new(out, &err)); break;
    case 18: size = some(); CALL(prism_verifier_evidence(any_verifier(), word(), maybe(), size, &err)); break;
    case 19: size = some(); CALL(prism_verifier_endorsements(any_verifier(), maybe(), size, &err)); break;
    case 20: CALL(prism_verifier_policy_file(any_verifier(), file(), &err)); break;
    case 21: size = some(); CALL(prism_verifier_report_data(any_verifier(), maybe(), draw(2) ? 64 : size, &err)); break;
    case 22: MAKE(verdict, prism_verifier_judge(any_verifier(), when(), out, &err)); break;
    case 23: MAKE(audit, prism_audit_file(file(), any_manifest(), when(), out, &err)); break;
    case 24: size = some(); MAKE(audit, prism_audit_buffer(maybe(), size, any_manifest(), when(), out, &err)); break;
    default: MAKE(cancel, prism_cancel_new(out, &err)); break;
    }
}

static void online(void) {
    prism_connect_options meet = PRISM_CONNECT_OPTIONS_INIT;
    prism_upload_options give = PRISM_UPLOAD_OPTIONS_INIT;
    prism_result_options take = PRISM_RESULT_OPTIONS_INIT;
    const char *address = draw(8) ? prism_agent_address(agent) : word();
    size_t size;
    meet.state = below(room, "seen");
    meet.cancel = any_cancel();
    meet.retries = -1;
    give.progress = draw(2) ? on_upload : NULL;
    give.cancel = any_cancel();
    give.connections = (uint32_t)draw(3);
    give.one_pass = (uint32_t)draw(2);
    give.salt = draw(8) ? NULL : bytes;
    take.progress = progress();
    take.keep_receipt = (uint32_t)draw(2);
    if (!draw(20)) meet.size = (size_t)draw(200), give.size = (size_t)draw(200), take.size = (size_t)draw(200);
    switch (draw(14)) {
    case 0: MAKE(verdict, prism_attest(address, any_manifest(), &meet, when(), out, &err)); break;
    case 1: case 2: MAKE(session, prism_session_connect(address, any_manifest(), any_key(), &meet, when(), out, &err)); break;
    case 3: MAKE(status, prism_session_status(any_session(), out, &err)); break;
    case 4: MAKE(receipt, prism_session_upload_file(any_session(), word(), file(), &give, out, &err)); break;
    case 5: size = some(); MAKE(receipt, prism_session_upload_buffer(any_session(), word(), maybe(), size, &give, out, &err)); break;
    case 6: MAKE(receipt, prism_session_upload_from(any_session(), word(), draw(100), draw(8) ? on_read : NULL, NULL, &give, out, &err)); break;
    /* From an entry that is there: nobody else would end the waiting for one that never comes. */
    case 7: CALL(prism_session_watch(any_session(), draw(2), draw(8) ? on_entry : NULL, NULL, any_cancel(), &err)); break;
    case 8: if (any_cancel()) break; CALL(prism_session_output(NULL, on_output, NULL, any_cancel(), &err)); break;
    case 9: CALL(prism_session_figures(NULL, draw(2) ? on_figure : NULL, NULL, any_cancel(), &err)); break;
    case 10: MAKE(result, prism_session_result_file(any_session(), file(), &take, out, &err)); break;
    case 11: MAKE(result, prism_session_result_memory(any_session(), file(), draw(1 << 20), &take, out, &err)); break;
    case 12: CALL(prism_session_transcript(any_session(), file(), &err)); break;
    default: CALL(prism_receipt_save(any_receipt(), file(), &err)); break;
    }
    prism_cancel_request(draw(8) ? NULL : any_cancel());
}

static void everything_away(void) {
    size_t i;
    for (i = 0; i < SLOTS; i++) {
        prism_key_free(keys[i]), prism_public_key_free(public_keys[i]), prism_manifest_free(manifests[i]), prism_asset_free(assets[i]);
        prism_identity_free(identitys[i]), prism_verifier_free(verifiers[i]), prism_verdict_free(verdicts[i]), prism_audit_free(audits[i]);
        prism_session_free(sessions[i]), prism_status_free(statuss[i]), prism_receipt_free(receipts[i]), prism_result_free(results[i]);
        prism_cancel_free(cancels[i]);
    }
}

int main(int argc, char **argv) {
    prism_agent_options options = PRISM_AGENT_OPTIONS_INIT;
    prism_manifest *terms = NULL;
    time_t end;
    prism_sandbox_helper_if_asked();
    CHECK(argc == 4);
    room = argv[1];
    seed = (uint64_t)strtoull(argv[3], NULL, 10);
    options.state = below(room, "agent");
    options.simulators = below(room, "state");
    options.platform = "simulated";
    DONE(prism_manifest_read(below(room, "terms.prism"), &terms, &err));
    DONE(prism_agent_start(terms, &options, &agent, &err));
    prism_manifest_free(terms);
    end = time(NULL) + atoi(argv[2]);
    do {
        switch (draw(8)) {
        case 0: drops(); break;
        case 1: texts(); break;
        case 2: case 3: case 4: online(); break;
        default: offline(); break;
        }
    } while (time(NULL) < end);
    everything_away();
    DONE(prism_agent_stop(agent, &err));
    prism_agent_free(agent);
    printf("%llu calls, %llu refusals\n", (unsigned long long)calls, (unsigned long long)refusals);
    return 0;
}

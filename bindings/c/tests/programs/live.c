/* Every function that has to do with an agent, as nobody should call it and then as one should, against an agent in this
 * very program. live.rs compiles and runs it.
 *
 *   live ROOM
 *
 * ROOM is a folder as room.rs makes it.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include "trying.h"

static prism_error *err = NULL;
static const char *room;

static const char *at(const char *name) { return below(room, name); }
static uint64_t now(void) { return (uint64_t)time(NULL); }

static int stop_at_once(void *user, uint64_t done, uint64_t total) {
    (void)done;
    (void)total;
    ++*(int *)user;
    return 1;
}

static int stop_upload(void *user, const prism_upload_state *state) {
    CHECK(state->total > 0 && state->durable <= state->total);
    ++*(int *)user;
    return 1;
}

static int64_t fails(void *user, uint64_t offset, uint8_t *buffer, size_t size) {
    (void)offset;
    (void)buffer;
    (void)size;
    return *(int64_t *)user;
}

static int one_entry(void *user, uint64_t index, const char *state, const char *entry) {
    CHECK(*state && entry[0] == '{');
    (void)index;
    return *(int *)user;
}

static int one_output(void *user, int stream, const uint8_t *data, size_t size) {
    CHECK((stream == 1 || stream == 2) && data && size > 0);
    return *(int *)user;
}

static int one_figure(void *user, uint64_t step, const char *name, double value) {
    CHECK(step != PRISM_NO_STEP && !strcmp(name, "rows") && value > 0);
    return *(int *)user;
}

static void cancels(void) {
    prism_cancel *cancel = NULL;
    USAGE(prism_cancel_new(NULL, &err));
    prism_cancel_request(NULL);
    prism_cancel_reset(NULL);
    CHECK(!prism_cancel_requested(NULL));
    DONE(prism_cancel_new(&cancel, &err));
    CHECK(!prism_cancel_requested(cancel));
    prism_cancel_request(cancel);
    prism_cancel_request(cancel);
    CHECK(prism_cancel_requested(cancel));
    prism_cancel_reset(cancel);
    CHECK(!prism_cancel_requested(cancel));
    prism_cancel_free(cancel);
    prism_cancel_free(NULL);
}

/* Whoever writes to somebody who has gone, inside of a call, hears of it and lives: this program has SIGPIPE as it came. */
static int to_nobody(void *user, uint64_t done, uint64_t total) {
    (void)done;
    (void)total;
    CHECK(write(*(int *)user, "x", 1) == -1 && errno == EPIPE);
    return 0;
}

static void pipes(void) {
    int ends[2];
    prism_asset *asset = NULL;
    struct sigaction action;
    sigset_t mask;
    CHECK(!pipe(ends) && !close(ends[0]));
    DONE(prism_asset_measure(at("h2.csv"), to_nobody, &ends[1], &asset, &err));
    CHECK(!close(ends[1]) && !sigaction(SIGPIPE, NULL, &action) && action.sa_handler == SIG_DFL);
    CHECK(!sigprocmask(SIG_BLOCK, NULL, &mask) && sigismember(&mask, SIGPIPE) == 0);
    CHECK(!sigpending(&mask) && sigismember(&mask, SIGPIPE) == 0);
    prism_asset_free(asset);
}

static void identities(void) {
    prism_identity *mine = NULL, *other = NULL;
    USAGE(prism_identity_generate(NULL, &mine, &err));
    USAGE(prism_identity_generate("x25519", NULL, &err));
    USAGE(prism_identity_generate("rsa", &mine, &err));
    USAGE(prism_identity_load(NULL, &mine, &err));
    USAGE(prism_identity_load(at("mine"), NULL, &err));
    REFUSED("file.missing", prism_identity_load(at("mine"), &mine, &err));
    USAGE(prism_identity_save(NULL, at("mine"), &err));
    CHECK(!mine && !prism_identity_recipient(NULL));
    DONE(prism_identity_generate("hybrid", &mine, &err));
    USAGE(prism_identity_save(mine, NULL, &err));
    DONE(prism_identity_save(mine, at("mine"), &err));
    REFUSED("file.exists", prism_identity_save(mine, at("mine"), &err));
    DONE(prism_identity_load(at("mine"), &other, &err));
    CHECK(!strcmp(prism_identity_recipient(mine), prism_identity_recipient(other)));
    prism_identity_free(other);
    prism_identity_free(mine);
    prism_identity_free(NULL);
}

static void sealing(void) {
    prism_identity *mine = NULL, *other = NULL;
    prism_asset *sealed = NULL, *opened = NULL;
    const char *to[2] = {NULL, NULL};
    int told = 0;
    FILE *broken;
    DONE(prism_identity_load(at("mine"), &mine, &err));
    DONE(prism_identity_generate("x25519", &other, &err));
    USAGE(prism_seal(at("h2.csv"), NULL, 1, at("h2.age"), NULL, NULL, &sealed, &err));
    USAGE(prism_seal(at("h2.csv"), NULL, 0, at("h2.age"), NULL, NULL, &sealed, &err));
    USAGE(prism_seal(at("h2.csv"), to, 1, at("h2.age"), NULL, NULL, &sealed, &err));
    USAGE(prism_seal(at("h2.csv"), to, (size_t)-1, at("h2.age"), NULL, NULL, &sealed, &err));
    to[0] = "age1nobody";
    CHECK(prism_seal(at("h2.csv"), to, 1, at("h2.age"), NULL, NULL, &sealed, NULL) && !sealed);
    to[0] = prism_identity_recipient(mine);
    USAGE(prism_seal(NULL, to, 1, at("h2.age"), NULL, NULL, &sealed, &err));
    USAGE(prism_seal(at("h2.csv"), to, 1, NULL, NULL, NULL, &sealed, &err));
    USAGE(prism_seal(at("h2.csv"), to, 1, at("h2.age"), NULL, NULL, NULL, &err));
    REFUSED("file.missing", prism_seal(at("none"), to, 1, at("h2.age"), NULL, NULL, &sealed, &err));
    REFUSED("cancelled", prism_seal(at("h2.csv"), to, 1, at("h2.age"), stop_at_once, &told, &sealed, &err));
    CHECK(told >= 1 && !sealed);
    DONE(prism_seal(at("h1"), to, 1, at("h1.age"), NULL, NULL, &sealed, &err));
    prism_asset_free(sealed);
    sealed = NULL;
    DONE(prism_seal(at("h2.csv"), to, 1, at("h2.age"), NULL, NULL, &sealed, &err));
    REFUSED("file.exists", prism_seal(at("h2.csv"), to, 1, at("h2.age"), NULL, NULL, &opened, &err));
    USAGE(prism_open(NULL, mine, at("h2.open"), NULL, NULL, &opened, &err));
    USAGE(prism_open(at("h2.age"), NULL, at("h2.open"), NULL, NULL, &opened, &err));
    USAGE(prism_open(at("h2.age"), mine, NULL, NULL, NULL, &opened, &err));
    USAGE(prism_open(at("h2.age"), mine, at("h2.open"), NULL, NULL, NULL, &err));
    REFUSED("seal.not-for-you", prism_open(at("h2.age"), other, at("h2.open"), NULL, NULL, &opened, &err));
    told = 0;
    REFUSED("cancelled", prism_open(at("h2.age"), mine, at("h2.open"), stop_at_once, &told, &opened, &err));
    CHECK(!opened);
    DONE(prism_open(at("h2.age"), mine, at("h2.open"), NULL, NULL, &opened, &err));
    CHECK(prism_asset_size(opened) < prism_asset_size(sealed));
    prism_asset_free(opened);
    opened = NULL;
    CHECK((broken = fopen(at("h2.age"), "r+b")) && !fseek(broken, -1, SEEK_END) && fputc('x', broken) != EOF && !fclose(broken));
    REFUSED("seal.broken", prism_open(at("h2.age"), mine, at("h2.again"), NULL, NULL, &opened, &err));
    prism_asset_free(sealed);
    prism_identity_free(mine);
    prism_identity_free(other);
}

static void nothing(void) {
    prism_verdict *verdict = NULL;
    prism_session *session = NULL;
    prism_status *status = NULL;
    prism_receipt *receipt = NULL;
    prism_result *result = NULL;
    int go_on = 0;
    CHECK(!prism_error_verdict(NULL));
    USAGE(prism_attest(NULL, NULL, NULL, now(), &verdict, &err));
    USAGE(prism_attest("127.0.0.1:1", NULL, NULL, now(), &verdict, &err));
    USAGE(prism_attest("127.0.0.1:1", NULL, NULL, now(), NULL, &err));
    USAGE(prism_session_connect("127.0.0.1:1", NULL, NULL, NULL, now(), &session, &err));
    USAGE(prism_session_connect(NULL, NULL, NULL, NULL, now(), NULL, &err));
    CHECK(!prism_session_verdict(NULL) && !prism_session_participant(NULL) && !prism_session_boot(NULL));
    CHECK(prism_session_simulated(NULL));
    USAGE(prism_session_stop(NULL, &receipt, &err));
    USAGE(prism_session_transcript(NULL, at("none.transcript"), &err));
    USAGE(prism_session_status(NULL, &status, &err));
    USAGE(prism_session_upload_file(NULL, "h1", at("h1"), NULL, &receipt, &err));
    USAGE(prism_session_upload_buffer(NULL, "h1", (const uint8_t *)"x", 1, NULL, &receipt, &err));
    USAGE(prism_session_upload_from(NULL, "h1", 1, fails, &go_on, NULL, &receipt, &err));
    USAGE(prism_session_watch(NULL, 0, one_entry, &go_on, NULL, &err));
    USAGE(prism_session_output(NULL, one_output, &go_on, NULL, &err));
    USAGE(prism_session_figures(NULL, one_figure, &go_on, NULL, &err));
    USAGE(prism_session_result_file(NULL, at("r.zip"), NULL, &result, &err));
    USAGE(prism_session_result_memory(NULL, at("r.zip"), 1, NULL, &result, &err));
    CHECK(!prism_status_state(NULL) && !prism_status_platform(NULL) && !prism_status_log_size(NULL));
    CHECK(!prism_status_assets(NULL) && !prism_status_asset(NULL, 0) && !prism_status_asset_accepted(NULL, 0));
    CHECK(!prism_status_asset_durable(NULL, 0) && !prism_status_asset_size(NULL, 0) && !prism_status_results(NULL));
    CHECK(!prism_status_result(NULL, 0) && !prism_status_result_sealed(NULL, 0) && !prism_status_result_acknowledged(NULL, 0));
    CHECK(!prism_receipt_index(NULL) && !prism_receipt_entry(NULL) && !prism_receipt_proof(NULL));
    USAGE(prism_receipt_save(NULL, at("none.receipt"), &err));
    CHECK(!prism_result_digest(NULL) && !prism_result_size(NULL) && !prism_result_data(NULL) && !prism_result_receipt(NULL));
    CHECK(!prism_result_compared(NULL) && !verdict && !session && !status && !receipt && !result);
    prism_session_free(NULL);
    prism_status_free(NULL);
    prism_receipt_free(NULL);
    prism_result_free(NULL);
}

/* Options that no header has, and addresses where nobody is. */
static void meetings(const prism_manifest *terms, const prism_key *key) {
    prism_connect_options options = PRISM_CONNECT_OPTIONS_INIT;
    prism_verdict *verdict = NULL;
    prism_session *session = NULL;
    size_t sizes[4] = {0, 1, sizeof options + 1, (size_t)-1}, i;
    for (i = 0; i < 4; i++) {
        options.size = sizes[i];
        USAGE(prism_attest("127.0.0.1:1", terms, &options, now(), &verdict, &err));
    }
    options.size = sizeof options;
    options.retries = -1;
    REFUSED("agent.unreachable", prism_attest("nowhere", terms, &options, now(), &verdict, &err));
    USAGE(prism_attest("\xff\xfe", terms, &options, now(), &verdict, &err));
    REFUSED("agent.unreachable", prism_session_connect("127.0.0.1:1", terms, key, &options, now(), &session, &err));
    options.size = sizeof options.size; /* an older header that knew no option yet */
    REFUSED("agent.unreachable", prism_attest("127.0.0.1:1", terms, &options, now(), &verdict, &err));
    CHECK(!verdict && !session);
}

static void no_agent(const prism_manifest *terms) {
    prism_agent_options options = PRISM_AGENT_OPTIONS_INIT;
    prism_agent *agent = NULL;
    prism_cancel *cancel = NULL;
    USAGE(prism_agent_start(NULL, &options, &agent, &err));
    USAGE(prism_agent_start(terms, NULL, &agent, &err));
    USAGE(prism_agent_start(terms, &options, &agent, &err));
    options.state = at("agent");
    USAGE(prism_agent_start(terms, &options, NULL, &err));
    options.platform = "abacus";
    USAGE(prism_agent_start(terms, &options, &agent, &err));
    options.platform = "tdx";
    USAGE(prism_agent_start(terms, &options, &agent, &err));
    options.platform = "simulated";
    options.listen = "everywhere";
    USAGE(prism_agent_start(terms, &options, &agent, &err));
    options.listen = NULL;
    options.size = 3;
    USAGE(prism_agent_start(terms, &options, &agent, &err));
    options.size = sizeof options;
    DONE(prism_cancel_new(&cancel, &err));
    prism_cancel_request(cancel);
    options.cancel = cancel;
    options.helper = "/nonexistent";
    CHECK(prism_agent_start(terms, &options, &agent, NULL) && !agent);
    prism_cancel_free(cancel);
    USAGE(prism_agent_wait(NULL, 0, &err));
    USAGE(prism_agent_stop(NULL, &err));
    CHECK(!prism_agent_address(NULL) && !prism_agent_platform(NULL));
    prism_agent_free(NULL);
}

/* Uploads that fail in every way that a host can make them fail, then one that does not. */
static void uploads(const prism_session *session) {
    prism_upload_options options = PRISM_UPLOAD_OPTIONS_INIT;
    prism_receipt *receipt = NULL;
    const uint8_t salt[32] = {0};
    uint8_t *lent;
    int told = 0;
    int64_t answers[3] = {-1, 0, INT64_MAX};
    size_t i;
    USAGE(prism_session_upload_file(session, NULL, at("h1"), NULL, &receipt, &err));
    USAGE(prism_session_upload_file(session, "h1", NULL, NULL, &receipt, &err));
    USAGE(prism_session_upload_file(session, "h1", at("h1"), NULL, NULL, &err));
    USAGE(prism_session_upload_buffer(session, "h1", NULL, 1, NULL, &receipt, &err));
    USAGE(prism_session_upload_buffer(session, "h1", (const uint8_t *)"x", (size_t)-1, NULL, &receipt, &err));
    USAGE(prism_session_upload_from(session, "h1", 1, NULL, NULL, NULL, &receipt, &err));
    REFUSED("asset.unknown", prism_session_upload_file(session, "h9", at("h1"), NULL, &receipt, &err));
    REFUSED("asset.wrong-provider", prism_session_upload_file(session, "h2.csv", at("h2.csv"), NULL, &receipt, &err));
    REFUSED("asset.mismatch", prism_session_upload_file(session, "h1", at("h2.csv"), NULL, &receipt, &err));
    REFUSED("asset.mismatch", prism_session_upload_buffer(session, "h1", NULL, 0, NULL, &receipt, &err));
    REFUSED("file.missing", prism_session_upload_file(session, "h1", at("none"), NULL, &receipt, &err));
    options.size = 7;
    USAGE(prism_session_upload_file(session, "h1", at("h1"), &options, &receipt, &err));
    options.size = sizeof options;
    options.salt = salt;
    USAGE(prism_session_upload_file(session, "h1", at("h1"), &options, &receipt, &err));
    options.salt = NULL;
    for (i = 0; i < 3; i++)
        REFUSED("file.io", prism_session_upload_from(session, "h1", 100, fails, &answers[i], NULL, &receipt, &err));
    options.progress = stop_upload;
    options.user = &told;
    REFUSED("cancelled", prism_session_upload_file(session, "h1", at("h1"), &options, &receipt, &err));
    CHECK(told >= 1);
    /* What was lent is nobody's any more, whatever threads were at it. */
    CHECK((lent = malloc(1 << 20)) && memset(lent, 7, 1 << 20));
    REFUSED("cancelled", prism_session_upload_buffer(session, "h1", lent, 1 << 20, &options, &receipt, &err));
    memset(lent, 8, 1 << 20);
    free(lent);
    CHECK(!receipt);
    options.progress = NULL;
    options.connections = 2;
    DONE(prism_session_upload_file(session, "h1", at("h1"), &options, &receipt, &err));
    CHECK(prism_receipt_index(receipt) > 0 && strstr(prism_receipt_entry(receipt), "asset.accepted"));
    CHECK(*prism_receipt_proof(receipt));
    USAGE(prism_receipt_save(receipt, NULL, &err));
    DONE(prism_receipt_save(receipt, at("h1.receipt"), &err));
    REFUSED("file.exists", prism_receipt_save(receipt, at("h1.receipt"), &err));
    prism_receipt_free(receipt);
}

static int64_t from_file(void *user, uint64_t offset, uint8_t *buffer, size_t size) {
    FILE *file = user;
    if (fseek(file, (long)offset, SEEK_SET)) return -1;
    /* One byte at a time is slow and right. */
    return (int64_t)fread(buffer, 1, size > 3 ? 3 : size, file);
}

static void statuses(const prism_session *session) {
    prism_status *status = NULL;
    size_t n, i;
    USAGE(prism_session_status(session, NULL, &err));
    DONE(prism_session_status(session, &status, &err));
    n = prism_status_assets(status);
    CHECK(n == 3 && prism_status_log_size(status) > 0 && *prism_status_state(status) && !strcmp(prism_status_platform(status), "simulated"));
    for (i = 0; i < n; i++) CHECK(*prism_status_asset(status, i) && prism_status_asset_durable(status, i) <= prism_status_asset_size(status, i));
    CHECK(!prism_status_asset(status, n) && !prism_status_asset_accepted(status, n) && !prism_status_asset_size(status, (size_t)-1));
    CHECK(!prism_status_result(status, prism_status_results(status)) && !prism_status_result_sealed(status, 9));
    CHECK(!prism_status_result_acknowledged(status, 9));
    prism_status_free(status);
}

/* One session, asked by many threads at a time. */
static void *asks(void *session) {
    int i;
    for (i = 0; i < 5; i++) {
        prism_error *mine = NULL;
        prism_status *status = NULL;
        CHECK(!prism_session_status(session, &status, &mine) && !mine);
        CHECK(prism_session_participant(session) && prism_verdict_text(prism_session_verdict(session)));
        prism_status_free(status);
    }
    return NULL;
}

static void many(prism_session *session) {
    pthread_t threads[8];
    int i;
    for (i = 0; i < 8; i++) CHECK(!pthread_create(&threads[i], NULL, asks, session));
    for (i = 0; i < 8; i++) CHECK(!pthread_join(threads[i], NULL));
}

/* A call that waits, and a thread that ends it once it does. */
static int wake(void *user, uint64_t index, const char *state, const char *entry) {
    (void)index;
    (void)state;
    (void)entry;
    prism_cancel_request(user);
    return 0;
}

static void waits(const prism_session *session) {
    prism_cancel *cancel = NULL;
    int enough = 1, failed = -1;
    DONE(prism_cancel_new(&cancel, &err));
    USAGE(prism_session_watch(session, 0, NULL, NULL, NULL, &err));
    USAGE(prism_session_output(session, NULL, NULL, NULL, &err));
    USAGE(prism_session_figures(session, NULL, NULL, NULL, &err));
    REFUSED("cancelled", prism_session_watch(session, 0, one_entry, &failed, NULL, &err));
    DONE(prism_session_watch(session, 0, one_entry, &enough, NULL, &err));
    REFUSED("cancelled", prism_session_watch(session, 0, wake, cancel, cancel, &err));
    REFUSED("cancelled", prism_session_watch(session, 0, one_entry, &enough, cancel, &err));
    prism_cancel_reset(cancel);
    DONE(prism_session_watch(session, 0, one_entry, &enough, cancel, &err));
    prism_cancel_free(cancel);
}

static int until_delivering(void *user, uint64_t index, const char *state, const char *entry) {
    prism_error *mine = NULL;
    prism_status *status = NULL;
    (void)index;
    (void)entry;
    /* A callback may call whatever it likes, also on the same session. */
    CHECK(!prism_session_status(user, &status, &mine) && !mine);
    prism_status_free(status);
    return !strcmp(state, "Delivering");
}

static void results(prism_session *session, const prism_session *other) {
    prism_result_options options = PRISM_RESULT_OPTIONS_INIT;
    prism_result *result = NULL;
    int enough = 1, failed = -1, told = 0, go_on = 0;
    DONE(prism_session_watch(session, 0, until_delivering, session, NULL, &err));
    REFUSED("cancelled", prism_session_output(session, one_output, &failed, NULL, &err));
    DONE(prism_session_output(session, one_output, &enough, NULL, &err));
    DONE(prism_session_output(session, one_output, &go_on, NULL, &err));
    REFUSED("cancelled", prism_session_figures(session, one_figure, &failed, NULL, &err));
    DONE(prism_session_figures(session, one_figure, &enough, NULL, &err));
    DONE(prism_session_figures(session, one_figure, &go_on, NULL, &err));
    USAGE(prism_session_result_file(session, NULL, NULL, &result, &err));
    USAGE(prism_session_result_file(session, at("r.zip"), NULL, NULL, &err));
    USAGE(prism_session_result_memory(session, NULL, 1, NULL, &result, &err));
    USAGE(prism_session_result_memory(session, at("r.zip"), 1, NULL, NULL, &err));
    REFUSED("file.exists", prism_session_result_file(session, at("h2.csv"), NULL, &result, &err));
    REFUSED("role.refused", prism_session_result_file(other, at("r.zip"), NULL, &result, &err));
    options.size = 1;
    USAGE(prism_session_result_file(session, at("r.zip"), &options, &result, &err));
    options.size = sizeof options;
    options.progress = stop_at_once;
    options.user = &told;
    REFUSED("cancelled", prism_session_result_file(session, at("r.zip"), &options, &result, &err));
    CHECK(told >= 1 && !result);
    USAGE(prism_session_result_memory(session, at("r.zip"), 3, NULL, &result, &err));
    CHECK(!result);
    DONE(prism_session_result_memory(session, at("r.zip"), 1 << 20, NULL, &result, &err));
    CHECK(prism_result_size(result) > 4 && !memcmp(prism_result_data(result), "PK\3\4", 4));
    CHECK(!strncmp(prism_result_digest(result), "sha256:", 7) && prism_result_compared(result));
    CHECK(strstr(prism_receipt_entry(prism_result_receipt(result)), "result.acked"));
    CHECK(!fopen(at("r.zip"), "rb"));
    prism_result_free(result);
    result = NULL;
    REFUSED("result.gone", prism_session_result_file(session, at("again.zip"), NULL, &result, &err));
}

static prism_session *join(const prism_agent *agent, const prism_manifest *terms, const char *who) {
    char file[64];
    prism_key *key = NULL;
    prism_session *session = NULL;
    prism_connect_options options = PRISM_CONNECT_OPTIONS_INIT;
    options.state = at("seen");
    snprintf(file, sizeof file, "%s.key", who);
    DONE(prism_key_load(at(file), &key, &err));
    DONE(prism_session_connect(prism_agent_address(agent), terms, key, &options, now(), &session, &err));
    prism_key_free(key);
    CHECK(!strcmp(prism_session_participant(session), who) && strlen(prism_session_boot(session)) == 32);
    CHECK(prism_session_simulated(session) && prism_verdict_good(prism_session_verdict(session)));
    return session;
}

static prism_agent *host(const prism_manifest *terms, const char *state) {
    prism_agent_options options = PRISM_AGENT_OPTIONS_INIT;
    prism_agent *agent = NULL;
    options.state = at(state);
    options.simulators = at("state");
    options.platform = "simulated";
    DONE(prism_agent_start(terms, &options, &agent, &err));
    CHECK(!strcmp(prism_agent_platform(agent), "simulated") && strchr(prism_agent_address(agent), ':'));
    return agent;
}

static void strangers(const prism_agent *agent, const prism_manifest *terms) {
    prism_key *stranger = NULL;
    prism_session *session = NULL;
    prism_verdict *verdict = NULL;
    prism_error *refused = NULL;
    DONE(prism_key_generate("ed25519", &stranger, &err));
    REFUSED("key.unknown", prism_session_connect(prism_agent_address(agent), terms, stranger, NULL, now(), &session, &err));
    DONE(prism_attest(prism_agent_address(agent), terms, NULL, now(), &verdict, &err));
    CHECK(prism_verdict_good(verdict));
    prism_verdict_free(verdict);
    /* Long after the simulator's certificates have run out, and long before they were made. */
    CHECK(prism_session_connect(prism_agent_address(agent), terms, stranger, NULL, 1, &session, &refused) && !session);
    prism_error_free(refused);
    prism_key_free(stranger);
}

static void whole_life(const prism_manifest *terms) {
    prism_agent *agent = host(terms, "agent");
    prism_session *hospital = join(agent, terms, "hospital-1"), *second = join(agent, terms, "hospital-2");
    prism_session *lab = join(agent, terms, "lab"), *institute = join(agent, terms, "institute");
    prism_receipt *receipt = NULL;
    prism_result *result = NULL;
    prism_audit *report = NULL;
    uint8_t script[4096];
    size_t size;
    FILE *file;
    strangers(agent, terms);
    REFUSED("result.not-ready", prism_session_result_file(institute, at("r.zip"), NULL, &result, &err));
    waits(hospital);
    uploads(hospital);
    statuses(hospital);
    many(hospital);
    CHECK((file = fopen(at("h2.csv"), "rb")) && !fseek(file, 0, SEEK_END) && ftell(file) > 0);
    DONE(prism_session_upload_from(second, "h2.csv", (uint64_t)ftell(file), from_file, file, NULL, &receipt, &err));
    CHECK(!fclose(file));
    prism_receipt_free(receipt);
    receipt = NULL;
    CHECK((file = fopen(at("count.py"), "rb")) && (size = fread(script, 1, sizeof script, file)) && !fclose(file));
    DONE(prism_session_upload_buffer(lab, "count.py", script, size, NULL, &receipt, &err));
    prism_receipt_free(receipt);
    results(institute, lab);
    statuses(institute);
    DONE(prism_agent_wait(agent, 0, &err));
    USAGE(prism_session_transcript(hospital, NULL, &err));
    DONE(prism_session_transcript(hospital, at("run.transcript"), &err));
    REFUSED("file.exists", prism_session_transcript(hospital, at("run.transcript"), &err));
    DONE(prism_audit_file(at("run.transcript"), terms, now(), &report, &err));
    CHECK(prism_audit_holds(report) && strstr(prism_audit_card(report), "Audit ok") && !prism_audit_card(NULL));
    DONE(prism_audit_require_holds(report, &err));
    prism_audit_free(report);
    prism_session_free(hospital);
    prism_session_free(second);
    prism_session_free(lab);
    prism_session_free(institute);
    DONE(prism_agent_stop(agent, &err));
    DONE(prism_agent_stop(agent, &err));
    USAGE(prism_agent_wait(agent, 0, &err));
    prism_agent_free(agent);
}

static void *stops(void *agent) {
    prism_error *mine = NULL;
    CHECK(!prism_agent_stop(agent, &mine));
    return NULL;
}

/* Handles made here are used and freed there; an agent is stopped while somebody waits for it. */
static void *ends(void *session) {
    prism_error *mine = NULL;
    prism_receipt *receipt = NULL;
    CHECK(!prism_session_stop(session, &receipt, &mine) && strstr(prism_receipt_entry(receipt), "stop"));
    prism_receipt_free(receipt);
    CHECK(prism_session_stop(session, &receipt, &mine) && !strcmp(prism_error_code(mine), "state.refused"));
    prism_error_free(mine);
    prism_session_free(session);
    return NULL;
}

static void stopped(const prism_manifest *terms) {
    prism_agent *agent = host(terms, "another");
    prism_session *session = join(agent, terms, "lab");
    prism_receipt *receipt = NULL;
    pthread_t thread;
    USAGE(prism_session_stop(session, NULL, &err));
    CHECK(!receipt && !pthread_create(&thread, NULL, ends, session) && !pthread_join(thread, NULL));
    DONE(prism_agent_wait(agent, 0, &err));
    prism_agent_free(agent);
    agent = host(terms, "third");
    /* Stopped while it is waited for, its log is closed; stopped before that, there is nothing to wait for. */
    CHECK(!pthread_create(&thread, NULL, stops, agent));
    if (prism_agent_wait(agent, 600, &err)) USAGE(PRISM_USAGE);
    CHECK(!pthread_join(thread, NULL));
    prism_agent_free(agent);
    /* One that nobody stopped ends with its handle. */
    prism_agent_free(host(terms, "fourth"));
}

int main(int argc, char **argv) {
    prism_manifest *terms = NULL;
    prism_key *key = NULL;
    prism_sandbox_helper_if_asked();
    CHECK(argc == 2);
    room = argv[1];
    cancels();
    pipes();
    identities();
    sealing();
    nothing();
    DONE(prism_manifest_read(at("terms.prism"), &terms, &err));
    DONE(prism_key_load(at("lab.key"), &key, &err));
    meetings(terms, key);
    no_agent(terms);
    whole_life(terms);
    stopped(terms);
    prism_key_free(key);
    prism_manifest_free(terms);
    printf("%d refusals\n", checked);
    return 0;
}

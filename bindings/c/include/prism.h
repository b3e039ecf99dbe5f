/*
 * Prism for C (C99 and later) and C++ (C++11 and later).
 *
 * Keys; manifests and approvals; digests of assets; sealed files; the judgement of evidence; sessions with
 * agents: look at the machine, upload, watch, take the result; audits; an agent in your own process.
 * Until version 1.0 the header may change; PRISM_ABI then changes with it. C++ hosts have prism.hpp as well.
 *
 * The contract, which every function keeps:
 *
 * - A function that can fail returns an int: 0 is success, any other number says who has to act
 *   (PRISM_INTERNAL to PRISM_RUN_FAILED). The error's code, a text such as "key.exposed", says what it
 *   was; codes and numbers never change their meaning.
 * - On failure, what `out` points to is left as it was; on success, what `err` points to is.
 * - The caller owns what a function puts into `*out`, and the error that it puts into `*err`. `err` may be
 *   NULL: then the status is all there is. An error that is in `*err` already is not freed: free it first.
 * - No function consumes a handle. Each handle is freed once, by its own `_free`, which takes NULL.
 * - A NULL handle, buffer or text where one is needed is an error with the code "usage" or, for a
 *   function that returns no status, the value that its comment names. A handle that was freed, or one
 *   of another type, is the caller's mistake and cannot be detected.
 * - Text is in UTF-8 and ends with a zero byte. Text that is returned belongs to the handle that it was
 *   asked of, and lives until that handle is freed. Paths are bytes, as the system has them.
 * - A buffer is a pointer and a size; with the size 0 the pointer may be NULL. It is read during the call
 *   only and must not be written to meanwhile.
 * - Handles move between threads, and several threads may use one at the same time. A handle is freed when no
 *   call on it is under way. What is borrowed from a handle (`const` pointers that are returned) is not freed.
 * - A callback is called on the thread of the call that it was given to, with `user` as it was given, and must
 *   return: no exception, no longjmp. It may call every function of this header, but free no handle of the call
 *   that it is called from. Callbacks, `user` and what `options` point to live as long as the call, or as long
 *   as the handle where a comment says so.
 * - A struct of options begins with its size: start from its _INIT, then set what you need. NULL for the whole
 *   struct, and zeros in it, mean the usual.
 * - A call that waits can be ended: by a prism_cancel, from any thread or a signal handler, or by what its
 *   callback returns. It loses nothing; the same call goes on where it ended.
 * - Nothing is written to standard output and no signal handler is installed. A peer that has gone is an error
 *   and never SIGPIPE, whatever the host does with that signal. Threads of Prism's own live in
 *   sessions and agents and end with them, at the latest a moment after. After fork(), a child may use nothing
 *   of this header before exec().
 * - No panic of Rust unwinds into the caller or aborts: it becomes PRISM_INTERNAL (in a function that returns
 *   no status: its neutral value), after what Rust says about it on standard error. Only memory that cannot
 *   be had ends the process, and an exception of C++ that leaves a callback.
 * - PRISM_ABI of the header has to equal prism_abi() of the library: compare them once.
 */


#ifndef PRISM_H
#define PRISM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The usual, for a struct of options to begin with. */
#define PRISM_CONNECT_OPTIONS_INIT {sizeof(prism_connect_options), NULL, NULL, NULL, NULL, 0}
#define PRISM_UPLOAD_OPTIONS_INIT {sizeof(prism_upload_options), NULL, NULL, NULL, NULL, 0, 0}
#define PRISM_RESULT_OPTIONS_INIT {sizeof(prism_result_options), NULL, NULL, NULL, 0, 0, 0}
#define PRISM_AGENT_OPTIONS_INIT {sizeof(prism_agent_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL}


/**
 * The version of the header's contract. It changes when a program has to be compiled again.
 */
#define PRISM_ABI 1

/**
 * Success.
 */
#define PRISM_OK 0

/**
 * A fault of Prism or of the machine it runs on.
 */
#define PRISM_INTERNAL 1

/**
 * The caller's input is wrong.
 */
#define PRISM_USAGE 2

/**
 * The other side, or the manifest's terms, say no.
 */
#define PRISM_REFUSED 3

/**
 * Evidence, a signature or a log did not hold.
 */
#define PRISM_NOT_TRUSTED 4

/**
 * A file, asset, name or entry does not exist.
 */
#define PRISM_NOT_FOUND 5

/**
 * A machine cannot be reached or is busy, or the caller cancelled: trying again may help.
 */
#define PRISM_UNAVAILABLE 6

/**
 * The algorithm ran and failed, or was stopped.
 */
#define PRISM_RUN_FAILED 7

/**
 * The step of a figure that was printed without one.
 */
#define PRISM_NO_STEP UINT64_MAX

/**
 * An agent that is awake.
 */
typedef struct prism_agent prism_agent;

/**
 * What an asset's bytes are.
 */
typedef struct prism_asset prism_asset;

/**
 * What a replay of a transcript found, rule by rule.
 */
typedef struct prism_audit prism_audit;

/**
 * Ends calls that wait.
 */
typedef struct prism_cancel prism_cancel;

/**
 * What went wrong: a stable code, a message and a hint.
 */
typedef struct prism_error prism_error;

/**
 * What opens sealed files: an identity of the age format.
 */
typedef struct prism_identity prism_identity;

/**
 * A participant's private key.
 */
typedef struct prism_key prism_key;

/**
 * The terms of a computation, approved by nobody, by some or by everybody.
 */
typedef struct prism_manifest prism_manifest;

/**
 * A participant's public key.
 */
typedef struct prism_public_key prism_public_key;

/**
 * An agent's signed word that an act is in its log, verified under the key that the machine vouches for.
 */
typedef struct prism_receipt prism_receipt;

/**
 * A result that arrived: a ZIP archive of what the program wrote.
 */
typedef struct prism_result prism_result;

/**
 * A participant's session with an agent that earned trust.
 */
typedef struct prism_session prism_session;

/**
 * How things stand, as the agent says without proof; what is proven comes from `prism_session_watch`.
 */
typedef struct prism_status prism_status;

/**
 * Every condition that was looked at, and what follows from them.
 */
typedef struct prism_verdict prism_verdict;

/**
 * What a verdict needs: evidence, endorsements, a policy and what the signed bytes have to stand for.
 */
typedef struct prism_verifier prism_verifier;

/**
 * Hears how far a call is, in bytes; `total` is 0 where it is not known. Anything but 0 cancels the call.
 *
 * It is called on the thread of the call, with `user` as it was given, and must return: no exception, no longjmp. It may
 * call every function of this header, but not on the handles of the call that it is called from.
 */
typedef int (*prism_progress)(void *user, uint64_t done, uint64_t total);

/**
 * Hears, for people, that a connection broke and what is done about it, while the call goes on by itself. The text is
 * borrowed until it returns.
 *
 * It is called on the thread of whatever call waits, with `user` as it was given, and must return.
 */
typedef void (*prism_notice)(void *user, const char *text);

/**
 * How an agent is met. Begin with `PRISM_CONNECT_OPTIONS_INIT`; zeros mean the usual.
 */
typedef struct prism_connect_options {
    /**
     * The size of this struct in bytes.
     */
    size_t size;
    /**
     * A folder in which the newest signed head of every log is remembered; NULL: `PRISM_STATE`, else `prism` in
     * `XDG_STATE_HOME`, else in `~/.local/state`.
     */
    const char *state;
    /**
     * Hears of broken connections; may be NULL.
     */
    prism_notice notice;
    /**
     * The first argument of `notice`.
     */
    void *user;
    /**
     * What ends every call of the session while it waits; may be NULL.
     */
    const struct prism_cancel *cancel;
    /**
     * How often in a row a broken connection is tried again; 0: 8 times; below 0: never.
     */
    int32_t retries;
} prism_connect_options;

/**
 * How far an upload is, in bytes. No number ever falls, but `sent` after a broken connection.
 */
typedef struct prism_upload_state {
    /**
     * Measured here, before any byte leaves.
     */
    uint64_t measured;
    /**
     * Sent.
     */
    uint64_t sent;
    /**
     * Held durably by the agent: these are not sent again.
     */
    uint64_t durable;
    /**
     * In all.
     */
    uint64_t total;
} prism_upload_state;

/**
 * Hears how far an upload is. Anything but 0 ends it with the error `cancelled`; the same call goes on where it ended.
 *
 * It is called on the thread of the call, with `user` as it was given; `state` is borrowed until it returns. It must
 * return: no exception, no longjmp.
 */
typedef int (*prism_upload_progress)(void *user, const struct prism_upload_state *state);

/**
 * How an asset is sent. Begin with `PRISM_UPLOAD_OPTIONS_INIT`; zeros mean the usual.
 */
typedef struct prism_upload_options {
    /**
     * The size of this struct in bytes.
     */
    size_t size;
    /**
     * Hears how far it is; may be NULL.
     */
    prism_upload_progress progress;
    /**
     * The first argument of `progress`.
     */
    void *user;
    /**
     * 32 bytes, exactly when the manifest's digest is salted; otherwise NULL. They go to the attested agent only.
     */
    const uint8_t *salt;
    /**
     * What ends this call while it waits, beside what ends every call of the session; may be NULL.
     */
    const struct prism_cancel *cancel;
    /**
     * Connections that bring parts of the asset at a time, each attested by itself; 0: one. A folder takes one.
     */
    uint32_t connections;
    /**
     * Anything but 0: the bytes are sent without being measured first. The agent compares them in any case and discards
     * what was not agreed, but then a wrong file has left.
     */
    uint32_t one_pass;
} prism_upload_options;

/**
 * Gives up to `size` bytes from `offset` on into `buffer` and says how many: at least 1 before the end. Anything below 0
 * ends the upload with the error `file.io`.
 *
 * It is called on the thread of the call, with `user` as it was given. The same bytes have to come each time: they are
 * measured before they are sent, and sent again after a broken connection. It must return: no exception, no longjmp.
 */
typedef int64_t (*prism_read_at)(void *user, uint64_t offset, uint8_t *buffer, size_t size);

/**
 * Hears an entry of the log once it is proven: its index, the run's state after it such as "Running", and the entry as
 * JSON, the exact text. 0: go on. Above 0: enough, the call succeeds. Below 0: the call ends with the error `cancelled`.
 *
 * It is called on the thread of the call, with `user` as it was given; the texts are borrowed until it returns. It must
 * return: no exception, no longjmp.
 */
typedef int (*prism_entry_heard)(void *user, uint64_t index, const char *state, const char *entry);

/**
 * Hears what the program prints: `stream` is 1 for its standard output and 2 for its standard error. The number that it
 * returns means what it means for entries.
 *
 * It is called on the thread of the call, with `user` as it was given; the bytes are borrowed until it returns. It must
 * return: no exception, no longjmp.
 */
typedef int (*prism_output_heard)(void *user, int stream, const uint8_t *data, size_t size);

/**
 * Hears a figure that the program printed, such as step 3, "loss", 0.25; one without a step has `PRISM_NO_STEP`. The number that it returns means what it means
 * for entries.
 *
 * It is called on the thread of the call, with `user` as it was given; the text is borrowed until it returns. It must
 * return: no exception, no longjmp.
 */
typedef int (*prism_figure_heard)(void *user, uint64_t step, const char *name, double value);

/**
 * How a result is taken. Begin with `PRISM_RESULT_OPTIONS_INIT`; zeros mean the usual.
 */
typedef struct prism_result_options {
    /**
     * The size of this struct in bytes.
     */
    size_t size;
    /**
     * Hears how many sealed bytes have come; may be NULL. Anything but 0 ends the call with the error `cancelled`, and
     * the same call goes on where it ended.
     */
    prism_progress progress;
    /**
     * The first argument of `progress`.
     */
    void *user;
    /**
     * What ends this call while it waits, beside what ends every call of the session; may be NULL.
     */
    const struct prism_cancel *cancel;
    /**
     * Anything but 0: the key travels under X25519 alone, without the post-quantum half.
     */
    uint32_t x25519;
    /**
     * Anything but 0: the sealed file stays too, as `<output>.age`, with `<output>.identity`, which opens it.
     */
    uint32_t keep_sealed;
    /**
     * Anything but 0: `<output>.receipt` is written, in place of an older one.
     */
    uint32_t keep_receipt;
} prism_result_options;

/**
 * How an agent is set up. Begin with `PRISM_AGENT_OPTIONS_INIT`; zeros mean the usual.
 */
typedef struct prism_agent_options {
    /**
     * The size of this struct in bytes.
     */
    size_t size;
    /**
     * Where to listen, as "address:port"; NULL: "127.0.0.1:0", a free port of this machine alone.
     */
    const char *listen;
    /**
     * The agent's own folder: one agent at a time. Must not be NULL.
     */
    const char *state;
    /**
     * Where evidence comes from: "auto", "snp", "tdx", "azure-snp", "azure-tdx", "simulated", "simulated-tdx"; NULL:
     * "auto", which never is a simulated one.
     */
    const char *platform;
    /**
     * A file with the vendor's endorsements; all but "snp" and simulated ones need it; otherwise NULL.
     */
    const char *endorsements;
    /**
     * A folder in which pretend vendors keep their keys; NULL: where the `prism` command has them.
     */
    const char *simulators;
    /**
     * The Python interpreter; NULL: the machine's.
     */
    const char *python;
    /**
     * A program that calls `prism_sandbox_helper_if_asked` first thing in `main`, such as the `prism` command; NULL: this
     * program does.
     */
    const char *helper;
    /**
     * What ends the start, and the waiting in `prism_agent_wait`; may be NULL.
     */
    const struct prism_cancel *cancel;
} prism_agent_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The contract's version that the library was built with; has to equal `PRISM_ABI` of the header.
 *
 * Ownership: nothing. Threads: any. Errors: none.
 * Example: `if (prism_abi() != PRISM_ABI) abort_start("another libprism than the header's");`
 */
uint32_t prism_abi(void);

/**
 * The library's version, such as "0.1.0".
 *
 * Ownership: borrowed, for as long as the program runs. Threads: any. Errors: none.
 * Example: `printf("prism %s\n", prism_version());`
 */
const char *prism_version(void);

/**
 * The error's stable code, such as "key.exposed".
 *
 * Ownership: borrowed until `prism_error_free`. Threads: any. Errors: NULL for NULL.
 * Example: `if (!strcmp(prism_error_code(err), "file.exists")) choose_another_name();`
 */
const char *prism_error_code(const struct prism_error *error);

/**
 * What was expected, what was found, and often what to do next.
 *
 * Ownership: borrowed until `prism_error_free`. Threads: any. Errors: NULL for NULL.
 * Example: `fprintf(stderr, "%s\n", prism_error_message(err));`
 */
const char *prism_error_message(const struct prism_error *error);

/**
 * What to do now, for people; without a full stop.
 *
 * Ownership: borrowed until `prism_error_free`. Threads: any. Errors: NULL for NULL.
 * Example: `fprintf(stderr, "  hint: %s\n", prism_error_hint(err));`
 */
const char *prism_error_hint(const struct prism_error *error);

/**
 * The verdict with every finding, when the error is that a machine was refused; otherwise NULL.
 *
 * Ownership: borrowed until `prism_error_free`; do not free it. Threads: any. Errors: NULL for NULL and for other errors.
 * Example: `if (prism_error_verdict(err)) puts(prism_verdict_text(prism_error_verdict(err)));`
 */
const struct prism_verdict *prism_error_verdict(const struct prism_error *error);

/**
 * Ends an error; NULL is taken.
 *
 * Ownership: the error is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_error_free(err); err = NULL;`
 */
void prism_error_free(struct prism_error *error);

/**
 * Makes something to end calls with: give it to connections and calls in their options.
 *
 * Ownership: `*out` is yours, until `prism_cancel_free`; calls that have it may still be running then. Threads: any.
 * Errors: `usage` for NULL.
 * Example: `if (prism_cancel_new(&cancel, &err)) goto fail;`
 */
int prism_cancel_new(struct prism_cancel **out,
                     struct prism_error **err);

/**
 * Ends, within a twentieth of a second, every call that has it and waits, with the error `cancelled`; and every later one
 * until `prism_cancel_reset`. Nothing is lost: the same call goes on where it ended.
 *
 * Ownership: nothing. Threads: any, also in a signal handler. Errors: none; NULL does nothing.
 * Example: `static void on_interrupt(int number) { (void)number; prism_cancel_request(cancel); }`
 */
void prism_cancel_request(const struct prism_cancel *cancel);

/**
 * Lets calls wait again.
 *
 * Ownership: nothing. Threads: any, also in a signal handler. Errors: none; NULL does nothing.
 * Example: `prism_cancel_reset(cancel);`
 */
void prism_cancel_reset(const struct prism_cancel *cancel);

/**
 * Whether calls that have it end.
 *
 * Ownership: nothing. Threads: any, also in a signal handler. Errors: false for NULL.
 * Example: `while (!prism_cancel_requested(cancel)) serve_next();`
 */
bool prism_cancel_requested(const struct prism_cancel *cancel);

/**
 * Frees it; NULL is taken. Calls that have it go on and cannot be ended by it any more.
 *
 * Ownership: it is gone. Threads: any, not in a signal handler. Errors: none.
 * Example: `prism_cancel_free(cancel);`
 */
void prism_cancel_free(struct prism_cancel *cancel);

/**
 * Makes a new key in memory: "ed25519", "ecdsa-p256" or "ecdsa-p384".
 *
 * Ownership: `*out` is yours, until `prism_key_free`. Threads: any. Errors: `usage` for another kind, `internal` when
 * the system gives no random bytes.
 * Example: `if (prism_key_generate("ed25519", &key, &err)) goto fail;`
 */
int prism_key_generate(const char *kind,
                       struct prism_key **out,
                       struct prism_error **err);

/**
 * Reads a private key (PKCS#8 PEM) from a file that only its owner can read.
 *
 * Ownership: `*out` is yours, until `prism_key_free`. Threads: any. Errors: `file.missing`, `key.exposed` when others
 * can read the file, `key.malformed`, `file.io`.
 * Example: `if (prism_key_load("hospital-1.key", &key, &err)) goto fail;`
 */
int prism_key_load(const char *file,
                   struct prism_key **out,
                   struct prism_error **err);

/**
 * Writes a new file that only its owner can read (mode 0600). A file that is there already is never overwritten.
 *
 * Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`, `file.missing`
 * when there is no such folder.
 * Example: `if (prism_key_save(key, "hospital-1.key", &err)) goto fail;`
 */
int prism_key_save(const struct prism_key *key,
                   const char *file,
                   struct prism_error **err);

/**
 * The public half of a private key.
 *
 * Ownership: `*out` is yours, until `prism_public_key_free`, also after the private key is freed. Threads: any. Errors: `usage` for NULL.
 * Example: `if (prism_key_public(key, &half, &err)) goto fail;`
 */
int prism_key_public(const struct prism_key *key,
                     struct prism_public_key **out,
                     struct prism_error **err);

/**
 * The fingerprint of the public half, "sha256:" and 64 hex digits, to be compared over the telephone.
 *
 * Ownership: borrowed until `prism_key_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_key_fingerprint(key));`
 */
const char *prism_key_fingerprint(const struct prism_key *key);

/**
 * Ends a private key and wipes it from memory; NULL is taken.
 *
 * Ownership: the key is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_key_free(key);`
 */
void prism_key_free(struct prism_key *key);

/**
 * Reads a public key (SPKI PEM), or the public half of a private one, from a file.
 *
 * Ownership: `*out` is yours, until `prism_public_key_free`. Threads: any. Errors: `file.missing`, `key.malformed`,
 * `key.exposed` for a private key that others can read, `file.io`.
 * Example: `if (prism_public_key_load("hospital-1.pub", &half, &err)) goto fail;`
 */
int prism_public_key_load(const char *file,
                          struct prism_public_key **out,
                          struct prism_error **err);

/**
 * Reads a public key from PEM text.
 *
 * Ownership: `*out` is yours, until `prism_public_key_free`; the text stays yours. Threads: any. Errors: `key.malformed`.
 * Example: `if (prism_public_key_from_pem(pem, &half, &err)) goto fail;`
 */
int prism_public_key_from_pem(const char *pem,
                              struct prism_public_key **out,
                              struct prism_error **err);

/**
 * Writes a new file with the public key. A file that is there already is never overwritten.
 *
 * Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`, `file.missing`.
 * Example: `if (prism_public_key_save(half, "hospital-1.pub", &err)) goto fail;`
 */
int prism_public_key_save(const struct prism_public_key *key,
                          const char *file,
                          struct prism_error **err);

/**
 * The public key as PEM text.
 *
 * Ownership: borrowed until `prism_public_key_free`. Threads: any. Errors: NULL for NULL.
 * Example: `fputs(prism_public_key_pem(half), file);`
 */
const char *prism_public_key_pem(const struct prism_public_key *key);

/**
 * The fingerprint, "sha256:" and 64 hex digits, to be compared over the telephone.
 *
 * Ownership: borrowed until `prism_public_key_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_public_key_fingerprint(half));`
 */
const char *prism_public_key_fingerprint(const struct prism_public_key *key);

/**
 * The kind of key: "ed25519", "ecdsa-p256" or "ecdsa-p384".
 *
 * Ownership: borrowed until `prism_public_key_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_public_key_kind(half));`
 */
const char *prism_public_key_kind(const struct prism_public_key *key);

/**
 * Ends a public key; NULL is taken.
 *
 * Ownership: the key is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_public_key_free(half);`
 */
void prism_public_key_free(struct prism_public_key *key);

/**
 * Reads a manifest, one participant's approval of one, or a manifest with everybody's approval.
 *
 * Ownership: `*out` is yours, until `prism_manifest_free`. Threads: any. Errors: `file.missing`, `manifest.malformed`,
 * `envelope.malformed`, `file.io`.
 * Example: `if (prism_manifest_read("covid19.prism", &terms, &err)) goto fail;`
 */
int prism_manifest_read(const char *file,
                        struct prism_manifest **out,
                        struct prism_error **err);

/**
 * As `prism_manifest_read`, from memory.
 *
 * Ownership: `*out` is yours, until `prism_manifest_free`; the buffer stays yours. Threads: any. Errors:
 * `manifest.malformed`, `envelope.malformed`.
 * Example: `if (prism_manifest_from_buffer(data, size, &terms, &err)) goto fail;`
 */
int prism_manifest_from_buffer(const uint8_t *data,
                               size_t size,
                               struct prism_manifest **out,
                               struct prism_error **err);

/**
 * Writes a new file: what was read, approved or assembled. A file that is there already is never overwritten.
 *
 * Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`,
 * `file.missing`.
 * Example: `if (prism_manifest_save(approval, "hospital-1.approval", &err)) goto fail;`
 */
int prism_manifest_save(const struct prism_manifest *manifest,
                        const char *file,
                        struct prism_error **err);

/**
 * Everything that a participant has to know before approving, in plain words.
 *
 * Ownership: borrowed until `prism_manifest_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_manifest_words(terms));`
 */
const char *prism_manifest_words(const struct prism_manifest *manifest);

/**
 * The exact text that participants approve: JSON.
 *
 * Ownership: borrowed until `prism_manifest_free`. Threads: any. Errors: NULL for NULL.
 * Example: `fputs(prism_manifest_json(terms), stdout);`
 */
const char *prism_manifest_json(const struct prism_manifest *manifest);

/**
 * The terms as a card in HTML, without scripts and without references to anything elsewhere.
 *
 * Ownership: borrowed until `prism_manifest_free`. Threads: any. Errors: NULL for NULL.
 * Example: `fputs(prism_manifest_card(terms), page);`
 */
const char *prism_manifest_card(const struct prism_manifest *manifest);

/**
 * The digest of the exact text, "sha256:" and 64 hex digits: the computation's name.
 *
 * Ownership: borrowed until `prism_manifest_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_manifest_digest(terms));`
 */
const char *prism_manifest_digest(const struct prism_manifest *manifest);

/**
 * Whether the terms accept a machine that is simulated and protects nothing.
 *
 * Ownership: nothing. Threads: any. Errors: true for NULL.
 * Example: `if (prism_manifest_simulated(terms)) puts("SIMULATED: not for data of people");`
 */
bool prism_manifest_simulated(const struct prism_manifest *manifest);

/**
 * The number of participants, each of whom has to approve.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL.
 * Example: `for (i = 0; i < prism_manifest_participants(terms); i++) puts(prism_manifest_participant(terms, i));`
 */
size_t prism_manifest_participants(const struct prism_manifest *manifest);

/**
 * The name of participant `index`, counted from 0 in the manifest's order.
 *
 * Ownership: borrowed until `prism_manifest_free`. Threads: any. Errors: NULL for NULL
 * and beyond the last.
 * Example: `puts(prism_manifest_participant(terms, 0));`
 */
const char *prism_manifest_participant(const struct prism_manifest *manifest, size_t index);

/**
 * Whether the approval of participant `index` is there and holds.
 *
 * Ownership: nothing. Threads: any. Errors: false for NULL and beyond the last.
 * Example: `if (!prism_manifest_approved(terms, 0)) puts("not yet");`
 */
bool prism_manifest_approved(const struct prism_manifest *manifest, size_t index);

/**
 * Succeeds only if every participant's approval is there and holds, and nobody else's.
 *
 * Ownership: nothing changes. Threads: any. Errors: `manifest.approval-missing` names
 * who is missing; `manifest.approval-invalid`; `key.unknown` for an approval by somebody whom the manifest does not name.
 * Example: `if (prism_manifest_require_approved(terms, &err)) goto fail;`
 */
int prism_manifest_require_approved(const struct prism_manifest *manifest,
                                    struct prism_error **err);

/**
 * One participant's approval of the exact text: a manifest with this one approval, to be saved and sent to the owner.
 * Approvals that `manifest` holds already stay there and are not copied.
 *
 * Ownership: `*out` is yours, until `prism_manifest_free`; manifest and key stay yours. Threads: any. Errors: `key.unknown` when the key is no participant's.
 * Example: `if (prism_manifest_approve(terms, key, &approval, &err)) goto fail;`
 */
int prism_manifest_approve(const struct prism_manifest *manifest,
                           const struct prism_key *key,
                           struct prism_manifest **out,
                           struct prism_error **err);

/**
 * Puts every participant's approval of the manifest's exact text together.
 *
 * Ownership: `*out` is yours, until `prism_manifest_free`; manifest, array and approvals stay yours. Threads: any. Errors: `manifest.approval-missing`, `manifest.approval-invalid`, `key.unknown`,
 * `envelope.malformed` for terms without an approval.
 * Example: `if (prism_manifest_assemble(terms, approvals, 5, &signed_terms, &err)) goto fail;`
 */
int prism_manifest_assemble(const struct prism_manifest *manifest,
                            const struct prism_manifest *const *approvals,
                            size_t count,
                            struct prism_manifest **out,
                            struct prism_error **err);

/**
 * Ends a manifest; NULL is taken.
 *
 * Ownership: the manifest is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_manifest_free(terms);`
 */
void prism_manifest_free(struct prism_manifest *manifest);

/**
 * The digest and size of a file, or of a folder's canonical archive, as a manifest names them.
 *
 * Ownership: `*out` is yours, until `prism_asset_free`. Threads: any; `progress` is called on this thread and may be NULL.
 * Errors: `cancelled` when `progress` says so, `file.missing`, `file.changed`, `file.io`, `archive.unsafe` and
 * `archive.too-large` for a folder that nobody would accept.
 * Example: `if (prism_asset_measure("h1", tick, NULL, &asset, &err)) goto fail;`
 */
int prism_asset_measure(const char *file,
                        prism_progress progress,
                        void *user,
                        struct prism_asset **out,
                        struct prism_error **err);

/**
 * The digest and size of bytes in memory, as those of a file with them.
 *
 * Ownership: `*out` is yours, until `prism_asset_free`; the buffer stays yours. Threads: any. Errors: `usage` for NULL.
 * Example: `if (prism_asset_from_buffer(data, size, &asset, &err)) goto fail;`
 */
int prism_asset_from_buffer(const uint8_t *data,
                            size_t size,
                            struct prism_asset **out,
                            struct prism_error **err);

/**
 * The digest, "sha256:" and 64 hex digits.
 *
 * Ownership: borrowed until `prism_asset_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_asset_digest(asset));`
 */
const char *prism_asset_digest(const struct prism_asset *asset);

/**
 * The number of bytes.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL.
 * Example: `printf("%llu bytes\n", (unsigned long long)prism_asset_size(asset));`
 */
uint64_t prism_asset_size(const struct prism_asset *asset);

/**
 * Ends what was found about an asset; NULL is taken. The asset itself stays as it is.
 *
 * Ownership: it is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_asset_free(asset);`
 */
void prism_asset_free(struct prism_asset *asset);

/**
 * Makes a new identity in memory: "hybrid" (X25519 and ML-KEM-768, also against quantum computers) or "x25519".
 *
 * Ownership: `*out` is yours, until `prism_identity_free`. Threads: any. Errors: `usage` for another kind, `internal` when
 * the system gives no random bytes.
 * Example: `if (prism_identity_generate("hybrid", &identity, &err)) goto fail;`
 */
int prism_identity_generate(const char *kind,
                            struct prism_identity **out,
                            struct prism_error **err);

/**
 * Reads an identity from a file that only its owner can read, as `prism_identity_save` and the `age-keygen` tool write it.
 *
 * Ownership: `*out` is yours, until `prism_identity_free`. Threads: any. Errors: `file.missing`, `key.exposed` when others
 * can read the file, `key.malformed`, `file.io`.
 * Example: `if (prism_identity_load("hospital-1.identity", &identity, &err)) goto fail;`
 */
int prism_identity_load(const char *file,
                        struct prism_identity **out,
                        struct prism_error **err);

/**
 * Writes a new file that only its owner can read (mode 0600). A file that is there already is never overwritten.
 *
 * Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`, `file.missing` when there is no such folder.
 * Example: `if (prism_identity_save(identity, "hospital-1.identity", &err)) goto fail;`
 */
int prism_identity_save(const struct prism_identity *identity,
                        const char *file,
                        struct prism_error **err);

/**
 * Whom files are sealed to that this identity opens: "age1" and more.
 *
 * Ownership: borrowed until `prism_identity_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_identity_recipient(identity));`
 */
const char *prism_identity_recipient(const struct prism_identity *identity);

/**
 * Ends an identity and wipes it from memory; NULL is taken.
 *
 * Ownership: the identity is gone, and with it the text that was borrowed from it. Threads: any. Errors: none.
 * Example: `prism_identity_free(identity);`
 */
void prism_identity_free(struct prism_identity *identity);

/**
 * Seals a file, or a folder as its canonical archive, into the new file `to`, for whoever has the identity of one of
 * `count` recipients. `*out` is digest and size of the sealed file.
 *
 * Ownership: `*out` is yours, until `prism_asset_free`; the array and its texts stay yours. Threads: any; `progress`, which
 * may be NULL, is called on this thread with bytes read. Errors: `usage` for no recipient or text that is none,
 * `file.exists`, `file.missing`, `file.changed`, `file.io`, `cancelled` when `progress` says so; there is no file `to` then.
 * Example: `if (prism_seal("h1.zip", &recipient, 1, "h1.zip.age", tick, NULL, &sealed, &err)) goto fail;`
 */
int prism_seal(const char *file,
               const char *const *recipients,
               size_t count,
               const char *to,
               prism_progress progress,
               void *user,
               struct prism_asset **out,
               struct prism_error **err);

/**
 * Opens a sealed file into the new file `to`. `*out` is digest and size of what was in it.
 *
 * Ownership: `*out` is yours, until `prism_asset_free`. Threads: any; `progress`, which may be NULL, is called on this
 * thread with sealed bytes read. Errors: `seal.not-for-you`, `seal.broken` when a byte was changed or the end is missing,
 * `file.exists`, `file.missing`, `file.io`, `cancelled` when `progress` says so; there is no file `to` then.
 * Example: `if (prism_open("h1.zip.age", identity, "h1.zip", tick, NULL, &opened, &err)) goto fail;`
 */
int prism_open(const char *sealed,
               const struct prism_identity *identity,
               const char *to,
               prism_progress progress,
               void *user,
               struct prism_asset **out,
               struct prism_error **err);

/**
 * Makes an empty verifier. Give it evidence, endorsements, a policy and report data, in any order; each can be given anew,
 * and the others stay for the next verdict.
 *
 * Ownership: `*out` is yours, until `prism_verifier_free`. Threads: any. Errors: `usage` for NULL.
 * Example: `if (prism_verifier_new(&verifier, &err)) goto fail;`
 */
int prism_verifier_new(struct prism_verifier **out,
                       struct prism_error **err);

/**
 * Takes what the machine signed, from memory. `platform` is "snp", "tdx", "azure-snp", "azure-tdx", "simulated" or
 * "simulated-tdx".
 *
 * Ownership: the bytes are copied and stay yours. Threads: any. Errors:
 * `platform.unsupported`, `evidence.refused` or `usage` for bytes that cannot be evidence; what was given before stays.
 * Example: `if (prism_verifier_evidence(verifier, "snp", report, 1184, &err)) goto fail;`
 */
int prism_verifier_evidence(const struct prism_verifier *verifier,
                            const char *platform,
                            const uint8_t *data,
                            size_t size,
                            struct prism_error **err);

/**
 * As `prism_verifier_evidence`, from a file.
 *
 * Ownership: nothing changes. Threads: any. Errors: as there, and `file.missing`,
 * `file.malformed` for a file that is too long, `file.io`.
 * Example: `if (prism_verifier_evidence_file(verifier, "snp", "report.bin", &err)) goto fail;`
 */
int prism_verifier_evidence_file(const struct prism_verifier *verifier,
                                 const char *platform,
                                 const char *file,
                                 struct prism_error **err);

/**
 * Takes what the vendor vouches for, from memory: one machine's endorsements, a bundle for many, or the certificate (DER)
 * of an AMD machine's key.
 *
 * Ownership: the bytes are copied and stay yours. Threads: any. Errors: the code of
 * what is wrong with their form; what was given before stays.
 * Example: `if (prism_verifier_endorsements(verifier, bundle, size, &err)) goto fail;`
 */
int prism_verifier_endorsements(const struct prism_verifier *verifier,
                                const uint8_t *data,
                                size_t size,
                                struct prism_error **err);

/**
 * As `prism_verifier_endorsements`, from a file.
 *
 * Ownership: nothing changes. Threads: any. Errors: as there, and `file.missing`,
 * `file.malformed`, `file.io`.
 * Example: `if (prism_verifier_endorsements_file(verifier, "bundle.json", &err)) goto fail;`
 */
int prism_verifier_endorsements_file(const struct prism_verifier *verifier,
                                     const char *file,
                                     struct prism_error **err);

/**
 * Takes what is accepted, from memory: a policy in TOML or JSON, confirmed by a person.
 *
 * Ownership: the bytes are copied and stay yours. Threads: any. Errors:
 * `policy.malformed`, `policy.unconfirmed`; what was given before stays.
 * Example: `if (prism_verifier_policy(verifier, policy, size, &err)) goto fail;`
 */
int prism_verifier_policy(const struct prism_verifier *verifier,
                          const uint8_t *data,
                          size_t size,
                          struct prism_error **err);

/**
 * As `prism_verifier_policy`, from a file.
 *
 * Ownership: nothing changes. Threads: any. Errors: as there, and `file.missing`,
 * `file.malformed`, `file.io`.
 * Example: `if (prism_verifier_policy_file(verifier, "policy.toml", &err)) goto fail;`
 */
int prism_verifier_policy_file(const struct prism_verifier *verifier,
                               const char *file,
                               struct prism_error **err);

/**
 * Requires that the machine signed for exactly these 64 bytes.
 *
 * Ownership: the bytes are copied and stay yours. Threads: any. Errors: `usage` for
 * another length.
 * Example: `if (prism_verifier_report_data(verifier, data, 64, &err)) goto fail;`
 */
int prism_verifier_report_data(const struct prism_verifier *verifier,
                               const uint8_t *data,
                               size_t size,
                               struct prism_error **err);

/**
 * Says that it is not known what the signed bytes stand for: the verdict is about the machine alone, and says so.
 *
 * Ownership: nothing changes. Threads: any. Errors: `usage` for NULL.
 * Example: `if (prism_verifier_unbound(verifier, &err)) goto fail;`
 */
int prism_verifier_unbound(const struct prism_verifier *verifier,
                           struct prism_error **err);

/**
 * Judges as of the time `at`, in seconds since 1970 UTC. It succeeds also when the machine is refused: ask
 * `prism_verdict_good`, or let `prism_verdict_require_good` fail.
 *
 * Ownership: `*out` is yours, until `prism_verdict_free`, also after the verifier is freed. Threads: any. Errors: `usage` when something was not given, `endorsements.missing` when a bundle has none for
 * this evidence.
 * Example: `if (prism_verifier_judge(verifier, (uint64_t)time(NULL), &verdict, &err)) goto fail;`
 */
int prism_verifier_judge(const struct prism_verifier *verifier,
                         uint64_t at,
                         struct prism_verdict **out,
                         struct prism_error **err);

/**
 * Ends a verifier; NULL is taken.
 *
 * Ownership: the verifier is gone; verdicts stay. Threads: any. Errors: none.
 * Example: `prism_verifier_free(verifier);`
 */
void prism_verifier_free(struct prism_verifier *verifier);

/**
 * Whether every condition holds: the machine is genuine, wanted, and signed for what was expected.
 *
 * Ownership: nothing. Threads: any. Errors: false for NULL.
 * Example: `if (!prism_verdict_good(verdict)) puts(prism_verdict_text(verdict));`
 */
bool prism_verdict_good(const struct prism_verdict *verdict);

/**
 * Succeeds only for a good verdict: one line between a verdict and whatever is built on it.
 *
 * Ownership: nothing changes. Threads: any. Errors: `evidence.refused` names the first
 * condition that is not met.
 * Example: `if (prism_verdict_require_good(verdict, &err)) goto fail;`
 */
int prism_verdict_require_good(const struct prism_verdict *verdict, struct prism_error **err);

/**
 * Whether the machine is simulated and protects nothing.
 *
 * Ownership: nothing. Threads: any. Errors: true for NULL.
 * Example: `if (prism_verdict_simulated(verdict)) puts("SIMULATED, NOT A TEE");`
 */
bool prism_verdict_simulated(const struct prism_verdict *verdict);

/**
 * The verdict for people, one line for each condition.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_verdict_text(verdict));`
 */
const char *prism_verdict_text(const struct prism_verdict *verdict);

/**
 * The verdict as one JSON object with stable names.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL.
 * Example: `fputs(prism_verdict_json(verdict), journal);`
 */
const char *prism_verdict_json(const struct prism_verdict *verdict);

/**
 * The verdict as a card in HTML, without scripts and without references to anything elsewhere.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL.
 * Example: `fputs(prism_verdict_card(verdict), page);`
 */
const char *prism_verdict_card(const struct prism_verdict *verdict);

/**
 * The number of conditions that were looked at.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL.
 * Example: `for (i = 0; i < prism_verdict_findings(verdict); i++) puts(prism_verdict_finding_code(verdict, i));`
 */
size_t prism_verdict_findings(const struct prism_verdict *verdict);

/**
 * Whether condition `index`, counted from 0, is met.
 *
 * Ownership: nothing. Threads: any. Errors: false for NULL and beyond the last.
 * Example: `if (!prism_verdict_finding_met(verdict, i)) puts(prism_verdict_finding_found(verdict, i));`
 */
bool prism_verdict_finding_met(const struct prism_verdict *verdict,
                               size_t index);

/**
 * The stable code of condition `index`.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_verdict_finding_code(verdict, i));`
 */
const char *prism_verdict_finding_code(const struct prism_verdict *verdict, size_t index);

/**
 * The stage of the judgement that condition `index` belongs to.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_verdict_finding_stage(verdict, i));`
 */
const char *prism_verdict_finding_stage(const struct prism_verdict *verdict, size_t index);

/**
 * What condition `index` expected.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_verdict_finding_expected(verdict, i));`
 */
const char *prism_verdict_finding_expected(const struct prism_verdict *verdict, size_t index);

/**
 * What was found for condition `index`.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_verdict_finding_found(verdict, i));`
 */
const char *prism_verdict_finding_found(const struct prism_verdict *verdict, size_t index);

/**
 * Ends a verdict; NULL is taken.
 *
 * Ownership: the verdict is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_verdict_free(verdict);`
 */
void prism_verdict_free(struct prism_verdict *verdict);

/**
 * Asks the agent at `address` ("host:port") to prove at the time `now`, in seconds since 1970 UTC, that it is what the
 * manifest demands and that it is the other end of this connection. Nothing but a nonce is sent. It succeeds also when the
 * machine is refused: ask `prism_verdict_good`, or let `prism_verdict_require_good` fail.
 *
 * Ownership: `*out` is yours, until `prism_verdict_free`; the manifest stays yours. Threads: any. Errors:
 * `manifest.approval-missing` for terms that not everybody approved, `manifest.expired`, `agent.unreachable` when nobody
 * answers, `agent.misbehaved`, `log.forked` when its log contradicts what was seen before, `cancelled`, `usage`.
 * Example: `if (prism_attest("agent.example:6110", terms, NULL, (uint64_t)time(NULL), &verdict, &err)) goto fail;`
 */
int prism_attest(const char *address,
                 const struct prism_manifest *terms,
                 const struct prism_connect_options *options,
                 uint64_t now,
                 struct prism_verdict **out,
                 struct prism_error **err);

/**
 * As `prism_attest`, and refuses unless every finding is good; then says with `key` who you are. Nothing else of yours is
 * sent. A connection that breaks later is made, attested and authenticated anew by the call that needs it.
 *
 * Ownership: `*out` is yours, until `prism_session_free`; manifest, key and what the options point to stay yours, and
 * `user` and `notice` are used until the session is freed. Threads: any. Errors: as of `prism_attest`, and
 * `evidence.refused`, whose `prism_error_verdict` has every finding; `key.unknown` when the manifest names nobody with
 * this key.
 * Example: `if (prism_session_connect("agent.example:6110", terms, key, NULL, (uint64_t)time(NULL), &session, &err)) goto fail;`
 */
int prism_session_connect(const char *address,
                          const struct prism_manifest *terms,
                          const struct prism_key *key,
                          const struct prism_connect_options *options,
                          uint64_t now,
                          struct prism_session **out,
                          struct prism_error **err);

/**
 * The verdict on the machine, with every finding.
 *
 * Ownership: borrowed until `prism_session_free`; do not free it. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_verdict_text(prism_session_verdict(session)));`
 */
const struct prism_verdict *prism_session_verdict(const struct prism_session *session);

/**
 * Who you are, as the manifest names your key.
 *
 * Ownership: borrowed until `prism_session_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_session_participant(session));`
 */
const char *prism_session_participant(const struct prism_session *session);

/**
 * The agent's boot, 32 hex digits: each run of a computation has another one.
 *
 * Ownership: borrowed until `prism_session_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_session_boot(session));`
 */
const char *prism_session_boot(const struct prism_session *session);

/**
 * Whether the machine is simulated and protects nothing.
 *
 * Ownership: nothing. Threads: any. Errors: true for NULL.
 * Example: `if (prism_session_simulated(session)) puts("SIMULATED, NOT A TEE");`
 */
bool prism_session_simulated(const struct prism_session *session);

/**
 * Stops the computation for good, for everybody. Whoever has a role in it may.
 *
 * Ownership: `*out` is yours, until `prism_receipt_free`. Threads: any. Errors: `state.refused` when it is over already,
 * `cancelled`, `agent.unreachable`.
 * Example: `if (prism_session_stop(session, &receipt, &err)) goto fail;`
 */
int prism_session_stop(const struct prism_session *session,
                       struct prism_receipt **out,
                       struct prism_error **err);

/**
 * Fetches the transcript of the computation into a new file, for `prism_audit_file`. Its log is compared with what was
 * seen before.
 *
 * Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`, `agent.misbehaved`, `log.forked`,
 * `cancelled`, `agent.unreachable`.
 * Example: `if (prism_session_transcript(session, "run.transcript", &err)) goto fail;`
 */
int prism_session_transcript(const struct prism_session *session,
                             const char *file,
                             struct prism_error **err);

/**
 * Ends a session and its connections; NULL is taken. What the agent holds stays there.
 *
 * Ownership: the session is gone, and with it what was borrowed from it. Threads: any, once no call on it is under way.
 * Errors: none.
 * Example: `prism_session_free(session);`
 */
void prism_session_free(struct prism_session *session);

/**
 * Asks how things stand.
 *
 * Ownership: `*out` is yours, until `prism_status_free`. Threads: any. Errors: `cancelled`, `agent.unreachable`.
 * Example: `if (prism_session_status(session, &status, &err)) goto fail;`
 */
int prism_session_status(const struct prism_session *session,
                         struct prism_status **out,
                         struct prism_error **err);

/**
 * The run's state, such as `WaitingForDatasets`.
 *
 * Ownership: borrowed until `prism_status_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_status_state(status));`
 */
const char *prism_status_state(const struct prism_status *status);

/**
 * The kind of machine, such as "snp".
 *
 * Ownership: borrowed until `prism_status_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_status_platform(status));`
 */
const char *prism_status_platform(const struct prism_status *status);

/**
 * The number of entries in the log.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL.
 * Example: `printf("%llu entries\n", (unsigned long long)prism_status_log_size(status));`
 */
uint64_t prism_status_log_size(const struct prism_status *status);

/**
 * The number of assets that the manifest names.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL.
 * Example: `for (i = 0; i < prism_status_assets(status); i++) puts(prism_status_asset(status, i));`
 */
size_t prism_status_assets(const struct prism_status *status);

/**
 * The name of asset `index`, counted from 0.
 *
 * Ownership: borrowed until `prism_status_free`. Threads: any. Errors: NULL for NULL and beyond the last.
 * Example: `puts(prism_status_asset(status, 0));`
 */
const char *prism_status_asset(const struct prism_status *status,
                               size_t index);

/**
 * Whether asset `index` is there, whole, and the one that was agreed.
 *
 * Ownership: nothing. Threads: any. Errors: false for NULL and beyond the last.
 * Example: `if (!prism_status_asset_accepted(status, i)) puts("still waiting");`
 */
bool prism_status_asset_accepted(const struct prism_status *status, size_t index);

/**
 * How many bytes of asset `index` the agent holds durably.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL and beyond the last.
 * Example: `held = prism_status_asset_durable(status, i);`
 */
uint64_t prism_status_asset_durable(const struct prism_status *status, size_t index);

/**
 * The size of asset `index` in bytes.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL and beyond the last.
 * Example: `total = prism_status_asset_size(status, i);`
 */
uint64_t prism_status_asset_size(const struct prism_status *status, size_t index);

/**
 * The number of sealed results: one for each consumer once the program has ended well, 0 before.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL.
 * Example: `if (prism_status_results(status) == 0) puts("not yet");`
 */
size_t prism_status_results(const struct prism_status *status);

/**
 * Whose result `index` is, counted from 0.
 *
 * Ownership: borrowed until `prism_status_free`. Threads: any. Errors: NULL for NULL and beyond the last.
 * Example: `puts(prism_status_result(status, 0));`
 */
const char *prism_status_result(const struct prism_status *status,
                                size_t index);

/**
 * The size of result `index` in bytes as it is sealed: the result itself is a little smaller.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL and beyond the last.
 * Example: `most = prism_status_result_sealed(status, i);`
 */
uint64_t prism_status_result_sealed(const struct prism_status *status, size_t index);

/**
 * Whether the consumer of result `index` has confirmed that it arrived.
 *
 * Ownership: nothing. Threads: any. Errors: false for NULL and beyond the last.
 * Example: `if (prism_status_result_acknowledged(status, i)) puts("taken");`
 */
bool prism_status_result_acknowledged(const struct prism_status *status, size_t index);

/**
 * Ends a status; NULL is taken.
 *
 * Ownership: the status is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_status_free(status);`
 */
void prism_status_free(struct prism_status *status);

/**
 * Which entry of the log it is, counted from 0.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL.
 * Example: `printf("log entry %llu\n", (unsigned long long)prism_receipt_index(receipt));`
 */
uint64_t prism_receipt_index(const struct prism_receipt *receipt);

/**
 * What was logged: JSON, the exact text.
 *
 * Ownership: borrowed until the receipt is freed. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_receipt_entry(receipt));`
 */
const char *prism_receipt_entry(const struct prism_receipt *receipt);

/**
 * The proof: index, path and signed head of the log, a C2SP tlog-proof.
 *
 * Ownership: borrowed until the receipt is freed. Threads: any. Errors: NULL for NULL.
 * Example: `fputs(prism_receipt_proof(receipt), journal);`
 */
const char *prism_receipt_proof(const struct prism_receipt *receipt);

/**
 * Writes a new file with the proof. A file that is there already is never overwritten.
 *
 * Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`, `file.missing` when there is no such folder.
 * Example: `if (prism_receipt_save(receipt, "h1.receipt", &err)) goto fail;`
 */
int prism_receipt_save(const struct prism_receipt *receipt,
                       const char *file,
                       struct prism_error **err);

/**
 * Ends a receipt; NULL is taken. Not for one that a result lends.
 *
 * Ownership: the receipt is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_receipt_free(receipt);`
 */
void prism_receipt_free(struct prism_receipt *receipt);

/**
 * Sends a file, or a folder as its canonical archive, as the asset that the manifest calls `asset`. It is measured first:
 * what was not agreed does not leave. After an interruption the same call sends what the agent does not hold yet.
 *
 * Ownership: `*out` is yours, until `prism_receipt_free`; `options` may be NULL and is read during the call only. Threads:
 * any; the progress is told on this thread. Errors: `asset.mismatch` for other bytes than the agreed ones,
 * `asset.unknown`, `asset.wrong-provider`, `usage` for a salt too many or too few, `file.missing`, `file.changed`,
 * `file.io`, `state.refused` when assets are not wanted any more, `cancelled`, `agent.unreachable`.
 * Example: `if (prism_session_upload_file(session, "h1", "h1.zip", &options, &receipt, &err)) goto fail;`
 */
int prism_session_upload_file(const struct prism_session *session,
                              const char *asset,
                              const char *file,
                              const struct prism_upload_options *options,
                              struct prism_receipt **out,
                              struct prism_error **err);

/**
 * As `prism_session_upload_file`, from memory. The bytes are not copied as a whole and must not change meanwhile; nobody
 * reads them once the call has returned.
 *
 * Ownership: `*out` is yours, until `prism_receipt_free`; the buffer stays yours. Threads: any; the progress is told on
 * this thread. Errors: as there.
 * Example: `if (prism_session_upload_buffer(session, "h1", pixels, size, &options, &receipt, &err)) goto fail;`
 */
int prism_session_upload_buffer(const struct prism_session *session,
                                const char *asset,
                                const uint8_t *data,
                                size_t size,
                                const struct prism_upload_options *options,
                                struct prism_receipt **out,
                                struct prism_error **err);

/**
 * As `prism_session_upload_file`, with `size` bytes that `read_at` gives when they are needed.
 *
 * Ownership: `*out` is yours, until `prism_receipt_free`; `user` is used during the call only. Threads: any; `read_at` and
 * the progress are called on this thread. Errors: as there, and `file.io` when `read_at` fails or ends before `size`.
 * Example: `if (prism_session_upload_from(session, "h1", size, read_at, archive, &options, &receipt, &err)) goto fail;`
 */
int prism_session_upload_from(const struct prism_session *session,
                              const char *asset,
                              uint64_t size,
                              prism_read_at read_at,
                              void *user,
                              const struct prism_upload_options *options,
                              struct prism_receipt **out,
                              struct prism_error **err);

/**
 * Tells the entries of the log from index `first` on, each once it is proven, until the log is closed or `heard` has had
 * enough. The whole log is read and recomputed, whatever `first` is.
 *
 * Ownership: nothing changes. Threads: any; `heard` is called on this thread. Errors: `log.invalid`, `log.forked`,
 * `cancelled` by `cancel` (which may be NULL) or `heard`, `agent.unreachable`.
 * Example: `if (prism_session_watch(session, 0, on_entry, NULL, cancel, &err)) goto fail;`
 */
int prism_session_watch(const struct prism_session *session,
                        uint64_t first,
                        prism_entry_heard heard,
                        void *user,
                        const struct prism_cancel *cancel,
                        struct prism_error **err);

/**
 * Tells what the program prints, from its first byte on, as far as the manifest lets you read it, until the run has ended
 * or `heard` has had enough.
 *
 * Ownership: nothing changes. Threads: any; `heard` is called on this thread. Errors: `role.refused` when the manifest
 * does not let you read it, `cancelled` by `cancel` (which may be NULL) or `heard`, `agent.unreachable`.
 * Example: `if (prism_session_output(session, on_output, NULL, cancel, &err)) goto fail;`
 */
int prism_session_output(const struct prism_session *session,
                         prism_output_heard heard,
                         void *user,
                         const struct prism_cancel *cancel,
                         struct prism_error **err);

/**
 * Tells the figures that the program prints, from the first on, as far as the manifest lets you read them, until the run
 * has ended or `heard` has had enough.
 *
 * Ownership: nothing changes. Threads: any; `heard` is called on this thread. Errors: `role.refused` when the manifest
 * does not let you read them, `cancelled` by `cancel` (which may be NULL) or `heard`, `agent.unreachable`.
 * Example: `if (prism_session_figures(session, on_figure, NULL, cancel, &err)) goto fail;`
 */
int prism_session_figures(const struct prism_session *session,
                          prism_figure_heard heard,
                          void *user,
                          const struct prism_cancel *cancel,
                          struct prism_error **err);

/**
 * Takes your result into the new file `out`, exactly once, and confirms it: then the agent destroys its own. After an
 * interruption the same call goes on; what that needs lies beside `out`.
 *
 * Ownership: `*out` is yours, until `prism_result_free`; `options` may be NULL and is read during the call only. Threads:
 * any; the progress is told on this thread. Errors: `result.not-ready`, `result.released` when it went to another
 * recipient, `result.gone` when it was taken before, `role.refused` for others than consumers, `run.failed`,
 * `run.stopped`, `file.exists`, `file.io`, `cancelled`, `agent.unreachable`.
 * Example: `if (prism_session_result_file(session, "result.zip", NULL, &result, &err)) goto fail;`
 */
int prism_session_result_file(const struct prism_session *session,
                              const char *file,
                              const struct prism_result_options *options,
                              struct prism_result **out,
                              struct prism_error **err);

/**
 * Takes your result into memory, at most `most` bytes, exactly once, and confirms it once it is there. Until then it lies
 * in the new file `place`, and what resuming needs beside that; all of it is removed. Whoever is ended in between finds
 * the result in `place`, or goes on with the same call.
 *
 * Ownership: `*out` is yours, until `prism_result_free`; `options` may be NULL and is read during the call only. Threads:
 * any; the progress is told on this thread. Errors: as of `prism_session_result_file`, and `usage` when the result has
 * more than `most` bytes: nothing is confirmed then, and nothing lost.
 * Example: `if (prism_session_result_memory(session, "result.part", 1 << 30, NULL, &result, &err)) goto fail;`
 */
int prism_session_result_memory(const struct prism_session *session,
                                const char *place,
                                uint64_t most,
                                const struct prism_result_options *options,
                                struct prism_result **out,
                                struct prism_error **err);

/**
 * The digest of the archive, "sha256:" and 64 hex digits.
 *
 * Ownership: borrowed until `prism_result_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_result_digest(result));`
 */
const char *prism_result_digest(const struct prism_result *result);

/**
 * The size of the archive in bytes.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL.
 * Example: `printf("%llu bytes\n", (unsigned long long)prism_result_size(result));`
 */
uint64_t prism_result_size(const struct prism_result *result);

/**
 * The archive itself, `prism_result_size` bytes, when it was taken into memory; otherwise NULL.
 *
 * Ownership: borrowed until `prism_result_free`. Threads: any. Errors: NULL for NULL and for a result in a file.
 * Example: `unzip(prism_result_data(result), (size_t)prism_result_size(result));`
 */
const uint8_t *prism_result_data(const struct prism_result *result);

/**
 * The agent's word that the result arrived and that nobody can have it again.
 *
 * Ownership: borrowed until `prism_result_free`; do not free it. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_receipt_entry(prism_result_receipt(result)));`
 */
const struct prism_receipt *prism_result_receipt(const struct prism_result *result);

/**
 * Whether the receipt's head was compared with the log's newest one; false when the agent, having confirmed, was gone
 * before that. The receipt holds nevertheless: compare it with the other participants' heads.
 *
 * Ownership: nothing. Threads: any. Errors: false for NULL.
 * Example: `if (!prism_result_compared(result)) puts("compare the receipt with the others'");`
 */
bool prism_result_compared(const struct prism_result *result);

/**
 * Ends what is known of a result, with its bytes in memory; NULL is taken. A file stays.
 *
 * Ownership: it is gone, and with it what was borrowed from it. Threads: any. Errors: none.
 * Example: `prism_result_free(result);`
 */
void prism_result_free(struct prism_result *result);

/**
 * Replays a transcript from a file, as of the time `at` in seconds since 1970 UTC. `manifest` is the one that it has to be
 * about; with NULL, compare digest and keys with what you know from elsewhere. It succeeds also when rules are broken: ask
 * `prism_audit_holds`, or let `prism_audit_require_holds` fail.
 *
 * Ownership: `*out` is yours, until `prism_audit_free`; the manifest stays yours. Threads: any. Errors: `file.missing`, `file.malformed` for a file that is too long, `file.io`.
 * Example: `if (prism_audit_file("run.transcript", terms, (uint64_t)time(NULL), &report, &err)) goto fail;`
 */
int prism_audit_file(const char *transcript,
                     const struct prism_manifest *manifest,
                     uint64_t at,
                     struct prism_audit **out,
                     struct prism_error **err);

/**
 * As `prism_audit_file`, from memory.
 *
 * Ownership: `*out` is yours, until `prism_audit_free`; buffer and manifest stay yours. Threads: any. Errors: `usage` for NULL.
 * Example: `if (prism_audit_buffer(data, size, NULL, (uint64_t)time(NULL), &report, &err)) goto fail;`
 */
int prism_audit_buffer(const uint8_t *data,
                       size_t size,
                       const struct prism_manifest *manifest,
                       uint64_t at,
                       struct prism_audit **out,
                       struct prism_error **err);

/**
 * Whether every rule is kept.
 *
 * Ownership: nothing. Threads: any. Errors: false for NULL.
 * Example: `if (!prism_audit_holds(report)) puts(prism_audit_text(report));`
 */
bool prism_audit_holds(const struct prism_audit *report);

/**
 * Succeeds only if every rule is kept.
 *
 * Ownership: nothing changes. Threads: any. Errors: `audit.failed` names the first broken
 * rule.
 * Example: `if (prism_audit_require_holds(report, &err)) goto fail;`
 */
int prism_audit_require_holds(const struct prism_audit *report, struct prism_error **err);

/**
 * The report for people: what the transcript is about, and one line for each rule.
 *
 * Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_audit_text(report));`
 */
const char *prism_audit_text(const struct prism_audit *report);

/**
 * The report as one JSON object with stable names.
 *
 * Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL.
 * Example: `fputs(prism_audit_json(report), journal);`
 */
const char *prism_audit_json(const struct prism_audit *report);

/**
 * The report as a card in HTML, without scripts and without references to anything elsewhere.
 *
 * Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL.
 * Example: `fputs(prism_audit_card(report), page);`
 */
const char *prism_audit_card(const struct prism_audit *report);

/**
 * The number of findings, kept and broken.
 *
 * Ownership: nothing. Threads: any. Errors: 0 for NULL.
 * Example: `for (i = 0; i < prism_audit_findings(report); i++) puts(prism_audit_finding_rule(report, i));`
 */
size_t prism_audit_findings(const struct prism_audit *report);

/**
 * Whether the rule of finding `index`, counted from 0, is kept.
 *
 * Ownership: nothing. Threads: any. Errors: false for NULL and beyond the last.
 * Example: `if (!prism_audit_finding_kept(report, i)) puts(prism_audit_finding_found(report, i));`
 */
bool prism_audit_finding_kept(const struct prism_audit *report, size_t index);

/**
 * The stable name of the rule of finding `index`.
 *
 * Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_audit_finding_rule(report, i));`
 */
const char *prism_audit_finding_rule(const struct prism_audit *report, size_t index);

/**
 * Where in the transcript finding `index` is, such as "entry 17".
 *
 * Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_audit_finding_place(report, i));`
 */
const char *prism_audit_finding_place(const struct prism_audit *report, size_t index);

/**
 * What was found there.
 *
 * Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_audit_finding_found(report, i));`
 */
const char *prism_audit_finding_found(const struct prism_audit *report, size_t index);

/**
 * Ends a report; NULL is taken.
 *
 * Ownership: the report is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_audit_free(report);`
 */
void prism_audit_free(struct prism_audit *report);

/**
 * Becomes the sandbox helper, and never returns, if this program was executed as one; otherwise does nothing. Call it
 * first thing in `main` of every program that starts an agent, before there is a second thread.
 *
 * Ownership: nothing. Threads: the first and only one. Errors: none.
 * Example: `int main(int argc, char **argv) { prism_sandbox_helper_if_asked(); return serve(argc, argv); }`
 */
void prism_sandbox_helper_if_asked(void);

/**
 * Starts an agent for one computation, in this process. The program that everybody agreed on runs in a sandbox of its own,
 * for which `prism_sandbox_helper_if_asked` has to be called in `main`.
 *
 * Ownership: `*out` is yours, until `prism_agent_free`; manifest and options stay yours. Threads: any. Errors: `usage`,
 * `manifest.approval-missing`, `manifest.unsupported` for terms that this machine cannot keep, `platform.unsupported`,
 * `file.io`, `cancelled`, and what `prism agent` knows beside these.
 * Example: `if (prism_agent_start(terms, &options, &agent, &err)) goto fail;`
 */
int prism_agent_start(const struct prism_manifest *terms,
                      const struct prism_agent_options *options,
                      struct prism_agent **out,
                      struct prism_error **err);

/**
 * Where it listens, such as "127.0.0.1:43567".
 *
 * Ownership: borrowed until `prism_agent_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_agent_address(agent));`
 */
const char *prism_agent_address(const struct prism_agent *agent);

/**
 * The kind of machine that signs its evidence, such as "snp".
 *
 * Ownership: borrowed until `prism_agent_free`. Threads: any. Errors: NULL for NULL.
 * Example: `puts(prism_agent_platform(agent));`
 */
const char *prism_agent_platform(const struct prism_agent *agent);

/**
 * Waits until the computation is over and its log closed, and then `linger` seconds more, in which those who were there
 * read how it ended. The agent goes on answering until `prism_agent_stop`.
 *
 * Ownership: nothing changes. Threads: any; `prism_agent_stop` on another thread ends it. Errors: `cancelled` when the
 * options' `cancel` ends it before the log is closed (after that it is a success), `usage` for one that was stopped.
 * Example: `if (prism_agent_wait(agent, 60, &err)) goto fail;`
 */
int prism_agent_wait(const struct prism_agent *agent,
                     uint32_t linger,
                     struct prism_error **err);

/**
 * Ends an agent in order: stops the computation if it is not over, closes the log, destroys what has to be destroyed,
 * says goodbye. It takes seconds at most, and once more does nothing.
 *
 * Ownership: nothing changes. Threads: any. Errors: `usage` for NULL.
 * Example: `if (prism_agent_stop(agent, &err)) goto fail;`
 */
int prism_agent_stop(const struct prism_agent *agent,
                     struct prism_error **err);

/**
 * Frees an agent; NULL is taken. One that was not stopped ends as if its process had been killed: its log stays open.
 *
 * Ownership: the agent is gone, and with it the texts that were borrowed from it. Threads: any, once no call on it is
 * under way. Errors: none.
 * Example: `prism_agent_free(agent);`
 */
void prism_agent_free(struct prism_agent *agent);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PRISM_H */

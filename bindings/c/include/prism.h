/*
 * Prism for C (C99 and later) and C++ (C++11 and later).
 *
 * This is the first part of the binding, the offline half: keys, manifests and approvals, digests of
 * assets, the judgement of evidence, audits of transcripts. Connecting to an agent, uploads, results,
 * sealing and an agent in your process are not here yet: use the `prism` command, Python or Rust.
 * Until version 1.0 the header may change; PRISM_ABI then changes with it.
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
 * - Handles move between threads. Two threads must not be in calls on one handle at the same time; on
 *   different handles they may.
 * - Nothing is written to standard output. No signal handler, no thread and no state outlives a call but
 *   in the handles. No panic of Rust unwinds into the caller or aborts: it becomes PRISM_INTERNAL (in a
 *   function that returns no status: its neutral value), after what Rust says about it on standard error.
 *   Only memory that cannot be had ends the process, and an exception of C++ that leaves a callback.
 * - PRISM_ABI of the header has to equal prism_abi() of the library: compare them once.
 */


#ifndef PRISM_H
#define PRISM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
 * What an asset's bytes are.
 */
typedef struct prism_asset prism_asset;

/**
 * What a replay of a transcript found, rule by rule.
 */
typedef struct prism_audit prism_audit;

/**
 * What went wrong: a stable code, a message and a hint.
 */
typedef struct prism_error prism_error;

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
 * Ownership: borrowed until `prism_error_free`. Threads: any, one call at a time. Errors: NULL for NULL.
 * Example: `if (!strcmp(prism_error_code(err), "file.exists")) choose_another_name();`
 */
const char *prism_error_code(const struct prism_error *error);

/**
 * What was expected, what was found, and often what to do next.
 *
 * Ownership: borrowed until `prism_error_free`. Threads: any, one call at a time. Errors: NULL for NULL.
 * Example: `fprintf(stderr, "%s\n", prism_error_message(err));`
 */
const char *prism_error_message(const struct prism_error *error);

/**
 * What to do now, for people; without a full stop.
 *
 * Ownership: borrowed until `prism_error_free`. Threads: any, one call at a time. Errors: NULL for NULL.
 * Example: `fprintf(stderr, "  hint: %s\n", prism_error_hint(err));`
 */
const char *prism_error_hint(const struct prism_error *error);

/**
 * Ends an error; NULL is taken.
 *
 * Ownership: the error is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_error_free(err); err = NULL;`
 */
void prism_error_free(struct prism_error *error);

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
 * Ownership: nothing changes. Threads: any, one call at a time on a key. Errors: `file.exists`, `file.io`, `file.missing`
 * when there is no such folder.
 * Example: `if (prism_key_save(key, "hospital-1.key", &err)) goto fail;`
 */
int prism_key_save(const struct prism_key *key,
                   const char *file,
                   struct prism_error **err);

/**
 * The public half of a private key.
 *
 * Ownership: `*out` is yours, until `prism_public_key_free`, also after the private key is freed. Threads: any, one call
 * at a time on a key. Errors: `usage` for NULL.
 * Example: `if (prism_key_public(key, &half, &err)) goto fail;`
 */
int prism_key_public(const struct prism_key *key,
                     struct prism_public_key **out,
                     struct prism_error **err);

/**
 * The fingerprint of the public half, "sha256:" and 64 hex digits, to be compared over the telephone.
 *
 * Ownership: borrowed until `prism_key_free`. Threads: any, one call at a time on a key. Errors: NULL for NULL.
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
 * Ownership: nothing changes. Threads: any, one call at a time on a key. Errors: `file.exists`, `file.io`, `file.missing`.
 * Example: `if (prism_public_key_save(half, "hospital-1.pub", &err)) goto fail;`
 */
int prism_public_key_save(const struct prism_public_key *key,
                          const char *file,
                          struct prism_error **err);

/**
 * The public key as PEM text.
 *
 * Ownership: borrowed until `prism_public_key_free`. Threads: any, one call at a time on a key. Errors: NULL for NULL.
 * Example: `fputs(prism_public_key_pem(half), file);`
 */
const char *prism_public_key_pem(const struct prism_public_key *key);

/**
 * The fingerprint, "sha256:" and 64 hex digits, to be compared over the telephone.
 *
 * Ownership: borrowed until `prism_public_key_free`. Threads: any, one call at a time on a key. Errors: NULL for NULL.
 * Example: `puts(prism_public_key_fingerprint(half));`
 */
const char *prism_public_key_fingerprint(const struct prism_public_key *key);

/**
 * The kind of key: "ed25519", "ecdsa-p256" or "ecdsa-p384".
 *
 * Ownership: borrowed until `prism_public_key_free`. Threads: any, one call at a time on a key. Errors: NULL for NULL.
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
 * Ownership: nothing changes. Threads: any, one call at a time on a manifest. Errors: `file.exists`, `file.io`,
 * `file.missing`.
 * Example: `if (prism_manifest_save(approval, "hospital-1.approval", &err)) goto fail;`
 */
int prism_manifest_save(const struct prism_manifest *manifest,
                        const char *file,
                        struct prism_error **err);

/**
 * Everything that a participant has to know before approving, in plain words.
 *
 * Ownership: borrowed until `prism_manifest_free`. Threads: any, one call at a time on a manifest. Errors: NULL for NULL.
 * Example: `puts(prism_manifest_words(terms));`
 */
const char *prism_manifest_words(const struct prism_manifest *manifest);

/**
 * The exact text that participants approve: JSON.
 *
 * Ownership: borrowed until `prism_manifest_free`. Threads: any, one call at a time on a manifest. Errors: NULL for NULL.
 * Example: `fputs(prism_manifest_json(terms), stdout);`
 */
const char *prism_manifest_json(const struct prism_manifest *manifest);

/**
 * The terms as a card in HTML, without scripts and without references to anything elsewhere.
 *
 * Ownership: borrowed until `prism_manifest_free`. Threads: any, one call at a time on a manifest. Errors: NULL for NULL.
 * Example: `fputs(prism_manifest_card(terms), page);`
 */
const char *prism_manifest_card(const struct prism_manifest *manifest);

/**
 * The digest of the exact text, "sha256:" and 64 hex digits: the computation's name.
 *
 * Ownership: borrowed until `prism_manifest_free`. Threads: any, one call at a time on a manifest. Errors: NULL for NULL.
 * Example: `puts(prism_manifest_digest(terms));`
 */
const char *prism_manifest_digest(const struct prism_manifest *manifest);

/**
 * Whether the terms accept a machine that is simulated and protects nothing.
 *
 * Ownership: nothing. Threads: any, one call at a time on a manifest. Errors: true for NULL.
 * Example: `if (prism_manifest_simulated(terms)) puts("SIMULATED: not for data of people");`
 */
bool prism_manifest_simulated(const struct prism_manifest *manifest);

/**
 * The number of participants, each of whom has to approve.
 *
 * Ownership: nothing. Threads: any, one call at a time on a manifest. Errors: 0 for NULL.
 * Example: `for (i = 0; i < prism_manifest_participants(terms); i++) puts(prism_manifest_participant(terms, i));`
 */
size_t prism_manifest_participants(const struct prism_manifest *manifest);

/**
 * The name of participant `index`, counted from 0 in the manifest's order.
 *
 * Ownership: borrowed until `prism_manifest_free`. Threads: any, one call at a time on a manifest. Errors: NULL for NULL
 * and beyond the last.
 * Example: `puts(prism_manifest_participant(terms, 0));`
 */
const char *prism_manifest_participant(const struct prism_manifest *manifest,
                                       size_t index);

/**
 * Whether the approval of participant `index` is there and holds.
 *
 * Ownership: nothing. Threads: any, one call at a time on a manifest. Errors: false for NULL and beyond the last.
 * Example: `if (!prism_manifest_approved(terms, 0)) puts("not yet");`
 */
bool prism_manifest_approved(const struct prism_manifest *manifest,
                             size_t index);

/**
 * Succeeds only if every participant's approval is there and holds, and nobody else's.
 *
 * Ownership: nothing changes. Threads: any, one call at a time on a manifest. Errors: `manifest.approval-missing` names
 * who is missing; `manifest.approval-invalid`; `key.unknown` for an approval by somebody whom the manifest does not name.
 * Example: `if (prism_manifest_require_approved(terms, &err)) goto fail;`
 */
int prism_manifest_require_approved(const struct prism_manifest *manifest,
                                    struct prism_error **err);

/**
 * One participant's approval of the exact text: a manifest with this one approval, to be saved and sent to the owner.
 * Approvals that `manifest` holds already stay there and are not copied.
 *
 * Ownership: `*out` is yours, until `prism_manifest_free`; manifest and key stay yours. Threads: any, one call at a time
 * on a manifest and a key. Errors: `key.unknown` when the key is no participant's.
 * Example: `if (prism_manifest_approve(terms, key, &approval, &err)) goto fail;`
 */
int prism_manifest_approve(const struct prism_manifest *manifest,
                           const struct prism_key *key,
                           struct prism_manifest **out,
                           struct prism_error **err);

/**
 * Puts every participant's approval of the manifest's exact text together.
 *
 * Ownership: `*out` is yours, until `prism_manifest_free`; manifest, array and approvals stay yours. Threads: any, one
 * call at a time on each manifest. Errors: `manifest.approval-missing`, `manifest.approval-invalid`, `key.unknown`,
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
 * Ownership: borrowed until `prism_asset_free`. Threads: any, one call at a time on an asset. Errors: NULL for NULL.
 * Example: `puts(prism_asset_digest(asset));`
 */
const char *prism_asset_digest(const struct prism_asset *asset);

/**
 * The number of bytes.
 *
 * Ownership: nothing. Threads: any, one call at a time on an asset. Errors: 0 for NULL.
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
 * Ownership: the bytes are copied and stay yours. Threads: any, one call at a time on a verifier. Errors:
 * `platform.unsupported`, `evidence.refused` or `usage` for bytes that cannot be evidence; what was given before stays.
 * Example: `if (prism_verifier_evidence(verifier, "snp", report, 1184, &err)) goto fail;`
 */
int prism_verifier_evidence(struct prism_verifier *verifier,
                            const char *platform,
                            const uint8_t *data,
                            size_t size,
                            struct prism_error **err);

/**
 * As `prism_verifier_evidence`, from a file.
 *
 * Ownership: nothing changes. Threads: any, one call at a time on a verifier. Errors: as there, and `file.missing`,
 * `file.malformed` for a file that is too long, `file.io`.
 * Example: `if (prism_verifier_evidence_file(verifier, "snp", "report.bin", &err)) goto fail;`
 */
int prism_verifier_evidence_file(struct prism_verifier *verifier,
                                 const char *platform,
                                 const char *file,
                                 struct prism_error **err);

/**
 * Takes what the vendor vouches for, from memory: one machine's endorsements, a bundle for many, or the certificate (DER)
 * of an AMD machine's key.
 *
 * Ownership: the bytes are copied and stay yours. Threads: any, one call at a time on a verifier. Errors: the code of
 * what is wrong with their form; what was given before stays.
 * Example: `if (prism_verifier_endorsements(verifier, bundle, size, &err)) goto fail;`
 */
int prism_verifier_endorsements(struct prism_verifier *verifier,
                                const uint8_t *data,
                                size_t size,
                                struct prism_error **err);

/**
 * As `prism_verifier_endorsements`, from a file.
 *
 * Ownership: nothing changes. Threads: any, one call at a time on a verifier. Errors: as there, and `file.missing`,
 * `file.malformed`, `file.io`.
 * Example: `if (prism_verifier_endorsements_file(verifier, "bundle.json", &err)) goto fail;`
 */
int prism_verifier_endorsements_file(struct prism_verifier *verifier,
                                     const char *file,
                                     struct prism_error **err);

/**
 * Takes what is accepted, from memory: a policy in TOML or JSON, confirmed by a person.
 *
 * Ownership: the bytes are copied and stay yours. Threads: any, one call at a time on a verifier. Errors:
 * `policy.malformed`, `policy.unconfirmed`; what was given before stays.
 * Example: `if (prism_verifier_policy(verifier, policy, size, &err)) goto fail;`
 */
int prism_verifier_policy(struct prism_verifier *verifier,
                          const uint8_t *data,
                          size_t size,
                          struct prism_error **err);

/**
 * As `prism_verifier_policy`, from a file.
 *
 * Ownership: nothing changes. Threads: any, one call at a time on a verifier. Errors: as there, and `file.missing`,
 * `file.malformed`, `file.io`.
 * Example: `if (prism_verifier_policy_file(verifier, "policy.toml", &err)) goto fail;`
 */
int prism_verifier_policy_file(struct prism_verifier *verifier,
                               const char *file,
                               struct prism_error **err);

/**
 * Requires that the machine signed for exactly these 64 bytes.
 *
 * Ownership: the bytes are copied and stay yours. Threads: any, one call at a time on a verifier. Errors: `usage` for
 * another length.
 * Example: `if (prism_verifier_report_data(verifier, data, 64, &err)) goto fail;`
 */
int prism_verifier_report_data(struct prism_verifier *verifier,
                               const uint8_t *data,
                               size_t size,
                               struct prism_error **err);

/**
 * Says that it is not known what the signed bytes stand for: the verdict is about the machine alone, and says so.
 *
 * Ownership: nothing changes. Threads: any, one call at a time on a verifier. Errors: `usage` for NULL.
 * Example: `if (prism_verifier_unbound(verifier, &err)) goto fail;`
 */
int prism_verifier_unbound(struct prism_verifier *verifier,
                           struct prism_error **err);

/**
 * Judges as of the time `at`, in seconds since 1970 UTC. It succeeds also when the machine is refused: ask
 * `prism_verdict_good`, or let `prism_verdict_require_good` fail.
 *
 * Ownership: `*out` is yours, until `prism_verdict_free`, also after the verifier is freed. Threads: any, one call at a
 * time on a verifier. Errors: `usage` when something was not given, `endorsements.missing` when a bundle has none for
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
 * Ownership: nothing. Threads: any, one call at a time on a verdict. Errors: false for NULL.
 * Example: `if (!prism_verdict_good(verdict)) puts(prism_verdict_text(verdict));`
 */
bool prism_verdict_good(const struct prism_verdict *verdict);

/**
 * Succeeds only for a good verdict: one line between a verdict and whatever is built on it.
 *
 * Ownership: nothing changes. Threads: any, one call at a time on a verdict. Errors: `evidence.refused` names the first
 * condition that is not met.
 * Example: `if (prism_verdict_require_good(verdict, &err)) goto fail;`
 */
int prism_verdict_require_good(const struct prism_verdict *verdict,
                               struct prism_error **err);

/**
 * Whether the machine is simulated and protects nothing.
 *
 * Ownership: nothing. Threads: any, one call at a time on a verdict. Errors: true for NULL.
 * Example: `if (prism_verdict_simulated(verdict)) puts("SIMULATED, NOT A TEE");`
 */
bool prism_verdict_simulated(const struct prism_verdict *verdict);

/**
 * The verdict for people, one line for each condition.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any, one call at a time on a verdict. Errors: NULL for NULL.
 * Example: `puts(prism_verdict_text(verdict));`
 */
const char *prism_verdict_text(const struct prism_verdict *verdict);

/**
 * The verdict as one JSON object with stable names.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any, one call at a time on a verdict. Errors: NULL for NULL.
 * Example: `fputs(prism_verdict_json(verdict), journal);`
 */
const char *prism_verdict_json(const struct prism_verdict *verdict);

/**
 * The verdict as a card in HTML, without scripts and without references to anything elsewhere.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any, one call at a time on a verdict. Errors: NULL for NULL.
 * Example: `fputs(prism_verdict_card(verdict), page);`
 */
const char *prism_verdict_card(const struct prism_verdict *verdict);

/**
 * The number of conditions that were looked at.
 *
 * Ownership: nothing. Threads: any, one call at a time on a verdict. Errors: 0 for NULL.
 * Example: `for (i = 0; i < prism_verdict_findings(verdict); i++) puts(prism_verdict_finding_code(verdict, i));`
 */
size_t prism_verdict_findings(const struct prism_verdict *verdict);

/**
 * Whether condition `index`, counted from 0, is met.
 *
 * Ownership: nothing. Threads: any, one call at a time on a verdict. Errors: false for NULL and beyond the last.
 * Example: `if (!prism_verdict_finding_met(verdict, i)) puts(prism_verdict_finding_found(verdict, i));`
 */
bool prism_verdict_finding_met(const struct prism_verdict *verdict,
                               size_t index);

/**
 * The stable code of condition `index`.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any, one call at a time on a verdict. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_verdict_finding_code(verdict, i));`
 */
const char *prism_verdict_finding_code(const struct prism_verdict *verdict,
                                       size_t index);

/**
 * The stage of the judgement that condition `index` belongs to.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any, one call at a time on a verdict. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_verdict_finding_stage(verdict, i));`
 */
const char *prism_verdict_finding_stage(const struct prism_verdict *verdict,
                                        size_t index);

/**
 * What condition `index` expected.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any, one call at a time on a verdict. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_verdict_finding_expected(verdict, i));`
 */
const char *prism_verdict_finding_expected(const struct prism_verdict *verdict,
                                           size_t index);

/**
 * What was found for condition `index`.
 *
 * Ownership: borrowed until `prism_verdict_free`. Threads: any, one call at a time on a verdict. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_verdict_finding_found(verdict, i));`
 */
const char *prism_verdict_finding_found(const struct prism_verdict *verdict,
                                        size_t index);

/**
 * Ends a verdict; NULL is taken.
 *
 * Ownership: the verdict is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_verdict_free(verdict);`
 */
void prism_verdict_free(struct prism_verdict *verdict);

/**
 * Replays a transcript from a file, as of the time `at` in seconds since 1970 UTC. `manifest` is the one that it has to be
 * about; with NULL, compare digest and keys with what you know from elsewhere. It succeeds also when rules are broken: ask
 * `prism_audit_holds`, or let `prism_audit_require_holds` fail.
 *
 * Ownership: `*out` is yours, until `prism_audit_free`; the manifest stays yours. Threads: any, one call at a time on a
 * manifest. Errors: `file.missing`, `file.malformed` for a file that is too long, `file.io`.
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
 * Ownership: `*out` is yours, until `prism_audit_free`; buffer and manifest stay yours. Threads: any, one call at a time on
 * a manifest. Errors: `usage` for NULL.
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
 * Ownership: nothing. Threads: any, one call at a time on a report. Errors: false for NULL.
 * Example: `if (!prism_audit_holds(report)) puts(prism_audit_text(report));`
 */
bool prism_audit_holds(const struct prism_audit *report);

/**
 * Succeeds only if every rule is kept.
 *
 * Ownership: nothing changes. Threads: any, one call at a time on a report. Errors: `audit.failed` names the first broken
 * rule.
 * Example: `if (prism_audit_require_holds(report, &err)) goto fail;`
 */
int prism_audit_require_holds(const struct prism_audit *report,
                              struct prism_error **err);

/**
 * The report for people: what the transcript is about, and one line for each rule.
 *
 * Ownership: borrowed until `prism_audit_free`. Threads: any, one call at a time on a report. Errors: NULL for NULL.
 * Example: `puts(prism_audit_text(report));`
 */
const char *prism_audit_text(const struct prism_audit *report);

/**
 * The report as one JSON object with stable names.
 *
 * Ownership: borrowed until `prism_audit_free`. Threads: any, one call at a time on a report. Errors: NULL for NULL.
 * Example: `fputs(prism_audit_json(report), journal);`
 */
const char *prism_audit_json(const struct prism_audit *report);

/**
 * The number of findings, kept and broken.
 *
 * Ownership: nothing. Threads: any, one call at a time on a report. Errors: 0 for NULL.
 * Example: `for (i = 0; i < prism_audit_findings(report); i++) puts(prism_audit_finding_rule(report, i));`
 */
size_t prism_audit_findings(const struct prism_audit *report);

/**
 * Whether the rule of finding `index`, counted from 0, is kept.
 *
 * Ownership: nothing. Threads: any, one call at a time on a report. Errors: false for NULL and beyond the last.
 * Example: `if (!prism_audit_finding_kept(report, i)) puts(prism_audit_finding_found(report, i));`
 */
bool prism_audit_finding_kept(const struct prism_audit *report,
                              size_t index);

/**
 * The stable name of the rule of finding `index`.
 *
 * Ownership: borrowed until `prism_audit_free`. Threads: any, one call at a time on a report. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_audit_finding_rule(report, i));`
 */
const char *prism_audit_finding_rule(const struct prism_audit *report,
                                     size_t index);

/**
 * Where in the transcript finding `index` is, such as "entry 17".
 *
 * Ownership: borrowed until `prism_audit_free`. Threads: any, one call at a time on a report. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_audit_finding_place(report, i));`
 */
const char *prism_audit_finding_place(const struct prism_audit *report,
                                      size_t index);

/**
 * What was found there.
 *
 * Ownership: borrowed until `prism_audit_free`. Threads: any, one call at a time on a report. Errors: NULL for NULL and
 * beyond the last.
 * Example: `puts(prism_audit_finding_found(report, i));`
 */
const char *prism_audit_finding_found(const struct prism_audit *report,
                                      size_t index);

/**
 * Ends a report; NULL is taken.
 *
 * Ownership: the report is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
 * Example: `prism_audit_free(report);`
 */
void prism_audit_free(struct prism_audit *report);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PRISM_H */

//! Keys that participants sign with.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::sync::Arc;

use prism_agent::drafting;
use prism_agent::files::{read_private, write_new, write_new_private};
use prism_core::entropy::SystemEntropy;
use prism_core::key::{KeyAlgorithm, PublicKey, SigningKey};

use crate::error::{Fault, PrismError};
use crate::guard::{borrowed, c_text, call, free, given, make, path, text};

/// A participant's private key.
pub struct PrismKey {
    pub(crate) key: Arc<SigningKey>,
    fingerprint: CString,
}

/// A participant's public key.
pub struct PrismPublicKey {
    key: PublicKey,
    fingerprint: CString,
    algorithm: CString,
    pem: CString,
}

impl PrismKey {
    fn of(key: SigningKey) -> Self {
        Self { fingerprint: c_text(key.public().fingerprint().to_string()), key: Arc::new(key) }
    }
}

impl PrismPublicKey {
    fn of(key: PublicKey) -> Self {
        let (fingerprint, algorithm) = (key.fingerprint().to_string(), key.algorithm().name());
        let pem = c_text(key.to_pem());
        Self { key, fingerprint: c_text(fingerprint), algorithm: c_text(algorithm), pem }
    }
}

fn algorithm(name: &str) -> Result<KeyAlgorithm, Fault> {
    let found = KeyAlgorithm::ALL.iter().copied().find(|known| known.name() == name);
    found.ok_or_else(|| {
        Fault::usage("expected ed25519, ecdsa-p256 or ecdsa-p384 as the kind of key, found another text")
    })
}

/// Makes a new key in memory: "ed25519", "ecdsa-p256" or "ecdsa-p384".
///
/// Ownership: `*out` is yours, until `prism_key_free`. Threads: any. Errors: `usage` for another kind, `internal` when
/// the system gives no random bytes.
/// Example: `if (prism_key_generate("ed25519", &key, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_key_generate(
    kind: *const c_char,
    out: Option<&mut MaybeUninit<*mut PrismKey>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let algorithm = algorithm(&text(kind, "the kind of key")?)?;
        Ok(PrismKey::of(SigningKey::generate(algorithm, &mut SystemEntropy::default())?))
    })
}

/// Reads a private key (PKCS#8 PEM) from a file that only its owner can read.
///
/// Ownership: `*out` is yours, until `prism_key_free`. Threads: any. Errors: `file.missing`, `key.exposed` when others
/// can read the file, `key.malformed`, `file.io`.
/// Example: `if (prism_key_load("hospital-1.key", &key, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_key_load(
    file: *const c_char,
    out: Option<&mut MaybeUninit<*mut PrismKey>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || Ok(PrismKey::of(SigningKey::from_pem(&read_private(&path(file)?)?)?)))
}

/// Writes a new file that only its owner can read (mode 0600). A file that is there already is never overwritten.
///
/// Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`, `file.missing`
/// when there is no such folder.
/// Example: `if (prism_key_save(key, "hospital-1.key", &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_key_save(
    key: Option<&PrismKey>,
    file: *const c_char,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || Ok(write_new_private(&path(file)?, given(key, "a key")?.key.to_pem().as_bytes())?))
}

/// The public half of a private key.
///
/// Ownership: `*out` is yours, until `prism_public_key_free`, also after the private key is freed. Threads: any. Errors: `usage` for NULL.
/// Example: `if (prism_key_public(key, &half, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_key_public(
    key: Option<&PrismKey>,
    out: Option<&mut MaybeUninit<*mut PrismPublicKey>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || Ok(PrismPublicKey::of(given(key, "a key")?.key.public().clone())))
}

/// The fingerprint of the public half, "sha256:" and 64 hex digits, to be compared over the telephone.
///
/// Ownership: borrowed until `prism_key_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_key_fingerprint(key));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_key_fingerprint(key: Option<&PrismKey>) -> *const c_char {
    borrowed(key, |key| Some(key.fingerprint.as_c_str()))
}

/// Ends a private key and wipes it from memory; NULL is taken.
///
/// Ownership: the key is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
/// Example: `prism_key_free(key);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_key_free(key: Option<Box<PrismKey>>) {
    free(key);
}

/// Reads a public key (SPKI PEM), or the public half of a private one, from a file.
///
/// Ownership: `*out` is yours, until `prism_public_key_free`. Threads: any. Errors: `file.missing`, `key.malformed`,
/// `key.exposed` for a private key that others can read, `file.io`.
/// Example: `if (prism_public_key_load("hospital-1.pub", &half, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_public_key_load(
    file: *const c_char,
    out: Option<&mut MaybeUninit<*mut PrismPublicKey>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || Ok(PrismPublicKey::of(drafting::public_key(&path(file)?)?)))
}

/// Reads a public key from PEM text.
///
/// Ownership: `*out` is yours, until `prism_public_key_free`; the text stays yours. Threads: any. Errors: `key.malformed`.
/// Example: `if (prism_public_key_from_pem(pem, &half, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_public_key_from_pem(
    pem: *const c_char,
    out: Option<&mut MaybeUninit<*mut PrismPublicKey>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || Ok(PrismPublicKey::of(PublicKey::from_pem(&text(pem, "a public key as PEM text")?)?)))
}

/// Writes a new file with the public key. A file that is there already is never overwritten.
///
/// Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`, `file.missing`.
/// Example: `if (prism_public_key_save(half, "hospital-1.pub", &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_public_key_save(
    key: Option<&PrismPublicKey>,
    file: *const c_char,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || Ok(write_new(&path(file)?, given(key, "a public key")?.key.to_pem().as_bytes())?))
}

/// The public key as PEM text.
///
/// Ownership: borrowed until `prism_public_key_free`. Threads: any. Errors: NULL for NULL.
/// Example: `fputs(prism_public_key_pem(half), file);`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_public_key_pem(key: Option<&PrismPublicKey>) -> *const c_char {
    borrowed(key, |key| Some(key.pem.as_c_str()))
}

/// The fingerprint, "sha256:" and 64 hex digits, to be compared over the telephone.
///
/// Ownership: borrowed until `prism_public_key_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_public_key_fingerprint(half));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_public_key_fingerprint(key: Option<&PrismPublicKey>) -> *const c_char {
    borrowed(key, |key| Some(key.fingerprint.as_c_str()))
}

/// The kind of key: "ed25519", "ecdsa-p256" or "ecdsa-p384".
///
/// Ownership: borrowed until `prism_public_key_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_public_key_kind(half));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_public_key_kind(key: Option<&PrismPublicKey>) -> *const c_char {
    borrowed(key, |key| Some(key.algorithm.as_c_str()))
}

/// Ends a public key; NULL is taken.
///
/// Ownership: the key is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
/// Example: `prism_public_key_free(half);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_public_key_free(key: Option<Box<PrismPublicKey>>) {
    free(key);
}

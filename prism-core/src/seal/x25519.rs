//! The classical recipient: X25519 (c2sp.org/age, "The X25519 recipient type").

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::format::{Stanza, encode};
use super::kdf::{self, Key};
use super::{FileKey, OpenError, SealError};
use crate::entropy::Entropy;
use zeroize::Zeroizing;

/// First argument of the stanza.
const NAME: &str = "X25519";
const INFO: &[u8] = b"age-encryption.org/v1/X25519";
/// Each key wraps one file key only.
const NONCE: [u8; 12] = [0; 12];
/// Length in bytes of a public point.
pub(super) const POINT_LEN: usize = 32;

/// The public point of a secret.
pub(super) fn public(secret: &[u8; 32]) -> Option<[u8; POINT_LEN]> {
    let public = PrivateKey::from_private_key(&X25519, secret).ok()?.compute_public_key().ok()?;
    public.as_ref().try_into().ok()
}

/// Whether agreeing with this point gives a secret: one of small order gives everybody the same zero.
pub(super) fn is_contributory(point: &[u8; POINT_LEN]) -> bool {
    wrap_key(&[0x42; 32], point, point, point).is_some()
}

/// Wraps a file key to a recipient under a fresh secret.
pub(super) fn wrap(
    recipient: &[u8; POINT_LEN],
    file_key: &FileKey,
    entropy: &mut dyn Entropy,
) -> Result<Stanza, SealError> {
    let mut ephemeral = Zeroizing::new([0; 32]);
    entropy.fill(ephemeral.as_mut_slice())?;
    let share = public(&ephemeral).ok_or(SealError::Provider)?;
    let key = wrap_key(&ephemeral, recipient, &share, recipient).ok_or(SealError::Provider)?;
    let body = kdf::wrap(&key, NONCE, file_key).ok_or(SealError::Provider)?;
    Ok(Stanza { args: vec![NAME.to_owned(), encode(&share)], body })
}

/// The file key, if the stanza is for this secret.
pub(super) fn unwrap(
    secret: &[u8; 32],
    recipient: &[u8; POINT_LEN],
    stanza: &Stanza,
) -> Result<Option<FileKey>, OpenError> {
    let Some((share, body)) = stanza.read::<POINT_LEN>(NAME)? else { return Ok(None) };
    let key = wrap_key(secret, &share, &share, recipient).ok_or(OpenError::Header)?;
    Ok(kdf::unwrap(&key, NONCE, body))
}

fn wrap_key(secret: &[u8; 32], peer: &[u8; 32], share: &[u8; 32], recipient: &[u8; 32]) -> Option<Key> {
    let secret = PrivateKey::from_private_key(&X25519, secret).ok()?;
    let salt = [share.as_slice(), recipient].concat();
    let derive = |shared: &[u8]| match verify_slices_are_equal(shared, &[0; 32]) {
        Ok(()) => Err(()),
        Err(_) => kdf::hkdf(shared, &salt, INFO).ok_or(()),
    };
    agree(&secret, UnparsedPublicKey::new(&X25519, peer), (), derive).ok()
}

//! Files that others sealed to an SSH key of the type Ed25519, as `age -R ~/.ssh/id_ed25519.pub` does. They are opened,
//! never made: the key was made for logging in, and a quantum computer could open such a file later.

use std::fmt;

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use zeroize::Zeroizing;

use super::format::{Stanza, decode};
use super::kdf::{self, Key, WRAPPED_LEN};
use super::{FileKey, OpenError, SealKeyError, x25519};

/// First argument of the stanza.
const NAME: &str = "ssh-ed25519";
const LABEL: &[u8] = b"age-encryption.org/v1/ssh-ed25519";
const TAG_LEN: usize = 4;
/// Each key wraps one file key only.
const NONCE: [u8; 12] = [0; 12];

/// The private half of an SSH key that others seal files to. It does not show itself and leaves memory when dropped.
pub struct SshIdentity {
    secret: Box<Zeroizing<[u8; 32]>>,
    point: [u8; x25519::POINT_LEN],
    /// The public key as SSH writes it on the wire.
    public: Vec<u8>,
}

impl SshIdentity {
    /// Reads a private key file of OpenSSH.
    ///
    /// # Errors
    /// [`SealKeyError::Ssh`] unless it is an Ed25519 key; [`SealKeyError::SshLocked`] when a passphrase protects it.
    pub fn from_file(content: &str) -> Result<Self, SealKeyError> {
        let key = ssh_key::PrivateKey::from_openssh(content).map_err(|_| SealKeyError::Ssh)?;
        if key.is_encrypted() {
            return Err(SealKeyError::SshLocked);
        }
        let public = key.public_key().to_bytes().map_err(|_| SealKeyError::Ssh)?;
        let seed = key.key_data().ed25519().ok_or(SealKeyError::Ssh)?.private.as_ref();
        // The scalar of an Ed25519 key (RFC 8032 §5.1.5); X25519 clamps it itself.
        let hash = digest(&SHA512, seed);
        let mut secret = Box::new(Zeroizing::new([0; 32]));
        secret.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        let point = x25519::public(&secret).ok_or(SealKeyError::Ssh)?;
        Ok(Self { secret, point, public })
    }

    /// The file key, if the stanza is for this key.
    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, OpenError> {
        let [name, tag, share] = stanza.args.as_slice() else { return Ok(None) };
        if name != NAME {
            return Ok(None);
        }
        let tag: [u8; TAG_LEN] = exactly(tag)?;
        let share: [u8; x25519::POINT_LEN] = exactly(share)?;
        let body: [u8; WRAPPED_LEN] = stanza.body.as_slice().try_into().map_err(|_| OpenError::Header)?;
        if !digest(&SHA256, &self.public).as_ref().starts_with(&tag) {
            return Ok(None);
        }
        let key = self.key(&share).ok_or(OpenError::Header)?;
        kdf::unwrap(&key, NONCE, body).map(Some).ok_or(OpenError::Header)
    }

    fn key(&self, share: &[u8; x25519::POINT_LEN]) -> Option<Key> {
        let tweak = kdf::hkdf(b"", &self.public, LABEL)?;
        let shared = product(&self.secret, share)?;
        let tweaked = product(&tweak, &shared)?;
        kdf::hkdf(tweaked.as_slice(), &[share.as_slice(), &self.point].concat(), LABEL)
    }
}

impl fmt::Debug for SshIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SshIdentity(..)")
    }
}

pub(super) fn product(scalar: &[u8; 32], point: &[u8; 32]) -> Option<Key> {
    let scalar = PrivateKey::from_private_key(&X25519, scalar).ok()?;
    let mut product = Key::default();
    let copy = |shared: &[u8]| {
        product.iter_mut().zip(shared).for_each(|(to, from)| *to = *from);
        if shared.len() == product.len() { Ok(()) } else { Err(()) }
    };
    agree(&scalar, UnparsedPublicKey::new(&X25519, point), (), copy).ok()?;
    (**product != [0; 32]).then_some(product)
}

fn exactly<const N: usize>(text: &str) -> Result<[u8; N], OpenError> {
    decode(text.as_bytes()).and_then(|bytes| bytes.try_into().ok()).ok_or(OpenError::Header)
}

//! The key that seals kept environments: it lives in memory only.
//!
//! An agent's own keys die with it, and it serves one computation: under them nothing could ever be found again. This
//! key is the machine's instead. It lies in a file of the agent's user on a file system that is memory, so that it
//! outlives the agent and not the machine's boot; a disk never has it. Where no such place is, it lives in this process.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aws_lc_rs::hmac;
use prism_core::digest::Hasher;
use prism_core::entropy::{SystemEntropy, draw};
use zeroize::Zeroizing;

use crate::files::{read_private_bytes, write_new_private};

/// What the kernel calls file systems that are memory.
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;

/// Bytes of a key.
const LENGTH: usize = 32;

/// A key, and the name by which seals know it.
#[derive(Clone)]
pub(crate) struct MachineKey {
    key: hmac::Key,
    id: String,
}

impl std::fmt::Debug for MachineKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MachineKey({})", self.id)
    }
}

impl MachineKey {
    /// The key of this machine and user, for as long as the machine runs.
    pub(crate) fn of_this_boot() -> io::Result<Self> {
        static KEY: OnceLock<MachineKey> = OnceLock::new();
        if let Some(key) = KEY.get() {
            return Ok(key.clone());
        }
        let found = places().into_iter().find_map(|place| match Self::in_memory(&place) {
            Ok(key) => Some(key),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, ?place, "the key of kept environments cannot lie here");
                }
                None
            }
        });
        let key = found.map_or_else(Self::of_this_process, Ok)?;
        Ok(KEY.get_or_init(|| key).clone())
    }

    fn of_this_process() -> io::Result<Self> {
        tracing::warn!("no memory was found for the key of kept environments: no other agent will find them");
        Self::generate()
    }

    /// A key that nobody else has.
    pub(crate) fn generate() -> io::Result<Self> {
        Ok(Self::new(&*fresh()?))
    }

    fn new(bytes: &[u8]) -> Self {
        // In two steps: put together, the key would stay behind in memory that was given back.
        let mut hasher = Hasher::sha256();
        hasher.update(b"prism/environments/key-id\0");
        hasher.update(bytes);
        let id = hasher.finish().to_hex();
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, bytes), id: id.chars().take(16).collect() }
    }

    /// The key in a directory that is memory and this user's alone; made when it is absent.
    fn in_memory(place: &Path) -> io::Result<Self> {
        let made = DirBuilder::new().mode(0o700).create(place);
        made.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })?;
        let meta = fs::symlink_metadata(place)?;
        let own = meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o777 == 0o700;
        if !own || !is_memory(place)? {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        let file = place.join("environments.key");
        if !file.exists() {
            // Another agent may be faster: then its key is the one.
            let _ = write_new_private(&file, &*fresh()?);
        }
        let bytes = read_private_bytes(&file).map_err(io::Error::other)?;
        if bytes.len() == LENGTH { Ok(Self::new(&bytes)) } else { Err(io::Error::from(io::ErrorKind::InvalidData)) }
    }

    /// The key's public name.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn sign(&self, message: &[u8]) -> String {
        hex::encode(hmac::sign(&self.key, message))
    }

    /// In time that does not depend on where two tags differ.
    pub(super) fn verifies(&self, message: &[u8], tag: &str) -> bool {
        hex::decode(tag).is_ok_and(|tag| hmac::verify(&self.key, message, &tag).is_ok())
    }
}

fn fresh() -> io::Result<Zeroizing<[u8; LENGTH]>> {
    draw::<LENGTH>(&mut SystemEntropy::default()).map(Zeroizing::new).map_err(io::Error::other)
}

/// Where there may be memory for it, best first.
fn places() -> Vec<PathBuf> {
    let uid = rustix::process::geteuid();
    let run =
        if uid.is_root() { PathBuf::from("/run/prism") } else { format!("/run/user/{}/prism", uid.as_raw()).into() };
    vec![run, format!("/dev/shm/prism-{}", uid.as_raw()).into()]
}

fn is_memory(place: &Path) -> io::Result<bool> {
    let kind = u64::try_from(rustix::fs::statfs(place)?.f_type).unwrap_or_default();
    Ok(matches!(kind, TMPFS | RAMFS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of memory, if this machine has one.
    fn memory() -> Option<tempfile::TempDir> {
        let folder = tempfile::tempdir_in("/dev/shm").ok()?;
        is_memory(folder.path()).unwrap_or_default().then_some(folder)
    }

    #[test]
    fn the_key_is_the_same_for_the_next_agent_and_lies_in_memory_of_its_user_alone() {
        let Some(folder) = memory() else { return };
        let place = folder.path().join("prism");
        let first = MachineKey::in_memory(&place).unwrap();
        let second = MachineKey::in_memory(&place).unwrap();
        assert!(second.verifies(b"message", &first.sign(b"message")) && first.id() == second.id());
        fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o750)).unwrap();
        assert!(MachineKey::in_memory(&place).is_err());
    }

    #[test]
    fn a_tag_of_another_key_or_message_is_none() {
        let (one, other) = (MachineKey::generate().unwrap(), MachineKey::generate().unwrap());
        let tag = one.sign(b"message");
        assert!(one.verifies(b"message", &tag));
        assert!(
            !other.verifies(b"message", &tag) && !one.verifies(b"massage", &tag) && !one.verifies(b"message", "00")
        );
    }
}

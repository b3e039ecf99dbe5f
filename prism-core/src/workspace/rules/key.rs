//! Keys of the signer's own organisation.

use super::{Done, require_room};
use crate::digest::Digest;
use crate::key::PublicKey;
use crate::name::Name;
use crate::workspace::member::{KEYS_MAX, KeyRecord, WORKSPACE_KEYS_MAX};
use crate::workspace::refusal::{Refusal, Thing};
use crate::workspace::state::Workspace;

impl Workspace {
    /// One more key; one that the workspace ever knew is not taken again.
    pub(super) fn add_key(&mut self, own: &Name, key: &PublicKey) -> Done {
        require_room(Thing::Key, self.keys_of(own), KEYS_MAX)?;
        self.know_key(own, key, 0)
    }

    /// Notes whose a new key is.
    pub(super) fn know_key(&mut self, organisation: &Name, key: &PublicKey, number: u64) -> Done {
        let fingerprint = key.fingerprint();
        if self.keys.contains_key(&fingerprint) {
            return Err(Refusal::Taken { thing: Thing::Key, name: fingerprint.to_string() });
        }
        require_room(Thing::Key, self.keys.len(), WORKSPACE_KEYS_MAX)?;
        let record = KeyRecord { key: key.clone(), organisation: organisation.clone(), number, revoked: false };
        self.keys.insert(fingerprint, record);
        Ok(())
    }

    /// A key signs nothing any more; another has to remain unless one takes its place.
    pub(super) fn revoke_key(&mut self, own: &Name, key: &Digest, another_remains: bool) -> Done {
        let left = self.keys_of(own);
        let record = self.keys.get_mut(key).filter(|record| &record.organisation == own && !record.revoked);
        let unknown = || Refusal::Unknown { thing: Thing::Key, name: key.to_string() };
        let record = record.ok_or_else(unknown)?;
        if another_remains && left < 2 {
            return Err(Refusal::LastKey);
        }
        record.revoked = true;
        Ok(())
    }

    pub(super) fn replace_key(&mut self, own: &Name, old: &Digest, new: &PublicKey) -> Done {
        self.revoke_key(own, old, false)?;
        self.know_key(own, new, 0)
    }

    fn keys_of(&self, organisation: &Name) -> usize {
        self.keys.values().filter(|record| &record.organisation == organisation && !record.revoked).count()
    }
}

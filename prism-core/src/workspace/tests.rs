//! Workspaces as their members and their courier have them: by signed requests, and by the history's bytes.

mod history;
mod life;
mod matrix;
mod random;

use std::collections::BTreeMap;

use super::*;
use crate::entropy::SystemEntropy;
use crate::key::{KeyAlgorithm, SigningKey};
use crate::name::Name;
use crate::{UnixSeconds, digest::Digest};

pub(super) const NOW: UnixSeconds = 1_500;

pub(super) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(super) fn line(text: &str) -> Line {
    text.parse().unwrap()
}

pub(super) fn key() -> SigningKey {
    SigningKey::generate(KeyAlgorithm::Ed25519, &mut SystemEntropy).unwrap()
}

pub(super) fn fingerprint(key: &SigningKey) -> Digest {
    key.public().fingerprint()
}

/// A workspace with its courier's entries, and what every key has signed so far.
#[derive(Clone)]
pub(super) struct World {
    pub(super) history: History,
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) numbers: BTreeMap<Digest, u64>,
    pub(super) now: UnixSeconds,
}

pub(super) fn introduction(organisation: &str) -> Introduction {
    Introduction { name: name(organisation), title: line(&format!("The {organisation}")) }
}

impl World {
    /// Begun by the lab.
    pub(super) fn begun(lab: &SigningKey, plan: Plan) -> Self {
        let action = Action::WorkspaceCreate { title: line("Chest X-rays"), organisation: introduction("lab"), plan };
        let request = Request::new(name("chest"), lab.public().clone(), 1, NOW, action);
        let signed = SignedRequest::sign(&request, &[lab]).unwrap();
        let (history, first) = History::begin(&signed, NOW).unwrap();
        Self { history, entries: vec![first], numbers: BTreeMap::from([(fingerprint(lab), 1)]), now: NOW }
    }

    pub(super) fn workspace(&self) -> &Workspace {
        self.history.workspace()
    }

    /// A request with the key's next number.
    pub(super) fn request(&self, key: &SigningKey, action: Action) -> Request {
        let number = self.numbers.get(&fingerprint(key)).copied().unwrap_or_default() + 1;
        Request::new(self.workspace().id().clone(), key.public().clone(), number, self.now, action)
    }

    /// Asks for something. A refusal has to leave everything as it was.
    pub(super) fn ask(&mut self, keys: &[&SigningKey], action: Action) -> Result<(), AcceptError> {
        let request = self.request(keys[0], action);
        let signed = SignedRequest::sign(&request, keys).unwrap();
        let before = self.history.clone();
        match self.history.accept(&signed, self.now) {
            Ok(entry) => {
                self.numbers.insert(fingerprint(keys[0]), request.number);
                self.entries.push(entry);
                Ok(())
            }
            Err(error) => {
                assert_eq!(self.history, before, "a refusal changes nothing");
                Err(error)
            }
        }
    }

    pub(super) fn done(&mut self, key: &SigningKey, action: Action) {
        let word = action.act();
        self.ask(&[key], action).unwrap_or_else(|error| panic!("{word}: {error}"));
    }

    pub(super) fn refused(&mut self, key: &SigningKey, action: Action) -> Refusal {
        let word = action.act();
        match self.ask(&[key], action) {
            Err(AcceptError::Refused(refusal)) => refusal,
            other => panic!("{word}: {other:?}"),
        }
    }

    /// Makes an organisation a member with these roles in the workspace.
    pub(super) fn join(&mut self, administrator: &SigningKey, who: &SigningKey, organisation: &str, roles: &[&str]) {
        let invitation = name(&format!("to-{organisation}-{}", self.entries.len()));
        let roles = roles.iter().map(|role| name(role)).collect();
        let (to, expires) = (Addressee::Key(fingerprint(who)), self.now + 100);
        self.done(administrator, Action::InvitationSend { invitation: invitation.clone(), to, roles, expires });
        self.done(who, Action::InvitationAccept { invitation, organisation: introduction(organisation) });
    }
}

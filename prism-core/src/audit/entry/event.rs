//! What can happen in a run: the closed list of types (protocol, section 8).

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::Name;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident($body:ty) = $kind:literal;)*) => {
        /// One thing that happened, with its details.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "body", deny_unknown_fields)]
        #[non_exhaustive]
        pub enum Event { $($(#[$doc])* #[serde(rename = $kind)] $variant($body),)* }

        impl Event {
            /// The entry's type, for example `asset.accepted`.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)* }
            }
        }
    };
}

events! {
    /// The log begins: this boot, this manifest, these keys.
    LogOpen(LogOpenBody) = "log.open";
    /// The machine signed a report that a session was given.
    Evidence(EvidenceBody) = "evidence";
    /// The manifest's approvals were verified; the agent will take no other.
    ManifestAccepted(ManifestBody) = "manifest.accepted";
    /// A session was given evidence of its own.
    SessionAttested(SessionBody) = "session.attested";
    /// A participant proved who it is on its connection.
    AuthOk(AuthBody) = "auth.ok";
    /// Somebody failed to prove who they are.
    AuthRefused(AuthRefusedBody) = "auth.refused";
    /// An asset began to arrive: its provider sends it, or the agent fetches it.
    AssetBegin(AssetBody) = "asset.begin";
    /// An asset is complete and is the one that the manifest names.
    AssetAccepted(AssetBody) = "asset.accepted";
    /// An asset was refused and discarded whole.
    AssetRefused(AssetRefusedBody) = "asset.refused";
    /// The key of an asset that lies sealed in a store was released to the agent, which may fetch it now.
    KeyReleased(KeyReleasedBody) = "key.released";
    /// The algorithm is about to be started.
    RunStart(RunStartBody) = "run.start";
    /// The algorithm ended.
    RunExit(Box<RunExitBody>) = "run.exit";
    /// The result keeps to the manifest's terms.
    OutputChecked(OutputBody) = "output.checked";
    /// The result was encrypted for one consumer.
    ResultSealed(ResultSealedBody) = "result.sealed";
    /// The result's key is about to be given to a recipient, the only one ever.
    ResultReleased(ResultReleasedBody) = "result.released";
    /// The consumer confirmed; its result and key are destroyed.
    ResultAcked(ResultAckedBody) = "result.acked";
    /// The run was stopped.
    Stop(StopBody) = "stop";
    /// The agent cannot go on.
    Error(ErrorBody) = "error";
    /// The log ends.
    LogClose(LogCloseBody) = "log.close";
}

macro_rules! body {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(clippy::exhaustive_structs, reason = "the format is closed: a body has these fields in version 1")]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
    };
}

/// The bodies about the run; after the macro that makes them.
mod run;
pub use run::*;

body! {
    /// Body of [`Event::LogOpen`].
    LogOpenBody {
        /// The boot's identifier, 32 hex digits.
        boot: String,
        /// The manifest's own identifier.
        computation: Name,
        /// The manifest's digest.
        manifest: Digest,
        /// Digest of the binding `B`, whose value is the second half of every report's data.
        binding: Digest,
        /// Whether the platform is pretended.
        simulated: bool,
        /// The agent's version.
        software: String,
        /// An earlier boot on the same state folder that never closed its log: its assets and results are lost.
        lost: Vec<LostBoot>,
    }
}

body! {
    /// An earlier boot that ended without closing its log.
    LostBoot {
        /// Its identifier, 32 hex digits.
        boot: String,
        /// How many entries its last signed checkpoint covers.
        entries: u64,
    }
}

body! {
    /// Body of [`Event::Evidence`].
    EvidenceBody {
        /// Digest of the raw evidence.
        digest: Digest,
        /// The platform that signed it.
        platform: Name,
    }
}

body! {
    /// Body of [`Event::ManifestAccepted`].
    ManifestBody {
        /// The manifest's digest.
        digest: Digest,
        /// Everyone who approved, in the manifest's order.
        participants: Vec<Name>,
    }
}

body! {
    /// Body of [`Event::SessionAttested`].
    SessionBody {
        /// The session's leaf `H(0x00 ‖ S)`, 64 hex digits.
        session: String,
        /// Digest of the evidence it was given.
        evidence: Digest,
    }
}

body! {
    /// Body of [`Event::AuthOk`].
    AuthBody {
        /// The session's leaf, 64 hex digits.
        session: String,
    }
}

body! {
    /// Body of [`Event::AuthRefused`].
    AuthRefusedBody {
        /// The session's leaf, 64 hex digits.
        session: String,
        /// Why, as a stable code.
        code: String,
    }
}

body! {
    /// Body of [`Event::AssetBegin`] and [`Event::AssetAccepted`].
    AssetBody {
        /// The asset.
        asset: Name,
        /// Its digest.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
    }
}

body! {
    /// Body of [`Event::AssetRefused`].
    AssetRefusedBody {
        /// The asset.
        asset: Name,
        /// Why, as a stable code.
        code: String,
    }
}

body! {
    /// Body of [`Event::KeyReleased`].
    KeyReleasedBody {
        /// The asset.
        asset: Name,
        /// Whom the key is released to, one of the agent's own keys of this boot: an age recipient if the provider
        /// released it, the SHA-256 of the JWK (RFC 7638) if a key broker did.
        recipient: String,
        /// Who released it.
        by: Releaser,
    }
}

/// Who released an asset's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Releaser {
    /// The asset's provider, on its attested connection.
    Provider,
    /// The key broker that the manifest names.
    Kbs,
}

body! {
    /// Body of [`Event::OutputChecked`].
    OutputBody {
        /// Number of result files.
        files: u64,
        /// Size of the result archive in bytes.
        bytes: u64,
        /// What stayed inside; not written when nothing did.
        #[serde(default, skip_serializing_if = "WithheldBody::is_nothing")]
        withheld: WithheldBody,
    }
}

/// Entries of `results/` that stayed inside, by reason. Counts only: names are the algorithm's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format is closed: a body has these fields in version 1")]
pub struct WithheldBody {
    /// Links, pipes, sockets, devices.
    pub special: u64,
    /// Names that no archive can hold, or not beside another.
    pub misnamed: u64,
    /// Names that no pattern of the manifest allows.
    pub unlisted: u64,
    /// Content of no media type that the manifest allows.
    pub mistyped: u64,
}

impl WithheldBody {
    /// Whether everything left.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

body! {
    /// Body of [`Event::ResultSealed`].
    ResultSealedBody {
        /// For whom.
        consumer: Name,
        /// Digest of the age payload (nonce and chunks, without the header).
        payload: Digest,
        /// Its size in bytes.
        size: u64,
    }
}

body! {
    /// Body of [`Event::ResultReleased`].
    ResultReleasedBody {
        /// The age recipient that the key is given to.
        recipient: String,
        /// Digest of the age payload.
        payload: Digest,
    }
}

body! {
    /// Body of [`Event::ResultAcked`].
    ResultAckedBody {
        /// Digest of the age payload.
        payload: Digest,
    }
}

body! {
    /// Body of [`Event::Stop`].
    StopBody {
        /// Why, as a stable code.
        code: String,
    }
}

body! {
    /// Body of [`Event::Error`].
    ErrorBody {
        /// What, as a stable code.
        code: String,
    }
}

body! {
    /// Body of [`Event::LogClose`].
    LogCloseBody {
        /// How the computation ended.
        outcome: Outcome,
        /// Refusals that were counted but not logged, because their bound was reached.
        refusals_unlogged: u64,
    }
}

/// How a computation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// Every consumer confirmed its result.
    Completed,
    /// The manifest's time was up before.
    Expired,
    /// The algorithm or the agent failed.
    Failed,
    /// It was stopped.
    Stopped,
}

//! Releasing the key of an asset that lies in a store: to the attested agent, and to nobody else.

use std::sync::Arc;

use prism_core::asset::AssetTerms;
use prism_core::audit::entry::{Event, Releaser};
use prism_core::code::{Code, Coded};
use prism_core::digest::{Hasher, Salt};
use prism_core::entropy::SystemEntropy;
use prism_core::envelope::PayloadType;
use prism_core::manifest::{Codec, KeyRelease, SealedObject};
use prism_core::name::Name;
use prism_core::seal::{self, CobblestoneKey, FileKey, Identity, OpenError, Recipient, RecipientKind, SealError};
use prism_core::statement::AssetBody;

use super::session::{Live, Session};
use super::{CallError, LogError, Receipt, SessionError, UploadError, bounded};
use crate::wire;

/// Why a key was not released.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The manifest names no such asset of the caller, or its digest needs a salt.
    #[error(transparent)]
    Asset(UploadError),
    /// Its provider does not release the asset's key: it is uploaded, or a key broker releases it.
    #[error(
        "expected an asset whose key its provider releases, found that {0} comes another way; `prism manifest show` says how"
    )]
    OtherWay(Name),
    /// The object is sealed in another way. Nothing was sent.
    #[error(
        "expected the key of an object sealed as {agreed}, as {asset} is, found one for {given}; nothing was sent: age objects open with an identity, those of cobblestone-256 with a symmetric key"
    )]
    OtherCodec {
        /// The asset.
        asset: Name,
        /// The codec that the manifest names.
        agreed: Codec,
        /// The codec that the given key is for.
        given: Codec,
    },
    /// The header is not that of the agreed object. Nothing was sent.
    #[error(
        "expected the header of {asset} with {expected} bytes, found one with {found}; nothing was sent: give the header of the object that was agreed"
    )]
    OtherHeader {
        /// The asset.
        asset: Name,
        /// The length that follows from the manifest.
        expected: u64,
        /// The length that was given.
        found: u64,
    },
    /// The header does not open with the identity. Nothing was sent.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The key could not be wrapped to the agent.
    #[error(transparent)]
    Wrap(#[from] SealError),
    /// The header could not be fetched from the store.
    #[cfg(feature = "pull")]
    #[error(transparent)]
    Fetch(#[from] crate::pull::PullError),
    /// The session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Coded for ReleaseError {
    fn code(&self) -> Code {
        match self {
            Self::Asset(error) => error.code(),
            Self::OtherWay(_) => Code::AssetOtherWay,
            Self::OtherCodec { .. } => Code::Usage,
            Self::OtherHeader { .. } => Code::AssetMismatch,
            Self::Open(error) => error.code(),
            Self::Wrap(error) => error.code(),
            #[cfg(feature = "pull")]
            Self::Fetch(error) => error.code(),
            Self::Session(error) => error.code(),
        }
    }
}

impl From<CallError> for ReleaseError {
    fn from(error: CallError) -> Self {
        SessionError::from(error).into()
    }
}

impl From<LogError> for ReleaseError {
    fn from(error: LogError) -> Self {
        SessionError::from(error).into()
    }
}

impl Session {
    /// Releases the key of an asset that lies sealed in a store, in the age format, and returns the verified receipt.
    ///
    /// `header` is the header of the stored object, which `identity` opens. Only the file key in it leaves, wrapped to
    /// the attested agent's own key of this boot; the object stays as it is. The agent then fetches it by itself:
    /// [`status`](Session::status) says how far it is, [`watch`](Session::watch) when it was accepted or refused. After
    /// a refusal the key may be released again. A salted asset needs its salt, as for an upload.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn release(
        &self,
        asset: &str,
        header: &[u8],
        identity: &Identity,
        salt: Option<Salt>,
    ) -> Result<Receipt, ReleaseError> {
        let (terms, expected, _) = self.releasable(asset, Codec::Age)?;
        let found = header.len() as u64;
        if found != expected {
            return Err(ReleaseError::OtherHeader { asset: terms.name, expected, found });
        }
        self.give(terms, Secret::File(seal::file_key(header, identity)?), salt).await
    }

    /// The same for an asset that lies sealed as Cobblestone-256: `key` itself leaves, sealed to the attested agent's own
    /// key of this boot. A key that is not the object's is noticed by the agent, which then refuses the asset.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn release_cobblestone(
        &self,
        asset: &str,
        key: &CobblestoneKey,
        salt: Option<Salt>,
    ) -> Result<Receipt, ReleaseError> {
        let (terms, ..) = self.releasable(asset, Codec::Cobblestone256)?;
        self.give(terms, Secret::Symmetric(key), salt).await
    }

    async fn give(&self, terms: AssetTerms, secret: Secret<'_>, salt: Option<Salt>) -> Result<Receipt, ReleaseError> {
        if Hasher::for_algorithm(terms.digest.algorithm(), salt.as_ref()).is_none() {
            let expected = if salt.is_some() { "no salt" } else { "a salt" };
            return Err(ReleaseError::Asset(UploadError::Salt { asset: terms.name, expected }));
        }
        let release = Release { session: self, terms, secret, salt };
        let mut retries = self.retries();
        let mut live = self.live();
        loop {
            match release.attempt(&live).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => live = self.recover(&live, &mut retries, error).await?,
            }
        }
    }

    /// The header of an asset's stored object, from the store itself. The caller's own configuration says how the store
    /// is asked; its list of hosts need not name it, because the caller approved the manifest that does.
    ///
    /// # Errors
    /// [`ReleaseError`].
    #[cfg(feature = "pull")]
    pub async fn stored_header(&self, asset: &str, config: &crate::pull::PullConfig) -> Result<Vec<u8>, ReleaseError> {
        use crate::pull::{Https, Object, PullError, Purpose, Roots};

        let (_, length, source) = self.releasable(asset, Codec::Age)?;
        let mut config = config.clone();
        config.allow = vec![config.host_of(&source.url)];
        let line = Https::new(Purpose::Objects, &config, Roots::ThisMachineAnd(&config.extra_roots));
        let line = line.map_err(|error| PullError::Refused(error.into()))?;
        Ok(Object::at(&source.url, &config, &line)?.front(length, source.size).await?)
    }

    /// An asset of the caller whose key, for this codec, the caller releases, and the length of its object's header.
    fn releasable(&self, asset: &str, given: Codec) -> Result<(AssetTerms, u64, SealedObject), ReleaseError> {
        let terms = self.own_asset(asset).map_err(ReleaseError::Asset)?;
        let source = terms.source.clone().filter(|source| source.release == KeyRelease::Provider {});
        let length = source.as_ref().and_then(|source| source.header_len(terms.size));
        match (source, length) {
            (Some(SealedObject { codec: agreed, .. }), Some(_)) if agreed != given => {
                Err(ReleaseError::OtherCodec { asset: terms.name, agreed, given })
            }
            (Some(source), Some(length)) => Ok((terms, length, source)),
            _ => Err(ReleaseError::OtherWay(terms.name)),
        }
    }
}

/// What opens an object.
enum Secret<'a> {
    File(FileKey),
    Symmetric(&'a CobblestoneKey),
}

/// One key on its way, over as many connections as it takes.
struct Release<'a> {
    session: &'a Session,
    terms: AssetTerms,
    secret: Secret<'a>,
    salt: Option<Salt>,
}

impl Release<'_> {
    async fn attempt(&self, live: &Arc<Live>) -> Result<Receipt, ReleaseError> {
        let AssetTerms { name, digest, size, .. } = &self.terms;
        let asked = wire::ReleaseTargetRequest { asset: name.to_string() };
        let target: Recipient = bounded(live.stub().release_target(asked))
            .await?
            .recipient
            .parse()
            .ok()
            .filter(|target: &Recipient| target.kind() == RecipientKind::Hybrid)
            .ok_or(LogError::Malformed { expected: "the agent's post-quantum recipient" })?;
        let (header, sealed_key) = self.wrapped(&target)?;
        let envelope = self
            .session
            .sign(live, PayloadType::Asset, |context| AssetBody::new(context, name.clone(), *digest, *size).to_json());
        let envelope = envelope.map_err(SessionError::from)?;
        let salt = self.salt.as_ref().map(|salt| salt.expose().to_vec()).unwrap_or_default();
        let (header, sealed_key) = (header.into(), sealed_key.into());
        let request = wire::ReleaseRequest { envelope: envelope.into(), salt: salt.into(), header, sealed_key };
        let answer = bounded(live.stub().release(request)).await?;
        let receipt = self.verify(answer.receipt, &target)?;
        self.session.0.witness.settle(&receipt, self.session).await?;
        Ok(receipt)
    }

    /// A header and a sealed key for the agent, one of which is empty.
    fn wrapped(&self, target: &Recipient) -> Result<(Vec<u8>, Vec<u8>), SealError> {
        let entropy = &mut SystemEntropy::default();
        match &self.secret {
            Secret::File(key) => Ok((seal::header(key, std::slice::from_ref(target), entropy)?, Vec::new())),
            Secret::Symmetric(key) => Ok((Vec::new(), key.sealed_to(target, entropy)?)),
        }
    }

    fn verify(&self, received: Option<wire::Receipt>, target: &Recipient) -> Result<Receipt, LogError> {
        let AssetTerms { name, provider, .. } = &self.terms;
        Receipt::verify(received, self.session.0.witness.key(), "this release", |entry| {
            let released = matches!(&entry.event, Event::KeyReleased(body)
                if body.asset == *name && body.recipient == target.to_string() && body.by == Releaser::Provider);
            released && entry.actor.participant() == Some(provider)
        })
    }
}

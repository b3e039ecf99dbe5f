//! `ReleaseTarget` and `Release`: a provider gives the agent the key of what lies in a store.

use std::sync::Arc;

use prism_core::asset::AssetTerms;
use prism_core::audit::entry::{Actor, Event, KeyReleasedBody, Releaser};
use prism_core::code::{Code, Coded};
use prism_core::digest::{Hasher, Salt};
use prism_core::lifecycle::Illegal;
use prism_core::manifest::{Codec, KeyRelease};
use prism_core::seal::{self, CobblestoneKey, Identity, OpenError, SealedKeyError};
use prism_core::statement::AssetBody;
use tonic::Status;

use super::upload::read_salt;
use super::{Service, receipt, refuse};
use crate::server::engine::{Engine, now};
use crate::server::ledger::{LedgerError, Signed};
use crate::server::session::Member;
use crate::server::statements;
use crate::server::upload::UploadError;
use crate::wire;

pub(super) fn target(service: &Service, member: &Member, asset: &str) -> Result<wire::ReleaseTargetResponse, Status> {
    let terms = service.engine.signed().manifest().asset(asset);
    let terms = terms.ok_or_else(|| wire::refusal(Code::AssetUnknown, "the manifest names no such asset"))?;
    require_releaser(&terms, member)?;
    Ok(wire::ReleaseTargetResponse { recipient: service.pulls.recipient().to_string() })
}

/// The codec of an asset whose key this participant releases.
fn require_releaser(terms: &AssetTerms, member: &Member) -> Result<Codec, Status> {
    let released = terms.source.as_ref().filter(|source| source.release == KeyRelease::Provider {});
    let (code, words) = match (terms.provider == member.name, released) {
        (true, Some(source)) => return Ok(source.codec),
        (false, _) => (Code::AssetWrongProvider, "expected the asset's provider, found another participant"),
        (true, None) => {
            (Code::AssetOtherWay, "expected an asset whose key its provider releases, found one that comes another way")
        }
    };
    Err(wire::refusal(code, words))
}

pub(super) async fn release(
    service: &Service,
    member: Member,
    request: wire::ReleaseRequest,
) -> Result<wire::ReleaseResponse, Status> {
    let (pulls, most) = (Arc::clone(&service.pulls), service.limits.logged_uploads);
    let act = move |engine: &Engine| {
        let offer = authorise(engine, &member, &request, pulls.identity())?;
        // Before an attempt that failed is over in the log, too, nothing could begin.
        pulls.settle(engine, &offer.terms.name).map_err(|e| refuse(&e))?;
        let fresh = log(engine, &member, &offer, pulls.identity(), most)?;
        Ok::<_, Status>((offer, fresh))
    };
    let (offer, (signed, fresh)) = service.engine.blocking(act).await.map_err(|e| refuse(&e))??;
    if fresh {
        start(service, offer);
    }
    Ok(wire::ReleaseResponse { receipt: Some(receipt(signed)) })
}

/// A key that its provider may release, and that the agent can use.
struct Offer {
    terms: AssetTerms,
    #[cfg_attr(not(feature = "pull"), expect(dead_code, reason = "nothing is fetched without it"))]
    salt: Option<Salt>,
    #[cfg_attr(not(feature = "pull"), expect(dead_code, reason = "nothing is fetched without it"))]
    secret: Secret,
}

/// What a provider gives, which this agent could open.
#[cfg_attr(not(feature = "pull"), expect(dead_code, reason = "nothing is fetched without it"))]
enum Secret {
    /// A header of an age file for this agent.
    Header(Arc<[u8]>),
    /// The key itself.
    Symmetric(Arc<CobblestoneKey>),
}

/// Why what a provider gives is no key of its object for this agent.
#[derive(Debug, thiserror::Error)]
enum SecretError {
    /// The request has another form than the object's codec asks for.
    #[error("expected the key of an object sealed as {0} and nothing else, found another; use a current client")]
    OtherCodec(Codec),
    /// The header does not open.
    #[error(transparent)]
    Header(#[from] OpenError),
    /// The key does not open, or is none.
    #[error(transparent)]
    Key(#[from] SealedKeyError),
}

impl Coded for SecretError {
    fn code(&self) -> Code {
        match self {
            Self::OtherCodec(_) => Code::Usage,
            Self::Header(error) => error.code(),
            Self::Key(error) => error.code(),
        }
    }
}

impl Secret {
    /// What a request brings for an object of this codec. What does not open here would open nothing later.
    fn of(request: &wire::ReleaseRequest, codec: Codec, identity: &Identity) -> Result<Self, SecretError> {
        let wire::ReleaseRequest { header, sealed_key, .. } = request;
        match codec {
            Codec::Age if sealed_key.is_empty() => {
                drop(seal::file_key(header, identity)?);
                Ok(Self::Header(header.as_ref().into()))
            }
            Codec::Cobblestone256 if header.is_empty() => {
                Ok(Self::Symmetric(Arc::new(CobblestoneKey::opened(sealed_key, identity)?)))
            }
            other => Err(SecretError::OtherCodec(other)),
        }
    }
}

/// Whether this participant releases this asset, by its own signed word and the manifest, with a key for this agent.
fn authorise(
    engine: &Engine,
    member: &Member,
    request: &wire::ReleaseRequest,
    identity: &Identity,
) -> Result<Offer, Status> {
    let speaker = (&member.name, &member.facts);
    let said = statements::take_from::<AssetBody>(&request.envelope, engine.signed(), speaker, now());
    let said = said.map_err(|e| refuse(&e))?;
    let terms = engine.signed().manifest().asset(said.asset.as_str());
    let terms = terms.ok_or_else(|| wire::refusal(Code::AssetUnknown, "the manifest names no such asset"))?;
    let codec = require_releaser(&terms, member)?;
    if (said.digest, said.size) != (terms.digest, terms.size) {
        let other = Illegal::OtherAsset { asset: terms.name, digest: terms.digest, size: terms.size };
        return Err(refuse(&LedgerError::from(other)));
    }
    let salt = read_salt(&request.salt)?;
    if Hasher::for_algorithm(terms.digest.algorithm(), salt.as_ref()).is_none() {
        return Err(refuse(&UploadError::Salt));
    }
    let secret = Secret::of(request, codec, identity).map_err(|e| refuse(&e))?;
    Ok(Offer { terms, salt, secret })
}

/// Logs the release, unless it is in the log already; whether it is fresh.
fn log(
    engine: &Engine,
    member: &Member,
    offer: &Offer,
    identity: &Identity,
    most: u64,
) -> Result<(Signed, bool), Status> {
    if let Some(signed) = engine.ledger().released(&offer.terms.name) {
        return Ok((signed, false));
    }
    engine.spend_upload(&member.name, most).map_err(|e| refuse(&e))?;
    let body = KeyReleasedBody {
        asset: offer.terms.name.clone(),
        recipient: identity.recipient().to_string(),
        by: Releaser::Provider,
    };
    let mut ledger = engine.ledger();
    // Another connection of the provider may have been faster.
    if let Some(signed) = ledger.released(&offer.terms.name) {
        return Ok((signed, false));
    }
    let signed = ledger.act(Actor::Participant(member.name.clone()), Event::KeyReleased(body));
    signed.map(|signed| (signed, true)).map_err(|e| refuse(&e))
}

#[cfg(feature = "pull")]
fn start(service: &Service, offer: Offer) {
    use crate::server::pulls::{Key, Released};

    let identity = Arc::clone(service.pulls.identity());
    let key = match offer.secret {
        Secret::Header(header) => Key::Released { header, identity },
        Secret::Symmetric(key) => Key::Symmetric(key),
    };
    let released = Released { terms: offer.terms, salt: offer.salt, key };
    service.pulls.start(&service.engine, &service.uploads, released);
}

/// An agent that cannot fetch does not start on such a manifest.
#[expect(clippy::needless_pass_by_value, reason = "one that fetches takes it")]
#[cfg(not(feature = "pull"))]
fn start(_: &Service, offer: Offer) {
    tracing::error!(asset = %offer.terms.name, "a key was released to an agent that cannot fetch");
}

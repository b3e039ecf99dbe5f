//! Attest and Authenticate: the agent proves what it is, then the participant who it is.

use std::sync::Arc;

use prism_attest::binding::SessionBinding;
use prism_core::code::{Code, Coded};
use prism_core::entropy::{SystemEntropy, draw};
use prism_core::statement::{AuthBody, SessionFacts};
use tonic::Status;

use super::{Service, receipt, refuse};
use crate::server::engine::{Engine, now};
use crate::server::session::{Attested, Session};
use crate::server::statements;
use crate::wire;

pub(super) async fn attest(
    service: &Service,
    session: &Session,
    request: wire::AttestRequest,
) -> Result<wire::AttestResponse, Status> {
    let client_nonce: [u8; 32] = request.client_nonce.as_ref().try_into().map_err(|_| bad_nonce())?;
    session.begin_attest().map_err(|e| refuse(&e))?;
    let agent_nonce = draw(&mut SystemEntropy::default()).map_err(|_| no_entropy())?;
    let exporter = session.link().export(&client_nonce).map_err(|e| refuse(&e))?;
    let leaf = SessionBinding { exporter, client_nonce, agent_nonce }.leaf();
    let share = service.batcher.share(leaf).await.map_err(|e| refuse(&e))?;
    let facts = SessionFacts {
        boot: service.boot.id,
        computation: service.engine.signed().manifest().id.clone(),
        manifest: service.engine.signed().digest(),
        session: *leaf.as_bytes(),
        agent_nonce,
    };
    session.attested(Attested { facts, report: Arc::clone(&share.report) });
    let known = request.known_size;
    let head = move |engine: &Engine| {
        let ledger = engine.ledger();
        (ledger.head().as_str().to_owned(), ledger.consistency(known))
    };
    let (checkpoint, consistency) = service.engine.blocking(head).await.map_err(|e| refuse(&e))?;
    Ok(wire::AttestResponse {
        agent_nonce: agent_nonce.to_vec().into(),
        platform: share.report.evidence.platform().to_string(),
        evidence: share.report.evidence.bytes().to_vec().into(),
        endorsements: share.report.endorsements.to_json().into(),
        path: share.path.hashes().iter().map(|hash| hash.as_bytes().to_vec().into()).collect(),
        index: share.path.index(),
        batch_size: share.path.size(),
        binding: service.boot.binding.clone().into(),
        checkpoint,
        consistency: consistency.iter().map(|hash| hash.as_bytes().to_vec().into()).collect(),
        event_log: share.report.evidence.event_log().map(<[u8]>::to_vec).unwrap_or_default().into(),
    })
}

fn bad_nonce() -> Status {
    wire::refusal(Code::Usage, "expected a client nonce of 32 bytes, found another length; draw 32 random bytes")
}

fn no_entropy() -> Status {
    wire::refusal(Code::Internal, "expected random bytes from the agent's system, found none")
}

pub(super) async fn authenticate(
    service: &Service,
    session: &Arc<Session>,
    request: wire::AuthenticateRequest,
) -> Result<wire::AuthenticateResponse, Status> {
    let attested = session.begin_authenticate().map_err(|e| refuse(&e))?;
    let (session, limits, fair) = (Arc::clone(session), service.limits.clone(), Arc::clone(&service.fair));
    let check = move |engine: &Engine| match statements::take::<AuthBody>(
        &request.envelope,
        engine.signed(),
        &attested.facts,
        now(),
    ) {
        Ok((name, _)) => {
            let share = fair.connections.take(&name).map_err(|e| refuse(&e))?;
            let signed = engine.log_auth_ok(&name, &attested, &limits).map_err(|e| refuse(&e))?;
            session.authenticated(name, share);
            Ok(signed)
        }
        Err(refusal) => {
            engine.log_auth_refused(&attested, refusal.code(), &limits).map_err(|e| refuse(&e))?;
            Err(refuse(&refusal))
        }
    };
    let signed = service.engine.blocking(check).await.map_err(|e| refuse(&e))??;
    Ok(wire::AuthenticateResponse { receipt: Some(receipt(signed)) })
}

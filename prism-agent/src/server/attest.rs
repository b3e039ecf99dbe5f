//! Batched evidence: sessions that arrive together share one report of the machine (protocol, section 4).

use std::sync::Arc;
use std::time::Duration;

use prism_attest::binding::{AgentBinding, BATCH_MAX, Batch, BatchPath, BindingError, BrokerBinding, ReportData};
use prism_attest::endorsements::Endorsements;
use prism_attest::evidence::Evidence;
use prism_core::audit::tree::TreeHash;
use prism_core::code::{Code, Coded};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, JoinError};
use tokio::time::{Instant, timeout_at};

use crate::attester::{Attester, AttesterError};

/// How long the first session of a batch waits for others.
const WINDOW: Duration = Duration::from_millis(50);

/// Why a session gets no evidence.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BatchError {
    /// The machine gave no report.
    #[error(transparent)]
    Attester(Arc<AttesterError>),
    /// The batch could not be bound.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The agent is shutting down.
    #[error("expected an agent that is awake, found one that is shutting down; try again later")]
    Closing,
}

impl Coded for BatchError {
    fn code(&self) -> Code {
        match self {
            Self::Attester(error) => error.code(),
            Self::Binding(error) => error.code(),
            Self::Closing => Code::AgentUnreachable,
        }
    }
}

/// One report of the machine.
#[derive(Debug)]
pub(crate) struct Report {
    /// What the machine signed.
    pub(crate) evidence: Evidence,
    /// What its vendor vouches for; reports that follow each other share it while it stays the same.
    pub(crate) endorsements: Arc<Endorsements>,
}

impl Report {
    /// What it takes in a transcript, in bytes before base64. The event log is there once for all.
    pub(crate) fn size(&self) -> u64 {
        (self.evidence.bytes().len() + self.endorsements.to_json().len()) as u64
    }
}

/// A session's share in a report.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// The report.
    pub(crate) report: Arc<Report>,
    /// How the session's leaf leads to the report's root.
    pub(crate) path: BatchPath,
}

type Reply = oneshot::Sender<Result<Share, BatchError>>;
type Answer = oneshot::Sender<Result<Arc<Report>, BatchError>>;

/// Where sessions hand in their leaf, and answers to key brokers their binding.
#[derive(Clone, Debug)]
pub(crate) struct Batcher {
    sessions: mpsc::Sender<(TreeHash, Reply)>,
    #[cfg_attr(not(feature = "pull"), expect(dead_code, reason = "nobody asks a broker without it"))]
    brokers: mpsc::Sender<(BrokerBinding, Answer)>,
}

impl Batcher {
    /// Starts the task that has the machine sign; it ends with the last clone of what this returns.
    pub(crate) fn start(attester: Attester, agent: AgentBinding) -> Self {
        let (sessions, leaves) = mpsc::channel(BATCH_MAX);
        let (brokers, bindings) = mpsc::channel(1);
        tokio::spawn(serve(leaves, bindings, attester, agent));
        Self { sessions, brokers }
    }

    /// Waits for evidence that answers a key broker. Its report is nobody else's.
    #[cfg(feature = "pull")]
    pub(crate) async fn answer(&self, binding: BrokerBinding) -> Result<Arc<Report>, BatchError> {
        let (reply, answer) = oneshot::channel();
        self.brokers.send((binding, reply)).await.map_err(|_| BatchError::Closing)?;
        answer.await.map_err(|_| BatchError::Closing)?
    }

    /// Waits for evidence that covers `leaf`.
    pub(crate) async fn share(&self, leaf: TreeHash) -> Result<Share, BatchError> {
        let (reply, answer) = oneshot::channel();
        self.sessions.send((leaf, reply)).await.map_err(|_| BatchError::Closing)?;
        answer.await.map_err(|_| BatchError::Closing)?
    }
}

async fn serve(
    mut sessions: mpsc::Receiver<(TreeHash, Reply)>,
    mut brokers: mpsc::Receiver<(BrokerBinding, Answer)>,
    attester: Attester,
    agent: AgentBinding,
) {
    let mut machine = Machine { attester, endorsements: None };
    loop {
        // In turns by chance: strangers in any number must not keep the brokers waiting.
        let served = tokio::select! {
            Some(first) = sessions.recv() => {
                let batch = gather(first, &mut sessions).await;
                for_sessions(machine, batch, agent.clone()).await
            }
            Some(question) = brokers.recv() => for_broker(machine, question).await,
            else => return,
        };
        let Ok(returned) = served else { return };
        machine = returned;
    }
}

/// One report for a batch.
async fn for_sessions(
    mut machine: Machine,
    batch: Vec<(TreeHash, Reply)>,
    agent: AgentBinding,
) -> Result<Machine, JoinError> {
    let leaves: Vec<TreeHash> = batch.iter().map(|(leaf, _)| *leaf).collect();
    let signing = task::spawn_blocking(move || {
        let signed = machine.sign_batch(&leaves, &agent);
        (machine, signed)
    });
    let (machine, signed) = signing.await?;
    for (index, (_, reply)) in (0..).zip(batch) {
        let share = signed.clone().and_then(|(report, batch)| Ok(Share { report, path: batch.path(index)? }));
        // The session may have gone; nobody misses its share.
        let _ = reply.send(share);
    }
    Ok(machine)
}

/// One report for one answer.
async fn for_broker(mut machine: Machine, (binding, reply): (BrokerBinding, Answer)) -> Result<Machine, JoinError> {
    let signing = task::spawn_blocking(move || {
        let signed = machine.sign(&ReportData::for_broker(&binding));
        (machine, signed)
    });
    let (machine, signed) = signing.await?;
    // Whoever asked may have gone.
    let _ = reply.send(signed);
    Ok(machine)
}

async fn gather(first: (TreeHash, Reply), sessions: &mut mpsc::Receiver<(TreeHash, Reply)>) -> Vec<(TreeHash, Reply)> {
    let (mut batch, end) = (vec![first], Instant::now() + WINDOW);
    while batch.len() < BATCH_MAX {
        match timeout_at(end, sessions.recv()).await {
            Ok(Some(next)) => batch.push(next),
            Ok(None) | Err(_) => break,
        }
    }
    batch
}

/// What signs, and what was vouched for it last.
struct Machine {
    attester: Attester,
    endorsements: Option<Arc<Endorsements>>,
}

impl Machine {
    fn sign_batch(
        &mut self,
        leaves: &[TreeHash],
        agent: &AgentBinding,
    ) -> Result<(Arc<Report>, Arc<Batch>), BatchError> {
        let batch = Batch::new(leaves)?;
        let report = self.sign(&ReportData::compose(&batch.root(), agent))?;
        Ok((report, Arc::new(batch)))
    }

    fn sign(&mut self, data: &ReportData) -> Result<Arc<Report>, BatchError> {
        let signed = self.attester.attest(data).map_err(|error| BatchError::Attester(Arc::new(error)))?;
        let (evidence, endorsements) = signed;
        let endorsements = share(&mut self.endorsements, endorsements);
        Ok(Arc::new(Report { evidence, endorsements }))
    }
}

/// The endorsements that are held already when `fresh` says the same.
fn share(held: &mut Option<Arc<Endorsements>>, fresh: Endorsements) -> Arc<Endorsements> {
    match held {
        Some(known) if **known == fresh => Arc::clone(known),
        _ => Arc::clone(held.insert(Arc::new(fresh))),
    }
}

#[cfg(test)]
mod tests {
    use prism_attest::endorsements::SnpEndorsements;

    use super::*;

    #[cfg(all(feature = "pull", feature = "simulator"))]
    const KEY: &str = r#"{"alg":"ECDH-ES+A256KW","crv":"P-256","kty":"EC","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"}"#;

    #[cfg(all(feature = "pull", feature = "simulator"))]
    #[tokio::test(flavor = "multi_thread")]
    async fn strangers_in_any_number_do_not_keep_a_broker_waiting() {
        use crate::server::PlatformChoice;

        let (folder, now) = (tempfile::tempdir().unwrap(), 1_800_000_000);
        let vendor = folder.path().join("state/simulator-tdx.json");
        let attester = Attester::open(&PlatformChoice::SimulatedTdx { vendor }, now).unwrap();
        let agent = AgentBinding::new([1; 16], vec![2; 91], "log+0+key".to_owned(), None).unwrap();
        let batcher = Batcher::start(attester, agent);
        // Always more than one report can serve, but not for ever: whoever comes last has waited for all of them.
        let (crowd, sessions) = (100 * BATCH_MAX, batcher.sessions.clone());
        let flood = tokio::spawn(async move {
            for _ in 0..crowd {
                sessions.send((TreeHash::from_bytes([3; 32]), oneshot::channel().0)).await.unwrap();
            }
        });
        while batcher.sessions.capacity() > 0 {
            task::yield_now().await;
        }
        let binding = BrokerBinding::new("nonce".to_owned(), serde_json::from_str(KEY).unwrap()).unwrap();
        assert!(batcher.answer(binding).await.is_ok());
        assert!(!flood.is_finished(), "the broker came last");
        flood.abort();
    }

    #[test]
    fn reports_share_endorsements_that_are_the_same() {
        let parts = |vek| SnpEndorsements { vek: vec![vek], ask: vec![2], ark: vec![3], crl: None };
        let endorsements = |vek| Endorsements::snp(parts(vek)).unwrap();
        let mut held = None;
        let first = share(&mut held, endorsements(1));
        assert!(Arc::ptr_eq(&first, &share(&mut held, endorsements(1))));
        let other = share(&mut held, endorsements(2));
        assert!(*other == endorsements(2) && !Arc::ptr_eq(&first, &other));
    }
}

use crate::wire;

/// How things stand, as the agent says without proof.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The boot's identifier, 32 hex digits.
    pub boot: String,
    /// The kind of machine that signs the evidence.
    pub platform: String,
    /// The run's state, for example `WaitingForDatasets`.
    pub state: String,
    /// Number of entries in the audit log.
    pub log_size: u64,
    /// Every asset of the manifest.
    pub assets: Vec<AssetStatus>,
    /// The sealed result of every consumer, once there is one.
    pub results: Vec<ResultStatus>,
}

/// What has come of one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AssetStatus {
    /// The asset's name.
    pub name: String,
    /// Whether it has been accepted.
    pub accepted: bool,
    /// Bytes that the agent holds durably.
    pub durable: u64,
    /// The asset's size.
    pub size: u64,
    /// How far the agent is with fetching it; `None` when its provider uploads it.
    pub pull: Option<PullStatus>,
}

/// How far the agent is with fetching an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PullStatus {
    /// `waiting` for its key, `queued`, `asking` a key broker, `fetching`, `retrying`, `refused` or `done`.
    pub stage: String,
    /// Bytes of the sealed object that have come.
    pub received: u64,
    /// Its size.
    pub of: u64,
    /// Attempts that failed.
    pub failures: u32,
    /// Why the last of them did, as a stable code; empty when none did.
    pub code: String,
}

/// What has become of one consumer's result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResultStatus {
    /// The consumer.
    pub consumer: String,
    /// Digest of the ciphertext.
    pub digest: String,
    /// Its length in bytes.
    pub sealed_length: u64,
    /// The recipient to whom the key was released; empty before that.
    pub recipient: String,
    /// Whether the consumer has confirmed it.
    pub acknowledged: bool,
}

impl From<wire::StatusResponse> for Status {
    fn from(answer: wire::StatusResponse) -> Self {
        let pull = |p: wire::PullStatus| PullStatus {
            stage: p.stage,
            received: p.received,
            of: p.of,
            failures: p.failures,
            code: p.code,
        };
        let asset = |a: wire::AssetStatus| AssetStatus {
            name: a.name,
            accepted: a.accepted,
            durable: a.durable,
            size: a.size,
            pull: a.pull.map(pull),
        };
        let result = |r: wire::ResultStatus| ResultStatus {
            consumer: r.consumer,
            digest: r.digest,
            sealed_length: r.sealed_length,
            recipient: r.recipient,
            acknowledged: r.acknowledged,
        };
        Self {
            boot: hex::encode(answer.boot_id),
            platform: answer.platform,
            state: answer.state,
            log_size: answer.log_size,
            assets: answer.assets.into_iter().map(asset).collect(),
            results: answer.results.into_iter().map(result).collect(),
        }
    }
}

//! One case: what lies in its folder, and what becomes of it.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use prism_attest::{
    Case as Judged, Endorsements, Evidence, Platform, Roots, SignedJson, SnpEndorsements, Stage, TdxEndorsements,
    Vendor, Verdict,
};
use prism_core::manifest::platform::Product;
use serde_json::Value;

use crate::policy::Wanted;

/// A case as read.
pub(crate) struct Case {
    folder: PathBuf,
    expect: Value,
}

/// Accepted, or refused at a stage with a code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Genuine, wanted and bound.
    Accept,
    /// Why not.
    Reject {
        /// Where it ended.
        stage: &'static str,
        /// The condition that is not met.
        code: String,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept - -"),
            Self::Reject { stage, code } => write!(f, "reject {stage} {code}"),
        }
    }
}

impl From<&Verdict> for Outcome {
    fn from(verdict: &Verdict) -> Self {
        match verdict.refusal() {
            Some(finding) => {
                Self::Reject { stage: finding.check.stage().as_str(), code: finding.check.as_str().to_owned() }
            }
            None if verdict.is_good() => Self::Accept,
            None => Self::Reject { stage: Stage::Policy.as_str(), code: "policy.nothing-accepted".to_owned() },
        }
    }
}

impl Case {
    /// Reads what every case has.
    pub(crate) fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let expect = serde_json::from_slice(&fs::read(folder.join("expect.json"))?)?;
        Ok(Self { folder: folder.to_owned(), expect })
    }

    /// The folder's name.
    pub(crate) fn id(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Whether the outcome is the one that the case names, if it names one.
    pub(crate) fn agrees(&self, outcome: &Outcome) -> bool {
        let (word, stage) = match outcome {
            Outcome::Accept => ("accept", ""),
            Outcome::Reject { stage, .. } => ("reject", *stage),
        };
        let names = |key: &str, found: &str| self.expect.get(key).is_none_or(|expected| expected == found);
        names("verdict", word) && names("stage", stage)
    }

    /// Judges the case under the test roots beside it.
    pub(crate) fn judge(&self) -> Outcome {
        self.outcome().unwrap_or_else(|refused| refused)
    }

    fn outcome(&self) -> Result<Outcome, Outcome> {
        let platform = if self.folder.join("quote.bin").is_file() { Platform::Tdx } else { Platform::Snp };
        let evidence = if platform == Platform::Tdx { "quote.bin" } else { "report.bin" };
        let evidence = Evidence::new(platform, self.bytes(evidence)?).map_err(|error| beyond_limits(&error))?;
        let endorsements = self.endorsements(platform)?;
        let wanted = Wanted::read(platform, &self.expect)
            .map_err(|unknown| Outcome::Reject { stage: Stage::Policy.as_str(), code: unknown.to_string() })?;
        let now = self.expect.get("now").and_then(Value::as_u64).unwrap_or_default();
        let judged = Judged {
            evidence: &evidence,
            endorsements: &endorsements,
            policy: &wanted.policy,
            expected: &wanted.binding,
            now,
        };
        Ok(Outcome::from(&judged.judge_under(&self.roots())))
    }

    fn endorsements(&self, platform: Platform) -> Result<Endorsements, Outcome> {
        if platform == Platform::Tdx {
            let parts = collateral(&self.bytes("collateral.json")?).ok_or_else(|| malformed("collateral.json"))?;
            return Endorsements::tdx(parts).map_err(|error| beyond_limits(&error));
        }
        let parts = SnpEndorsements {
            vek: self.bytes("vek.der")?,
            ask: self.bytes("ask.der")?,
            ark: self.bytes("ark.der")?,
            crl: self.bytes("crl.der").ok(),
        };
        Endorsements::snp(parts).map_err(|error| beyond_limits(&error))
    }

    /// The vendors' roots and the test roots beside the case; a case may ask for the vendors' alone.
    fn roots(&self) -> Roots {
        let note = self.expect.get("note").and_then(Value::as_str).unwrap_or_default();
        if note.contains("production root") {
            return Roots::built_in();
        }
        let beside = |name: String| fs::read(self.folder.with_file_name(name)).ok();
        let mut roots = Roots::built_in();
        for product in Product::ALL {
            if let Some(root) = beside(format!("test-ark-{product}.der")) {
                roots = roots.with_custom(Vendor::Amd(product), &root);
            }
        }
        match beside("test-root.der".to_owned()) {
            Some(root) => roots.with_custom(Vendor::Intel, &root),
            None => roots,
        }
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, Outcome> {
        let missing = |error: io::Error| Outcome::Reject { stage: Stage::Format.as_str(), code: error.to_string() };
        fs::read(self.folder.join(name)).map_err(missing)
    }
}

/// The parts of a file of collateral: texts as they are, binary parts in hexadecimal.
fn collateral(file: &[u8]) -> Option<TdxEndorsements> {
    let file: Value = serde_json::from_slice(file).ok()?;
    let text = |name: &str| Some(file.get(name)?.as_str()?.as_bytes().to_vec());
    let bytes = |name: &str| hex::decode(file.get(name)?.as_str()?).ok();
    let signed = |name: &str| {
        let signature = bytes(&format!("{name}_signature"))?.try_into().ok()?;
        Some(SignedJson { json: text(name)?, signature })
    };
    Some(TdxEndorsements {
        tcb_info: signed("tcb_info")?,
        tcb_info_chain: text("tcb_info_issuer_chain")?,
        qe_identity: signed("qe_identity")?,
        qe_identity_chain: text("qe_identity_issuer_chain")?,
        pck_crl: bytes("pck_crl")?,
        pck_crl_chain: text("pck_crl_issuer_chain")?,
        root_crl: bytes("root_ca_crl")?,
        pck_chain: file.get("pck_certificate_chain").and_then(Value::as_str).map(|chain| chain.as_bytes().to_vec()),
    })
}

fn malformed(name: &str) -> Outcome {
    Outcome::Reject { stage: Stage::Collateral.as_str(), code: format!("collateral.malformed({name})") }
}

fn beyond_limits(error: &dyn Error) -> Outcome {
    Outcome::Reject { stage: Stage::Limits.as_str(), code: error.to_string() }
}

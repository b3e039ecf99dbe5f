//! One case: what lies in its folder, and what becomes of it.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use prism_attest::{Case as Judged, Endorsements, Evidence, Platform, Roots, SnpEndorsements, Stage, Vendor, Verdict};
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
        let _ = platform;
        let parts = SnpEndorsements {
            vek: self.bytes("vek.der")?,
            ask: self.bytes("ask.der")?,
            ark: self.bytes("ark.der")?,
            crl: self.bytes("crl.der").ok(),
        };
        Endorsements::snp(parts).map_err(|error| beyond_limits(&error))
    }

    /// The roots of the vendors and the test roots that lie beside the case.
    fn roots(&self) -> Roots {
        let beside = |name: String| fs::read(self.folder.with_file_name(name)).ok();
        let roots = Product::ALL.into_iter().fold(Roots::built_in(), |roots, product| {
            let root = beside(format!("test-ark-{product}.der"));
            root.map_or(roots.clone(), |root| roots.with_custom(Vendor::Amd(product), &root))
        });
        let intel = beside("test-root.der".to_owned());
        intel.map_or(roots.clone(), |root| roots.with_custom(Vendor::Intel, &root))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, Outcome> {
        let missing = |error: io::Error| Outcome::Reject { stage: Stage::Format.as_str(), code: error.to_string() };
        fs::read(self.folder.join(name)).map_err(missing)
    }
}

fn beyond_limits(error: &dyn Error) -> Outcome {
    Outcome::Reject { stage: Stage::Limits.as_str(), code: error.to_string() }
}

//! What Intel's provisioning certification service says about a platform and its quoting enclave (API version 4), in the
//! order of its fields.

use serde::{Serialize, Serializer};
use time::format_description::well_known::Rfc3339;

use super::keys::P256Key;
use super::quote::QE_SIGNER;
use crate::endorsements::SignedJson;
use crate::platform::simulated::SimulatorError;
use crate::platform::simulated::der::moment;

/// The judgement of security versions in the making.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TcbInfo {
    pub(crate) id: &'static str,
    pub(crate) version: u32,
    #[serde(serialize_with = "date")]
    pub(crate) issue_date: u64,
    #[serde(serialize_with = "date")]
    pub(crate) next_update: u64,
    pub(crate) fmspc: Hex<6>,
    pub(crate) pce_id: Hex<2>,
    tcb_type: u32,
    pub(crate) tcb_evaluation_data_number: u32,
    tdx_module: Module,
    tdx_module_identities: Vec<ModuleIdentity>,
    pub(crate) tcb_levels: Vec<Level<PlatformTcb>>,
}

/// The quoting enclave's identity in the making.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QeIdentity {
    pub(crate) id: &'static str,
    version: u32,
    #[serde(serialize_with = "date")]
    pub(crate) issue_date: u64,
    #[serde(serialize_with = "date")]
    pub(crate) next_update: u64,
    tcb_evaluation_data_number: u32,
    miscselect: Hex<4>,
    miscselect_mask: Hex<4>,
    attributes: Hex<16>,
    attributes_mask: Hex<16>,
    mrsigner: Hex<32>,
    isvprodid: u16,
    tcb_levels: Vec<Level<IsvTcb>>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Module {
    mrsigner: Hex<48>,
    attributes: Hex<8>,
    attributes_mask: Hex<8>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModuleIdentity {
    id: &'static str,
    #[serde(flatten)]
    module: Module,
    tcb_levels: Vec<Level<IsvTcb>>,
}

/// What is thought of machines that reach these versions.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Level<T> {
    tcb: T,
    #[serde(serialize_with = "date")]
    tcb_date: u64,
    tcb_status: &'static str,
    #[serde(rename = "advisoryIDs", skip_serializing_if = "Vec::is_empty")]
    advisories: Vec<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
struct IsvTcb {
    isvsvn: u16,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct PlatformTcb {
    #[serde(rename = "sgxtcbcomponents")]
    sgx: [Component; 16],
    pcesvn: u16,
    #[serde(rename = "tdxtcbcomponents")]
    tdx: [Component; 16],
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Component {
    svn: u8,
}

/// Bytes in upper-case hexadecimal, as Intel writes them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hex<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode_upper(self.0))
    }
}

const ANY_MODULE: Module = Module { mrsigner: Hex([0; 48]), attributes: Hex([0; 8]), attributes_mask: Hex([0xff; 8]) };

/// Days and years before the vendor was made, for the dates of levels.
const DAY: u64 = 24 * 60 * 60;
const YEAR: u64 = 365 * DAY;

/// The evaluation that the pretend Intel has reached.
pub(crate) const EVALUATION: u32 = 20;

/// Security versions of the platform: up to date, out of date, and revoked.
pub(crate) const SGX_COMPONENTS: [[u8; 16]; 3] = [
    [8, 8, 2, 2, 4, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0],
    [7, 7, 2, 2, 3, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0],
    [5, 5, 2, 2, 3, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0],
];
const TDX_COMPONENTS: [[u8; 16]; 3] = [
    [5, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [5, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [3, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];
pub(crate) const PCE_SVNS: [u8; 3] = [11, 11, 5];

impl TcbInfo {
    pub(crate) fn new(created: u64, fmspc: [u8; 6], pce_id: [u8; 2]) -> Self {
        let versions = SGX_COMPONENTS.into_iter().zip(TDX_COMPONENTS).zip(PCE_SVNS);
        let tcbs = versions.map(|((sgx, tdx), pce_svn)| PlatformTcb {
            sgx: sgx.map(|svn| Component { svn }),
            pcesvn: u16::from(pce_svn),
            tdx: tdx.map(|svn| Component { svn }),
        });
        let module = [(6, UP_TO_DATE), (2, OUT_OF_DATE)];
        Self {
            id: "TDX",
            version: 3,
            issue_date: created.saturating_sub(DAY),
            next_update: created.saturating_add(25 * YEAR),
            fmspc: Hex(fmspc),
            pce_id: Hex(pce_id),
            tcb_type: 0,
            tcb_evaluation_data_number: EVALUATION,
            tdx_module: ANY_MODULE,
            tdx_module_identities: vec![ModuleIdentity {
                id: "TDX_01",
                module: ANY_MODULE,
                tcb_levels: module.map(|(svn, judged)| judged.level(created, IsvTcb { isvsvn: svn })).into(),
            }],
            tcb_levels: tcbs
                .zip([UP_TO_DATE, OUT_OF_DATE, REVOKED])
                .map(|(tcb, judged)| judged.level(created, tcb))
                .collect(),
        }
    }
}

impl QeIdentity {
    pub(crate) fn new(created: u64) -> Self {
        let levels = [(4, UP_TO_DATE), (2, OUT_OF_DATE), (1, REVOKED)];
        let mut attributes_mask = [0; 16];
        attributes_mask.iter_mut().take(8).for_each(|byte| *byte = 0xff);
        attributes_mask.iter_mut().take(1).for_each(|byte| *byte = 0xfb);
        Self {
            id: "TD_QE",
            version: 2,
            issue_date: created.saturating_sub(DAY),
            next_update: created.saturating_add(25 * YEAR),
            tcb_evaluation_data_number: EVALUATION,
            miscselect: Hex([0; 4]),
            miscselect_mask: Hex([0xff; 4]),
            attributes: Hex(super::quote::QE_ATTRIBUTES),
            attributes_mask: Hex(attributes_mask),
            mrsigner: Hex(QE_SIGNER),
            isvprodid: super::quote::QE_PRODUCT,
            tcb_levels: levels.map(|(svn, judged)| judged.level(created, IsvTcb { isvsvn: svn })).into(),
        }
    }
}

/// A status, how long ago it was reached, and the advisories that are open in it.
#[derive(Clone, Copy)]
struct Judged {
    status: &'static str,
    age: u64,
    advisories: &'static [&'static str],
}

const UP_TO_DATE: Judged = Judged { status: "UpToDate", age: 90 * DAY, advisories: &[] };
const OUT_OF_DATE: Judged = Judged { status: "OutOfDate", age: 2 * YEAR, advisories: &["INTEL-SA-00960"] };
const REVOKED: Judged = Judged { status: "Revoked", age: 4 * YEAR, advisories: &["INTEL-SA-00837"] };

impl Judged {
    fn level<T>(self, created: u64, tcb: T) -> Level<T> {
        let tcb_date = created.saturating_sub(self.age);
        Level { tcb, tcb_date, tcb_status: self.status, advisories: self.advisories.to_vec() }
    }
}

/// Signs JSON as its exact bytes.
pub(crate) fn sign(json: Vec<u8>, signer: &P256Key) -> Result<SignedJson, SimulatorError> {
    let signature = signer.sign_fixed(&json)?;
    Ok(SignedJson { json, signature })
}

/// The exact bytes.
pub(crate) fn write(value: &impl Serialize) -> Result<Vec<u8>, SimulatorError> {
    serde_json::to_vec(value).map_err(|_| SimulatorError::Crypto)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form in which serde calls it")]
fn date<S: Serializer>(seconds: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    let text = moment(*seconds).format(&Rfc3339).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}

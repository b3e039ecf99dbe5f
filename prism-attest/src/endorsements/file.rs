//! The self-contained file of one machine's endorsements: strict JSON with base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_core::strict;
use serde::{Deserialize, Serialize};

use super::{
    ENDORSEMENTS_FILE_MAX, Endorsements, EndorsementsError, Kind, SignedJson, SnpEndorsements, TdxEndorsements,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    v: u32,
    endorsements: Entries,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Entries {
    Snp(SnpEntries),
    Tdx(TdxEntries),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnpEntries {
    vek: String,
    ask: String,
    ark: String,
    crls: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TdxEntries {
    tcb_info: SignedEntry,
    tcb_info_chain: String,
    qe_identity: SignedEntry,
    qe_identity_chain: String,
    pck_crl: String,
    pck_crl_chain: String,
    root_crl: String,
    pck_chains: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedEntry {
    json: String,
    signature: String,
}

pub(super) fn read(bytes: &[u8]) -> Result<Endorsements, EndorsementsError> {
    let file: File = strict::read(bytes, ENDORSEMENTS_FILE_MAX)?;
    if file.v != 1 {
        return Err(EndorsementsError::Version { found: file.v });
    }
    match file.endorsements {
        Entries::Snp(entries) => Endorsements::snp(entries.decode()?),
        Entries::Tdx(entries) => Endorsements::tdx(entries.decode()?),
    }
}

pub(super) fn write(endorsements: &Endorsements) -> Vec<u8> {
    let endorsements = match &endorsements.0 {
        Kind::Snp(parts) => Entries::Snp(SnpEntries::encode(parts)),
        Kind::Tdx(parts) => Entries::Tdx(TdxEntries::encode(parts)),
    };
    serde_json::to_vec(&File { v: 1, endorsements }).unwrap_or_default()
}

impl SnpEntries {
    fn decode(&self) -> Result<SnpEndorsements, EndorsementsError> {
        let crl = match self.crls.as_slice() {
            [] => None,
            [crl] => Some(decode("crl", crl)?),
            more => return Err(EndorsementsError::RevocationLists { found: more.len() }),
        };
        Ok(SnpEndorsements {
            vek: decode("vek", &self.vek)?,
            ask: decode("ask", &self.ask)?,
            ark: decode("ark", &self.ark)?,
            crl,
        })
    }

    fn encode(parts: &SnpEndorsements) -> Self {
        let [vek, ask, ark] = [&parts.vek, &parts.ask, &parts.ark].map(|der| STANDARD.encode(der));
        Self { vek, ask, ark, crls: parts.crl.iter().map(|der| STANDARD.encode(der)).collect() }
    }
}

impl TdxEntries {
    fn decode(&self) -> Result<TdxEndorsements, EndorsementsError> {
        let pck_chain = match self.pck_chains.as_slice() {
            [] => None,
            [chain] => Some(decode("pck_chain", chain)?),
            more => return Err(EndorsementsError::Chains { found: more.len() }),
        };
        Ok(TdxEndorsements {
            tcb_info: self.tcb_info.decode("tcb_info")?,
            tcb_info_chain: decode("tcb_info_chain", &self.tcb_info_chain)?,
            qe_identity: self.qe_identity.decode("qe_identity")?,
            qe_identity_chain: decode("qe_identity_chain", &self.qe_identity_chain)?,
            pck_crl: decode("pck_crl", &self.pck_crl)?,
            pck_crl_chain: decode("pck_crl_chain", &self.pck_crl_chain)?,
            root_crl: decode("root_crl", &self.root_crl)?,
            pck_chain,
        })
    }

    fn encode(parts: &TdxEndorsements) -> Self {
        Self {
            tcb_info: SignedEntry::encode(&parts.tcb_info),
            tcb_info_chain: STANDARD.encode(&parts.tcb_info_chain),
            qe_identity: SignedEntry::encode(&parts.qe_identity),
            qe_identity_chain: STANDARD.encode(&parts.qe_identity_chain),
            pck_crl: STANDARD.encode(&parts.pck_crl),
            pck_crl_chain: STANDARD.encode(&parts.pck_crl_chain),
            root_crl: STANDARD.encode(&parts.root_crl),
            pck_chains: parts.pck_chain.iter().map(|chain| STANDARD.encode(chain)).collect(),
        }
    }
}

impl SignedEntry {
    fn decode(&self, part: &'static str) -> Result<SignedJson, EndorsementsError> {
        let signature = decode(part, &self.signature)?;
        let signature = signature.try_into().map_err(|_| EndorsementsError::Signature { part })?;
        Ok(SignedJson { json: decode(part, &self.json)?, signature })
    }

    fn encode(signed: &SignedJson) -> Self {
        Self { json: STANDARD.encode(&signed.json), signature: STANDARD.encode(signed.signature) }
    }
}

fn decode(part: &'static str, text: &str) -> Result<Vec<u8>, EndorsementsError> {
    STANDARD.decode(text).map_err(|_| EndorsementsError::Base64 { part })
}

//! The evidence that `prism attestation verify` is given: as a file, in a wrapper, in a certificate.

use std::path::{Path, PathBuf};

use clap::Args;
use prism_attest::cmw::CMW_MAX;
use prism_attest::dice::{self, DICE_CERTIFICATE_MAX, DiceEvidence};
use prism_attest::replay::EVENT_LOG_MAX;
use prism_attest::{Evidence, Platform};

use crate::exit::{Failure, Outcome};
use crate::inputs::read;
use crate::vouching::read_evidence;

/// Longest file of a certificate in bytes: PEM has a third more than DER, and lines.
const CERTIFICATE_FILE_MAX: u64 = 2 * DICE_CERTIFICATE_MAX as u64;

/// What the machine signed, and its event log.
#[derive(Args, Debug)]
pub(super) struct EvidenceArg {
    #[command(flatten)]
    signed: SignedArg,
    /// The log behind the registers: CCEL of TDX, or a virtual TPM's
    #[arg(long, value_name = "FILE")]
    event_log: Option<PathBuf>,
}

/// What the machine signed, under the name of its kind or inside of something that names it.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct SignedArg {
    /// A report of AMD SEV-SNP
    #[arg(long, value_name = "FILE")]
    snp: Option<PathBuf>,
    /// A quote of Intel TDX
    #[arg(long, value_name = "FILE")]
    tdx: Option<PathBuf>,
    /// Evidence of SEV-SNP on Azure, with its virtual TPM's quote
    #[arg(long, value_name = "FILE")]
    azure_snp: Option<PathBuf>,
    /// Evidence of TDX on Azure, with its virtual TPM's quote
    #[arg(long, value_name = "FILE")]
    azure_tdx: Option<PathBuf>,
    /// A report of a simulated SEV-SNP machine
    #[arg(long, value_name = "FILE")]
    simulated: Option<PathBuf>,
    /// A quote of a simulated TDX machine
    #[arg(long, value_name = "FILE")]
    simulated_tdx: Option<PathBuf>,
    /// A message wrapper (CMW, JSON or CBOR) around one evidence
    #[arg(long, value_name = "FILE")]
    cmw: Option<PathBuf>,
    /// A TLS certificate (DER or PEM) with evidence in it: RA-TLS. Its own dates are for TLS to see, not looked at here
    #[arg(long, value_name = "FILE", conflicts_with = "report_data")]
    certificate: Option<PathBuf>,
}

/// Evidence, and the certificate that it came in.
pub(super) struct Given {
    pub(super) evidence: Evidence,
    pub(super) certificate: Option<DiceEvidence>,
}

impl EvidenceArg {
    pub(super) fn read(&self) -> Outcome<Given> {
        let Given { evidence, certificate } = self.signed.read()?;
        let Some(path) = &self.event_log else { return Ok(Given { evidence, certificate }) };
        let log = read(path, EVENT_LOG_MAX as u64)?;
        let evidence = evidence.with_event_log(&log).map_err(|error| Failure::from(error).at(path.display()))?;
        Ok(Given { evidence, certificate })
    }
}

impl SignedArg {
    fn read(&self) -> Outcome<Given> {
        if let Some(path) = &self.certificate {
            return from_certificate(path);
        }
        if let Some(path) = &self.cmw {
            let evidence = Evidence::from_cmw(&read(path, CMW_MAX as u64)?);
            let evidence = evidence.map_err(|error| Failure::from(error).at(path.display()))?;
            return Ok(Given { evidence, certificate: None });
        }
        let named = [
            (Platform::Snp, &self.snp),
            (Platform::Tdx, &self.tdx),
            (Platform::AzureSnp, &self.azure_snp),
            (Platform::AzureTdx, &self.azure_tdx),
            (Platform::Simulated, &self.simulated),
            (Platform::SimulatedTdx, &self.simulated_tdx),
        ];
        let given = named.into_iter().find_map(|(platform, path)| Some((platform, path.as_ref()?)));
        let (platform, path) = given.ok_or_else(|| Failure::usage("expected evidence, found none; give --snp FILE"))?;
        Ok(Given { evidence: read_evidence(path, Some(platform))?, certificate: None })
    }
}

fn from_certificate(path: &Path) -> Outcome<Given> {
    let bytes = read(path, CERTIFICATE_FILE_MAX)?;
    let found = dice::read_file(&bytes).map_err(|error| Failure::from(error).at(path.display()))?;
    Ok(Given { evidence: found.evidence().clone(), certificate: Some(found) })
}

//! Quotes byte for byte (Intel TDX DCAP Quoting Library API, appendix A.3 and A.4).

use aws_lc_rs::digest;

use super::keys::P256Key;
use crate::platform::simulated::SimulatorError;
use crate::platform::tdx::quote::SIMULATOR_USER_DATA;

const INTEL: [u8; 16] =
    [0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07];

/// The signer of the pretend quoting enclave.
pub(crate) const QE_SIGNER: [u8; 32] = *b"PRISM SIMULATOR - NOT A REAL QE\0";
pub(crate) const QE_ATTRIBUTES: [u8; 16] = [0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
pub(crate) const QE_PRODUCT: u16 = 2;

/// Certification data: the quoting enclave's report and what certifies it.
const QE_REPORT: u16 = 6;
/// Certification data: a chain of certificates in PEM.
pub(crate) const PCK_CHAIN: u16 = 5;

/// Body of TDX 1.0 in a quote of version 5.
pub(crate) const TD10: u16 = 2;
/// Body of TDX 1.5 in a quote of version 5.
pub(crate) const TD15: u16 = 3;

/// A quote in the making.
pub(crate) struct QuoteDraft {
    pub(crate) version: u16,
    pub(crate) key_type: u16,
    pub(crate) tee: u32,
    pub(crate) vendor: [u8; 16],
    pub(crate) user_data: [u8; 20],
    /// In version 5, what the quote says of its body.
    pub(crate) body_type: u16,
    pub(crate) body: Body,
    pub(crate) qe: QeReport,
    pub(crate) authentication: Vec<u8>,
    pub(crate) chain_type: u16,
    /// A key to name in place of the one that signs.
    pub(crate) named_key: Option<[u8; 64]>,
    /// Whether the quoting enclave vouches for the key that signs, not for the one that the quote should have.
    pub(crate) lies_about_authentication: Option<u16>,
}

/// What the TDX module reports. The last two fields came with TDX 1.5.
#[derive(Clone)]
pub(crate) struct Body {
    pub(crate) has_15: bool,
    pub(crate) tee_tcb_svn: [u8; 16],
    pub(crate) mr_seam: [u8; 48],
    pub(crate) mr_signer_seam: [u8; 48],
    pub(crate) seam_attributes: [u8; 8],
    pub(crate) td_attributes: u64,
    pub(crate) xfam: u64,
    pub(crate) mr_td: [u8; 48],
    pub(crate) mr_config_id: [u8; 48],
    pub(crate) mr_owner: [u8; 48],
    pub(crate) mr_owner_config: [u8; 48],
    pub(crate) rtmrs: [[u8; 48]; 4],
    pub(crate) report_data: [u8; 64],
    pub(crate) tee_tcb_svn_2: [u8; 16],
    pub(crate) mr_service_td: [u8; 48],
}

impl Body {
    fn write(&self) -> Vec<u8> {
        let (attributes, xfam) = (self.td_attributes.to_le_bytes(), self.xfam.to_le_bytes());
        let measured: [&[u8]; 10] = [
            &self.tee_tcb_svn,
            &self.mr_seam,
            &self.mr_signer_seam,
            &self.seam_attributes,
            &attributes,
            &xfam,
            &self.mr_td,
            &self.mr_config_id,
            &self.mr_owner,
            &self.mr_owner_config,
        ];
        let mut bytes = [&measured.concat(), &self.rtmrs.concat(), &self.report_data[..]].concat();
        if self.has_15 {
            bytes.extend_from_slice(&self.tee_tcb_svn_2);
            bytes.extend_from_slice(&self.mr_service_td);
        }
        bytes
    }
}

/// The quoting enclave's own report (SGX).
pub(crate) struct QeReport {
    pub(crate) cpu_svn: [u8; 16],
    pub(crate) misc_select: u32,
    pub(crate) attributes: [u8; 16],
    pub(crate) signer: [u8; 32],
    pub(crate) product: u16,
    pub(crate) svn: u16,
    /// Added to the second half of the report data, which is zero.
    pub(crate) tail: u8,
}

impl QeReport {
    fn write(&self, key: &[u8; 64], authentication: &[u8]) -> Vec<u8> {
        let vouched = digest::digest(&digest::SHA256, &[&key[..], authentication].concat());
        let (misc, product, svn) = (self.misc_select.to_le_bytes(), self.product.to_le_bytes(), self.svn.to_le_bytes());
        let parts: [&[u8]; 13] = [
            &self.cpu_svn,
            &misc,
            &[0; 28],
            &self.attributes,
            &[0x51; 32],
            &[0; 32],
            &self.signer,
            &[0; 96],
            &product,
            &svn,
            &[0; 60],
            vouched.as_ref(),
            &[&[0; 31][..], &[self.tail]].concat(),
        ];
        parts.concat()
    }
}

/// The keys of one quote.
pub(crate) struct Signers<'k> {
    /// Signs header and body.
    pub(crate) quote: &'k P256Key,
    /// The key that the quoting enclave vouches for.
    pub(crate) vouched: &'k P256Key,
    /// Signs the quoting enclave's report.
    pub(crate) qe: &'k P256Key,
}

impl QuoteDraft {
    pub(crate) fn new(version: u16, body: Body, cpu_svn: [u8; 16]) -> Self {
        Self {
            version,
            key_type: 2,
            tee: 0x81,
            vendor: INTEL,
            user_data: *SIMULATOR_USER_DATA,
            body_type: if body.has_15 { TD15 } else { TD10 },
            body,
            qe: QeReport {
                cpu_svn,
                misc_select: 0,
                attributes: QE_ATTRIBUTES,
                signer: QE_SIGNER,
                product: QE_PRODUCT,
                svn: 4,
                tail: 0,
            },
            authentication: (0..32).collect(),
            chain_type: PCK_CHAIN,
            named_key: None,
            lies_about_authentication: None,
        }
    }

    /// The quote with its signatures and this chain of certificates.
    pub(crate) fn sign(&self, signers: &Signers, chain: &[u8]) -> Result<Vec<u8>, SimulatorError> {
        let signed = [self.header(), self.sized_body()?].concat();
        let key = self.named_key.map_or_else(|| signers.quote.point(), Ok)?;
        let vouched = self.named_key.map_or_else(|| signers.vouched.point(), Ok)?;
        let report = self.qe.write(&vouched, &self.authentication);
        let authentication_len = u16::try_from(self.authentication.len()).map_err(|_| SimulatorError::Crypto)?;
        let certification = [
            &report[..],
            &signers.qe.sign_fixed(&report)?,
            &self.lies_about_authentication.unwrap_or(authentication_len).to_le_bytes(),
            &self.authentication,
            &self.chain_type.to_le_bytes(),
            &length(chain)?,
            chain,
        ]
        .concat();
        let data = [
            &signers.quote.sign_fixed(&signed)?[..],
            &key,
            &QE_REPORT.to_le_bytes(),
            &length(&certification)?,
            &certification,
        ]
        .concat();
        Ok([&signed[..], &length(&data)?, &data].concat())
    }

    fn header(&self) -> Vec<u8> {
        let (version, key_type, tee) =
            (self.version.to_le_bytes(), self.key_type.to_le_bytes(), self.tee.to_le_bytes());
        let parts: [&[u8]; 6] = [&version, &key_type, &tee, &[0; 4], &self.vendor, &self.user_data];
        parts.concat()
    }

    fn sized_body(&self) -> Result<Vec<u8>, SimulatorError> {
        let body = self.body.write();
        if self.version != 5 {
            return Ok(body);
        }
        Ok([&self.body_type.to_le_bytes()[..], &length(&body)?, &body].concat())
    }
}

fn length(bytes: &[u8]) -> Result<[u8; 4], SimulatorError> {
    u32::try_from(bytes.len()).map(u32::to_le_bytes).map_err(|_| SimulatorError::Crypto)
}

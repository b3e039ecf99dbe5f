//! What a pretend trust domain looks like.

use aws_lc_rs::digest;
use prism_core::manifest::platform::{Accept, HexBytes, Rtmrs, TdxPolicy};

use super::certificate::PckDraft;
use super::collateral::{EVALUATION, PCE_SVNS, SGX_COMPONENTS};
use super::quote::Body;

/// Bit of `TDATTRIBUTES`: access to a page that the host took away stops the guest.
pub(crate) const SEPT_VE_DISABLE: u64 = 1 << 28;

/// `FMSPC` of the pretend platform.
pub(crate) const FMSPC: [u8; 6] = [0x00, 0x80, 0x6f, 0x05, 0, 0];
pub(crate) const PCE_ID: [u8; 2] = [0; 2];

/// Layout of a simulated quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuoteVersion {
    /// Version 4, with the body of TDX 1.0.
    V4,
    /// Version 5, with the body of TDX 1.0.
    V5Td10,
    /// Version 5, with the body of TDX 1.5.
    V5Td15,
}

/// Which authority certified the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PckAuthority {
    /// That of machines with several processors.
    Platform,
    /// That of machines with one.
    Processor,
}

/// A pretend trust domain. The default has a quote of version 4 that a strict policy accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimulatedTd {
    /// Layout of the quote.
    pub quote: QuoteVersion,
    /// Which authority certified the machine.
    pub authority: PckAuthority,
    /// `MRTD`, the measurement of the first memory.
    pub mr_td: HexBytes<48>,
    /// The four runtime registers.
    pub rtmrs: [HexBytes<48>; 4],
    /// `MRCONFIGID`.
    pub mr_config_id: HexBytes<48>,
    /// `MROWNER`.
    pub mr_owner: HexBytes<48>,
    /// `MROWNERCONFIG`.
    pub mr_owner_config: HexBytes<48>,
    /// `MRSEAM`, the measurement of the TDX module.
    pub mr_seam: HexBytes<48>,
    /// `TDATTRIBUTES` as a number.
    pub td_attributes: u64,
    /// `XFAM` as a number.
    pub xfam: u64,
    /// Security versions of the TDX module and the platform: `TEE_TCB_SVN`, and `TEE_TCB_SVN_2` alike.
    pub tee_tcb_svn: HexBytes<16>,
    /// `PPID` in the certificate.
    pub ppid: HexBytes<16>,
}

impl Default for SimulatedTd {
    fn default() -> Self {
        Self {
            quote: QuoteVersion::V4,
            authority: PckAuthority::Platform,
            mr_td: pretend("MRTD"),
            rtmrs: ["RTMR0", "RTMR1", "RTMR2", "RTMR3"].map(pretend),
            mr_config_id: HexBytes::new([0; 48]),
            mr_owner: HexBytes::new([0; 48]),
            mr_owner_config: HexBytes::new([0; 48]),
            mr_seam: pretend("MRSEAM"),
            td_attributes: SEPT_VE_DISABLE,
            xfam: 0x0006_02e7,
            tee_tcb_svn: HexBytes::new([6, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            ppid: HexBytes::new([0x51; 16]),
        }
    }
}

/// A measurement of something that does not exist.
fn pretend(what: &str) -> HexBytes<48> {
    let mut bytes = [0; 48];
    let text = format!("PRISM SIMULATOR - NOT A TEE {what}");
    bytes.copy_from_slice(digest::digest(&digest::SHA384, text.as_bytes()).as_ref());
    HexBytes::new(bytes)
}

impl SimulatedTd {
    /// The strictest policy that accepts such machines.
    #[must_use]
    pub fn policy(&self) -> TdxPolicy {
        let mut policy = TdxPolicy::strict(Accept::only(self.mr_td), Rtmrs::new(self.rtmrs.map(Accept::only)));
        policy.min_tcb_evaluation_number = EVALUATION;
        policy.mr_config_ids = Accept::only(self.mr_config_id);
        policy.mr_owners = Accept::only(self.mr_owner);
        policy.mr_owner_configs = Accept::only(self.mr_owner_config);
        policy.mr_seams = Accept::only(self.mr_seam);
        if self.quote == QuoteVersion::V5Td15 {
            policy.mr_service_tds = Accept::only(HexBytes::new([0; 48]));
        }
        policy.td_attributes = Accept::only(HexBytes::new(self.td_attributes.to_le_bytes()));
        policy.xfam = Accept::only(HexBytes::new(self.xfam.to_le_bytes()));
        policy.fmspcs = Accept::only(HexBytes::new(FMSPC));
        policy.ppids = Accept::only(self.ppid);
        policy.min_tee_tcb_svn = self.tee_tcb_svn;
        policy.min_qe_svn = 4;
        policy.min_pce_svn = u16::from(PCE_SVNS[0]);
        // Certificates of machines with one processor do not tell these.
        let untold = self.authority == PckAuthority::Processor;
        (policy.allow.dynamic_platform, policy.allow.cached_keys, policy.allow.smt) = (untold, untold, untold);
        policy
    }

    /// The version in the quote's header.
    pub(crate) const fn version(&self) -> u16 {
        match self.quote {
            QuoteVersion::V4 => 4,
            QuoteVersion::V5Td10 | QuoteVersion::V5Td15 => 5,
        }
    }

    /// What this machine's TDX module reports.
    pub(crate) fn body(&self, report_data: [u8; 64]) -> Body {
        Body {
            has_15: self.quote == QuoteVersion::V5Td15,
            tee_tcb_svn: *self.tee_tcb_svn.as_bytes(),
            mr_seam: *self.mr_seam.as_bytes(),
            mr_signer_seam: [0; 48],
            seam_attributes: [0; 8],
            td_attributes: self.td_attributes,
            xfam: self.xfam,
            mr_td: *self.mr_td.as_bytes(),
            mr_config_id: *self.mr_config_id.as_bytes(),
            mr_owner: *self.mr_owner.as_bytes(),
            mr_owner_config: *self.mr_owner_config.as_bytes(),
            rtmrs: self.rtmrs.map(|register| *register.as_bytes()),
            report_data,
            tee_tcb_svn_2: *self.tee_tcb_svn.as_bytes(),
            mr_service_td: [0; 48],
        }
    }

    /// What this machine's certificate says.
    pub(crate) fn pck(&self) -> PckDraft {
        PckDraft {
            ppid: *self.ppid.as_bytes(),
            components: SGX_COMPONENTS[0],
            pce_svn: PCE_SVNS[0],
            pce_id: PCE_ID,
            fmspc: FMSPC,
            platform: (self.authority == PckAuthority::Platform).then_some(([0x52; 16], [false; 3])),
            repeats_fmspc: false,
        }
    }
}

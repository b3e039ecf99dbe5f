//! What a genuine TDX machine said, and what Intel says about it.

use prism_core::manifest::platform::{HexBytes, TdxStatus};
use serde::Serialize;

use super::pck::Pck;
use super::quote::{Quote, attributes};
use super::status::{Level, Standing};

/// Verified facts about a TDX machine. Whether they are wanted is for a policy to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TdxClaims {
    quote_version: u16,
    mrtd: HexBytes<48>,
    rtmrs: [HexBytes<48>; 4],
    mr_config_id: HexBytes<48>,
    mr_owner: HexBytes<48>,
    mr_owner_config: HexBytes<48>,
    mr_seam: HexBytes<48>,
    mr_signer_seam: HexBytes<48>,
    mr_service_td: Option<HexBytes<48>>,
    td_attributes: HexBytes<8>,
    xfam: HexBytes<8>,
    tee_tcb_svn: HexBytes<16>,
    tee_tcb_svn_2: Option<HexBytes<16>>,
    fmspc: HexBytes<6>,
    ppid: HexBytes<16>,
    platform_instance_id: Option<HexBytes<16>>,
    platform_kind: &'static str,
    cpu_svn: HexBytes<16>,
    pce_svn: u16,
    qe_svn: u16,
    dynamic_platform: Option<bool>,
    cached_keys: Option<bool>,
    smt: Option<bool>,
    tcb: TdxTcb,
    #[serde(skip)]
    report_data: [u8; 64],
}

/// Intel's judgement of the machine's security versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TdxTcb {
    /// All of it, as Intel's quote verification library converges it.
    pub status: TdxStatus,
    /// The platform: microcode, firmware, loader.
    pub platform: TdxLevel,
    /// The TDX module; `None` if its versions are among the platform's.
    pub module: Option<TdxLevel>,
    /// The quoting enclave.
    pub qe: TdxLevel,
    /// The platform with the TDX module that runs now; only TDX 1.5 says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_now: Option<TdxLevel>,
    /// The TDX module that runs now; `None` as for `module`, and for TDX 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module_now: Option<TdxLevel>,
    /// Advisories that are open at these levels, in order, each once.
    pub advisories: Vec<String>,
    /// `tcbEvaluationDataNumber` of the TCB info.
    pub evaluation_number: u32,
    /// `tcbEvaluationDataNumber` of the quoting enclave's identity.
    pub qe_evaluation_number: u32,
}

/// A level that a part of the machine reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TdxLevel {
    /// What Intel says about it.
    pub status: TdxStatus,
    /// When it was the newest: Intel's `tcbDate` in Unix seconds.
    pub date: u64,
}

impl TdxLevel {
    /// Revoked levels end verification before anything is said about them.
    fn new(level: &Level) -> Self {
        Self { status: level.status.unwrap_or(TdxStatus::OutOfDate), date: level.date }
    }
}

impl TdxTcb {
    pub(super) fn new(standing: &Standing, [evaluation_number, qe_evaluation_number]: [u32; 2]) -> Self {
        let (platform_now, module_now) =
            (standing.now.map(|now| now.platform), standing.now.and_then(|now| now.module));
        let levels = [Some(standing.platform), standing.module, Some(standing.qe), platform_now, module_now];
        let named = levels.iter().flatten().flat_map(|level| &level.advisories);
        let mut advisories: Vec<_> = named.cloned().collect();
        advisories.sort_unstable();
        advisories.dedup();
        Self {
            status: standing.status,
            platform: TdxLevel::new(standing.platform),
            module: standing.module.map(TdxLevel::new),
            qe: TdxLevel::new(standing.qe),
            platform_now: platform_now.map(TdxLevel::new),
            module_now: module_now.map(TdxLevel::new),
            advisories,
            evaluation_number,
            qe_evaluation_number,
        }
    }

    /// The earliest `tcbDate` (Unix seconds) among the levels that are out of date; grace days begin there.
    #[must_use]
    pub fn out_of_date_since(&self) -> Option<u64> {
        let levels = [Some(self.platform), self.module, Some(self.qe), self.platform_now, self.module_now];
        levels.into_iter().flatten().filter(|level| level.status.is_out_of_date()).map(|level| level.date).min()
    }
}

impl TdxClaims {
    pub(super) fn new(quote: &Quote, pck: &Pck, standing: &Standing, numbers: [u32; 2]) -> Self {
        let body = &quote.body;
        Self {
            quote_version: quote.version,
            mrtd: HexBytes::new(body.mr_td),
            rtmrs: body.rtmr.map(HexBytes::new),
            mr_config_id: HexBytes::new(body.mr_config_id),
            mr_owner: HexBytes::new(body.mr_owner),
            mr_owner_config: HexBytes::new(body.mr_owner_config),
            mr_seam: HexBytes::new(body.mr_seam),
            mr_signer_seam: HexBytes::new(body.mr_signer_seam),
            mr_service_td: body.td15.map(|td15| HexBytes::new(td15.mr_service_td)),
            td_attributes: HexBytes::new(body.td_attributes.to_le_bytes()),
            xfam: HexBytes::new(body.xfam.to_le_bytes()),
            tee_tcb_svn: HexBytes::new(body.tee_tcb_svn),
            tee_tcb_svn_2: body.td15.map(|td15| HexBytes::new(td15.tee_tcb_svn2)),
            fmspc: HexBytes::new(pck.fmspc),
            ppid: HexBytes::new(pck.ppid),
            platform_instance_id: pck.instance.map(HexBytes::new),
            platform_kind: pck.kind.name(),
            cpu_svn: HexBytes::new(pck.cpu_svn),
            pce_svn: pck.pce_svn,
            qe_svn: quote.certification.qe_report.svn(),
            dynamic_platform: pck.configuration.dynamic_platform,
            cached_keys: pck.configuration.cached_keys,
            smt: pck.configuration.smt,
            tcb: TdxTcb::new(standing, numbers),
            report_data: body.report_data,
        }
    }

    /// Version of the quote's layout: 4 or 5.
    #[must_use]
    pub const fn quote_version(&self) -> u16 {
        self.quote_version
    }

    /// `MRTD`: SHA-384 over the trust domain's first memory.
    #[must_use]
    pub const fn mrtd(&self) -> HexBytes<48> {
        self.mrtd
    }

    /// The four runtime registers.
    #[must_use]
    pub const fn rtmrs(&self) -> &[HexBytes<48>; 4] {
        &self.rtmrs
    }

    /// `MRCONFIGID`: what the host said at launch about the trust domain's configuration.
    #[must_use]
    pub const fn mr_config_id(&self) -> HexBytes<48> {
        self.mr_config_id
    }

    /// `MROWNER`: what the host said at launch about the trust domain's owner.
    #[must_use]
    pub const fn mr_owner(&self) -> HexBytes<48> {
        self.mr_owner
    }

    /// `MROWNERCONFIG`: what the host said at launch about the owner's configuration.
    #[must_use]
    pub const fn mr_owner_config(&self) -> HexBytes<48> {
        self.mr_owner_config
    }

    /// `MRSEAM`: SHA-384 of the TDX module.
    #[must_use]
    pub const fn mr_seam(&self) -> HexBytes<48> {
        self.mr_seam
    }

    /// `MRSERVICETD`: the service trust domains that are bound; only TDX 1.5 says.
    #[must_use]
    pub const fn mr_service_td(&self) -> Option<HexBytes<48>> {
        self.mr_service_td
    }

    /// `TDATTRIBUTES` as in the quote, least significant byte first.
    #[must_use]
    pub const fn td_attributes(&self) -> HexBytes<8> {
        self.td_attributes
    }

    /// `XFAM` as in the quote, least significant byte first.
    #[must_use]
    pub const fn xfam(&self) -> HexBytes<8> {
        self.xfam
    }

    /// `TEE_TCB_SVN`: versions of the TDX module and others at the trust domain's launch.
    #[must_use]
    pub const fn tee_tcb_svn(&self) -> HexBytes<16> {
        self.tee_tcb_svn
    }

    /// `TEE_TCB_SVN_2`: versions of the TDX module that runs now; only TDX 1.5 says.
    #[must_use]
    pub const fn tee_tcb_svn_2(&self) -> Option<HexBytes<16>> {
        self.tee_tcb_svn_2
    }

    /// `FMSPC`: the kind of platform.
    #[must_use]
    pub const fn fmspc(&self) -> HexBytes<6> {
        self.fmspc
    }

    /// `PPID`: the processor that was certified.
    #[must_use]
    pub const fn ppid(&self) -> HexBytes<16> {
        self.ppid
    }

    /// The platform's instance id; machines of one processor have none.
    #[must_use]
    pub const fn platform_instance_id(&self) -> Option<HexBytes<16>> {
        self.platform_instance_id
    }

    /// Security version of the provisioning certification enclave.
    #[must_use]
    pub const fn pce_svn(&self) -> u16 {
        self.pce_svn
    }

    /// Security version of the quoting enclave.
    #[must_use]
    pub const fn qe_svn(&self) -> u16 {
        self.qe_svn
    }

    /// Whether processors may be added later; `None` if the certificate does not say.
    #[must_use]
    pub const fn dynamic_platform(&self) -> Option<bool> {
        self.dynamic_platform
    }

    /// Whether Intel keeps the platform's root keys; `None` if the certificate does not say.
    #[must_use]
    pub const fn cached_keys(&self) -> Option<bool> {
        self.cached_keys
    }

    /// Whether two hardware threads may share a core; `None` if the certificate does not say.
    #[must_use]
    pub const fn smt(&self) -> Option<bool> {
        self.smt
    }

    /// What Intel says about the security versions.
    #[must_use]
    pub const fn tcb(&self) -> &TdxTcb {
        &self.tcb
    }

    /// Whether the host may read the trust domain's memory.
    #[must_use]
    pub const fn is_debuggable(&self) -> bool {
        self.attributes() & attributes::UNTRUSTED != 0
    }

    /// `TDATTRIBUTES` as a number.
    pub(super) const fn attributes(&self) -> u64 {
        u64::from_le_bytes(*self.td_attributes.as_bytes())
    }

    pub(crate) const fn report_data(&self) -> &[u8; 64] {
        &self.report_data
    }
}

//! The machines that a policy accepts, in plain words.

use std::fmt::{self, Display, Formatter};

use super::{
    Accept, EventLogRule, PlatformPolicy, Profile, SnpAllow, SnpPolicy, TdxAllow, TdxPolicy, TdxStatus, VtpmPolicy,
};

use crate::printable::{SIMULATED, Safe};

/// What a person has to know before approving a policy: which machines it accepts, and what it lets them be.
#[derive(Clone, Copy, Debug)]
pub struct Machines<'a>(&'a PlatformPolicy);

impl PlatformPolicy {
    /// The policy in plain words.
    #[must_use]
    pub const fn words(&self) -> Machines<'_> {
        Machines(self)
    }
}

impl Display for Machines<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let machines = &self.0.accept;
        writeln!(f, "On which machines{}", if machines.len() > 1 { " (any of these)" } else { "" })?;
        machines.iter().try_for_each(|machine| profile(f, machine))?;
        key_only(f, self.0.accept_key_only)
    }
}

/// What a policy says about evidence in a TLS certificate, if it accepts it.
fn key_only(f: &mut Formatter<'_>, accepted: bool) -> fmt::Result {
    if !accepted {
        return Ok(());
    }
    writeln!(f, "  KEY ONLY      evidence may stand for a TLS key alone, not for a connection (accept_key_only)")
}

/// One kind of machine.
fn profile(f: &mut Formatter<'_>, machine: &Profile) -> fmt::Result {
    match machine {
        Profile::Snp(policy) => {
            writeln!(f, "  AMD SEV-SNP")?;
            snp(f, policy)
        }
        Profile::Tdx(policy) => {
            writeln!(f, "  Intel TDX")?;
            tdx(f, policy)
        }
        Profile::AzureSnp(policy) => {
            writeln!(f, "  AMD SEV-SNP on Azure, with its virtual TPM")?;
            snp(f, &policy.snp)?;
            vtpm(f, &policy.vtpm)
        }
        Profile::AzureTdx(policy) => {
            writeln!(f, "  Intel TDX on Azure, with its virtual TPM")?;
            tdx(f, &policy.tdx)?;
            vtpm(f, &policy.vtpm)
        }
        Profile::Simulated(policy) => {
            writeln!(f, "  {SIMULATED}\n  simulator     root {}", policy.root)?;
            snp(f, &policy.snp)
        }
        Profile::SimulatedTdx(policy) => {
            writeln!(f, "  {SIMULATED}\n  simulator     root {}", policy.root)?;
            tdx(f, &policy.tdx)
        }
    }
}

fn snp(f: &mut Formatter<'_>, policy: &SnpPolicy) -> fmt::Result {
    for (product, minimum) in &policy.products {
        writeln!(f, "  processor     {product}, firmware not older than {}", minimum.min_tcb)?;
    }
    writeln!(f, "  measurement   {}", policy.measurements)?;
    let named = policy.family_ids != Accept::Any || policy.image_ids != Accept::Any || policy.min_guest_svn > 0;
    if named && policy.id_keys == Accept::Any && policy.author_keys == Accept::Any {
        writeln!(
            f,
            "  HOST'S WORD   guest SVN, family and image: any host may sign them while no id or author key is named"
        )?;
    }
    weaknesses(f, policy.allow)
}

/// What the policy lets a machine do that a strict one forbids; everyone has several threads on a core.
fn weaknesses(f: &mut Formatter<'_>, allow: SnpAllow) -> fmt::Result {
    permits(
        f,
        &[
            (allow.debug, "DEBUG: the host may read and write the guest's memory"),
            (allow.migration, "a migration agent may move the guest"),
            (allow.cxl, "memory may sit on CXL devices"),
            (allow.trusted_io, "trusted devices may be attached"),
            (allow.provisional_firmware, "firmware that is not committed may run"),
            (allow.masked_chip_id, "the chip may hide its identity"),
        ],
    )
}

fn tdx(f: &mut Formatter<'_>, policy: &TdxPolicy) -> fmt::Result {
    let statuses: Vec<_> = policy.tcb_status.iter().map(TdxStatus::to_string).collect();
    writeln!(f, "  status        {}", statuses.join(" or "))?;
    if policy.tcb_status.iter().any(|status| status.is_out_of_date()) {
        writeln!(f, "                out of date for at most {} days", policy.grace_days)?;
    }
    for advisory in &policy.deny_advisories {
        writeln!(f, "  refuses       machines with {advisory}")?;
    }
    writeln!(f, "  measurement   {}", policy.mrtd)?;
    for (at, register) in policy.rtmrs.each().into_iter().enumerate() {
        writeln!(f, "  register      RTMR{at} {register}")?;
    }
    event_log(f, policy.event_log)?;
    if !policy.require.sept_ve_disable {
        writeln!(f, "  permits       the host may raise exceptions in the guest by taking its pages away")?;
    }
    guests(f, policy.allow)
}

/// What the policy lets a guest be; most platforms have several processors, cached keys and threads.
fn guests(f: &mut Formatter<'_>, allow: TdxAllow) -> fmt::Result {
    permits(
        f,
        &[
            (allow.debug, "DEBUG: the host may read and write the guest's memory"),
            (allow.migratable, "the guest may be moved to another machine"),
            (allow.service_td, "a service guest may be bound to the guest"),
            (allow.perfmon, "the guest may use performance counters"),
            (allow.key_locker, "the guest may use Key Locker"),
            (allow.pks, "the guest may use supervisor protection keys"),
        ],
    )
}

fn vtpm(f: &mut Formatter<'_>, policy: &VtpmPolicy) -> fmt::Result {
    for (index, accepted) in &policy.pcrs {
        writeln!(f, "  register      PCR{index} {accepted}")?;
    }
    event_log(f, policy.event_log)?;
    permits(
        f,
        &[
            (!policy.require.secure_boot, "the firmware may boot programs that nobody signed"),
            (!policy.require.safe_clock, "the TPM's clock may have been set back"),
        ],
    )
}

fn event_log(f: &mut Formatter<'_>, rule: EventLogRule) -> fmt::Result {
    match rule {
        EventLogRule::Require => writeln!(f, "  event log     demanded: it has to explain the registers"),
        EventLogRule::IfPresent => Ok(()),
    }
}

fn permits(f: &mut Formatter<'_>, weaknesses: &[(bool, &str)]) -> fmt::Result {
    let permitted = weaknesses.iter().filter(|(permits, _)| *permits);
    permitted.into_iter().try_for_each(|(_, text)| writeln!(f, "  permits       {text}"))
}

/// Everything that profiles compare and what they do not; whether evidence of a key alone is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Profiles<'a> {
    profiles: &'a [Profile],
    key_only: bool,
}

impl<'a> Profiles<'a> {
    /// Of a policy's profiles; `key_only` is its `accept_key_only`.
    #[must_use]
    pub const fn new(profiles: &'a [Profile], key_only: bool) -> Self {
        Self { profiles, key_only }
    }
}

impl Display for Profiles<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "Accepts machines{}", if self.profiles.len() > 1 { " of any of these kinds" } else { "" })?;
        for machine in self.profiles {
            profile(f, machine)?;
            write!(f, "{}", Identities::of(machine))?;
        }
        key_only(f, self.key_only)
    }
}

/// What a profile compares besides its measurements, and what it does not look at because it says `any`.
#[derive(Clone, Debug)]
pub struct Identities {
    compared: Vec<(&'static str, String)>,
    not_compared: Vec<&'static str>,
}

impl Identities {
    /// Of one profile.
    #[must_use]
    pub fn of(machine: &Profile) -> Self {
        let mut identities = Self { compared: Vec::new(), not_compared: Vec::new() };
        match machine {
            Profile::Snp(policy) => identities.snp(policy),
            Profile::AzureSnp(policy) => {
                identities.snp(&policy.snp);
                identities.vtpm(&policy.vtpm);
            }
            Profile::Simulated(policy) => identities.snp(&policy.snp),
            Profile::Tdx(policy) => identities.tdx(policy),
            Profile::AzureTdx(policy) => {
                identities.tdx(&policy.tdx);
                identities.vtpm(&policy.vtpm);
            }
            Profile::SimulatedTdx(policy) => identities.tdx(&policy.tdx),
        }
        identities
    }

    /// Fields that may be anything, in a fixed order.
    #[must_use]
    pub fn not_compared(&self) -> &[&'static str] {
        &self.not_compared
    }

    fn snp(&mut self, policy: &SnpPolicy) {
        self.add("measurement", &policy.measurements);
        self.add("host data", &policy.host_data);
        self.add("family id", &policy.family_ids);
        self.add("image id", &policy.image_ids);
        self.add("report id", &policy.report_ids);
        self.add("chip id", &policy.chip_ids);
        self.add("id key", &policy.id_keys);
        self.add("author key", &policy.author_keys);
    }

    fn tdx(&mut self, policy: &TdxPolicy) {
        self.add("measurement", &policy.mrtd);
        for (name, register) in ["RTMR0", "RTMR1", "RTMR2", "RTMR3"].into_iter().zip(policy.rtmrs.each()) {
            self.add(name, register);
        }
        self.add("config id", &policy.mr_config_ids);
        self.add("owner", &policy.mr_owners);
        self.add("owner config", &policy.mr_owner_configs);
        self.add("TDX module", &policy.mr_seams);
        self.add("service TD", &policy.mr_service_tds);
        self.add("attributes", &policy.td_attributes);
        self.add("XFAM", &policy.xfam);
        self.add("FMSPC", &policy.fmspcs);
        self.add("PPID", &policy.ppids);
        self.add("instance id", &policy.platform_instance_ids);
    }

    fn vtpm(&mut self, policy: &VtpmPolicy) {
        self.add("vm id", &policy.vm_ids);
        self.add("resets", &policy.reset_counts);
        self.add("restarts", &policy.restart_counts);
    }

    fn add<T: Display>(&mut self, name: &'static str, accepted: &Accept<T>) {
        match accepted {
            Accept::Any => self.not_compared.push(name),
            // The machine's own lines show these.
            Accept::OneOf(_) if name == "measurement" || name.starts_with("RTMR") => {}
            Accept::OneOf(_) => self.compared.push((name, accepted.to_string())),
        }
    }
}

impl Display for Identities {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (name, values) in &self.compared {
            writeln!(f, "  {name:12}  {}", Safe::new(values))?;
        }
        match self.not_compared.as_slice() {
            [] => Ok(()),
            fields => writeln!(f, "  not compared  {}", fields.join(", ")),
        }
    }
}

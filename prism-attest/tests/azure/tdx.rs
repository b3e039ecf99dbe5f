//! Evidence of a real TDX machine on Azure, under Intel's data for machines of its kind.

use prism_attest::{
    AzureEvidence, Check, Endorsements, Evidence, ExpectedBinding, Platform, Prepared, Roots, SignedJson,
    TdxEndorsements, Verdict, judge, verify,
};
use prism_core::manifest::platform::{
    Accept, AzureTdxPolicy, HexBytes, List, PcrIndex, PlatformPolicy, Profile, Rtmrs, TdxPolicy, TdxStatus, VtpmPolicy,
};
use serde_json::Value;

use crate::vectors::{file, parts, vector};

/// When Intel's data were current.
pub(crate) const NOW: u64 = 1_740_714_290;
pub(crate) const NONCE: &[u8] = b"challenge";

pub(crate) struct Machine {
    parts: AzureEvidence,
    pub(crate) endorsements: Endorsements,
}

pub(crate) fn machine() -> Option<Machine> {
    let (evidence, collateral) = (vector("az-tdx-vtpm__evidence-v0")?, file("real/derived/dcaprs2.json")?);
    Some(Machine { parts: parts(&evidence), endorsements: endorsements(&collateral) })
}

fn endorsements(collateral: &Value) -> Endorsements {
    let text = |name: &str| collateral[name].as_str().unwrap().as_bytes().to_vec();
    let bytes = |name: &str| hex::decode(collateral[name].as_str().unwrap()).unwrap();
    let signed = |name: &str| SignedJson {
        json: text(name),
        signature: bytes(&format!("{name}_signature")).try_into().unwrap(),
    };
    let parts = TdxEndorsements {
        tcb_info: signed("tcb_info"),
        tcb_info_chain: text("tcb_info_issuer_chain"),
        qe_identity: signed("qe_identity"),
        qe_identity_chain: text("qe_identity_issuer_chain"),
        pck_crl: bytes("pck_crl"),
        pck_crl_chain: text("pck_crl_issuer_chain"),
        root_crl: bytes("root_ca_crl"),
        pck_chain: None,
    };
    Endorsements::tdx(parts).unwrap()
}

impl Machine {
    pub(crate) fn evidence(&self) -> Evidence {
        Evidence::new(Platform::AzureTdx, self.parts.to_json()).unwrap()
    }

    /// Any paravisor, up to date or not, with exactly the guest's registers.
    fn policy(&self) -> AzureTdxPolicy {
        let any = || Accept::Any;
        let mut tdx = TdxPolicy::strict(Accept::Any, Rtmrs::new([any(), any(), any(), any()]));
        tdx.tcb_status = List::new(vec![TdxStatus::UpToDate, TdxStatus::OutOfDate]).unwrap();
        tdx.grace_days = 3_650;
        tdx.require.sept_ve_disable = false; // the paravisor has its own way with such faults
        let fixed = self.parts.quote.registers.iter().filter(|(number, _)| ![16, 23].contains(*number));
        let registers = fixed.map(|(number, value)| (PcrIndex::try_from(*number).unwrap(), Accept::only(*value)));
        AzureTdxPolicy::new(tdx, VtpmPolicy::new(registers.collect()))
    }

    pub(crate) fn judge(&self, policy: AzureTdxPolicy, nonce: &[u8]) -> Verdict {
        let policy = PlatformPolicy::only(Profile::AzureTdx(policy));
        judge(&self.evidence(), &self.endorsements, &policy, &ExpectedBinding::foreign_nonce(nonce.to_vec()), NOW)
    }

    /// The check that finds it not genuine.
    fn refused(&self) -> Check {
        let error = verify(&self.evidence(), &self.endorsements, &Roots::built_in(), NOW).unwrap_err();
        error.findings().last().unwrap().check
    }
}

#[test]
fn a_real_machine_is_accepted_and_says_what_it_is() {
    let Some(machine) = machine() else { return };
    let verdict = machine.judge(machine.policy(), NONCE);
    assert!(verdict.is_good(), "{verdict}");
    let json: Value = serde_json::from_str(&verdict.to_json()).unwrap();
    assert_eq!((&json["assurance"], &json["platform"]), (&"hardware".into(), &"azure-tdx".into()));
    assert_eq!(json["claims"]["vtpm"]["vm"]["id"], "6332533D-5649-4D02-8AA7-8F64B7C3EE21");
    assert_eq!(json["claims"]["tdx"]["fmspc"], "00806f050000");
    let claims = verdict.claims().unwrap();
    assert_eq!(claims.as_vtpm().unwrap().nonce(), NONCE);
    assert!(claims.as_tdx().is_some() && claims.as_snp().is_none());
}

#[test]
fn a_real_machine_is_refused_for_another_nonce_register_or_paravisor() {
    let Some(machine) = machine() else { return };
    let unmet = |policy: AzureTdxPolicy, nonce: &[u8]| {
        let verdict = machine.judge(policy, nonce);
        assert!(verdict.claims().is_some(), "{verdict}");
        verdict.findings().unmet().map(|finding| finding.check).collect::<Vec<_>>()
    };
    assert_eq!(unmet(machine.policy(), b"challeng"), [Check::BindingReportData]);
    let mut other = machine.policy();
    other.vtpm.pcrs.insert(PcrIndex::try_from(4).unwrap(), Accept::only(HexBytes::new([0; 32])));
    assert_eq!(unmet(other, NONCE), [Check::Pcr]);
    let mut other = machine.policy();
    other.tdx.mrtd = Accept::only(HexBytes::new([0; 48]));
    assert_eq!(unmet(other, NONCE), [Check::MrTd]);
}

#[test]
fn each_part_of_a_real_machine_s_evidence_is_tied_to_the_next() {
    type Fault = (&'static str, fn(&mut AzureEvidence), Check);
    let faults: [Fault; 10] = [
        ("no quote of the processor", |parts| parts.td_quote = None, Check::AzureForm),
        ("type SEV-SNP", |parts| parts.hcl_report[0x4c8] = 2, Check::HclForm),
        ("bytes after the report", |parts| parts.hcl_report[0x20 + 1024] = 1, Check::HclForm),
        ("report of other claims", |parts| parts.hcl_report[0x20 + 128] ^= 1, Check::TdReport),
        ("report with a tail", |parts| parts.hcl_report[0x20 + 191] ^= 1, Check::TdReport),
        ("altered claims", |parts| parts.hcl_report[0x4d4 + 30] ^= 1, Check::RuntimeClaims),
        ("altered quote of the processor", |parts| parts.td_quote.as_mut().unwrap()[568] ^= 1, Check::QuoteSignature),
        ("altered quote of the TPM", |parts| parts.quote.message[50] ^= 1, Check::TpmQuoteSignature),
        ("a register less", |parts| parts.quote.registers.retain(|number, _| *number != 0), Check::PcrSelection),
        ("another register", |parts| parts.quote.registers.extend([(0, HexBytes::new([0; 32]))]), Check::PcrDigest),
    ];
    for (name, change, check) in faults {
        let Some(mut machine) = machine() else { return };
        change(&mut machine.parts);
        assert_eq!(machine.refused(), check, "{name}");
    }
}

#[test]
fn prepared_endorsements_admit_and_judge_alike() {
    let Some(machine) = machine() else { return };
    let prepared = Prepared::new(Platform::AzureTdx, &machine.endorsements, &Roots::built_in(), NOW).unwrap();
    for prepared in [prepared.clone(), prepared.admit(&machine.evidence(), NOW).unwrap()] {
        let claims = prepared.verify(&machine.evidence(), NOW).unwrap();
        assert_eq!(claims.as_vtpm().unwrap().nonce(), NONCE);
    }
    let naked = Evidence::new(Platform::AzureTdx, machine.parts.td_quote.clone().unwrap()).unwrap();
    assert!(prepared.verify(&naked, NOW).is_err() && prepared.admit(&naked, NOW).is_err());
}

#[test]
fn the_processor_s_quote_alone_vouches_for_the_paravisor_only() {
    let Some(machine) = machine() else { return };
    let quote = Evidence::new(Platform::Tdx, machine.parts.td_quote.clone().unwrap()).unwrap();
    let policy = PlatformPolicy::only(Profile::Tdx(machine.policy().tdx));
    let nonce = ExpectedBinding::foreign_nonce(NONCE.to_vec());
    let verdict = judge(&quote, &machine.endorsements, &policy, &nonce, NOW);
    assert_eq!(verdict.refusal().map(|finding| finding.check), Some(Check::BindingReportData), "{verdict}");
}

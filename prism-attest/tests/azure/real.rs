//! Evidence of real SEV-SNP machines on Azure.

use prism_attest::{
    AzureEvidence, Check, Endorsements, Evidence, ExpectedBinding, Platform, Roots, Verdict, judge, policy_from, verify,
};
use prism_core::manifest::platform::{
    Accept, AzureSnpPolicy, HexBytes, Minimum, PcrIndex, PlatformPolicy, PolicyDocument, Product, Profile, Revocation,
    SnpPolicy, Tcb, VtpmPolicy,
};
use serde_json::Value;

use crate::vectors::{bytes, parts, vector};

/// First and last second of the machine's certificate.
const WINDOW: (u64, u64) = (1_738_081_615, 1_958_920_015);
const NONCE: &[u8] = b"challenge";

struct Machine {
    parts: AzureEvidence,
    endorsements: Endorsements,
}

fn snp_machines() -> Vec<Machine> {
    let found = ["az-snp-vtpm__evidence-v0", "az-snp-vtpm__evidence-v1"].into_iter().filter_map(vector);
    found
        .map(|value| Machine {
            parts: parts(&value),
            endorsements: Endorsements::snp_from_leaf(bytes(&value["vcek"]), None).unwrap(),
        })
        .collect()
}

impl Machine {
    fn evidence(&self) -> Evidence {
        Evidence::new(Platform::AzureSnp, self.parts.to_json()).unwrap()
    }

    /// Any paravisor on a Milan, with exactly the registers it has.
    fn policy(&self) -> AzureSnpPolicy {
        let products = [(Product::Milan, Minimum::both(Tcb::default()))].into();
        let mut snp = SnpPolicy::strict(products, Accept::Any);
        snp.revocation = Revocation::IfPresent;
        let fixed = self.parts.quote.registers.iter().filter(|(number, _)| ![16, 23].contains(*number));
        let registers = fixed.map(|(number, value)| (PcrIndex::try_from(*number).unwrap(), Accept::only(*value)));
        AzureSnpPolicy::new(snp, VtpmPolicy::new(registers.collect()))
    }

    fn judge(&self, nonce: &[u8], now: u64) -> Verdict {
        let policy = PlatformPolicy::only(Profile::AzureSnp(self.policy()));
        judge(&self.evidence(), &self.endorsements, &policy, &ExpectedBinding::foreign_nonce(nonce.to_vec()), now)
    }

    fn is_genuine(&self) -> bool {
        verify(&self.evidence(), &self.endorsements, &Roots::built_in(), WINDOW.0).is_ok()
    }
}

fn refused(verdict: &Verdict) -> Option<Check> {
    assert!(!verdict.is_good(), "{verdict}");
    verdict.refusal().map(|finding| finding.check)
}

#[test]
fn real_machines_are_accepted_within_the_dates_of_their_certificate_and_not_a_second_longer() {
    for machine in snp_machines() {
        for now in [WINDOW.0, WINDOW.1] {
            let verdict = machine.judge(NONCE, now);
            assert!(verdict.is_good() && !verdict.is_simulated(), "{verdict}");
        }
        for now in [WINDOW.0 - 1, WINDOW.1 + 1] {
            assert_eq!(refused(&machine.judge(NONCE, now)), Some(Check::CertificateDates));
        }
    }
}

#[test]
fn a_real_machine_says_what_it_is() {
    for machine in snp_machines() {
        let verdict = machine.judge(NONCE, WINDOW.0);
        let json: Value = serde_json::from_str(&verdict.to_json()).unwrap();
        let claims = &json["claims"];
        assert_eq!((&json["assurance"], &claims["snp"]["product"]), (&"hardware".into(), &"milan".into()));
        assert_eq!((&claims["snp"]["vmpl"], &claims["snp"]["version"]), (&0.into(), &3.into()));
        let vtpm = &claims["vtpm"];
        assert_eq!(vtpm["vm"]["id"], "26F8BC30-774E-4290-8E7A-535F3B672AEE");
        assert_eq!((&vtpm["vm"]["secure_boot"], &vtpm["clock"]["safe"]), (&true.into(), &true.into()));
        assert_eq!((&vtpm["clock"]["reset_count"], &vtpm["clock"]["restart_count"]), (&2.into(), &0.into()));
        assert_eq!(vtpm["firmware"], "0x2020031200120003");
        assert_eq!(vtpm["pcrs"].as_object().unwrap().len(), 24);
        assert_eq!(vtpm["pcrs"]["8"], "00".repeat(32));
    }
}

#[test]
fn a_real_machine_s_nonce_is_compared_whole() {
    for machine in snp_machines() {
        for other in [&b"challeng"[..], b"challenge\0", b"Challenge", b""] {
            assert_eq!(refused(&machine.judge(other, WINDOW.0)), Some(Check::BindingReportData));
        }
    }
}

#[test]
fn no_bit_of_a_real_machine_s_evidence_can_be_changed() {
    for mut machine in snp_machines() {
        assert!(machine.is_genuine());
        for at in 0..machine.parts.hcl_report.len() {
            machine.parts.hcl_report[at] ^= 1 << (at % 8);
            assert!(!machine.is_genuine(), "byte {at} of the paravisor's report");
            machine.parts.hcl_report[at] ^= 1 << (at % 8);
        }
        for bit in 0..machine.parts.quote.message.len() * 8 {
            machine.parts.quote.message[bit / 8] ^= 1 << (bit % 8);
            assert!(!machine.is_genuine(), "bit {bit} of the quote");
            machine.parts.quote.message[bit / 8] ^= 1 << (bit % 8);
        }
        for at in 0..machine.parts.quote.signature.len() {
            machine.parts.quote.signature[at] ^= 1 << (at % 8);
            assert!(!machine.is_genuine(), "byte {at} of the signature");
            machine.parts.quote.signature[at] ^= 1 << (at % 8);
        }
        for number in 0..24 {
            let value = machine.parts.quote.registers.insert(number, HexBytes::new([0x77; 32])).unwrap();
            assert!(!machine.is_genuine(), "register {number}");
            machine.parts.quote.registers.insert(number, value);
        }
        assert!(machine.is_genuine());
    }
}

#[test]
fn parts_of_two_real_machines_do_not_fit() {
    let (Some(snp), Some(tdx)) = (vector("az-snp-vtpm__evidence-v1"), vector("az-tdx-vtpm__evidence-v0")) else {
        return;
    };
    let (snp_parts, tdx_parts) = (parts(&snp), parts(&tdx));
    let endorsements = Endorsements::snp_from_leaf(bytes(&snp["vcek"]), None).unwrap();
    let last = |parts: AzureEvidence| {
        let evidence = Evidence::new(Platform::AzureSnp, parts.to_json()).unwrap();
        let error = verify(&evidence, &endorsements, &Roots::built_in(), WINDOW.0).unwrap_err();
        error.findings().last().unwrap().check
    };
    let other_quote = AzureEvidence { quote: tdx_parts.quote.clone(), ..snp_parts.clone() };
    assert_eq!(last(other_quote), Check::TpmQuoteSignature);
    let other_report = AzureEvidence { hcl_report: tdx_parts.hcl_report.clone(), ..snp_parts };
    assert_eq!(last(other_report), Check::HclForm);
    assert_eq!(last(AzureEvidence { td_quote: None, ..tdx_parts.clone() }), Check::HclForm);
    assert_eq!(last(tdx_parts), Check::AzureForm);
}

#[test]
fn a_policy_drafted_from_a_real_machine_accepts_it_once_confirmed_and_no_other() {
    for machine in snp_machines() {
        let claims = verify(&machine.evidence(), &machine.endorsements, &Roots::built_in(), WINDOW.0).unwrap();
        let draft = policy_from(&claims).to_toml().unwrap();
        let read = |text: &str| PolicyDocument::read(text.as_bytes()).unwrap().into_policy();
        assert!(read(&draft).is_err());
        let confirmed = draft.replacen("\nconfirmed = false\n", "\nconfirmed = true\n", 1).replacen(
            "\nrevocation = \"require\"\n",
            "\nrevocation = \"if-present\"\n",
            1,
        );
        let policy = read(&confirmed).unwrap();
        let judged = |machine: &Machine, policy: &PlatformPolicy| {
            let expected = ExpectedBinding::foreign_nonce(NONCE.to_vec());
            judge(&machine.evidence(), &machine.endorsements, policy, &expected, WINDOW.0)
        };
        assert!(judged(&machine, &policy).is_good(), "{}", judged(&machine, &policy));
        let Profile::AzureSnp(pinned) = &policy.accept[0] else { panic!("{policy:?}") };
        assert_eq!(pinned.vtpm.pcrs.len(), 22, "all of 24 but those that the guest can reset");
        for index in pinned.vtpm.pcrs.keys() {
            let mut other = pinned.clone();
            other.vtpm.pcrs.insert(*index, Accept::only(HexBytes::new([9; 32])));
            let other = PlatformPolicy::only(Profile::AzureSnp(other));
            assert_eq!(refused(&judged(&machine, &other)), Some(Check::Pcr), "{index}");
        }
    }
}

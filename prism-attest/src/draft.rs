//! A policy drafted from a genuine machine, for a person to confirm.
//!
//! Evidence says what a machine is, not whether it is the one you want: the draft pins everything that the machine
//! said, permits no weakness by itself, and marks each line that a person has to answer for. It cannot be used as a
//! policy until that person writes `confirmed = true` in it ([`PolicyDocument::into_policy`]).

use std::fmt::Display;

use prism_core::manifest::platform::{
    AzureSnpPolicy, AzureTdxPolicy, PlatformPolicy, PolicyDocument, PolicyError, Profile, Remarks, SimulatedPolicy,
    SimulatedTdxPolicy,
};

use crate::facts::Facts;
use crate::platform::{azure, snp, tdx};
use crate::roots::Assurance;
use crate::verify::Claims;

/// A policy that nobody has confirmed yet, and what has to be looked at before somebody does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDraft {
    document: PolicyDocument,
    remarks: Remarks,
}

impl PolicyDraft {
    /// The policy, unconfirmed.
    #[must_use]
    pub const fn document(&self) -> &PolicyDocument {
        &self.document
    }

    /// What a person has to confirm, by the place of the field.
    #[must_use]
    pub const fn remarks(&self) -> &Remarks {
        &self.remarks
    }

    /// The draft as a file, its remarks as lines `# CONFIRM: …`.
    ///
    /// # Errors
    /// [`PolicyError::NotForToml`].
    pub fn to_toml(&self) -> Result<String, PolicyError> {
        self.document.to_toml_with(&self.remarks)
    }
}

/// Drafts the policy that accepts machines like this one, where it has no weakness.
#[must_use]
pub fn policy_from(claims: &Claims) -> PolicyDraft {
    let mut remarks = Remarks::new();
    let profile = profile(claims, &mut remarks);
    remarks.insert("confirmed".to_owned(), origin(claims));
    PolicyDraft { document: PolicyDocument::unconfirmed(PlatformPolicy::only(profile)), remarks }
}

fn profile(claims: &Claims, remarks: &mut Remarks) -> Profile {
    match (claims.facts(), claims.assurance()) {
        (Facts::Snp(facts), Assurance::Simulated(root)) => {
            let snp = snp::draft(facts, &mut Sketch::at("simulated.snp", remarks));
            Profile::Simulated(SimulatedPolicy::new(root, snp))
        }
        (Facts::Snp(facts), Assurance::Hardware | Assurance::Custom(_)) => {
            Profile::Snp(snp::draft(facts, &mut Sketch::at("snp", remarks)))
        }
        (Facts::Tdx(facts), Assurance::Simulated(root)) => {
            let tdx = tdx::draft(facts, &mut Sketch::at("simulated-tdx.tdx", remarks));
            Profile::SimulatedTdx(SimulatedTdxPolicy::new(root, tdx))
        }
        (Facts::Tdx(facts), Assurance::Hardware | Assurance::Custom(_)) => {
            Profile::Tdx(tdx::draft(facts, &mut Sketch::at("tdx", remarks)))
        }
        (Facts::AzureSnp(facts), _) => {
            let snp = snp::draft(facts.snp(), &mut Sketch::at("azure-snp.snp", remarks));
            let vtpm = azure::draft(facts.vtpm(), &mut Sketch::at("azure-snp.vtpm", remarks));
            Profile::AzureSnp(AzureSnpPolicy::new(snp, vtpm))
        }
        (Facts::AzureTdx(facts), _) => {
            let tdx = tdx::draft(facts.tdx(), &mut Sketch::at("azure-tdx.tdx", remarks));
            let vtpm = azure::draft(facts.vtpm(), &mut Sketch::at("azure-tdx.vtpm", remarks));
            Profile::AzureTdx(AzureTdxPolicy::new(tdx, vtpm))
        }
    }
}

fn origin(claims: &Claims) -> String {
    let root = match claims.assurance() {
        Assurance::Hardware => "",
        Assurance::Custom(_) => " UNDER A ROOT THAT IS NOT THE VENDOR'S",
        Assurance::Simulated(_) => "; SIMULATED, no hardware protects such machines",
    };
    format!(
        "write true when every line marked CONFIRM has been checked. Drafted from {} evidence {}{root}; nobody has said \
         yet that this machine is the right one.",
        claims.platform(),
        claims.evidence(),
    )
}

/// Where remarks about one profile go.
pub(crate) struct Sketch<'a> {
    place: String,
    remarks: &'a mut Remarks,
}

impl<'a> Sketch<'a> {
    fn at(profile: &str, remarks: &'a mut Remarks) -> Self {
        Self { place: format!("accept[0].{profile}"), remarks }
    }

    /// A person has to confirm this field, because of `text`.
    pub(crate) fn confirm(&mut self, field: &str, text: impl Display) {
        self.remarks.insert(format!("{}.{field}", self.place), text.to_string());
    }

    /// The machine has a weakness, which the draft does not permit.
    pub(crate) fn refuses(&mut self, weakness: &str, present: bool) {
        if present {
            let text = "THE MACHINE HAS THIS WEAKNESS: this policy refuses it. Write true only if you accept that.";
            self.confirm(&format!("allow.{weakness}"), text);
        }
    }
}

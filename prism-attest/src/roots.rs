//! The vendors' roots: a closed list, pinned by digest, and what a caller adds to it by name.

use std::fmt;

use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::manifest::platform::{PlatformPolicy, Product, Profile};
use serde::{Serialize, Serializer};

use crate::evidence::Platform;
use crate::x509::{Certificate, pem};

/// Certificates of one product as AMD's key distribution service publishes them.
struct Amd {
    product: Product,
    ark: &'static [u8],
    ask: &'static [u8],
    asvk: &'static [u8],
    /// SHA-256 of the root's DER.
    pin: &'static str,
}

const AMD: [Amd; 3] = [
    Amd {
        product: Product::Milan,
        ark: include_bytes!("roots/ark-milan.der"),
        ask: include_bytes!("roots/ask-milan.der"),
        asvk: include_bytes!("roots/asvk-milan.der"),
        pin: "sha256:69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
    },
    Amd {
        product: Product::Genoa,
        ark: include_bytes!("roots/ark-genoa.der"),
        ask: include_bytes!("roots/ask-genoa.der"),
        asvk: include_bytes!("roots/asvk-genoa.der"),
        pin: "sha256:4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
    },
    Amd {
        product: Product::Turin,
        ark: include_bytes!("roots/ark-turin.der"),
        ask: include_bytes!("roots/ask-turin.der"),
        asvk: include_bytes!("roots/asvk-turin.der"),
        pin: "sha256:1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
    },
];

/// Intel's root for SGX and TDX as its provisioning certification service publishes it.
const INTEL: &[u8] = include_bytes!("roots/intel-sgx-root.der");

/// SHA-256 of [`INTEL`].
const INTEL_PIN: &str = "sha256:44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3";

/// Whose word stands behind a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Assurance {
    /// The hardware vendor's, under a built-in root.
    Hardware,
    /// That of a root which the caller brought, named by its SHA-256: a private laboratory, a test vendor.
    Custom(Digest),
    /// A simulator's, named by its root's SHA-256: protects nothing.
    Simulated(Digest),
}

impl Assurance {
    /// The word for it in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hardware => "hardware",
            Self::Custom(_) => "custom-root",
            Self::Simulated(_) => "simulated",
        }
    }

    /// The SHA-256 of a root that is not built in.
    #[must_use]
    pub const fn root(&self) -> Option<Digest> {
        match self {
            Self::Hardware => None,
            Self::Custom(root) | Self::Simulated(root) => Some(*root),
        }
    }

    /// Whether a simulator stands behind it.
    #[must_use]
    pub const fn is_simulated(&self) -> bool {
        matches!(self, Self::Simulated(_))
    }
}

impl fmt::Display for Assurance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hardware => f.write_str("hardware vendor's root"),
            Self::Custom(root) => write!(f, "CUSTOM ROOT {root} (not the hardware vendor's)"),
            Self::Simulated(root) => write!(f, "SIMULATED - NOT A TEE (simulator's root {root})"),
        }
    }
}

impl Serialize for Assurance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[derive(Clone, Debug)]
struct Anchor {
    digest: Digest,
    kind: Kind,
}

/// Which vendor's keys a root stands above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vendor {
    /// AMD, which has one root for each product.
    Amd(Product),
    /// Intel, which has one root for everything.
    Intel,
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amd(product) => write!(f, "AMD {product}"),
            Self::Intel => f.write_str("Intel"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    BuiltIn(Vendor),
    Custom(Vendor),
    Simulated,
}

/// The common name of Intel's root.
const INTEL_ROOT: &str = "Intel SGX Root CA";

/// Why a file is not a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// Not one certificate.
    #[error("expected one certificate of a root (DER or PEM), found something else; give the vendor's root alone")]
    Certificate,
    /// A certificate of nobody that is known here.
    #[error("expected a root named ARK-Milan, ARK-Genoa, ARK-Turin or Intel SGX Root CA, found another name")]
    Unnamed,
}

impl Coded for RootError {
    fn code(&self) -> Code {
        Code::FileMalformed
    }
}

/// The roots at which verification may begin.
///
/// A simulator's root only ever vouches for evidence that calls itself simulated, and every other root only for
/// evidence that does not.
#[derive(Clone, Debug)]
pub struct Roots(Vec<Anchor>);

impl Roots {
    /// AMD's roots for Milan, Genoa and Turin, Intel's root, and nothing else.
    #[must_use]
    pub fn built_in() -> Self {
        let amd = AMD.iter().map(|amd| (Vendor::Amd(amd.product), amd.ark, amd.pin));
        let pinned = amd.chain([(Vendor::Intel, INTEL, INTEL_PIN)]).filter_map(|(vendor, root, pin)| {
            let digest = Digest::sha256(root);
            (digest.to_string() == pin).then_some(Anchor { digest, kind: Kind::BuiltIn(vendor) })
        });
        Self(pinned.collect())
    }

    /// Also accepts a root that is not the vendor's own: a private laboratory's or a test's. Every verdict under it says
    /// `custom-root`.
    #[must_use]
    pub fn with_custom(mut self, vendor: Vendor, root_der: &[u8]) -> Self {
        self.0.push(Anchor { digest: Digest::sha256(root_der), kind: Kind::Custom(vendor) });
        self
    }

    /// Also accepts the root in this file (DER or PEM, one certificate), in the place that its name says: `ARK-Milan`,
    /// `Intel SGX Root CA`. A simulator's root is accepted for simulated evidence only.
    ///
    /// # Errors
    /// [`RootError`] for anything else than one certificate of a root.
    pub fn with_custom_file(self, bytes: &[u8]) -> Result<Self, RootError> {
        let der = pem::der_or_one(bytes).ok_or(RootError::Certificate)?;
        let certificate = Certificate::parse(&der).map_err(|_| RootError::Certificate)?;
        if certificate.has_a_simulator_mark() {
            return Ok(self.with_simulated(Digest::sha256(&der)));
        }
        let name = certificate.subject().map(|(_, name)| name).ok_or(RootError::Unnamed)?;
        let amd = || name.strip_prefix("ARK-")?.parse().ok().map(Vendor::Amd);
        let vendor = if name == INTEL_ROOT { Some(Vendor::Intel) } else { amd() };
        Ok(self.with_custom(vendor.ok_or(RootError::Unnamed)?, &der))
    }

    /// Also accepts simulated evidence under the simulator's root with this SHA-256.
    #[must_use]
    pub fn with_simulated(mut self, root: Digest) -> Self {
        self.0.push(Anchor { digest: root, kind: Kind::Simulated });
        self
    }

    /// These roots and the simulators that the policy names.
    #[must_use]
    pub fn with_simulators_of(self, policy: &PlatformPolicy) -> Self {
        policy.accept.iter().filter_map(Profile::simulated_root).fold(self, Self::with_simulated)
    }

    /// What stands behind this root for such evidence, if it is one of these.
    pub(crate) fn find(&self, root: &Digest, platform: Platform, vendor: Vendor) -> Option<Assurance> {
        let simulated = platform.is_simulated();
        self.0.iter().filter(|anchor| anchor.digest == *root).find_map(|anchor| match anchor.kind {
            Kind::BuiltIn(of) if of == vendor && !simulated => Some(Assurance::Hardware),
            Kind::Custom(of) if of == vendor && !simulated => Some(Assurance::Custom(anchor.digest)),
            Kind::Simulated if simulated => Some(Assurance::Simulated(anchor.digest)),
            _ => None,
        })
    }

    /// The digests that would have been accepted, for people.
    pub(crate) fn expected(&self, platform: Platform, vendor: Vendor) -> String {
        let fits = |anchor: &&Anchor| self.find(&anchor.digest, platform, vendor).is_some();
        let digests: Vec<_> = self.0.iter().filter(fits).map(|anchor| anchor.digest.to_string()).collect();
        if digests.is_empty() { format!("a root of {vendor} for {platform}") } else { digests.join(" or ") }
    }
}

/// The built-in certificates (ASK or ASVK, then ARK) whose name is the issuer's name in `vek`.
pub(crate) fn amd_issuers(vek: &[u8]) -> Option<(&'static [u8], &'static [u8])> {
    let leaf = Certificate::parse(vek).ok()?;
    let issued = |der: &[u8]| Certificate::parse(der).is_ok_and(|ask| ask.subject_der() == leaf.issuer_der());
    AMD.iter().flat_map(|amd| [(amd.ask, amd.ark), (amd.asvk, amd.ark)]).find(|(ask, _)| issued(ask))
}

/// Every built-in certificate that signs endorsements.
pub(crate) fn authorities() -> impl Iterator<Item = &'static [u8]> {
    AMD.iter().flat_map(|amd| [amd.ark, amd.ask, amd.asvk]).chain([INTEL])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_root_is_the_pinned_one() {
        for amd in &AMD {
            assert_eq!(Digest::sha256(amd.ark).to_string(), amd.pin, "{}", amd.product);
            assert_eq!(
                Roots::built_in().find(&Digest::sha256(amd.ark), Platform::Snp, Vendor::Amd(amd.product)),
                Some(Assurance::Hardware)
            );
        }
        assert_eq!(Roots::built_in().0.len(), AMD.len() + 1, "Intel's besides");
    }

    #[test]
    fn a_root_in_a_file_takes_the_place_that_its_name_says() {
        let [milan, ..] = &AMD;
        let custom = Roots(Vec::new()).with_custom_file(milan.ark).unwrap();
        let digest = Digest::sha256(milan.ark);
        let found = |vendor| custom.find(&digest, Platform::Snp, vendor);
        assert_eq!(found(Vendor::Amd(Product::Milan)), Some(Assurance::Custom(digest)));
        assert_eq!([found(Vendor::Amd(Product::Genoa)), found(Vendor::Intel)], [None, None]);
        for (bytes, error) in [(milan.ask, RootError::Unnamed), (b"no certificate".as_slice(), RootError::Certificate)]
        {
            assert_eq!(Roots::built_in().with_custom_file(bytes).err(), Some(error));
        }
    }

    #[test]
    fn a_root_vouches_for_its_own_product_and_kind_only() {
        let [milan, genoa, _] = AMD.map(|amd| Digest::sha256(amd.ark));
        let roots = Roots::built_in().with_simulated(genoa).with_custom(Vendor::Amd(Product::Turin), b"private");
        let private = Digest::sha256(b"private");
        assert_eq!(roots.find(&milan, Platform::Snp, Vendor::Amd(Product::Genoa)), None);
        assert_eq!(roots.find(&milan, Platform::Simulated, Vendor::Amd(Product::Milan)), None);
        assert_eq!(
            roots.find(&genoa, Platform::Simulated, Vendor::Amd(Product::Milan)),
            Some(Assurance::Simulated(genoa))
        );
        assert_eq!(roots.find(&private, Platform::Snp, Vendor::Amd(Product::Turin)), Some(Assurance::Custom(private)));
        assert_eq!(roots.find(&private, Platform::Snp, Vendor::Amd(Product::Milan)), None);
        assert_eq!(roots.find(&private, Platform::Simulated, Vendor::Amd(Product::Turin)), None);
        assert_eq!(roots.find(&milan, Platform::Tdx, Vendor::Intel), None);
        assert_eq!(roots.find(&milan, Platform::AzureSnp, Vendor::Amd(Product::Milan)), Some(Assurance::Hardware));
    }
}

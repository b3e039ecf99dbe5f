//! The machine's certificate (PCK): its key, and what Intel's SGX extension says about the platform.

use crate::x509::{Certificate, der};

/// DER content of 1.2.840.113741.1.13.1, Intel's arc for SGX.
const SGX: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];

const PPID: u8 = 1;
const TCB: u8 = 2;
const PCE_ID: u8 = 3;
const FMSPC: u8 = 4;
const KIND: u8 = 5;
const INSTANCE: u8 = 6;
const CONFIGURATION: u8 = 7;

/// Arcs below [`TCB`], after the 16 components.
const PCE_SVN: u8 = 17;
const CPU_SVN: u8 = 18;

/// What Intel certified about a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pck {
    pub(super) ppid: [u8; 16],
    pub(super) components: [u8; 16],
    pub(super) pce_svn: u16,
    pub(super) cpu_svn: [u8; 16],
    pub(super) pce_id: [u8; 2],
    pub(super) fmspc: [u8; 6],
    pub(super) kind: Kind,
    /// Platforms of several processors have an instance id.
    pub(super) instance: Option<[u8; 16]>,
    pub(super) configuration: Configuration,
}

/// How memory of the platform is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Standard,
    Scalable,
    ScalableWithIntegrity,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Scalable => "scalable",
            Self::ScalableWithIntegrity => "scalable-with-integrity",
        }
    }
}

/// Properties that only certificates of the Platform CA state; `None` is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Configuration {
    pub(super) dynamic_platform: Option<bool>,
    pub(super) cached_keys: Option<bool>,
    pub(super) smt: Option<bool>,
}

impl Pck {
    /// Reads the certificate's extension; `None` unless every field that has to be there is, once, in its form, and
    /// nothing else.
    pub(super) fn read(certificate: &Certificate) -> Option<Self> {
        certificate.extension(&SGX).and_then(Self::read_extension)
    }

    fn read_extension(value: &[u8]) -> Option<Self> {
        let fields = Fields::<8>::read(&SGX, value)?;
        let tcb = Fields::<19>::read(&below(TCB), fields.get(TCB)?)?;
        let mut components = [0; 16];
        for (component, arc) in components.iter_mut().zip(1..) {
            *component = tcb.get(arc).and_then(der::small_integer).and_then(|svn| u8::try_from(svn).ok())?;
        }
        let instance = match fields.get(INSTANCE) {
            Some(value) => Some(der::octets(value)?),
            None => None,
        };
        let configuration = match fields.get(CONFIGURATION) {
            Some(value) => Configuration::read(value)?,
            None => Configuration::default(),
        };
        Some(Self {
            ppid: fields.get(PPID).and_then(der::octets)?,
            components,
            pce_svn: tcb.get(PCE_SVN).and_then(der::small_integer)?,
            cpu_svn: tcb.get(CPU_SVN).and_then(der::octets)?,
            pce_id: fields.get(PCE_ID).and_then(der::octets)?,
            fmspc: fields.get(FMSPC).and_then(der::octets)?,
            kind: Kind::read(fields.get(KIND)?)?,
            instance,
            configuration,
        })
    }
}

impl Kind {
    fn read(value: &[u8]) -> Option<Self> {
        match der::only(der::ENUMERATED, value)? {
            [0] => Some(Self::Standard),
            [1] => Some(Self::Scalable),
            [2] => Some(Self::ScalableWithIntegrity),
            _ => None,
        }
    }
}

impl Configuration {
    fn read(value: &[u8]) -> Option<Self> {
        let fields = Fields::<4>::read(&below(CONFIGURATION), value)?;
        let flag = |arc| match fields.get(arc) {
            Some(value) => der::boolean(value).map(Some),
            None => Some(None),
        };
        Some(Self { dynamic_platform: flag(1)?, cached_keys: flag(2)?, smt: flag(3)? })
    }
}

/// [`SGX`] and one more arc below 128.
fn below(arc: u8) -> [u8; 10] {
    let mut oid = [arc; 10];
    oid.iter_mut().zip(SGX).for_each(|(byte, above)| *byte = above);
    oid
}

/// `SEQUENCE OF SEQUENCE { OBJECT IDENTIFIER, value }` with the last arcs 1 to `N - 1`, each at most once.
struct Fields<'a, const N: usize>([Option<&'a [u8]>; N]);

impl<'a, const N: usize> Fields<'a, N> {
    fn read(arc: &[u8], value: &'a [u8]) -> Option<Self> {
        let mut fields = [None; N];
        let mut rest = der::only(der::SEQUENCE, value)?;
        while !rest.is_empty() {
            let (entry, after) = der::next(der::SEQUENCE, rest)?;
            let (oid, value) = der::next(der::OBJECT_IDENTIFIER, entry)?;
            let [last @ 1..=0x7f] = oid.strip_prefix(arc)? else { return None };
            let field = fields.get_mut(usize::from(*last))?;
            if field.replace(value).is_some() {
                return None;
            }
            rest = after;
        }
        Some(Self(fields))
    }

    fn get(&self, arc: u8) -> Option<&'a [u8]> {
        self.0.get(usize::from(arc)).copied().flatten()
    }
}

#[cfg(test)]
mod tests;

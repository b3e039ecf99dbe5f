//! Named faults, so that anyone can see a policy refuse what it should.

mod snp;
mod tdx;

use std::fmt;

pub(super) use self::snp::{Draft, IssuerDraft};
pub use self::snp::{Mutation, Mutations};
pub use self::tdx::{TdxMutation, TdxMutations};
use crate::finding::Stage;

pub(super) const DAY: u64 = 24 * 60 * 60;

/// What has to become of evidence with a fault, under the policy made for the machine without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expectation {
    /// It is another shape of a good machine.
    Accepted,
    /// It is refused at this stage.
    Refused(Stage),
    /// It is refused; the stage depends on which bit it is.
    RefusedSomewhere,
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.pad("accepted"),
            Self::Refused(stage) => f.pad(stage.as_str()),
            Self::RefusedSomewhere => f.pad("refused"),
        }
    }
}

/// A text names no mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a mutation such as \"debug\" or \"flip-bit-1234\", found another text; list them all")]
#[non_exhaustive]
pub struct UnknownMutation;

/// What happens to evidence after it was signed.
pub(super) type Change = Box<dyn Fn(&mut Vec<u8>)>;

/// Flips one bit.
fn flip(bit: usize) -> Change {
    Box::new(move |bytes| {
        if let Some(byte) = bytes.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
    })
}

/// Overwrites some bytes.
fn fill(at: usize, number: usize, value: u8) -> Change {
    Box::new(move |bytes| bytes.iter_mut().skip(at).take(number).for_each(|byte| *byte = value))
}

macro_rules! expectation {
    (Accepted) => {
        Expectation::Accepted
    };
    ($stage:ident) => {
        Expectation::Refused($crate::finding::Stage::$stage)
    };
}

macro_rules! mutations {
    (
        $(#[$meta:meta])* $type:ident with $bits:literal bits;
        $(#[doc = $doc:literal] $name:ident = $text:literal, $expect:ident;)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $type {
            $(#[doc = $doc] $name,)*
            #[doc = concat!("One bit of the signed evidence is flipped: `flip-bit-N`, N below ", $bits, ".")]
            FlipBit(u16),
        }

        impl $type {
            /// Every named mutation.
            pub const NAMED: &[Self] = &[$(Self::$name,)*];

            /// What it is, in a sentence.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $doc,)*
                    Self::FlipBit(_) => "One bit of the signed evidence is flipped.",
                }
                .trim_start()
            }

            /// What has to become of evidence with this fault alone, under the policy made for the machine without it.
            #[must_use]
            pub const fn expected(self) -> Expectation {
                match self {
                    $(Self::$name => $crate::platform::simulated::mutation::expectation!($expect),)*
                    Self::FlipBit(_) => Expectation::RefusedSomewhere,
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Self::$name => f.pad($text),)*
                    Self::FlipBit(bit) => f.pad(&format!("flip-bit-{bit}")),
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = UnknownMutation;

            fn from_str(text: &str) -> Result<Self, UnknownMutation> {
                if let Some(bit) = text.strip_prefix("flip-bit-") {
                    let bit: u16 = bit.parse().map_err(|_| UnknownMutation)?;
                    return if bit < $bits { Ok(Self::FlipBit(bit)) } else { Err(UnknownMutation) };
                }
                Self::NAMED.iter().copied().find(|named| named.to_string() == text).ok_or(UnknownMutation)
            }
        }
    };
}

use {expectation, mutations};

//! Where randomness enters: the caller brings it.

/// The source of secure random bytes ran dry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("expected secure random bytes from the system, found none; check that the system's random source works")]
pub struct EntropyError;

/// A source of cryptographically secure random bytes. The edge (the agent, a client) brings the system's; a test may
/// bring a fixed one.
pub trait Entropy {
    /// Fills the whole buffer.
    ///
    /// # Errors
    /// [`EntropyError`] when not every byte could be drawn.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// The operating system's source, as the crypto provider reads it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        aws_lc_rs::rand::fill(buffer).map_err(|_| EntropyError)
    }
}

/// Draws `N` random bytes.
///
/// # Errors
/// [`EntropyError`] when the source fails.
pub fn draw<const N: usize>(entropy: &mut dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

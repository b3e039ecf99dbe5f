//! Prism for C and C++ hosts: `include/prism.h`, a shared and a static library.
//!
//! Every function here converts its arguments, makes one call to Prism and converts the answer. The contract that all of
//! them keep is at the top of the header. `guard` is the one room in which pointers of C become values of Rust.

pub mod asset;
pub mod audit;
pub mod error;
mod guard;
pub mod keys;
pub mod manifest;
pub mod verdict;
pub mod verifier;

/// Every handle moves between threads, as the header promises.
const _: () = {
    const fn moves<T: Send>() {}
    moves::<asset::PrismAsset>();
    moves::<audit::PrismAudit>();
    moves::<error::PrismError>();
    moves::<keys::PrismKey>();
    moves::<keys::PrismPublicKey>();
    moves::<manifest::PrismManifest>();
    moves::<verdict::PrismVerdict>();
    moves::<verifier::PrismVerifier>();
};

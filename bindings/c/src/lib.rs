//! Prism for C and C++ hosts: `include/prism.h`, a shared and a static library.
//!
//! Every function here converts its arguments, makes one call to Prism and converts the answer. The contract that all of
//! them keep is at the top of the header. `guard` is the one room in which pointers of C become values of Rust.

pub mod agent;
pub mod asset;
pub mod audit;
pub mod cancel;
pub mod error;
mod guard;
pub mod keys;
pub mod manifest;
pub mod receipt;
pub mod result;
pub mod seal;
pub mod session;
pub mod status;
pub mod stream;
pub mod upload;
pub mod verdict;
pub mod verifier;
mod waiting;

/// Every handle moves between threads and may be used by several at once, as the header promises.
const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<agent::PrismAgent>();
    is_shared::<asset::PrismAsset>();
    is_shared::<audit::PrismAudit>();
    is_shared::<cancel::PrismCancel>();
    is_shared::<error::PrismError>();
    is_shared::<keys::PrismKey>();
    is_shared::<keys::PrismPublicKey>();
    is_shared::<manifest::PrismManifest>();
    is_shared::<receipt::PrismReceipt>();
    is_shared::<result::PrismResult>();
    is_shared::<seal::PrismIdentity>();
    is_shared::<session::PrismSession>();
    is_shared::<status::PrismStatus>();
    is_shared::<verdict::PrismVerdict>();
    is_shared::<verifier::PrismVerifier>();
};

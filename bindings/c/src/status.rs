//! How things stand, as an agent says.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;

use prism_agent::client::Status;

use crate::error::PrismError;
use crate::guard::{borrowed, c_text, fact, free, given, make};
use crate::session::PrismSession;

/// How things stand, as the agent says without proof; what is proven comes from `prism_session_watch`.
pub struct PrismStatus {
    state: CString,
    platform: CString,
    log_size: u64,
    assets: Vec<Asset>,
    results: Vec<Consumed>,
}

struct Asset {
    name: CString,
    accepted: bool,
    durable: u64,
    size: u64,
}

struct Consumed {
    consumer: CString,
    sealed: u64,
    acknowledged: bool,
}

impl PrismStatus {
    fn of(status: Status) -> Self {
        let asset = |asset: prism_agent::client::AssetStatus| Asset {
            name: c_text(asset.name),
            accepted: asset.accepted,
            durable: asset.durable,
            size: asset.size,
        };
        let consumed = |result: prism_agent::client::ResultStatus| Consumed {
            consumer: c_text(result.consumer),
            sealed: result.sealed_length,
            acknowledged: result.acknowledged,
        };
        Self {
            state: c_text(status.state),
            platform: c_text(status.platform),
            log_size: status.log_size,
            assets: status.assets.into_iter().map(asset).collect(),
            results: status.results.into_iter().map(consumed).collect(),
        }
    }
}

/// Asks how things stand.
///
/// Ownership: `*out` is yours, until `prism_status_free`. Threads: any. Errors: `cancelled`, `agent.unreachable`.
/// Example: `if (prism_session_status(session, &status, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_status(
    session: Option<&PrismSession>,
    out: Option<&mut MaybeUninit<*mut PrismStatus>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let (session, ..) = given(session, "a session")?.for_call(std::ptr::null())?;
        Ok(PrismStatus::of(session.status()?))
    })
}

/// The run's state, such as `WaitingForDatasets`.
///
/// Ownership: borrowed until `prism_status_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_status_state(status));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_state(status: Option<&PrismStatus>) -> *const c_char {
    borrowed(status, |status| Some(status.state.as_c_str()))
}

/// The kind of machine, such as "snp".
///
/// Ownership: borrowed until `prism_status_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_status_platform(status));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_platform(status: Option<&PrismStatus>) -> *const c_char {
    borrowed(status, |status| Some(status.platform.as_c_str()))
}

/// The number of entries in the log.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL.
/// Example: `printf("%llu entries\n", (unsigned long long)prism_status_log_size(status));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_log_size(status: Option<&PrismStatus>) -> u64 {
    fact(status, 0, |status| status.log_size)
}

/// The number of assets that the manifest names.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL.
/// Example: `for (i = 0; i < prism_status_assets(status); i++) puts(prism_status_asset(status, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_assets(status: Option<&PrismStatus>) -> usize {
    fact(status, 0, |status| status.assets.len())
}

/// The name of asset `index`, counted from 0.
///
/// Ownership: borrowed until `prism_status_free`. Threads: any. Errors: NULL for NULL and beyond the last.
/// Example: `puts(prism_status_asset(status, 0));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_asset(status: Option<&PrismStatus>, index: usize) -> *const c_char {
    borrowed(status, |status| status.assets.get(index).map(|asset| asset.name.as_c_str()))
}

/// Whether asset `index` is there, whole, and the one that was agreed.
///
/// Ownership: nothing. Threads: any. Errors: false for NULL and beyond the last.
/// Example: `if (!prism_status_asset_accepted(status, i)) puts("still waiting");`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_asset_accepted(status: Option<&PrismStatus>, index: usize) -> bool {
    fact(status, false, |status| status.assets.get(index).is_some_and(|asset| asset.accepted))
}

/// How many bytes of asset `index` the agent holds durably.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL and beyond the last.
/// Example: `held = prism_status_asset_durable(status, i);`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_asset_durable(status: Option<&PrismStatus>, index: usize) -> u64 {
    fact(status, 0, |status| status.assets.get(index).map_or(0, |asset| asset.durable))
}

/// The size of asset `index` in bytes.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL and beyond the last.
/// Example: `total = prism_status_asset_size(status, i);`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_asset_size(status: Option<&PrismStatus>, index: usize) -> u64 {
    fact(status, 0, |status| status.assets.get(index).map_or(0, |asset| asset.size))
}

/// The number of sealed results: one for each consumer once the program has ended well, 0 before.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL.
/// Example: `if (prism_status_results(status) == 0) puts("not yet");`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_results(status: Option<&PrismStatus>) -> usize {
    fact(status, 0, |status| status.results.len())
}

/// Whose result `index` is, counted from 0.
///
/// Ownership: borrowed until `prism_status_free`. Threads: any. Errors: NULL for NULL and beyond the last.
/// Example: `puts(prism_status_result(status, 0));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_result(status: Option<&PrismStatus>, index: usize) -> *const c_char {
    borrowed(status, |status| status.results.get(index).map(|result| result.consumer.as_c_str()))
}

/// The size of result `index` in bytes as it is sealed: the result itself is a little smaller.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL and beyond the last.
/// Example: `most = prism_status_result_sealed(status, i);`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_result_sealed(status: Option<&PrismStatus>, index: usize) -> u64 {
    fact(status, 0, |status| status.results.get(index).map_or(0, |result| result.sealed))
}

/// Whether the consumer of result `index` has confirmed that it arrived.
///
/// Ownership: nothing. Threads: any. Errors: false for NULL and beyond the last.
/// Example: `if (prism_status_result_acknowledged(status, i)) puts("taken");`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_result_acknowledged(status: Option<&PrismStatus>, index: usize) -> bool {
    fact(status, false, |status| status.results.get(index).is_some_and(|result| result.acknowledged))
}

/// Ends a status; NULL is taken.
///
/// Ownership: the status is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
/// Example: `prism_status_free(status);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_status_free(status: Option<Box<PrismStatus>>) {
    free(status);
}

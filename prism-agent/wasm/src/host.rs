//! One module from its file to its end.

use std::path::Path;

use wasmtime::{Config, Engine, Linker, Module, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

use crate::error::HostError;

/// Stack of the program: what a native one has by default.
const STACK: usize = 8 << 20;

/// Stack on top of it for what the program calls.
const STACK_OF_CALLS: usize = 2 << 20;

/// Elements of a table, as in every browser: no compiler makes more, and each takes eight bytes.
const TABLE_ELEMENTS: usize = 10_000_000;

/// Where a WASI command begins.
const START: &str = "_start";

/// Variables that name a directory of the program's own.
const DIRECTORIES: [&str; 2] = ["HOME", "TMPDIR"];

/// What the program is told.
pub(crate) struct Context {
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

/// What the engine keeps for the program.
struct State {
    wasi: WasiP1Ctx,
    limits: StoreLimits,
}

/// Runs the program and returns its exit code.
pub(crate) fn run(path: &Path, context: &Context) -> Result<u8, HostError> {
    let engine = Engine::new(&config()).map_err(HostError::Engine)?;
    let module = Module::from_file(&engine, path).map_err(HostError::Module)?;
    let start = module.get_export(START).and_then(|export| export.func().cloned());
    if start.is_none_or(|start| start.params().len() + start.results().len() > 0) {
        return Err(HostError::NoStart);
    }
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_async(&mut linker, |state: &mut State| &mut state.wasi).map_err(HostError::Engine)?;
    let ready = linker.instantiate_pre(&module).map_err(HostError::Imports)?;
    let limits = StoreLimitsBuilder::new().table_elements(TABLE_ELEMENTS).build();
    let mut store = Store::new(&engine, State { wasi: wasi(path, context)?, limits });
    store.limiter(|state| &mut state.limits);
    // One thread: the manifest's limit on processes counts threads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let ended = runtime.block_on(async {
        let instance = ready.instantiate_async(&mut store).await?;
        let start = instance.get_typed_func::<(), ()>(&mut store, START)?;
        start.call_async(&mut store, ()).await
    });
    ended.map_or_else(exit_code, |()| Ok(0))
}

/// The same module makes the same results on every machine, as far as that is up to the engine.
fn config() -> Config {
    let mut config = Config::new();
    config.cranelift_nan_canonicalization(true).relaxed_simd_deterministic(true);
    // Memory without a name is refused where memory is bounded by looking: a module's data is copied into its own.
    config.memory_init_cow(false);
    config.concurrency_support(false);
    config.max_wasm_stack(STACK).async_stack_size(STACK + STACK_OF_CALLS);
    config
}

fn wasi(module: &Path, context: &Context) -> Result<WasiP1Ctx, HostError> {
    let mut builder = WasiCtxBuilder::new();
    let name = module.file_name().unwrap_or_default().to_string_lossy();
    builder.arg(name).args(&context.arguments).envs(&context.environment);
    builder.inherit_stdout().inherit_stderr();
    builder.allow_tcp(false).allow_udp(false).allow_blocking_current_thread(true);
    // C libraries look for relative paths below every directory, the longest name first.
    let value = |wanted| context.environment.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    for directory in std::iter::once(".").chain(DIRECTORIES.into_iter().filter_map(value)) {
        let opened = builder.preopened_dir(directory, directory, FsPerms::ReadWrite).map(|_| ());
        opened.map_err(|reason| HostError::Directory { path: directory.into(), reason })?;
    }
    Ok(builder.build_p1())
}

/// The program's own code, if it left by calling `proc_exit`.
fn exit_code(error: wasmtime::Error) -> Result<u8, HostError> {
    match error.downcast_ref::<I32Exit>() {
        Some(I32Exit(code)) => Ok(u8::try_from(*code).unwrap_or(u8::MAX)),
        None => Err(HostError::Trapped(error)),
    }
}

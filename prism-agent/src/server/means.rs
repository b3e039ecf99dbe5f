//! What this agent executes algorithms with: interpreter, hosts, index, devices, sandbox. Terms that need others are
//! refused before it wakes, and nobody's data comes. Which layers the sandbox has is found out by building one.

use std::collections::BTreeSet;
use std::path::PathBuf;

use prism_core::code::{Code, Coded};
use prism_core::image::Architecture;
use prism_core::manifest::{Algorithm, Device, PythonVersion, Runtime};

use super::config::RunnerConfig;
use crate::runner::{
    Interpreter, InterpreterError, Layer, Limits, RunError, UnknownMediaType, WasmHost, WasmHostError, device_nodes,
    probe,
};

/// Terms of a manifest that this agent cannot keep.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TermError {
    /// There is no interpreter.
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
    /// The interpreter is of another version.
    #[error(
        "expected a Python {expected} interpreter, as the manifest says, found {found}; configure another with --python"
    )]
    Version {
        /// The manifest's version.
        expected: PythonVersion,
        /// The interpreter's version.
        found: String,
    },
    /// There is no WebAssembly host.
    #[error(transparent)]
    WasmHost(#[from] WasmHostError),
    /// Nothing executes programs of this kind.
    #[error(
        "expected an agent that executes {runtime} programs, as the manifest says, found one that does not; use an agent on a machine of another kind, or a build that does"
    )]
    Runtime {
        /// The manifest's runtime.
        runtime: Runtime,
    },
    /// Results of a media type that nothing is ever found to have.
    #[error(transparent)]
    MediaType(#[from] UnknownMediaType),
    /// A device is absent.
    #[error(
        "expected a machine with {device}, as the manifest says, found none; use such a machine and load its driver"
    )]
    Device {
        /// The manifest's device.
        device: Device,
    },
    /// A sandbox layer is not to be had.
    #[error(
        "expected a machine with the sandbox layer {layer}, which the terms need, found it {state}; use such a machine or do not demand it"
    )]
    Layer {
        /// The layer.
        layer: Layer,
        /// What became of it.
        state: String,
    },
    /// No sandbox can be built for these terms.
    #[error(
        "expected a machine that builds a sandbox for the manifest's terms, found one that does not; see to its cause"
    )]
    Sandbox(#[source] Box<RunError>),
}

impl Coded for TermError {
    fn code(&self) -> Code {
        match self {
            Self::Interpreter(error) => error.code(),
            Self::WasmHost(error) => error.code(),
            _ => Code::ManifestUnsupported,
        }
    }
}

/// What was found on this machine for one manifest.
#[derive(Clone, Debug)]
pub(super) struct Means {
    /// What executes the algorithm.
    pub(super) program: Program,
    /// Nodes of the devices that the manifest asks for.
    pub(super) devices: Vec<PathBuf>,
}

/// What executes an algorithm.
#[derive(Clone, Debug)]
pub(super) enum Program {
    /// This interpreter.
    Python(Interpreter),
    /// The machine itself.
    Binary,
    /// This host.
    Wasm(WasmHost),
    /// The machine itself, of this architecture, with the image as its root.
    Image(Architecture),
}

impl Means {
    /// Looks for what `terms` need.
    pub(super) async fn find(terms: &Algorithm, config: &RunnerConfig) -> Result<Self, TermError> {
        let program = match terms.runtime {
            Runtime::Python3 => Program::Python(interpreter(terms.interpreter.as_ref(), config).await?),
            Runtime::Binary => Program::Binary,
            Runtime::Wasm => Program::Wasm(WasmHost::find(config.wasm_host.as_deref()).await?),
            runtime @ Runtime::Image => Program::Image(Architecture::here().ok_or(TermError::Runtime { runtime })?),
            runtime => return Err(TermError::Runtime { runtime }),
        };
        let mut devices = Vec::new();
        for device in terms.devices.iter().copied() {
            let nodes = device_nodes(device);
            if nodes.is_empty() {
                return Err(TermError::Device { device });
            }
            devices.extend(nodes);
        }
        require_layers(terms, config).await?;
        Ok(Self { program, devices })
    }
}

/// Refuses terms whose sandbox this machine cannot build.
async fn require_layers(terms: &Algorithm, config: &RunnerConfig) -> Result<(), TermError> {
    // Both lists have the same layers.
    let mut required: BTreeSet<Layer> = terms.sandbox.iter().filter_map(|layer| Layer::try_from(*layer).ok()).collect();
    if terms.runtime == Runtime::Image {
        required.insert(Layer::MountNamespace);
    }
    match probe(config.helper.clone(), Limits::from(&terms.limits), required).await {
        Ok(layers) => tracing::info!(?layers, "a sandbox was built and taken down again"),
        Err(RunError::LayerMissing { layer, state, .. }) => return Err(TermError::Layer { layer, state }),
        // Nobody answers where a host program is no helper: this says nothing of the machine, and its runs will fail by it.
        Err(error @ (RunError::Helper { .. } | RunError::Io { .. })) => {
            tracing::warn!(%error, "no sandbox could be tried");
        }
        Err(error) => return Err(TermError::Sandbox(Box::new(error))),
    }
    Ok(())
}

async fn interpreter(wanted: Option<&PythonVersion>, config: &RunnerConfig) -> Result<Interpreter, TermError> {
    let interpreter = Interpreter::find(config.python.as_deref()).await?;
    match wanted {
        Some(version) if !version.admits(&interpreter.target.full_version) => {
            Err(TermError::Version { expected: *version, found: interpreter.target.full_version })
        }
        _ => Ok(interpreter),
    }
}

//! The program that executes WebAssembly: `prism-wasm`, which carries the compiler that the agent does not.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use prism_core::code::{Code, Coded};
use tokio::process::Command;

/// The host's file name, beside the agent's own program.
const NAME: &str = "prism-wasm";

/// A WebAssembly host that was found and answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WasmHost {
    /// The executable, behind every link.
    pub executable: PathBuf,
    /// What executes the module inside, such as `wasmtime 48.0.8`.
    pub engine: String,
}

/// Why there is no WebAssembly host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WasmHostError {
    /// The program does not start.
    #[error(
        "expected the WebAssembly host at {path}, found none that starts; install prism-wasm beside this program or \
         configure its path"
    )]
    NotFound {
        /// What was tried.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The program does not answer as a host does.
    #[error("expected {path} to answer as prism-wasm, found another answer; configure the path of prism-wasm")]
    NotHost {
        /// What was tried.
        path: PathBuf,
    },
}

impl Coded for WasmHostError {
    fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => Code::FileMissing,
            Self::NotHost { .. } => Code::Usage,
        }
    }
}

impl WasmHost {
    /// Finds the host: the configured one, or `prism-wasm` beside this program.
    ///
    /// # Errors
    /// [`WasmHostError`] when it does not start or is another program.
    pub async fn find(configured: Option<&Path>) -> Result<Self, WasmHostError> {
        let path = match configured {
            Some(path) => path.to_owned(),
            None => {
                std::env::current_exe().map(|own| own.with_file_name(NAME)).map_err(|source| not_found(NAME, source))?
            }
        };
        let executable = tokio::fs::canonicalize(&path).await.map_err(|source| not_found(&path, source))?;
        let mut command = Command::new(&executable);
        command.arg("--version").current_dir("/").env_clear();
        command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.map_err(|source| not_found(&path, source))?;
        let answer = String::from_utf8(output.stdout).ok().filter(|_| output.status.success());
        let engine = answer.as_deref().and_then(engine).map(str::to_owned);
        engine.map(|engine| Self { executable, engine }).ok_or(WasmHostError::NotHost { path })
    }
}

fn not_found(path: impl Into<PathBuf>, source: io::Error) -> WasmHostError {
    WasmHostError::NotFound { path: path.into(), source }
}

/// The engine in `prism-wasm 0.1.0 (wasmtime 48.0.8)`.
fn engine(answer: &str) -> Option<&str> {
    let (_, engine) = answer.strip_prefix(NAME)?.strip_prefix(' ')?.trim_end().split_once(" (")?;
    engine.strip_suffix(')').filter(|engine| engine.starts_with("wasmtime "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hosts_own_answer_names_an_engine() {
        assert_eq!(engine("prism-wasm 0.1.0 (wasmtime 48.0.8)\n"), Some("wasmtime 48.0.8"));
        for other in
            ["", "wasmtime 48.0.8", "prism-wasm 0.1.0", "prism-wasm 0.1.0 (wasmer 4)", "prism-wasmx 1 (wasmtime 1)"]
        {
            assert_eq!(engine(other), None, "{other}");
        }
    }
}

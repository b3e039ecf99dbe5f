//! What can be typed after `cargo demo --`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub(crate) const HELP: &str = "\
cargo demo                     three hospitals train one model, a stranger audits it; under two minutes
cargo demo -- --tamper         everybody cheats once, and every cheat is refused
cargo demo -- --measure        also run the training plainly, and say how long it takes inside and outside
cargo demo -- --kaggle ZIP     real images: the COVID-19 Radiography Database as Kaggle serves it
cargo demo -- --resnet18       train a ResNet-18 on torch: fetches about 3 GB once, then minutes of training
cargo demo -- --dir DIR        where everybody's files go; must be new or empty (default target/demo/run, made afresh)";

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) tamper: bool,
    pub(crate) measure: bool,
    pub(crate) resnet18: bool,
    pub(crate) kaggle: Option<PathBuf>,
    pub(crate) dir: Option<PathBuf>,
}

/// What to do.
pub(crate) enum Action {
    Run(Options),
    Help,
}

impl Options {
    /// Reads the arguments.
    pub(crate) fn read(mut args: impl Iterator<Item = OsString>) -> Result<Action, String> {
        let mut options = Self::default();
        while let Some(arg) = args.next() {
            let mut path = |what: &str| args.next().map(PathBuf::from).ok_or_else(|| format!("expected {what}"));
            match arg.to_str() {
                Some("--help" | "-h") => return Ok(Action::Help),
                // The alias in .cargo/config.toml ends with this already; whoever types it once more means no harm.
                Some("--") => {}
                Some("--tamper") => options.tamper = true,
                Some("--measure") => options.measure = true,
                Some("--resnet18") => options.resnet18 = true,
                Some("--kaggle") => options.kaggle = Some(absolute(&path("the archive's path after --kaggle")?)?),
                Some("--dir") => options.dir = Some(absolute(&path("a directory after --dir")?)?),
                _ => return Err(format!("expected a known option, found {}\n\n{HELP}", arg.to_string_lossy())),
            }
        }
        Ok(Action::Run(options))
    }
}

/// Programs that we start work in other directories.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("expected a path, found {}: {error}", path.display()))
}

//! What a collaboration is about: who brings what, and which programs prepare and train.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::process::run_well;
use crate::python::Python;

/// One of the scenarios in this directory.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Scenario {
    /// Its directory below `examples/`.
    pub folder: &'static str,
    /// The terms as people write them.
    pub draft: &'static str,
    /// The program that makes the datasets.
    pub preparer: &'static str,
    /// The program that trains, which the lab brings.
    pub trainer: &'static str,
    /// The lock file of that program.
    pub lock: &'static str,
    /// Who brings which dataset.
    pub datasets: &'static [(&'static str, &'static str)],
}

/// Three hospitals' chest X-rays and a light trainer.
pub const COVID19: Scenario = Scenario {
    folder: "covid19",
    draft: "covid19.toml",
    preparer: "generate.py",
    trainer: "train.py",
    lock: "requirements.lock",
    datasets: &[("hospital-1", "h1"), ("hospital-2", "h2"), ("hospital-3", "h3")],
};

/// Real breast cancer patients of three hospitals; the institute brings the test patients.
pub const BREAST_CANCER: Scenario = Scenario {
    folder: "breast_cancer",
    draft: "breast_cancer.toml",
    preparer: "prepare.py",
    trainer: "train.py",
    lock: "requirements.lock",
    datasets: &[
        ("hospital-1", "h1.csv"),
        ("hospital-2", "h2.csv"),
        ("hospital-3", "h3.csv"),
        ("institute", "test.csv"),
    ],
};

impl Scenario {
    /// The same with a ResNet-18 on torch: minutes of training and gigabytes of packages.
    #[must_use]
    pub fn with_resnet18(self) -> Self {
        Self { trainer: "train_resnet18.py", lock: "requirements-resnet18.lock", ..self }
    }

    /// A file of the scenario.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        crate::examples().join(self.folder).join(name)
    }

    /// Python with what the trainer needs.
    ///
    /// # Errors
    /// As [`Python::prepare`].
    pub fn python(&self, say: &mut dyn FnMut(&str)) -> Result<Python, Failure> {
        Python::prepare(&crate::cache(), &self.file(self.lock), say)
    }

    /// Makes all datasets in a new directory: `extra` goes to the program that prepares them.
    ///
    /// # Errors
    /// [`Failure::Program`] when that program fails.
    pub fn prepare(&self, python: &Python, out: &Path, extra: &[&str]) -> Result<String, Failure> {
        let mut program = python.program(&self.file(self.preparer));
        if self.preparer == BREAST_CANCER.preparer {
            program.arg("--cache").arg(crate::cache().join(self.folder));
        }
        run_well(program.arg(out).args(extra))
    }

    /// The terms with what each provider says about its dataset instead of the path of its file: whoever writes the
    /// terms has not got the data.
    ///
    /// # Errors
    /// [`Failure::Io`] when the draft cannot be read, [`Failure::Unexpected`] when it does not name a dataset.
    pub fn terms(&self, said: &[Facts]) -> Result<String, Failure> {
        let draft = self.file(self.draft);
        let mut terms = fs::read_to_string(&draft).map_err(Failure::io("read", &draft))?;
        for Facts { name, digest, size } in said {
            let unpack = if name.contains('.') { String::new() } else { format!("\nunpack = \"{name}\"") };
            let there = format!("name = \"{name}\"\ndigest = \"{digest}\"\nsize = {size}{unpack}");
            terms = replace(&terms, &format!("file = \"{name}\""), &there)?;
        }
        replace(&terms, "file = \"train.py\"", &format!("file = \"{}\"", self.trainer))
    }
}

/// What a provider says about its dataset.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Facts {
    /// The dataset's name.
    pub name: String,
    /// Its digest as `prism checksum` prints it.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
}

/// `text` with its only `old` replaced.
///
/// # Errors
/// [`Failure::Unexpected`] when `old` is not there exactly once.
pub fn replace(text: &str, old: &str, new: &str) -> Result<String, Failure> {
    match text.matches(old).count() {
        1 => Ok(text.replacen(old, new, 1)),
        count => Err(Failure::unexpected(format!("{old:?} once in the terms"), format!("it {count} times"))),
    }
}

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
    /// The program that makes the datasets; none when they are there already.
    pub preparer: Option<&'static str>,
    /// The program that trains, which the lab brings.
    pub trainer: &'static str,
    /// The lock file of that program; none when it needs no packages.
    pub lock: Option<&'static str>,
    /// Whom the terms name.
    pub participants: &'static [&'static str],
    /// Who brings which dataset.
    pub datasets: &'static [(&'static str, &'static str)],
}

/// Who takes part in both scenarios.
pub const PARTICIPANTS: [&str; 5] = ["lab", "hospital-1", "hospital-2", "hospital-3", "institute"];

/// Three hospitals' chest X-rays and a light trainer.
pub const COVID19: Scenario = Scenario {
    folder: "covid19",
    draft: "covid19.toml",
    preparer: Some("generate.py"),
    trainer: "train.py",
    lock: Some("requirements.lock"),
    participants: &PARTICIPANTS,
    datasets: &[("hospital-1", "h1"), ("hospital-2", "h2"), ("hospital-3", "h3")],
};

/// Real breast cancer patients of three hospitals; the institute brings the test patients.
pub const BREAST_CANCER: Scenario = Scenario {
    folder: "breast_cancer",
    draft: "breast_cancer.toml",
    preparer: Some("prepare.py"),
    trainer: "train.py",
    lock: Some("requirements.lock"),
    participants: &PARTICIPANTS,
    datasets: &[
        ("hospital-1", "h1.csv"),
        ("hospital-2", "h2.csv"),
        ("hospital-3", "h3.csv"),
        ("institute", "test.csv"),
    ],
};

/// A lab whose program tries to get out of its room.
pub const PRYING: Scenario = Scenario {
    folder: "prying",
    draft: "prying.toml",
    preparer: None,
    trainer: "pry.py",
    lock: None,
    participants: &["lab", "hospital-1", "institute"],
    datasets: &[("hospital-1", "h1")],
};

impl Scenario {
    /// The same with a ResNet-18 on torch: minutes of training and gigabytes of packages.
    #[must_use]
    pub fn with_resnet18(self) -> Self {
        Self { trainer: "train_resnet18.py", lock: Some("requirements-resnet18.lock"), ..self }
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
        let lock = self.lock.ok_or_else(|| Failure::unexpected("a lock file", self.folder))?;
        Python::prepare(&crate::cache(), &self.file(lock), say)
    }

    /// Makes all datasets in a new directory: `extra` goes to the program that prepares them.
    ///
    /// # Errors
    /// [`Failure::Program`] when that program fails.
    pub fn prepare(&self, python: &Python, out: &Path, extra: &[&str]) -> Result<String, Failure> {
        let Some(preparer) = self.preparer else { return Ok(String::new()) };
        let mut program = python.program(&self.file(preparer));
        if self.folder == BREAST_CANCER.folder {
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
        if terms.contains("file = \"train.py\"") {
            terms = replace(&terms, "file = \"train.py\"", &format!("file = \"{}\"", self.trainer))?;
        }
        Ok(terms)
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

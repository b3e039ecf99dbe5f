//! A folder of its own and a `prism` that knows nothing of this machine's user.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What one command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The one JSON object on stdout, of the schema that programs rely on.
    pub(crate) fn json(&self) -> Value {
        let json: Value = serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err));
        assert_eq!(json["schema"], 1, "{json}");
        json
    }

    /// The JSON objects on stdout, one on each line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// Refused with this exit code and this error code; the error has a hint.
    #[track_caller]
    pub(crate) fn refused(&self, exit: i32, code: &str) -> &Self {
        assert_eq!(self.code, exit, "{}{}", self.out, self.err);
        assert!(self.err.contains(&format!("error[{code}]: ")), "{}", self.err);
        assert!(self.err.contains("\nhint: "), "{}", self.err);
        self
    }

    /// Done.
    #[track_caller]
    pub(crate) fn ok(&self) -> &Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }
}

/// A folder in which commands run.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
    }

    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// `prism` in this folder, with a clean environment and a home of its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prism"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path("home")).stdin(Stdio::null());
        command
    }

    pub(crate) fn prism(&self, arguments: &[&str]) -> Said {
        said(&mut self.command(arguments))
    }

    /// One line, split at spaces.
    pub(crate) fn run(&self, line: &str) -> Said {
        self.prism(&line.split_whitespace().collect::<Vec<_>>())
    }
}

/// Runs a command to its end.
pub(crate) fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with keys for `names`, a program, a dataset and `covid19.toml` on real hardware.
pub(crate) fn drafted(names: &[&str]) -> Place {
    let place = Place::new();
    let mut arguments = vec!["keys", "new"];
    arguments.extend(names);
    place.prism(&arguments).ok();
    place.write("train.py", "print('hello')\n");
    place.write("h1/COVID/1.png", "image");
    place.write("policy.json", include_str!("../cmd/manifest.in/policy.json"));
    place.write("covid19.toml", draft(names));
    place
}

/// The first of `names` owns, the second brings data, the last consumes.
pub(crate) fn draft(names: &[&str]) -> String {
    let participant =
        |name: &&str| format!("[participants.{name}]\norganisation = \"The {name}\"\nkey = \"{name}.pub\"\n");
    let participants: Vec<String> = names.iter().map(participant).collect();
    let (owner, provider, consumer) = (names[0], names[1], names[names.len() - 1]);
    format!(
        "title = \"COVID-19 chest X-rays\"\nowner = \"{owner}\"\n[platform]\npolicy = \"policy.json\"\n{}\
         [algorithm]\nprovider = \"{owner}\"\nfile = \"train.py\"\n\
         [[dataset]]\nprovider = \"{provider}\"\nfile = \"h1\"\n[results]\nconsumers = [\"{consumer}\"]\n",
        participants.concat()
    )
}

/// Every file below a folder, for comparing before and after.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

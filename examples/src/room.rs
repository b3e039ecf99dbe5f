//! Everyone of a collaboration, from keys to the audited transcript. Each step is what people would type.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;
use crate::party::Party;
use crate::process::Stream;
use crate::python::Python;
use crate::scenario::{Facts, Scenario, replace};

/// Hears what happens, to tell it.
pub trait Narrator {
    /// `who` did `what`.
    fn act(&mut self, who: &str, what: &str);
}

/// Tells nothing.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Quiet;

impl Narrator for Quiet {
    fn act(&mut self, _who: &str, _what: &str) {}
}

/// Everyone, each with a directory of their own in one place.
pub struct Room {
    scenario: Scenario,
    home: PathBuf,
    prism: PathBuf,
    participants: Vec<Party>,
    cloud: Party,
    narrator: Box<dyn Narrator>,
}

/// An agent that was started and said that it is ready. It is ended when this value goes away.
#[derive(Debug)]
pub struct Agent {
    stream: Stream,
    address: String,
}

impl Agent {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends the agent in good order.
    ///
    /// # Errors
    /// [`Failure::Silent`] when it does not end.
    pub fn finish(self) -> Result<(), Failure> {
        self.stream.finish(Duration::from_secs(30)).map(drop)
    }
}

impl Room {
    /// Everyone arrives in a new directory; the data is in `data`, and every provider takes their own.
    ///
    /// # Errors
    /// [`Failure::Io`] when a directory exists already or cannot be made.
    pub fn open(home: &Path, prism: &Path, scenario: Scenario) -> Result<Self, Failure> {
        fs::create_dir_all(home).map_err(Failure::io("create", home))?;
        let arrive = |name: &str| Party::arrive(name, home, prism);
        let participants = scenario.participants.iter().map(|name| arrive(name)).collect::<Result<_, _>>()?;
        let (cloud, narrator) = (arrive("cloud")?, Box::new(Quiet));
        Ok(Self { scenario, home: home.to_owned(), prism: prism.to_owned(), participants, cloud, narrator })
    }

    /// Tells `narrator` from now on what happens.
    pub fn tell(&mut self, narrator: Box<dyn Narrator>) {
        self.narrator = narrator;
    }

    /// The directory of all parties.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The `prism` program.
    #[must_use]
    pub fn prism(&self) -> &Path {
        &self.prism
    }

    /// A participant.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] for a name that nobody has.
    pub fn party(&self, name: &str) -> Result<&Party, Failure> {
        let found = self.participants.iter().find(|party| party.name() == name);
        found.ok_or_else(|| Failure::unexpected("a participant", name))
    }

    /// Everyone whom the manifest names.
    #[must_use]
    pub fn participants(&self) -> &[Party] {
        &self.participants
    }

    /// Who runs the machine.
    #[must_use]
    pub fn cloud(&self) -> &Party {
        &self.cloud
    }

    /// Somebody else comes in, with no key and an empty directory.
    ///
    /// # Errors
    /// [`Failure::Io`] when the directory exists already.
    pub fn stranger(&self, name: &str) -> Result<Party, Failure> {
        Party::arrive(name, &self.home, &self.prism)
    }

    /// Says that `who` did `what`.
    pub fn said(&mut self, who: &str, what: &str) {
        self.narrator.act(who, what);
    }

    /// Every provider takes its dataset out of `data`; the lab takes its program and the packages that it needs, and
    /// the cloud's machine has the Python for which they are.
    ///
    /// # Errors
    /// [`Failure::Io`] when something is missing.
    pub fn hand_out(&mut self, data: &Path, python: Option<&Python>) -> Result<(), Failure> {
        for (provider, dataset) in self.scenario.datasets {
            let (from, to) = (data.join(dataset), self.party(provider)?.file(dataset));
            fs::rename(&from, to).map_err(Failure::io("move", &from))?;
        }
        let lab = self.party("lab")?;
        lab.receive(&self.scenario.file(self.scenario.trainer))?;
        let Some(python) = python else { return Ok(()) };
        copy_folder(&python.requirements, &lab.file("requirements"))?;
        if let Some(folder) = python.base.parent().filter(|folder| folder.is_absolute()) {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
            self.cloud.set("PATH", std::env::join_paths(folders).unwrap_or(path));
        }
        Ok(())
    }

    /// Everyone makes a key and gives the public half to the lab.
    ///
    /// # Errors
    /// As [`Party::prism`].
    pub fn make_keys(&mut self) -> Result<(), Failure> {
        for party in &self.participants {
            let name = party.name();
            let made = party.prism(&["keys", "new", name])?;
            let fingerprint = text(&made, "/keys/0/fingerprint")?;
            self.narrator.act(name, &format!("prism keys new {name}   {}", short(&fingerprint)));
            if name != "lab" {
                self.party("lab")?.receive(&party.file(format!("{name}.pub")))?;
            }
        }
        Ok(())
    }

    /// The terms: every provider measures its dataset, the cloud names its simulator's root, the lab writes it down.
    ///
    /// # Errors
    /// As [`Party::prism`].
    pub fn draft(&mut self) -> Result<String, Failure> {
        let mut said = Vec::new();
        for (provider, dataset) in self.scenario.datasets {
            let measured = self.party(provider)?.prism(&["checksum", dataset])?;
            let digest = text(&measured, "/files/0/digest")?;
            let size = measured.pointer("/files/0/size").and_then(Value::as_u64).unwrap_or_default();
            self.narrator.act(provider, &format!("prism checksum {dataset}   {} ({} kB)", short(&digest), size / 1000));
            said.push(Facts { name: (*dataset).to_owned(), digest, size });
        }
        let root = text(&self.cloud.prism(&["simulator", "root"])?, "/root")?;
        self.narrator.act("cloud", &format!("prism simulator root   {}", short(&root)));
        replace(&self.scenario.terms(&said)?, "simulated = true", &format!("simulated = \"{root}\""))
    }

    /// The lab turns terms into a manifest and sends it to everyone.
    ///
    /// # Errors
    /// As [`Party::prism`].
    pub fn write_manifest(&mut self, terms: &str) -> Result<String, Failure> {
        let lab = self.party("lab")?;
        lab.write("terms.toml", terms)?;
        let written = lab.prism(&["manifest", "new", "terms.toml", "-o", "manifest.json"])?;
        let digest = text(&written, "/manifest")?;
        for party in self.participants.iter().filter(|party| party.name() != "lab") {
            party.receive(&lab.file("manifest.json"))?;
        }
        self.narrator.act("lab", &format!("prism manifest new terms.toml -o manifest.json   {}", short(&digest)));
        Ok(digest)
    }

    /// Everyone reads the manifest, approves its bytes and sends the approval to the lab.
    ///
    /// # Errors
    /// As [`Party::prism`].
    pub fn approve(&mut self) -> Result<(), Failure> {
        for party in &self.participants {
            let name = party.name();
            party.prism(&["manifest", "show", "manifest.json"])?;
            party.prism(&["manifest", "approve", "manifest.json", "--key", &format!("{name}.key")])?;
            if name != "lab" {
                self.party("lab")?.receive(&party.file(format!("{name}.approval")))?;
            }
            self.narrator.act(name, &format!("prism manifest approve manifest.json --key {name}.key"));
        }
        Ok(())
    }

    /// The lab puts the approvals together and sends the signed manifest to everyone.
    ///
    /// # Errors
    /// As [`Party::prism`].
    pub fn assemble(&mut self) -> Result<(), Failure> {
        let lab = self.party("lab")?;
        let approvals: Vec<String> = self.scenario.participants.iter().map(|name| format!("{name}.approval")).collect();
        let mut args = vec!["manifest", "assemble", "manifest.json"];
        args.extend(approvals.iter().map(String::as_str));
        args.extend(["-o", SIGNED]);
        lab.prism(&args)?;
        for party in self.participants.iter().filter(|party| party.name() != "lab").chain([&self.cloud]) {
            party.receive(&lab.file(SIGNED))?;
        }
        self.narrator.act("lab", &format!("prism manifest assemble manifest.json *.approval -o {SIGNED}"));
        Ok(())
    }

    /// The cloud starts an agent with the signed manifest on a free port, and everyone learns where it listens.
    ///
    /// # Errors
    /// [`Failure::Program`] when the agent ends instead of getting ready.
    pub fn wake(&mut self) -> Result<Agent, Failure> {
        let agent = start_agent(&self.cloud, SIGNED, "agent-state")?;
        let address = agent.address.clone();
        self.narrator
            .act("cloud", &format!("prism agent serve --manifest {SIGNED} --platform simulated   at {address}"));
        for party in &mut self.participants {
            party.set("PRISM_AGENT_URL", &address);
            party.set("PRISM_MANIFEST", SIGNED);
        }
        Ok(agent)
    }

    /// One party asks the agent for evidence and judges it, before it sends anything.
    ///
    /// # Errors
    /// As [`Party::prism`].
    pub fn attest(&mut self, name: &str) -> Result<Value, Failure> {
        self.party(name)?.prism(&["attest"])
    }

    /// The lab uploads its program and the packages that it needs.
    ///
    /// # Errors
    /// As [`Party::prism`].
    pub fn give_algorithm(&mut self) -> Result<(), Failure> {
        let trainer = self.scenario.trainer;
        self.party("lab")?.prism(&["algo", trainer, "--key", "lab.key"])?;
        self.narrator.act("lab", &format!("prism algo {trainer} --key lab.key"));
        Ok(())
    }

    /// A provider uploads its dataset.
    ///
    /// # Errors
    /// As [`Party::prism`].
    pub fn give_dataset(&mut self, provider: &str) -> Result<(), Failure> {
        let owned = self.scenario.datasets.iter().find(|(owner, _)| *owner == provider);
        let (_, dataset) = owned.ok_or_else(|| Failure::unexpected("a dataset provider", provider))?;
        let key = format!("{provider}.key");
        self.party(provider)?.prism(&["data", dataset, "--key", &key])?;
        self.narrator.act(provider, &format!("prism data {dataset} --key {key}"));
        Ok(())
    }
}

/// The signed manifest's file.
pub const SIGNED: &str = "computation.prism";

/// Starts an agent on a free port and waits until it says that it is ready. A refusal to start is returned as such.
///
/// # Errors
/// [`Failure::Program`] when it ends instead.
pub fn start_agent(operator: &Party, manifest: &str, state: &str) -> Result<Agent, Failure> {
    let serve = ["agent", "serve", "--manifest", manifest, "--listen", "127.0.0.1:0"];
    let rest = ["--platform", "simulated", "--state", state];
    let mut stream = operator.follow(&[&serve[..], &rest[..]].concat())?;
    let address = stream.until(|said| said.get("listening").and_then(Value::as_str).map(str::to_owned))?;
    Ok(Agent { stream, address })
}

/// Reads a JSON file.
///
/// # Errors
/// [`Failure::Io`] or [`Failure::Unexpected`].
pub fn read_json(path: &Path) -> Result<Value, Failure> {
    let bytes = fs::read(path).map_err(Failure::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::unexpected(format!("JSON in {}", path.display()), error))
}

/// A text of an answer.
///
/// # Errors
/// [`Failure::Unexpected`] when the answer has none there.
pub fn text(answer: &Value, pointer: &str) -> Result<String, Failure> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| Failure::unexpected(format!("a text at {pointer}"), answer))
}

/// `sha256:` and the first eight digits: enough for people to compare.
#[must_use]
pub fn short(digest: &str) -> String {
    let end = digest.find(':').map_or(8, |colon| colon + 9);
    digest.get(..end).map_or_else(|| digest.to_owned(), |start| format!("{start}…"))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir(to).map_err(Failure::io("create", to))?;
    for entry in fs::read_dir(from).map_err(Failure::io("read", from))? {
        let path = entry.map_err(Failure::io("read", from))?.path();
        fs::copy(&path, to.join(path.file_name().unwrap_or_default())).map_err(Failure::io("copy", &path))?;
    }
    Ok(())
}

//! A computation for programs that are run: everybody's keys and files in one folder, and terms that all of them approved.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prism_agent::drafting::Desk;
use prism_agent::files::{write_new, write_new_private};
use prism_core::entropy::SystemEntropy;
use prism_core::key::{KeyAlgorithm, SigningKey};
use prism_core::manifest::SignedManifest;
use prism_core::manifest::draft::Draft;
use serde_json::{Map, json};

const SCRIPT: &str = r#"
import json, pathlib
rows = 0
for step, table in enumerate(sorted(pathlib.Path("datasets").rglob("*.csv"))):
    rows += len(table.read_text().splitlines())
    print("metrics " + json.dumps({"step": step, "rows": rows}), flush=True)
pathlib.Path("results").mkdir(exist_ok=True)
pathlib.Path("results/count.txt").write_text(str(rows))
print("counted", flush=True)
"#;

fn draft() -> Draft {
    let person = |name: &str| json!({"organisation": format!("House of {name}"), "key": format!("{name}.pub")});
    let draft = json!({
        "title": "Count the rows",
        "owner": "lab",
        "valid": "1d",
        "platform": {"simulated": true},
        "participants": PEOPLE.iter().map(|name| ((*name).to_owned(), person(name))).collect::<Map<_, _>>(),
        "algorithm": {
            "provider": "lab",
            "file": "count.py",
            "limits": {"memory": "512 MiB", "disk": "64 MiB", "time": "5min"},
        },
        "dataset": [{"provider": "hospital-1", "file": "h1"}, {"provider": "hospital-2", "file": "h2.csv"}],
        "results": {"consumers": ["institute"], "max": "1 MiB"},
        "logs": {"stdout": ["lab", "institute"], "stderr": ["lab"], "metrics": ["institute"]},
    });
    serde_json::from_value(draft).unwrap()
}

/// Who takes part: each has `<name>.key` and `<name>.pub` in the room.
pub(crate) const PEOPLE: [&str; 4] = ["lab", "hospital-1", "hospital-2", "institute"];

/// The folder: keys, `count.py` (the lab's), the folder `h1` and the file `h2.csv` (the hospitals'), `terms.prism`, and
/// `state`, where simulators keep their keys. The result is `count.txt` with 7 in it.
pub(crate) struct Room(tempfile::TempDir);

impl Room {
    pub(crate) fn set() -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        let keys: Vec<SigningKey> = PEOPLE.iter().map(|name| room.key(name)).collect();
        room.write("count.py", SCRIPT);
        fs::create_dir_all(room.file("h1/deeper")).unwrap();
        fs::create_dir(room.file("state")).unwrap();
        room.write("h1/a.csv", "61,1\n47,0\n");
        room.write("h1/deeper/b.csv", "33,0\n");
        room.write("h2.csv", "18,0\n29,1\n74,1\n55,0\n");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let desk = Desk { folder: room.path(), state: &room.file("state"), now };
        let bytes = desk.complete(&draft()).unwrap().to_bytes().unwrap();
        let approvals: Vec<_> = keys.iter().map(|key| SignedManifest::approve(&bytes, key).unwrap()).collect();
        let signed = SignedManifest::assemble(&bytes, &approvals).unwrap();
        fs::write(room.file("terms.prism"), signed.to_bytes()).unwrap();
        room
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    fn key(&self, name: &str) -> SigningKey {
        let key = SigningKey::generate(KeyAlgorithm::Ed25519, &mut SystemEntropy::default()).unwrap();
        write_new_private(&self.file(&format!("{name}.key")), key.to_pem().as_bytes()).unwrap();
        write_new(&self.file(&format!("{name}.pub")), key.public().to_pem().as_bytes()).unwrap();
        key
    }
}

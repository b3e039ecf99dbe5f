//! A program as people write it: its arguments are JSON, it recreates `results/`, unpacks beside its data, and keeps
//! what it needs in `HOME` and `TMPDIR`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let settings = env::args().nth(1).ok_or("no settings")?;
    if fs::exists("results")? {
        fs::remove_dir_all("results")?;
    }
    fs::create_dir_all("results/models")?;
    let mut sums = BTreeMap::new();
    for entry in fs::read_dir("datasets")? {
        let entry = entry?;
        let sum: f64 = fs::read_to_string(entry.path())?.lines().filter_map(|line| line.parse::<f64>().ok()).sum();
        fs::write(entry.path().with_extension("seen"), "seen")?;
        sums.insert(entry.file_name().to_string_lossy().into_owned(), sum);
    }
    for variable in ["HOME", "TMPDIR"] {
        let folder = PathBuf::from(env::var(variable)?);
        fs::create_dir_all(folder.join("cache/deep"))?;
        fs::write(folder.join("cache/deep/file"), variable)?;
        fs::rename(folder.join("cache/deep/file"), folder.join("moved"))?;
        assert_eq!(fs::read_to_string(folder.join("moved"))?, variable);
        assert_eq!(fs::read_dir(&folder)?.filter_map(Result::ok).filter(|e| e.file_name() == "moved").count(), 1);
    }
    fs::write("results/models/sums.json", format!("{{\"settings\":{settings},\"sums\":{sums:?}}}"))?;
    println!("{} datasets in {}", sums.len(), if begin.elapsed().as_secs() < 3600 { "time" } else { "vain" });
    Err("and it says what went wrong".into())
}

//! The scenarios' Python programs, run plainly: what a hospital's engineer tries before anything confidential happens.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use prism_examples::process::run_well;
use prism_examples::python::Python;
use prism_examples::{cache, examples, skipped};
use serde_json::Value;
use tempfile::TempDir;

/// The environment of a scenario, or `None` after saying why not: this needs Python and, the first time, a package
/// index.
fn python(scenario: &str) -> Option<Python> {
    let lock = examples().join(scenario).join("requirements.lock");
    match Python::prepare(&cache(), &lock, &mut |_| {}) {
        Ok(python) => Some(python),
        Err(failure) => {
            skipped(&format!("{scenario}'s Python programs"), failure);
            None
        }
    }
}

fn script(name: &str) -> PathBuf {
    examples().join(name)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A directory with generated X-rays under `datasets/`, as the algorithm sees them, and `unseen/` beside it.
fn generated(python: &Python) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    run_well(python.program(&script("covid19/generate.py")).arg(home.path().join("datasets"))).unwrap();
    fs::rename(home.path().join("datasets/unseen"), home.path().join("unseen")).unwrap();
    home
}

fn pngs(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn three_hospitals_together_train_a_model_that_none_of_them_could() {
    let Some(python) = python("covid19") else { return };
    let home = generated(&python);
    run_well(python.program(&script("covid19/train.py")).current_dir(home.path())).unwrap();
    let metrics = json(&home.path().join("results/metrics.json"));
    let together = metrics["test_accuracy"].as_f64().unwrap();
    assert!((0.88..1.0).contains(&together), "{metrics}");
    for hospital in ["h1", "h2", "h3"] {
        let alone = metrics["own_accuracy"][hospital].as_f64().unwrap();
        assert!(alone < together - 0.1, "{hospital}: {metrics}");
    }
    predicts_unseen_images(&python, home.path());
    can_be_plotted(&python, home.path());
}

fn predicts_unseen_images(python: &Python, home: &Path) {
    let classes = ["COVID", "Normal", "Viral Pneumonia"];
    let images: Vec<PathBuf> = classes.iter().flat_map(|class| pngs(&home.join("unseen").join(class))).collect();
    let mut predict = python.program(&script("covid19/predict.py"));
    predict.arg(home.join("results/model.npz")).arg("--json");
    let said = run_well(predict.args(&images)).unwrap();
    let answers: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), images.len());
    let right = answers.iter().filter(|answer| answer["says"] == answer["is"]).count();
    assert!(right * 10 >= images.len() * 8, "{right} of {}", images.len());
}

fn can_be_plotted(python: &Python, home: &Path) {
    let plot = home.join("plot.png");
    run_well(python.program(&script("covid19/plot.py")).arg(home.join("results/metrics.json")).arg(&plot)).unwrap();
    assert!(fs::read(&plot).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[test]
fn generated_images_and_the_trained_model_are_the_same_on_every_run() {
    let Some(python) = python("covid19") else { return };
    let (one, two) = (generated(&python), generated(&python));
    for class in ["COVID", "Normal", "Viral Pneumonia"] {
        let contents = |home: &TempDir| {
            let files = pngs(&home.path().join("datasets/h2").join(class));
            files.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(contents(&one), contents(&two), "{class}");
    }
    for home in [&one, &two] {
        run_well(python.program(&script("covid19/train.py")).args(["--rounds", "20"]).current_dir(home.path()))
            .unwrap();
    }
    let metrics = |home: &TempDir| fs::read(home.path().join("results/metrics.json")).unwrap();
    assert_eq!(metrics(&one), metrics(&two));
}

/// Packs the folders of `datasets` as the real archive is laid out, with the lung masks and the class that we leave out.
const PACK: &str = r#"
import pathlib, sys, zipfile
source, out = map(pathlib.Path, sys.argv[1:])
with zipfile.ZipFile(out, "w") as archive:
    for path in sorted(source.rglob("*.png")):
        label, name = path.parent.name, f"{path.parent.parent.name}-{path.name}"
        root = f"COVID-19_Radiography_Dataset/{label}"
        archive.write(path, f"{root}/images/{name}")
        archive.writestr(f"{root}/masks/{name}", b"not an X-ray")
    archive.writestr("COVID-19_Radiography_Dataset/Lung_Opacity/images/Lung_Opacity-1.png", b"not used")
    archive.writestr("COVID-19_Radiography_Dataset/README.md.txt", b"not an image")
"#;

#[test]
fn the_real_archive_is_dealt_out_to_three_hospitals_and_trains() {
    let Some(python) = python("covid19") else { return };
    let home = generated(&python);
    let (archive, out) = (home.path().join("archive.zip"), home.path().join("kaggle"));
    let (pack, all) = (home.path().join("pack.py"), home.path().join("datasets"));
    fs::write(&pack, PACK).unwrap();
    run_well(python.program(&pack).arg(&all).arg(&archive)).unwrap();
    let mut split = python.program(&script("covid19/generate.py"));
    run_well(split.arg(&out).arg("--kaggle").arg(&archive).args(["--cap", "30", "--unseen", "5"])).unwrap();
    for class in ["COVID", "Normal", "Viral Pneumonia"] {
        assert_eq!(pngs(&out.join("unseen").join(class)).len(), 5);
        for hospital in ["h1", "h2", "h3"] {
            assert_eq!(pngs(&out.join(hospital).join(class)).len(), 30, "{hospital} {class}");
        }
    }
    fs::rename(out.join("unseen"), home.path().join("kaggle-unseen")).unwrap();
    let mut train = python.program(&script("covid19/train.py"));
    run_well(train.arg("--datasets").arg(&out).args(["--rounds", "20"]).current_dir(home.path())).unwrap();
}

/// Packs each dataset as a zip file beside it and removes the folder.
const ZIP: &str = r#"
import pathlib, shutil, sys
for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    shutil.make_archive(str(folder), "zip", folder.parent, folder.name)
    shutil.rmtree(folder)
"#;

#[test]
fn the_trainer_reads_zip_files_as_it_reads_folders() {
    let Some(python) = python("covid19") else { return };
    let home = generated(&python);
    let train = || {
        run_well(python.program(&script("covid19/train.py")).args(["--rounds", "20"]).current_dir(home.path()))
            .unwrap();
        fs::read(home.path().join("results/metrics.json")).unwrap()
    };
    let folders = train();
    let zip = home.path().join("zip.py");
    fs::write(&zip, ZIP).unwrap();
    run_well(python.program(&zip).arg(home.path().join("datasets"))).unwrap();
    assert!(home.path().join("datasets/h1.zip").is_file());
    assert_eq!(folders, train());
}

#[test]
fn missing_images_are_said_plainly() {
    let Some(python) = python("covid19") else { return };
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("datasets")).unwrap();
    let failure = run_well(python.program(&script("covid19/train.py")).current_dir(home.path())).unwrap_err();
    assert!(failure.to_string().contains("expected PNG images in folders named COVID"), "{failure}");
}

#[test]
fn breast_cancer_patients_of_three_hospitals_together_beat_each_alone() {
    let Some(python) = python("breast_cancer") else { return };
    let home = tempfile::tempdir().unwrap();
    let mut prepare = python.program(&script("breast_cancer/prepare.py"));
    prepare.arg(home.path().join("datasets")).arg("--cache").arg(cache().join("breast_cancer"));
    if let Err(failure) = run_well(&mut prepare) {
        skipped("breast cancer data", failure);
        return;
    }
    run_well(python.program(&script("breast_cancer/train.py")).current_dir(home.path())).unwrap();
    let metrics = json(&home.path().join("results/metrics.json"));
    let accuracy = |name: &str| metrics["scores"][name]["accuracy"].as_f64().unwrap();
    assert!(accuracy("pooled") > 0.95, "{metrics}");
    for hospital in ["h1", "h2", "h3"] {
        assert!(accuracy("pooled") > accuracy(hospital), "{hospital}: {metrics}");
    }
    assert_eq!(metrics["patients"]["test"], 284);
}

#[test]
fn an_altered_table_is_refused() {
    let Some(python) = python("breast_cancer") else { return };
    let home = tempfile::tempdir().unwrap();
    let table = home.path().join("table.csv");
    fs::write(&table, "569,30,malignant,benign\n").unwrap();
    let mut prepare = python.program(&script("breast_cancer/prepare.py"));
    let failure = run_well(prepare.arg(home.path()).arg("--csv").arg(&table)).unwrap_err();
    assert!(failure.to_string().contains("expected the table with SHA-256"), "{failure}");
}

//! What a kept environment costs: the same script in a sandbox without packages, and with an environment that an earlier
//! run made of wheels.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::Command;

use prism_agent::runner::{Interpreter, KeepEnvironments, LOCK_NAME, Python, Requirements, RunSpec, Runtime};
use prism_benches::Turns;
use prism_core::digest::Digest;
use tokio::runtime::Runtime as Tokio;

/// Packages, and modules of each: as many files as a small stack of scientific packages has.
const PACKAGES: usize = 10;
const MODULES: usize = 100;

/// Writes one wheel as any tool would: the interpreter's own zipfile and hashes.
const WHEEL: &str = r#"
import base64, hashlib, sys, zipfile
folder, name, modules = sys.argv[1], sys.argv[2], int(sys.argv[3])
info = f"{name}-1.0.dist-info"
files = {f"{name}/__init__.py": "VALUE = 42\n"}
files |= {f"{name}/module_{n}.py": f"VALUE = {n}\n" * 200 for n in range(modules)}
files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
digest = lambda text: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
record = "".join(f"{path},sha256={digest(text)},{len(text)}\n" for path, text in files.items())
files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
with zipfile.ZipFile(f"{folder}/{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
    for path, text in files.items():
        wheel.writestr(path, text)
"#;

/// Prints milliseconds by the clock for one run: without packages, and with a kept environment.
pub(crate) fn measure(runtime: &Tokio, place: &Path) {
    let interpreter = runtime.block_on(Interpreter::find(None)).unwrap();
    let (wheels, kept) = (place.join("wheels"), place.join("kept"));
    wheelhouse(&interpreter, &wheels);
    let (bare, using) = (place.join("bare.py"), place.join("using.py"));
    fs::write(&bare, "pass\n").unwrap();
    fs::write(&using, "import package_0.module_1\nassert package_0.module_1.VALUE == 1\n").unwrap();
    let number = Cell::new(0_u32);
    let once = |script: &Path, requirements: Requirements| {
        number.set(number.get() + 1);
        let work = place.join(format!("kept-{}", number.get()));
        let python = Python::new(interpreter.clone(), requirements);
        let mut spec = RunSpec::new(work, script, Runtime::Python(python));
        spec.kept = Some(KeepEnvironments::new(&kept));
        runtime.block_on(crate::sandboxed(spec));
    };
    let offline = || Requirements::Offline { dir: wheels.clone() };
    once(&using, offline());
    let mut turns = Turns::default();
    let without = turns.add("a script without packages", || once(&bare, Requirements::None));
    let reusing = turns.add("a script with a kept environment", || once(&using, offline()));
    let medians = turns.measure();
    let each = |index: usize| medians[index].wall.as_secs_f64() * 1e3;
    let (without, reusing) = (each(without), each(reusing));
    println!(
        "{PACKAGES} wheels of {MODULES} modules, kept\n  a run without packages {without:5.1} ms, with the kept environment \
         {reusing:5.1} ms: {:5.1} ms more (target: a start below 300)",
        reusing - without
    );
}

/// A folder of wheels with a lock of them.
fn wheelhouse(interpreter: &Interpreter, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let lock = (0..PACKAGES).map(|number| {
        let (name, modules) = (format!("package_{number}"), MODULES.to_string());
        let mut command = Command::new(&interpreter.executable);
        command.args(["-I", "-c", WHEEL]).arg(folder).args([&name, &modules]);
        assert!(command.status().unwrap().success());
        let wheel = fs::read(folder.join(format!("{name}-1.0-py3-none-any.whl"))).unwrap();
        format!("{name}==1.0 --hash=sha256:{}\n", Digest::sha256(&wheel).to_hex())
    });
    fs::write(folder.join(LOCK_NAME), lock.collect::<String>()).unwrap();
}

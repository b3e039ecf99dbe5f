//! An empty environment.

use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::runner::interpreter::Interpreter;

/// Lays out an empty virtual environment, as `python -m venv --without-pip` would: no process is needed for that. One
/// that is there already, with what was installed into it, stays as it is.
pub(crate) fn lay_out_environment(env: &Path, interpreter: &Interpreter) -> io::Result<()> {
    if env.exists() {
        return Ok(());
    }
    let minor = interpreter.minor_version();
    std::fs::create_dir_all(env.join("bin"))?;
    std::fs::create_dir_all(env.join(format!("lib/python{minor}/site-packages")))?;
    symlink("lib", env.join("lib64"))?;
    for name in ["python", "python3", &format!("python{minor}")] {
        symlink(&interpreter.executable, env.join("bin").join(name))?;
    }
    let home = interpreter.executable.parent().unwrap_or_else(|| Path::new("/usr/bin"));
    let (home, version) = (home.display(), &interpreter.target.full_version);
    let text = format!("home = {home}\ninclude-system-site-packages = false\nversion = {version}\n");
    std::fs::write(env.join("pyvenv.cfg"), text)
}

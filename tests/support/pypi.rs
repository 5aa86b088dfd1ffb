//! Packages from PyPI, in virtual environments of the tests' own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The virtual environment in `home` with the packages that the file `requirements` names. It
/// is made on first use and again when the requirements change. `tells` says what to do where
/// that fails.
pub fn installed(home: &Path, requirements: &str, tells: &str) -> PathBuf {
    fs::create_dir_all(home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();

    let venv = home.join("venv");
    let stamp = home.join("installed.txt");
    let wanted = fs::read_to_string(requirements).unwrap();
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return venv;
    }
    let system = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    run(
        Command::new(system)
            .args(["-m", "venv", "--clear"])
            .arg(&venv),
        tells,
    );
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ];
    run(
        Command::new(venv.join("bin/python"))
            .args(pip)
            .arg(requirements),
        tells,
    );
    fs::write(stamp, wanted).unwrap();
    venv
}

fn run(command: &mut Command, tells: &str) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{tells}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tells}:\n{errors}");
}

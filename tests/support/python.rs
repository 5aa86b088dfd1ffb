//! Runs Python scripts in a virtual environment of the tests' own.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/support/requirements.txt");
const TELLS: &str = "the interoperation tests need Python 3 with venv and pip, and packages from \
                     PyPI: install python3 (Debian: python3-venv), or set PYTHON to it";

/// The interpreter of the virtual environment under `target/`, which is made
/// on first use and again when the requirements change.
pub fn interpreter() -> PathBuf {
    let home = crate::folder().join("python");
    fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();

    let python = home.join("venv/bin/python");
    let stamp = home.join("installed.txt");
    let wanted = fs::read_to_string(REQUIREMENTS).unwrap();
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return python;
    }
    let system = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let venv = home.join("venv");
    run(Command::new(system)
        .arg("-m")
        .arg("venv")
        .arg("--clear")
        .arg(&venv));
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        REQUIREMENTS,
    ];
    run(Command::new(&python).args(pip));
    fs::write(stamp, wanted).unwrap();
    python
}

/// Runs `script` with `input` on its standard input and returns what it prints.
/// A script that fails fails the test, with its own words.
pub fn script(script: &str, input: &str) -> String {
    let mut child = Command::new(interpreter())
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the Python script failed:\n{errors}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{TELLS}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{TELLS}:\n{errors}");
}

//! Runs Python scripts in a virtual environment of the tests' own.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::pypi;

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/support/requirements.txt");
const TELLS: &str = "the interoperation tests need Python 3 with venv and pip, and packages from \
                     PyPI: install python3 (Debian: python3-venv), or set PYTHON to it";

/// The interpreter of the virtual environment under `target/`.
pub fn interpreter() -> PathBuf {
    let home = crate::folder().join("python");
    pypi::installed(&home, REQUIREMENTS, TELLS).join("bin/python")
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

//! Tests that run themselves in a process of their own.

use std::env;
use std::process::Command;

/// The variable that tells a test that it is the process of its own, and what to work on.
const TOLD: &str = "ADMITTANCE_SQL_TEST";

/// What the process of its own is told; `None` in the process that starts it.
pub(crate) fn told() -> Option<String> {
    env::var(TOLD).ok()
}

/// Runs the test `name` in a process of its own, which is told `what`.
pub(crate) fn again(name: &str, what: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture", name])
        .env(TOLD, what);
    command
}

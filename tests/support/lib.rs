//! What the test programs and benchmarks share.

#![expect(
    missing_docs,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::new_without_default,
    reason = "a test fails by panicking, and nothing here is published"
)]

use std::path::{Path, PathBuf};

pub mod acts;
pub mod asks;
pub mod bed;
pub mod commands;
pub mod crash;
pub mod document;
pub mod example;
pub mod faulty;
pub mod gate;
pub mod hunt;
pub mod lanes;
pub mod log;
pub mod mails;
pub mod methods;
pub mod mocks;
pub mod model;
pub mod mongo;
pub mod postgres;
pub mod processes;
pub mod provider;
pub mod pypi;
pub mod python;
pub mod sample;
pub mod second_factor;
pub mod sqlite;
pub mod statements;
pub mod wire;
pub mod wrong;

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Cargo's output folder of this program, such as `target/debug`.
pub fn profile() -> PathBuf {
    // target/debug/deps/program-…
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(2).unwrap().to_owned()
}

/// The folder under `target` for files that tests keep.
pub fn folder() -> PathBuf {
    profile().with_file_name("tmp")
}

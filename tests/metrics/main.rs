//! What is counted and timed, and that it is what docs/operations.md and the
//! dashboard speak of.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

#[path = "../faults/asks.rs"]
#[expect(dead_code, reason = "a part of it is used")]
mod asks;
mod documents;
mod example;
#[path = "../faults/faulty.rs"]
#[expect(dead_code, reason = "a part of it is used")]
mod faulty;
mod hashing;
mod journey;
#[path = "../faults/lanes.rs"]
#[expect(dead_code, reason = "the tests of faults use more of it")]
mod lanes;
mod mail;
mod operations;
mod recorded;
mod store;
#[path = "../support/mod.rs"]
mod support;

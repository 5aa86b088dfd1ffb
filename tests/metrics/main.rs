//! What is counted and timed, and that it is what docs/operations.md and the
//! dashboard speak of.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

mod documents;
mod example;
mod hashing;
mod journey;
mod mail;
mod operations;
mod recorded;
mod store;

//! The service, as an application calls it: no HTTP, the memory store, a clock
//! that is moved by hand.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod authorization;
mod events;
mod login;
mod password;
mod profile;
mod registration;
mod sessions;

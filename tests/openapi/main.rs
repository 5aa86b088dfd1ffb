//! The OpenAPI document says what the server does, and all of it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "a test fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod examples;
mod limits;
mod page;
mod routes;
mod server;

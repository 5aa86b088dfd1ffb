//! The OpenAPI document says what the server does, and all of it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod answers;
mod examples;
mod limits;
mod page;
mod routes;
mod server;

//! The warp filters.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod client;
mod rejections;
mod routes;
mod users;

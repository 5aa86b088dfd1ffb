//! The HTTP contract.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod abuse;
mod account;
mod administration;
mod answers;
mod browser;
mod client;
mod contract;
mod cookies;
mod cors;
mod csrf;
mod events;
mod extractors;
mod openapi;
mod preferences;
mod replaced;
mod robustness;
mod warp;

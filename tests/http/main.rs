//! The HTTP contract, over the axum router.

#[path = "../support/mod.rs"]
mod support;

mod abuse;
mod answers;
mod client;
mod extractors;
mod robustness;

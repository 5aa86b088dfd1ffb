//! Helpers that several test files share.

#![allow(
    dead_code,
    missing_docs,
    missing_debug_implementations,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "each test file uses a part of it"
)]

pub(crate) mod bed;
pub(crate) mod document;
pub(crate) mod gate;
pub(crate) mod log;
pub(crate) mod python;

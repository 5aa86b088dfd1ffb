//! Breached passwords: which flows refuse them, what happens when nobody can
//! say, and the filter file.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod answers;
mod file;
mod lists;
mod outage;
mod refusal;
mod source;

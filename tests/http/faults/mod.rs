//! Faults that clients have seen, each with the input of the case: docs/faults.md lists them.

mod origins;
mod profile;
mod sessions;
mod unavailable;
mod words;

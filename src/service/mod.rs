//! The service: what an application calls.

pub mod messages;

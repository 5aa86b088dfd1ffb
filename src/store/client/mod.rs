//! What every store over a database's driver needs: a line in front of the connections, a
//! deadline for each act, the runtime that the driver runs on, and tries at start.

mod act;
mod fault;
mod patience;
mod runtime;

pub(super) use act::{Act, Line};
pub(super) use fault::Fault;
pub(super) use patience::Patience;
pub use runtime::DriverRuntime;
pub(super) use runtime::{NoRuntime, Runtime, not_ended};

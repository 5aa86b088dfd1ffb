//! What the service counts and times, through the facade `metrics`: the
//! application chooses the recorder, and without one nothing is kept.
//!
//! [`ALL`] lists every metric with its labels. Labels are of closed sets: no
//! name, address or id is ever one, so their number does not grow with the users.
//! A recorder has to be installed before the service is built, or the gauges
//! begin in the middle. One that panics changes no answer.

#[cfg(feature = "metrics")]
mod names;
#[cfg(feature = "metrics")]
mod recording;
#[cfg(not(feature = "metrics"))]
mod silent;
#[cfg(feature = "metrics")]
mod store;

#[cfg(feature = "metrics")]
pub use names::*;
#[cfg(feature = "metrics")]
pub(crate) use recording::*;
#[cfg(not(feature = "metrics"))]
pub(crate) use silent::*;
#[cfg(feature = "metrics")]
pub use store::{MeteredStore, STORE_METHODS};

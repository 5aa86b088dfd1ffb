//! Counters, gauges and times of the service, through the facade `metrics`: the
//! application chooses the recorder, and without one nothing is kept.
//!
//! [`ALL`] lists every metric with its labels. The values of a label are a closed set: none is a
//! name, an address or an id, so their number does not grow with the users.
//! Install the recorder before the service is built: a gauge misses what happened before.
//! A recorder that panics changes no answer.

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

//! What is called where something happens, without the feature: nothing.

use std::time::Duration;

use crate::event::{AuthEvent, Operation};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stopwatch(());

#[derive(Debug)]
pub(crate) struct Present;

impl Present {
    pub(crate) fn end(self) {}
}

pub(crate) const fn event(_: &AuthEvent) {}

pub(crate) const fn unreported(_: Operation, _: Stopwatch) {}

pub(crate) const fn operation_took(_: Operation, _: Stopwatch) {}

pub(crate) const fn hashing_waits() -> Present {
    Present
}

pub(crate) const fn hashing_stuck() -> Present {
    Present
}

pub(crate) const fn mail_pends() -> Present {
    Present
}

pub(crate) const fn event_pends() -> Present {
    Present
}

pub(crate) const fn hashing_waited(_: Duration) {}

pub(crate) const fn hashing_took(_: Duration) {}

pub(crate) const fn hashing_ran() {}

pub(crate) const fn hashing_overloaded() {}

#[cfg(any(
    feature = "postgres",
    feature = "postgres-aws-lc-rs",
    feature = "sqlite"
))]
pub(crate) const fn store_contended() {}

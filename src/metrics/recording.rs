//! What is called where something happens. `silent.rs` has the same without
//! the feature.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ::metrics::{counter, gauge, histogram};

use super::*;
use crate::error::ErrorCode;
use crate::event::{AuthEvent, Notice, Operation};

/// The time since it was made. For metrics only: whatever decides anything goes
/// by the injected clock, which may stand still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Default for Stopwatch {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Stopwatch {
    pub(super) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Lets a recorder do its work; it is the application's, and a panic in it must
/// not end a hashing thread or an operation.
pub(super) fn record(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        tracing::error!("the metrics recorder panicked");
    }
}

/// Counts an operation that was reported, its notice and its mail.
pub(crate) fn event(event: &AuthEvent) {
    record(|| {
        count_operation(event.operation, event.refused);
        for notice in event.notices.iter() {
            counter!(NOTICES, "notice" => notice.as_str()).increment(1);
        }
        if let Some(mail) = event.mail {
            let outcome = match event.notices.first() {
                None => "sent",
                Some(Notice::MailDropped) => "dropped",
                Some(_) => "given_up",
            };
            counter!(MAILS, "mail" => mail.as_str(), "outcome" => outcome).increment(1);
        }
    });
}

/// Counts and times an operation that succeeded and of which there is no event.
pub(crate) fn unreported(operation: Operation, since: Stopwatch) {
    record(|| count_operation(operation, None));
    operation_took(operation, since);
}

fn count_operation(operation: Operation, refused: Option<ErrorCode>) {
    let outcome = refused.map_or("ok", ErrorCode::as_str);
    counter!(OPERATIONS, "operation" => operation.as_str(), "outcome" => outcome).increment(1);
}

pub(crate) fn operation_took(operation: Operation, since: Stopwatch) {
    let seconds = since.seconds();
    record(|| {
        histogram!(OPERATION_SECONDS, "operation" => operation.as_str()).record(seconds);
    });
}

/// Counts for one in a gauge, until it is dropped.
#[derive(Debug)]
pub(crate) struct Present(&'static str);

impl Present {
    fn in_gauge(name: &'static str) -> Self {
        record(|| gauge!(name).increment(1));
        Self(name)
    }

    /// Removes this from the gauge.
    pub(crate) fn end(self) {}
}

impl Drop for Present {
    fn drop(&mut self) {
        record(|| gauge!(self.0).decrement(1));
    }
}

/// One job that waits for a hashing thread.
pub(crate) fn hashing_waits() -> Present {
    Present::in_gauge(HASHING_QUEUE)
}

/// Shows one hashing thread that has exceeded its time limit.
pub(crate) fn hashing_stuck() -> Present {
    Present::in_gauge(HASHING_STUCK)
}

/// One job of the outbox.
pub(crate) fn mail_pends() -> Present {
    Present::in_gauge(MAILS_PENDING)
}

/// One event that waits to be written into the audit log.
pub(crate) fn event_pends() -> Present {
    Present::in_gauge(EVENTS_PENDING)
}

pub(crate) fn hashing_waited(time: Duration) {
    record(|| histogram!(HASHING_WAIT_SECONDS).record(time));
}

pub(crate) fn hashing_took(time: Duration) {
    record(|| histogram!(HASHING_RUN_SECONDS).record(time));
}

pub(crate) fn hashing_ran() {
    record(|| counter!(HASHING_RUNS).increment(1));
}

pub(crate) fn hashing_overloaded() {
    record(|| counter!(HASHING_OVERLOADS).increment(1));
}

#[cfg(any(
    feature = "postgres",
    feature = "postgres-aws-lc-rs",
    feature = "sqlite"
))]
pub(crate) fn store_contended() {
    record(|| counter!(STORE_CONTENDED).increment(1));
}

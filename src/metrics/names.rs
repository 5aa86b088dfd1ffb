//! The names, and what they mean.

use ::metrics::Unit;

/// Operations that ended (counter), by `operation` and `outcome`: `ok`, or the
/// [`ErrorCode`](crate::error::ErrorCode) in its own words. One for each event,
/// and one for each access token that was found good, of which there is no event.
pub const OPERATIONS: &str = "admittance_operations_total";
/// How long operations took (histogram, seconds), by `operation`. Mail that is
/// sent in the background is not among them.
pub const OPERATION_SECONDS: &str = "admittance_operation_seconds";
/// Events with a [`Notice`](crate::event::Notice) (counter), by `notice`.
pub const NOTICES: &str = "admittance_notices_total";
/// Jobs that no hashing thread has taken yet (gauge).
pub const HASHING_QUEUE: &str = "admittance_hashing_queue_depth";
/// How long jobs waited for a hashing thread (histogram, seconds). Those whose
/// caller has gone meanwhile are left out.
pub const HASHING_WAIT_SECONDS: &str = "admittance_hashing_wait_seconds";
/// How long jobs of the hashing threads took (histogram, seconds): Argon2, and
/// the scoring of new passwords.
pub const HASHING_RUN_SECONDS: &str = "admittance_hashing_run_seconds";
/// Argon2 runs (counter).
pub const HASHING_RUNS: &str = "admittance_hashing_runs_total";
/// Jobs that were refused because the queue was full or the wait too long (counter).
pub const HASHING_OVERLOADS: &str = "admittance_hashing_overloads_total";
/// Hashing threads that have exceeded their time limit (gauge): a foreign
/// scheme hangs.
pub const HASHING_STUCK: &str = "admittance_hashing_stuck_threads";
/// Mails that were done with (counter), by `mail` and `outcome`: `sent`,
/// `dropped` before any attempt, or `given_up` after the last one.
pub const MAILS: &str = "admittance_mails_total";
/// Jobs of the outbox that are under way (gauge): each makes and sends a mail,
/// seldom more than one.
pub const MAILS_PENDING: &str = "admittance_mails_pending";
/// Events that wait to be written into the audit log (gauge).
pub const EVENTS_PENDING: &str = "admittance_events_pending";
/// How long acts of the store took (histogram, seconds), by `method` and
/// `outcome`: `ok`, `unavailable`, `timeout`, `corrupt`, `full` or `other`.
/// Measured by [`MeteredStore`](super::MeteredStore).
pub const STORE_SECONDS: &str = "admittance_store_seconds";

/// Retries of acts of a SQL store after a deadlock, a serialization failure or a locked file
/// (counter).
pub const STORE_CONTENDED: &str = "admittance_store_contended_total";

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A count that only goes up.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// A distribution of times in seconds.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it is, in words.
    pub description: &'static str,
}

/// Every metric there is.
pub const ALL: [Metric; 14] = [
    Metric {
        name: OPERATIONS,
        kind: Kind::Counter,
        labels: &["operation", "outcome"],
        description: "Operations that ended.",
    },
    Metric {
        name: OPERATION_SECONDS,
        kind: Kind::Histogram,
        labels: &["operation"],
        description: "How long operations took.",
    },
    Metric {
        name: NOTICES,
        kind: Kind::Counter,
        labels: &["notice"],
        description: "Events with something that an operator should know.",
    },
    Metric {
        name: HASHING_QUEUE,
        kind: Kind::Gauge,
        labels: &[],
        description: "Jobs that no hashing thread has taken yet.",
    },
    Metric {
        name: HASHING_WAIT_SECONDS,
        kind: Kind::Histogram,
        labels: &[],
        description: "How long jobs waited for a hashing thread.",
    },
    Metric {
        name: HASHING_RUN_SECONDS,
        kind: Kind::Histogram,
        labels: &[],
        description: "How long jobs of the hashing threads took.",
    },
    Metric {
        name: HASHING_RUNS,
        kind: Kind::Counter,
        labels: &[],
        description: "Argon2 runs.",
    },
    Metric {
        name: HASHING_OVERLOADS,
        kind: Kind::Counter,
        labels: &[],
        description: "Jobs that the hashing threads refused.",
    },
    Metric {
        name: HASHING_STUCK,
        kind: Kind::Gauge,
        labels: &[],
        description: "Hashing threads that have not come back from a job in time.",
    },
    Metric {
        name: MAILS,
        kind: Kind::Counter,
        labels: &["mail", "outcome"],
        description: "Mails that were sent, dropped or given up.",
    },
    Metric {
        name: MAILS_PENDING,
        kind: Kind::Gauge,
        labels: &[],
        description: "Mail jobs that are under way.",
    },
    Metric {
        name: EVENTS_PENDING,
        kind: Kind::Gauge,
        labels: &[],
        description: "Events that wait to be written into the audit log.",
    },
    Metric {
        name: STORE_SECONDS,
        kind: Kind::Histogram,
        labels: &["method", "outcome"],
        description: "How long acts of the store took.",
    },
    Metric {
        name: STORE_CONTENDED,
        kind: Kind::Counter,
        labels: &[],
        description: "Retries of acts of a SQL store.",
    },
];

/// Upper bounds of histogram buckets, in seconds, that suit every histogram
/// here: from half a millisecond to ten seconds, for recorders that want some.
pub const SECONDS_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Tells the installed recorder what each metric is. Once, after it is installed.
pub fn describe() {
    for metric in ALL {
        match metric.kind {
            Kind::Counter => {
                ::metrics::describe_counter!(metric.name, metric.description);
            }
            Kind::Gauge => {
                ::metrics::describe_gauge!(metric.name, metric.description);
            }
            Kind::Histogram => {
                ::metrics::describe_histogram!(metric.name, Unit::Seconds, metric.description);
            }
        }
    }
}

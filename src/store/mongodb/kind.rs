//! The kinds of documents, each of which has a collection of its own.

use crate::named::named;

named! {
    /// What a collection holds.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub(super) enum Kind {
        /// The notes on the other collections.
        Meta => "meta",
        Users => "users",
        Sessions => "sessions",
        Tokens => "one_time_tokens",
        Limits => "rate_limits",
        Audit => "audit_log",
        Attempts => "login_attempts",
    }
}

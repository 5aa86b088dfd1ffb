//! The kinds of documents, each of which has a collection of its own.

/// What a collection holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The notes on the other collections.
    Meta,
    Users,
    Sessions,
    Tokens,
    Limits,
    Audit,
    Attempts,
}

impl Kind {
    /// All kinds, in the order in which their collections are claimed.
    pub(super) const ALL: [Self; 7] = [
        Self::Meta,
        Self::Users,
        Self::Sessions,
        Self::Tokens,
        Self::Limits,
        Self::Audit,
        Self::Attempts,
    ];

    /// The name of the kind, which is its collection's name without the prefix.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Users => "users",
            Self::Sessions => "sessions",
            Self::Tokens => "one_time_tokens",
            Self::Limits => "rate_limits",
            Self::Audit => "audit_log",
            Self::Attempts => "login_attempts",
        }
    }
}

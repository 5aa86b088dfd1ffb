//! Errors, as values. They do not depend on HTTP.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::named::named;
use crate::proof::Method;
use crate::random::RandomError;
use crate::secret::Ticket;

/// The cause of a [`StoreError`], for logs and never for a client.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Something went wrong in the store. The act may or may not have happened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store could not be reached or did not answer.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
    /// The deadline passed before the store answered.
    #[error("the store did not answer in time")]
    Timeout,
    /// A record exists and cannot be read.
    #[error("a stored record is corrupt: {record}")]
    Corrupt {
        /// The record's kind and id, never its contents.
        record: String,
        /// Why it cannot be read.
        #[source]
        source: Cause,
    },
    /// The store has reached its capacity.
    #[error("the store is full")]
    Full,
    /// Anything else.
    #[error("the store failed")]
    Other(#[source] Cause),
}

/// The wait that is told when the store is full: rows expire, and operators act.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(60);
/// The wait that is told when the store is down: about as long as a change of primaries takes.
const DOWN_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why an operation of the service was refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The input breaks rules: all of them, field by field. Nothing changed.
    #[error("the input is not valid: {0}")]
    Validation(Violations),
    /// Another account has this email address.
    #[error("another account has this email address")]
    EmailTaken,
    /// Email and password do not belong together, or the account may not be
    /// used. Which of these it is, is not told.
    #[error("email or password is wrong")]
    InvalidCredentials,
    /// The token is malformed, forged, expired, used, or its session has ended.
    #[error("the token is not valid")]
    InvalidToken,
    /// The link of a mail is not valid: malformed, expired, used, or the
    /// account is no longer as it was when the mail was sent.
    #[error("the link is not valid")]
    InvalidLink,
    /// The link is valid and shows that the mailbox is the caller's; that the
    /// account is theirs too must be shown by a live session of it or by its
    /// password. The link was not used up.
    #[error("the link needs a proof that the account is one's own")]
    ProofRequired,
    /// The password is right, and the account has a second factor:
    /// [`AuthService::prove_second_factor`] continues the sign-in.
    ///
    /// [`AuthService::prove_second_factor`]: crate::service::AuthService::prove_second_factor
    #[error("a second factor is required")]
    SecondFactorRequired {
        /// Continues the sign-in, once.
        ticket: Ticket,
        /// How long the ticket is valid.
        expires_in: Duration,
        /// The methods by which the user can prove a second factor.
        methods: Vec<Method>,
    },
    /// The code does not prove the second factor.
    #[error("the code is wrong")]
    InvalidCode,
    /// The ticket of a sign-in is not valid: malformed, expired, used, or the account is no
    /// longer as it was when the sign-in began.
    #[error("the sign-in has ended")]
    InvalidFlow,
    /// The provider does not let the person sign in, or the person does not want to.
    #[error("the provider denied the sign-in")]
    ProviderDenied,
    /// The provider cannot be reached, or does not answer as it should. The log says why.
    #[error("the provider is unavailable")]
    ProviderUnavailable {
        /// The wait after which another attempt makes sense.
        retry_after: Duration,
    },
    /// The provider has identified the person, and an account has the address that it states.
    /// Equal addresses prove nothing: a session of that account or its password does.
    /// `AuthService::link_identity` continues.
    #[error("an account has the address that the provider states")]
    LinkRequired {
        /// Links the identity, once.
        ticket: Ticket,
        /// How long the ticket is valid.
        expires_in: Duration,
        /// Whether the account can be removed instead: a stranger may have registered it, since
        /// nobody has confirmed its address, and the provider vouches that that is the person's.
        can_start_anew: bool,
    },
    /// Another account has this identity, or the account has as many as it can have.
    #[error("the identity cannot be linked to this account")]
    IdentityTaken,
    /// The account would be left without a way in.
    #[error("this is the last way in to the account")]
    LastCredential,
    /// The session's proofs do not suffice for the operation; see
    /// [`Authenticated::require_recent_login`] and [`Authenticated::require_assurance`].
    ///
    /// [`Authenticated::require_recent_login`]: crate::service::Authenticated::require_recent_login
    /// [`Authenticated::require_assurance`]: crate::service::Authenticated::require_assurance
    #[error("the operation requires a recent login")]
    RecentLoginRequired {
        /// The methods by which the owner of the account can prove again who they are.
        methods: Vec<Method>,
    },
    /// The user lacks the permission.
    #[error("the permission for this is missing")]
    Forbidden,
    /// There is no such thing, or it is not the caller's.
    #[error("there is no such thing")]
    NotFound,
    /// The profile is not the one that the change was made for. Nothing changed.
    #[error("the profile has changed meanwhile")]
    PreconditionFailed,
    /// Nobody would be left who may grant roles. Nothing changed, or it was
    /// changed back.
    #[error("this is the last administrator")]
    LastAdministrator,
    /// Nobody has confirmed the account's address, so it may be a stranger's.
    #[error("the address of the account is not confirmed")]
    NotVerified,
    /// The account is disabled, and would have to be enabled first.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The service was built without a mailer, which this would need.
    #[error("there is no mailer")]
    NoMailer,
    /// The service was built without an audit log, which this would need.
    #[error("no audit log is kept")]
    NoAuditLog,
    /// Too many attempts.
    #[error("too many attempts")]
    RateLimited {
        /// The wait after which the next attempt is allowed.
        retry_after: Duration,
    },
    /// More work is waiting than can be done in time.
    #[error("the service is overloaded")]
    Overloaded {
        /// The wait after which another attempt makes sense.
        retry_after: Duration,
    },
    /// Something outside that is needed does not answer: the source of breached
    /// passwords, a hook, the source of claims or the second factor of the application.
    #[error("something that is needed is unavailable")]
    Unavailable {
        /// The wait after which another attempt makes sense.
        retry_after: Duration,
    },
    /// The caller disconnected before the operation had begun to change
    /// anything, or the runtime shut down while the operation ran, and the
    /// operation was abandoned. It appears only in events, since nobody
    /// receives the answer.
    #[error("the caller has gone")]
    Abandoned,
    /// The store failed. The act may or may not have happened; with
    /// [`StoreError::Full`] it has not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source of randomness failed.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Something else failed that the caller cannot do anything about.
    #[error("internal error")]
    Internal(#[source] Cause),
}

named! {
    /// A stable name for each kind of [`AuthError`], for programs.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
    #[cfg_attr(feature = "openapi", schemars(rename_all = "snake_case"))]
    #[non_exhaustive]
    pub enum ErrorCode {
        /// See [`AuthError::Validation`].
        ValidationFailed => "validation_failed",
        /// See [`AuthError::EmailTaken`].
        EmailTaken => "email_taken",
        /// See [`AuthError::InvalidCredentials`].
        InvalidCredentials => "invalid_credentials",
        /// See [`AuthError::InvalidToken`].
        InvalidToken => "invalid_token",
        /// See [`AuthError::InvalidLink`].
        InvalidLink => "invalid_link",
        /// See [`AuthError::ProofRequired`].
        ProofRequired => "proof_required",
        /// See [`AuthError::SecondFactorRequired`].
        SecondFactorRequired => "second_factor_required",
        /// See [`AuthError::InvalidCode`].
        InvalidCode => "invalid_code",
        /// See [`AuthError::InvalidFlow`].
        InvalidFlow => "invalid_flow",
        /// See [`AuthError::ProviderDenied`].
        ProviderDenied => "provider_denied",
        /// See [`AuthError::ProviderUnavailable`].
        ProviderUnavailable => "provider_unavailable",
        /// See [`AuthError::LinkRequired`].
        LinkRequired => "link_required",
        /// See [`AuthError::IdentityTaken`].
        IdentityTaken => "identity_taken",
        /// See [`AuthError::LastCredential`].
        LastCredential => "last_credential",
        /// See [`AuthError::RecentLoginRequired`].
        RecentLoginRequired => "recent_login_required" | "password_required",
        /// See [`AuthError::Forbidden`].
        Forbidden => "forbidden",
        /// See [`AuthError::NotFound`], [`AuthError::NoMailer`] and
        /// [`AuthError::NoAuditLog`].
        NotFound => "not_found",
        /// See [`AuthError::PreconditionFailed`].
        PreconditionFailed => "precondition_failed",
        /// See [`AuthError::LastAdministrator`].
        LastAdministrator => "last_administrator",
        /// See [`AuthError::NotVerified`].
        NotVerified => "not_verified",
        /// See [`AuthError::AccountDisabled`].
        AccountDisabled => "account_disabled",
        /// See [`AuthError::RateLimited`].
        RateLimited => "rate_limited",
        /// See [`AuthError::Overloaded`].
        Overloaded => "overloaded",
        /// See [`AuthError::Unavailable`]; also a store that is down, does not answer in time
        /// or is full.
        Unavailable => "unavailable",
        /// See [`AuthError::Abandoned`].
        Abandoned => "abandoned",
        /// Any other failure within: [`AuthError::Store`] for a corrupt record and for what the
        /// store itself cannot name, [`AuthError::Random`], [`AuthError::Internal`].
        Internal => "internal",
    }
}

impl AuthError {
    /// A new id is taken, which does not happen by chance.
    pub(crate) fn id_taken() -> Self {
        Self::Internal("a new id is taken: is the source of randomness broken?".into())
    }

    /// The kind of the error.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Validation(_) => ErrorCode::ValidationFailed,
            Self::EmailTaken => ErrorCode::EmailTaken,
            Self::InvalidCredentials => ErrorCode::InvalidCredentials,
            Self::InvalidToken => ErrorCode::InvalidToken,
            Self::InvalidLink => ErrorCode::InvalidLink,
            Self::ProofRequired => ErrorCode::ProofRequired,
            Self::SecondFactorRequired { .. } => ErrorCode::SecondFactorRequired,
            Self::InvalidCode => ErrorCode::InvalidCode,
            Self::InvalidFlow => ErrorCode::InvalidFlow,
            Self::ProviderDenied => ErrorCode::ProviderDenied,
            Self::ProviderUnavailable { .. } => ErrorCode::ProviderUnavailable,
            Self::LinkRequired { .. } => ErrorCode::LinkRequired,
            Self::IdentityTaken => ErrorCode::IdentityTaken,
            Self::LastCredential => ErrorCode::LastCredential,
            Self::RecentLoginRequired { .. } => ErrorCode::RecentLoginRequired,
            Self::Forbidden => ErrorCode::Forbidden,
            Self::NotFound | Self::NoMailer | Self::NoAuditLog => ErrorCode::NotFound,
            Self::PreconditionFailed => ErrorCode::PreconditionFailed,
            Self::LastAdministrator => ErrorCode::LastAdministrator,
            Self::NotVerified => ErrorCode::NotVerified,
            Self::AccountDisabled => ErrorCode::AccountDisabled,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::Overloaded { .. } => ErrorCode::Overloaded,
            Self::Unavailable { .. }
            | Self::Store(StoreError::Unavailable(_) | StoreError::Timeout | StoreError::Full) => {
                ErrorCode::Unavailable
            }
            Self::Abandoned => ErrorCode::Abandoned,
            Self::Store(_) | Self::Random(_) | Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// The wait after which another attempt makes sense, where there is one.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after }
            | Self::Overloaded { retry_after }
            | Self::Unavailable { retry_after }
            | Self::ProviderUnavailable { retry_after } => Some(*retry_after),
            Self::Store(StoreError::Full) => Some(FULL_RETRY_AFTER),
            Self::Store(StoreError::Unavailable(_) | StoreError::Timeout) => Some(DOWN_RETRY_AFTER),
            _ => None,
        }
    }
}

named! {
    /// A field of a request.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
    #[cfg_attr(feature = "openapi", schemars(rename_all = "snake_case"))]
    #[non_exhaustive]
    pub enum Field {
        /// `email`
        Email => "email",
        /// `password`
        Password => "password",
        /// `confirm_password`
        ConfirmPassword => "confirm_password",
        /// `name`
        Name => "name",
        /// `current_password`
        CurrentPassword => "current_password",
        /// `new_password`
        NewPassword => "new_password",
        /// `preferences`
        Preferences => "preferences",
        /// `metadata`
        Metadata => "metadata",
        /// `new_email`
        NewEmail => "new_email",
        /// `roles`
        Roles => "roles",
        /// `grant`
        Grant => "grant",
        /// `limit`
        Limit => "limit",
        /// `token`, of a mailed link.
        Token => "token",
        /// `ticket`
        Ticket => "ticket",
        /// `method`
        Method => "method",
        /// `code`
        Code => "code",
        /// `state`, of a provider's answer.
        State => "state",
        /// `provider`
        Provider => "provider",
        /// `return_to`
        ReturnTo => "return_to",
        /// `redirect_uri`
        RedirectUri => "redirect_uri",
        /// `extra`, the application's own fields of a registration.
        Extra => "extra",
        /// No field, but the account that the request is about.
        Account => "account",
    }
}

named! {
    /// The rule that a field breaks.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
    #[cfg_attr(feature = "openapi", schemars(rename_all = "snake_case"))]
    #[non_exhaustive]
    pub enum ViolationCode {
        /// It is missing or empty.
        Required => "required",
        /// It has another form than it must have.
        InvalidFormat => "invalid_format",
        /// It is shorter than allowed.
        TooShort => "too_short",
        /// It is longer or larger than allowed.
        TooLong => "too_long",
        /// It has characters that are not allowed.
        InvalidCharacters => "invalid_characters",
        /// The password is easy to guess.
        TooWeak => "too_weak",
        /// The password is on a list of common ones.
        TooCommon => "too_common",
        /// The password is among those that leaked somewhere.
        Breached => "breached",
        /// The two passwords differ.
        Mismatch => "mismatch",
        /// The new password is the old one.
        Unchanged => "unchanged",
        /// There is no such thing.
        Unknown => "unknown",
        /// The number is out of range.
        OutOfRange => "out_of_range",
        /// The application does not allow it.
        Refused => "refused",
    }
}

/// One broken rule.
///
/// In serde, `field` and `within` are one text: `extra.class`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Violation {
    /// Where.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::schema::FieldPath"))]
    pub field: Field,
    /// Which of the application's own fields, if `field` has some.
    #[cfg_attr(feature = "openapi", schemars(skip))]
    pub within: Option<String>,
    /// Which rule, for programs.
    pub code: ViolationCode,
    /// A sentence that tells a person what to do. It never repeats the input.
    pub message: String,
}

#[derive(Serialize, Deserialize)]
struct PlainViolation<'a> {
    field: Cow<'a, str>,
    code: ViolationCode,
    message: Cow<'a, str>,
}

impl Violation {
    /// The field as it is named in answers, such as `email` or `extra.class`.
    #[must_use]
    pub fn path(&self) -> Cow<'static, str> {
        let field = self.field.as_str();
        match &self.within {
            Some(within) => format!("{field}.{within}").into(),
            None => field.into(),
        }
    }
}

impl Serialize for Violation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PlainViolation {
            field: self.path(),
            code: self.code,
            message: self.message.as_str().into(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Violation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let plain = PlainViolation::deserialize(deserializer)?;
        let (field, within) = match plain.field.split_once('.') {
            Some((field, within)) => (field, Some(within.to_owned())),
            None => (&*plain.field, None),
        };
        Ok(Self {
            field: field.parse().map_err(serde::de::Error::custom)?,
            within,
            code: plain.code,
            message: plain.message.into_owned(),
        })
    }
}

/// All broken rules of one input, in the order of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Adds one.
    pub fn push(&mut self, field: Field, code: ViolationCode, message: impl Into<String>) {
        self.0.push(Violation {
            field,
            within: None,
            code,
            message: message.into(),
        });
    }

    /// Adds one of the application's own fields of a registration: `field` is its name in
    /// `extra`, and `extra.<field>` in the answer.
    pub fn push_extra(
        &mut self,
        field: impl Into<String>,
        code: ViolationCode,
        message: impl Into<String>,
    ) {
        self.0.push(Violation {
            field: Field::Extra,
            within: Some(field.into()),
            code,
            message: message.into(),
        });
    }

    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    /// `Ok` when no rule was broken.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] with all of them otherwise.
    pub fn into_result(self) -> Result<(), AuthError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(AuthError::Validation(self))
        }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}", violation.message)?;
        }
        Ok(())
    }
}

/// Why a configuration is refused when the service is built.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A setting is out of its range, or two of them contradict each other.
    #[error("{setting}: {problem}")]
    Invalid {
        /// The setting, such as `session.idle_timeout`.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A key is too short, has too little variety, or is not of its algorithm.
    #[error("the key is refused: {0}")]
    WeakKey(&'static str),
    /// Neither `aws-lc-rs` nor `rust-crypto` is compiled in.
    #[error("enable the feature `aws-lc-rs` or `rust-crypto` to sign tokens")]
    NoSignatureBackend,
    /// The hashing threads could not be started.
    #[error("the hashing threads could not be started: {0}")]
    Threads(String),
    /// The source of randomness failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl ConfigError {
    /// Refuses the first of the settings whose value is not good: its name,
    /// whether the value is good, and what is wrong with it otherwise.
    pub(crate) fn require<const N: usize>(
        settings: [(&'static str, bool, &str); N],
    ) -> Result<(), Self> {
        match settings.into_iter().find(|(_, is_good, _)| !is_good) {
            None => Ok(()),
            Some((setting, _, problem)) => Err(Self::Invalid {
                setting,
                problem: problem.to_owned(),
            }),
        }
    }
}

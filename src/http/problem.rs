//! Errors as answers: RFC 9457 problem details. The one place where an error
//! of the service gets a status.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::answer::respond;
use crate::error::{AuthError, ErrorCode, Violation};

/// The stable `code` of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ProblemCode {
    /// 400: not JSON, a duplicate or unknown field, a wrong type.
    MalformedRequest,
    /// 401: email and password do not belong together.
    InvalidCredentials,
    /// 401: no token, or one that is not live; or the link of a mail that is
    /// not valid.
    InvalidToken,
    /// 401: the link of a mail needs a live session of the account, or its
    /// password.
    ProofRequired,
    /// 403: the password was given too long ago; `POST /password/confirm` is the
    /// way on.
    PasswordRequired,
    /// 403: the permission is missing.
    Forbidden,
    /// 404: no such thing, or not the caller's.
    NotFound,
    /// 405: the path has other methods, listed in `Allow`.
    MethodNotAllowed,
    /// 408: the body took too long.
    RequestTimeout,
    /// 409: another account has this email address.
    EmailTaken,
    /// 409: nobody would be left who may grant roles.
    LastAdministrator,
    /// 409: nobody has confirmed the account's address.
    NotVerified,
    /// 409: the account is disabled.
    AccountDisabled,
    /// 413: the body is larger than accepted.
    PayloadTooLarge,
    /// 415: the body is not declared as JSON in UTF-8.
    UnsupportedMediaType,
    /// 422: fields break rules, all listed in `errors`.
    ValidationFailed,
    /// 429: too many attempts; `Retry-After` says how long to wait.
    RateLimited,
    /// 500: something failed within.
    Internal,
    /// 503: more work is waiting than can be done; `Retry-After` says how long
    /// to wait.
    Overloaded,
    /// 503: something that is needed does not answer; `Retry-After` says how
    /// long to wait.
    Unavailable,
}

impl ProblemCode {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::MalformedRequest,
        Self::InvalidCredentials,
        Self::InvalidToken,
        Self::ProofRequired,
        Self::PasswordRequired,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::EmailTaken,
        Self::LastAdministrator,
        Self::NotVerified,
        Self::AccountDisabled,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::ValidationFailed,
        Self::RateLimited,
        Self::Internal,
        Self::Overloaded,
        Self::Unavailable,
    ];

    /// The code as it is sent, such as `email_taken`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedRequest => "malformed_request",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidToken => "invalid_token",
            Self::ProofRequired => "proof_required",
            Self::PasswordRequired => "password_required",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::EmailTaken => "email_taken",
            Self::LastAdministrator => "last_administrator",
            Self::NotVerified => "not_verified",
            Self::AccountDisabled => "account_disabled",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::ValidationFailed => "validation_failed",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
        }
    }

    /// The status that it is sent with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MalformedRequest => StatusCode::BAD_REQUEST,
            Self::InvalidCredentials | Self::InvalidToken | Self::ProofRequired => {
                StatusCode::UNAUTHORIZED
            }
            Self::PasswordRequired | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::EmailTaken
            | Self::LastAdministrator
            | Self::NotVerified
            | Self::AccountDisabled => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ValidationFailed => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Overloaded | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) const fn detail(self) -> &'static str {
        match self {
            Self::MalformedRequest => "The request could not be read.",
            Self::InvalidCredentials => "The email address or the password is wrong.",
            Self::InvalidToken => "Log in to continue.",
            Self::ProofRequired => {
                "Log in to this account first, or enter the password that it was registered with."
            }
            Self::PasswordRequired => "Enter your password again to do this.",
            Self::Forbidden => "You may not do this.",
            Self::NotFound => "There is nothing here.",
            Self::MethodNotAllowed => "This cannot be done here.",
            Self::RequestTimeout => "The request took too long. Try again.",
            Self::EmailTaken => "There is already an account with this email address.",
            Self::LastAdministrator => "Nobody would be left who may grant roles.",
            Self::NotVerified => "The address of this account is not confirmed yet.",
            Self::AccountDisabled => "This account is disabled. Enable it first.",
            Self::PayloadTooLarge => "The request is too large.",
            Self::UnsupportedMediaType => "Send application/json in UTF-8.",
            Self::ValidationFailed => "Some fields need another look.",
            Self::RateLimited => "Too many attempts. Wait a little and try again.",
            Self::Internal => "Something went wrong. Try again later.",
            Self::Overloaded => "The server is busy. Wait a little and try again.",
            Self::Unavailable => "This cannot be done right now. Wait a little and try again.",
        }
    }
}

/// An error as it is answered. It never carries the text of a failure within.
#[derive(Clone, Debug)]
pub struct Problem {
    code: ProblemCode,
    detail: Option<&'static str>,
    errors: Vec<Violation>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// The problem `code`, with its usual text.
    #[must_use]
    pub fn new(code: ProblemCode) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        self.code
    }

    /// Adds a sentence on what is wrong here, for a person. It must not hold anything
    /// that the client has sent.
    #[must_use]
    pub fn detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The request has no token at all (RFC 6750 §3.1: no error code then).
    pub(super) fn no_token() -> Self {
        Self::new(ProblemCode::InvalidToken)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// The request has a token that is not accepted (RFC 6750 §3.1).
    pub(super) fn bad_token() -> Self {
        Self::new(ProblemCode::InvalidToken).header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=\"invalid_token\""),
        )
    }

    /// The answer.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        let status = self.code.status();
        let detail = self.detail.unwrap_or(self.code.detail());
        let body = ProblemBody::new(self.code, detail, &self.errors);
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = respond(status, "application/problem+json", body);
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Why a request was refused, or failed (RFC 9457).
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Problem"))]
pub(super) struct ProblemBody<'a> {
    /// Always `about:blank`: what kind of problem it is says `code`.
    r#type: &'a str,
    /// The status in words.
    title: &'a str,
    /// The status.
    #[cfg_attr(feature = "openapi", schemars(range(min = 400, max = 599)))]
    status: u16,
    /// What went wrong, for programs.
    #[cfg_attr(feature = "openapi", schemars(with = "ProblemCode"))]
    code: &'a str,
    /// A sentence for a person.
    detail: &'a str,
    /// All broken rules, field by field. Only with `validation_failed`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
}

impl<'a> ProblemBody<'a> {
    pub(super) fn new(code: ProblemCode, detail: &'a str, errors: &'a [Violation]) -> Self {
        let status = code.status();
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code: code.as_str(),
            detail,
            errors,
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let wait = error.retry_after();
        let problem = match error.code() {
            ErrorCode::ValidationFailed => Self::new(ProblemCode::ValidationFailed),
            ErrorCode::EmailTaken => Self::new(ProblemCode::EmailTaken),
            ErrorCode::InvalidCredentials => Self::new(ProblemCode::InvalidCredentials)
                .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            ErrorCode::InvalidToken => Self::bad_token(),
            ErrorCode::ProofRequired => Self::new(ProblemCode::ProofRequired)
                .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            ErrorCode::PasswordRequired => Self::new(ProblemCode::PasswordRequired),
            ErrorCode::Forbidden => Self::new(ProblemCode::Forbidden),
            ErrorCode::NotFound => Self::new(ProblemCode::NotFound),
            ErrorCode::LastAdministrator => Self::new(ProblemCode::LastAdministrator),
            ErrorCode::NotVerified => Self::new(ProblemCode::NotVerified),
            ErrorCode::AccountDisabled => Self::new(ProblemCode::AccountDisabled),
            ErrorCode::RateLimited => Self::new(ProblemCode::RateLimited),
            ErrorCode::Overloaded => Self::new(ProblemCode::Overloaded),
            // The client has disconnected, so nobody reads this answer.
            ErrorCode::Unavailable | ErrorCode::Abandoned => Self::new(ProblemCode::Unavailable),
            ErrorCode::Internal => Self::new(ProblemCode::Internal),
        };
        let problem = match wait {
            Some(wait) => problem.header(header::RETRY_AFTER, whole_seconds(wait).into()),
            None => problem,
        };
        match error {
            AuthError::InvalidLink => Self::new(ProblemCode::InvalidToken)
                .detail("This link is not valid any more. Ask for a new one.")
                .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            AuthError::Validation(violations) => Self {
                errors: violations.as_slice().to_vec(),
                ..problem
            },
            _ => problem,
        }
    }
}

/// The wait as `Retry-After` says it: whole seconds, at least one.
fn whole_seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1000))
        .unwrap_or(u64::MAX)
        .max(1)
}

//! Errors as answers: RFC 9457 problem details. The one place where an error
//! of the service gets a status.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::answer::respond;
use crate::error::{AuthError, ErrorCode, Violation};
use crate::named::named;
use crate::proof::Method;
use crate::secret::Ticket;

/// Declares the codes: each with its name, its status, and its words for a person.
macro_rules! problems {
    ($($(#[$doc:meta])* $code:ident => $name:literal, $status:ident, $words:literal;)+) => {
        named! {
            /// The stable `code` of a problem.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
            #[cfg_attr(feature = "openapi", schemars(rename_all = "snake_case"))]
            #[non_exhaustive]
            pub enum ProblemCode {
                $($(#[$doc])* $code => $name,)+
            }
        }

        impl ProblemCode {
            /// The status that it is sent with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$code => StatusCode::$status,)+
                }
            }

            pub(super) const fn detail(self) -> &'static str {
                match self {
                    $(Self::$code => $words,)+
                }
            }
        }
    };
}

problems! {
    /// 400: not JSON, a duplicate or unknown field, a wrong type.
    MalformedRequest => "malformed_request", BAD_REQUEST,
        "The request is malformed.";
    /// 401: email and password do not belong together.
    InvalidCredentials => "invalid_credentials", UNAUTHORIZED,
        "The email address or the password is wrong.";
    /// 401: no access or refresh token, or one that is not live.
    InvalidToken => "invalid_token", UNAUTHORIZED,
        "Log in to continue.";
    /// 401: the link of a mail is not valid, or not any more.
    InvalidLink => "invalid_link", UNAUTHORIZED,
        "This link is no longer valid. Request a new one.";
    /// 401: the link of a mail needs a live session of the account, or its
    /// password.
    ProofRequired => "proof_required", UNAUTHORIZED,
        "Log in to this account first, or enter the password that it was registered with.";
    /// 401: the password is right, and the sign-in continues with `POST /login/factor`.
    SecondFactorRequired => "second_factor_required", UNAUTHORIZED,
        "Enter the code of your second factor.";
    /// 401: the code of a second factor is wrong.
    InvalidCode => "invalid_code", UNAUTHORIZED,
        "This code is wrong.";
    /// 401: the ticket of a sign-in is not valid, or not any more.
    InvalidFlow => "invalid_flow", UNAUTHORIZED,
        "This sign-in has ended. Log in again.";
    /// 403: the session's proofs do not suffice; `POST /reauthenticate` is the
    /// way on.
    RecentLoginRequired => "recent_login_required", FORBIDDEN,
        "Prove your identity again to do this.";
    /// 403: the permission is missing.
    Forbidden => "forbidden", FORBIDDEN,
        "You do not have permission to do this.";
    /// 404: no such thing, or not the caller's.
    NotFound => "not_found", NOT_FOUND,
        "Not found.";
    /// 405: the path has other methods, listed in `Allow`.
    MethodNotAllowed => "method_not_allowed", METHOD_NOT_ALLOWED,
        "This path does not support that method.";
    /// 408: the body took too long.
    RequestTimeout => "request_timeout", REQUEST_TIMEOUT,
        "The request took too long. Try again.";
    /// 409: another account has this email address.
    EmailTaken => "email_taken", CONFLICT,
        "There is already an account with this email address.";
    /// 409: nobody would be left who may grant roles.
    LastAdministrator => "last_administrator", CONFLICT,
        "At least one active account must be able to grant roles.";
    /// 409: nobody has confirmed the account's address.
    NotVerified => "not_verified", CONFLICT,
        "The address of this account is not confirmed yet.";
    /// 409: the account is disabled.
    AccountDisabled => "account_disabled", CONFLICT,
        "This account is disabled. Enable it first.";
    /// 413: the body is larger than accepted.
    PayloadTooLarge => "payload_too_large", PAYLOAD_TOO_LARGE,
        "The request is too large.";
    /// 415: the body is not declared as JSON in UTF-8.
    UnsupportedMediaType => "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "Send application/json in UTF-8.";
    /// 422: fields break rules, all listed in `errors`.
    ValidationFailed => "validation_failed", UNPROCESSABLE_ENTITY,
        "Some fields are not valid.";
    /// 429: too many attempts; `Retry-After` says how long to wait.
    RateLimited => "rate_limited", TOO_MANY_REQUESTS,
        "Too many attempts. Wait a little and try again.";
    /// 500: something failed within.
    Internal => "internal", INTERNAL_SERVER_ERROR,
        "Something went wrong. Try again later.";
    /// 503: more work is waiting than can be done; `Retry-After` says how long
    /// to wait.
    Overloaded => "overloaded", SERVICE_UNAVAILABLE,
        "The server is busy. Wait a little and try again.";
    /// 503: something that is needed does not answer; `Retry-After` says how
    /// long to wait.
    Unavailable => "unavailable", SERVICE_UNAVAILABLE,
        "This is not available right now. Wait a little and try again.";
}

/// An error as it is answered. It never carries the text of a failure within.
#[derive(Clone, Debug)]
pub struct Problem {
    code: ProblemCode,
    detail: Option<&'static str>,
    errors: Vec<Violation>,
    methods: Option<Vec<Method>>,
    pending: Option<(Ticket, u64)>,
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
            methods: None,
            pending: None,
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
        let body = ProblemBody {
            methods: self.methods.as_deref(),
            ticket: self.pending.as_ref().map(|(ticket, _)| ticket),
            expires_in: self.pending.as_ref().map(|(_, seconds)| *seconds),
            ..ProblemBody::new(self.code, detail, &self.errors)
        };
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
    /// A message for the user.
    detail: &'a str,
    /// All broken rules, field by field. Only with `validation_failed`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
    /// The methods by which the user can prove who they are. Only with
    /// `recent_login_required` and `second_factor_required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) methods: Option<&'a [Method]>,
    /// Continues the sign-in, once. Only with `second_factor_required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ticket: Option<&'a Ticket>,
    /// How long the ticket is valid, in seconds. Only with `second_factor_required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_in: Option<u64>,
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
            methods: None,
            ticket: None,
            expires_in: None,
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let wait = error.retry_after();
        let code = match error.code() {
            // The client has disconnected, so nobody reads this answer.
            ErrorCode::Abandoned => ProblemCode::Unavailable,
            // Codes of the service have the same name here.
            code => code.as_str().parse().unwrap_or(ProblemCode::Internal),
        };
        let problem = match code {
            ProblemCode::InvalidToken => Self::bad_token(),
            code if code.status() == StatusCode::UNAUTHORIZED => {
                Self::new(code).header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            code => Self::new(code),
        };
        let problem = match wait {
            Some(wait) => problem.header(header::RETRY_AFTER, whole_seconds(wait).into()),
            None => problem,
        };
        match error {
            AuthError::RecentLoginRequired { methods } => Self {
                methods: Some(methods),
                ..problem
            },
            AuthError::SecondFactorRequired {
                ticket,
                expires_in,
                methods,
            } => Self {
                methods: Some(methods),
                pending: Some((ticket, expires_in.as_secs())),
                ..problem
            },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_service_has_a_problem_of_its_name() {
        for code in ErrorCode::ALL {
            let problem = code.as_str().parse::<ProblemCode>();
            assert_eq!(problem.is_ok(), code != ErrorCode::Abandoned, "{code:?}");
        }
    }
}

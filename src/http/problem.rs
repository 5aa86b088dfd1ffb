//! Errors as answers: RFC 9457 problem details.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

pub use super::problem_code::ProblemCode;

use super::answer::respond;
use crate::error::{AuthError, ErrorCode, Violation};
use crate::proof::Method;
use crate::secret::Ticket;

/// An error as it is answered. It never carries the text of a failure within.
///
/// An application answers its own errors in the same form:
///
/// ```
/// use admittance::http::Problem;
/// use http::StatusCode;
///
/// fn no_such_exam() -> Problem {
///     Problem::of(StatusCode::NOT_FOUND, "exam_not_found").detail("There is no such exam.")
/// }
///
/// fn wrong_level() -> Problem {
///     Problem::of(StatusCode::UNPROCESSABLE_ENTITY, "exam_invalid")
///         .detail("Some fields are not valid.")
///         .field("level", "unknown", "Choose a level from A1 to C2.")
/// }
/// # assert_eq!(no_such_exam().code(), "exam_not_found");
/// # assert_eq!(wrong_level().status(), 422);
/// ```
#[derive(Clone, Debug)]
pub struct Problem(Box<Content>);

#[derive(Clone, Debug)]
struct Content {
    /// `None` for a code of the application's.
    kind: Option<ProblemCode>,
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    methods: Option<Vec<Method>>,
    pending: Option<(Ticket, u64)>,
    can_start_anew: Option<bool>,
    headers: HeaderMap,
}

impl Problem {
    /// The problem `code`, with its usual text.
    #[must_use]
    pub fn new(code: ProblemCode) -> Self {
        let kind = Some(code);
        Self::with(kind, code.status(), code.as_str(), code.detail())
    }

    /// A problem of the application's, with the code `code`, such as `exam_not_found`, and the
    /// status in words as its text. Choose a code that no [`ProblemCode`] has: clients
    /// distinguish problems by it.
    ///
    /// `status` is from 400 to 599. A problem with another status is answered with 500.
    #[must_use]
    pub fn of(status: StatusCode, code: &'static str) -> Self {
        let status = match status.is_client_error() || status.is_server_error() {
            true => status,
            false => {
                tracing::error!(%status, code, "the status of a problem is no error");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let words = status.canonical_reason().unwrap_or_default();
        Self::with(None, status, code, words)
    }

    fn with(
        kind: Option<ProblemCode>,
        status: StatusCode,
        code: &'static str,
        detail: &'static str,
    ) -> Self {
        Self(Box::new(Content {
            kind,
            status,
            code,
            detail: Cow::Borrowed(detail),
            errors: Vec::new(),
            methods: None,
            pending: None,
            can_start_anew: None,
            headers: HeaderMap::new(),
        }))
    }

    /// The code, as clients see it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The code if it is one of this crate's; `None` for a problem of the application's.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemCode> {
        self.0.kind
    }

    /// The status that it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the message for people: plain text, not escaped.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.detail
    }

    /// Replaces the text by a sentence on what is wrong here, for a person. It must not hold
    /// anything that the client has sent.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Adds a field that breaks a rule to the member `errors`: which field, which rule, for
    /// programs, and a sentence that tells a person what to do. None of them may repeat the
    /// input.
    #[must_use]
    pub fn field(
        mut self,
        field: impl Into<Cow<'static, str>>,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.errors.push(FieldError {
            field: field.into(),
            code: code.into(),
            message: message.into(),
        });
        self
    }

    /// Adds a header to the answer. Several of one name are all sent. A header that every
    /// problem has, such as `Cache-Control`, is replaced.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
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

    /// Converts into an `http::Response`. Handlers of axum and warp can return the value itself.
    #[must_use]
    pub fn into_http(self) -> Response<Bytes> {
        let content = *self.0;
        let body = ProblemBody {
            methods: content.methods.as_deref(),
            ticket: content.pending.as_ref().map(|(ticket, _)| ticket),
            expires_in: content.pending.as_ref().map(|(_, seconds)| *seconds),
            can_start_anew: content.can_start_anew,
            ..ProblemBody::new(
                content.status,
                content.code,
                &content.detail,
                &content.errors,
            )
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = respond(content.status, "application/problem+json", body);
        response.headers_mut().extend(content.headers);
        response
    }
}

/// A field that breaks a rule, of this crate's requests or of the application's.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FieldError {
    field: Cow<'static, str>,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
}

impl From<&Violation> for FieldError {
    fn from(violation: &Violation) -> Self {
        Self {
            field: violation.path(),
            code: violation.code.as_str().into(),
            message: violation.message.clone().into(),
        }
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
    #[cfg_attr(feature = "openapi", schemars(with = "Vec<Violation>"))]
    errors: &'a [FieldError],
    /// The methods by which the user can prove who they are. Only with
    /// `recent_login_required` and `second_factor_required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) methods: Option<&'a [Method]>,
    /// Continues the sign-in, once. Only with `second_factor_required` and `link_required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ticket: Option<&'a Ticket>,
    /// How long the ticket is valid, in seconds. Only with a `ticket`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_in: Option<u64>,
    /// Whether the account with this address can be removed instead, which nobody has
    /// confirmed. Only with `link_required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) can_start_anew: Option<bool>,
}

impl<'a> ProblemBody<'a> {
    pub(super) fn new(
        status: StatusCode,
        code: &'a str,
        detail: &'a str,
        errors: &'a [FieldError],
    ) -> Self {
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code,
            detail,
            errors,
            methods: None,
            ticket: None,
            expires_in: None,
            can_start_anew: None,
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
        let mut problem = match code {
            ProblemCode::InvalidToken => Self::bad_token(),
            code if code.status() == StatusCode::UNAUTHORIZED => {
                Self::new(code).header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            code => Self::new(code),
        };
        if let Some(wait) = wait {
            problem = problem.header(header::RETRY_AFTER, whole_seconds(wait).into());
        }
        match error {
            AuthError::RecentLoginRequired { methods } => problem.0.methods = Some(methods),
            AuthError::SecondFactorRequired {
                ticket,
                expires_in,
                methods,
            } => {
                problem.0.methods = Some(methods);
                problem.0.pending = Some((ticket, expires_in.as_secs()));
            }
            AuthError::LinkRequired {
                ticket,
                expires_in,
                can_start_anew,
            } => {
                problem.0.pending = Some((ticket, expires_in.as_secs()));
                problem.0.can_start_anew = Some(can_start_anew);
            }
            AuthError::Validation(violations) => {
                problem.0.errors = violations.as_slice().iter().map(Into::into).collect();
            }
            _ => {}
        }
        problem
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

//! Errors as answers of handlers.

use ::axum::body::Body;
use ::axum::extract::rejection::{
    BytesRejection, FormRejection, JsonRejection, PathRejection, QueryRejection,
};
use ::axum::response::{IntoResponse, Response};
use ::http::StatusCode;

use crate::error::AuthError;
use crate::http::{Problem, ProblemCode, Refusal, broken_off};

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_http().map(Body::from)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.into_http().map(Body::from)
    }
}

/// Answers with the [`Problem`] of the error, so that a handler can return
/// `Result<_, AuthError>`.
impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

/// The problem of a body that axum's `Json` refuses: as the endpoints of the
/// contract answer such a body. Nothing that the client has sent is repeated.
impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let detail = match rejection {
            JsonRejection::JsonSyntaxError(_) => "The body is not valid JSON.",
            JsonRejection::JsonDataError(_) => "A field of the body is missing, unknown or wrong.",
            JsonRejection::MissingJsonContentType(_) => {
                return Self::new(ProblemCode::UnsupportedMediaType);
            }
            JsonRejection::BytesRejection(rejection) => return rejection.into(),
            _ => "The body cannot be read.",
        };
        Self::new(ProblemCode::MalformedRequest).detail(detail)
    }
}

/// The problem of a body that cannot be read to its end: 413 and 408 for a limit of the
/// application's, in length or in time.
impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(ProblemCode::PayloadTooLarge),
            _ => broken_off(&rejection),
        }
    }
}

/// The problem of a form that axum's `Form` refuses, in a body or in a query string.
impl From<FormRejection> for Problem {
    fn from(rejection: FormRejection) -> Self {
        match rejection {
            FormRejection::InvalidFormContentType(_) => {
                Self::new(ProblemCode::UnsupportedMediaType)
                    .detail("The body must be a form: application/x-www-form-urlencoded.")
            }
            FormRejection::BytesRejection(rejection) => rejection.into(),
            _ => Self::new(ProblemCode::MalformedRequest)
                .detail("A field of the form is missing, unknown or wrong."),
        }
    }
}

/// The problem of a path whose parameters axum's `Path` refuses: no such resource exists.
impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        match rejection.status().is_server_error() {
            true => Self::new(ProblemCode::Internal),
            false => Self::new(ProblemCode::NotFound),
        }
    }
}

/// The problem of a query string that axum's `Query` refuses.
impl From<QueryRejection> for Problem {
    fn from(_: QueryRejection) -> Self {
        Self::new(ProblemCode::MalformedRequest)
            .detail("A parameter of the query is missing, unknown or wrong.")
    }
}

//! Errors as answers of handlers.

use ::axum::body::Body;
use ::axum::extract::rejection::{JsonRejection, QueryRejection};
use ::axum::response::{IntoResponse, Response};
use ::http::StatusCode;

use crate::error::AuthError;
use crate::http::{Problem, ProblemCode, Refusal};

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
            other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                return Self::new(ProblemCode::PayloadTooLarge);
            }
            _ => "The request body is incomplete.",
        };
        Self::new(ProblemCode::MalformedRequest).detail(detail)
    }
}

/// The problem of a query string that axum's `Query` refuses.
impl From<QueryRejection> for Problem {
    fn from(_: QueryRejection) -> Self {
        Self::new(ProblemCode::MalformedRequest)
            .detail("A parameter of the query is missing, unknown or wrong.")
    }
}

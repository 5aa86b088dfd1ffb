//! Errors as answers of handlers.

use ::axum::body::Body;
use ::axum::response::{IntoResponse, Response};

use crate::error::AuthError;
use crate::http::{Problem, Refusal};

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        Self::into_response(self).map(Body::from)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Self::into_response(self).map(Body::from)
    }
}

/// Answers with the [`Problem`] of the error, so that a handler can return
/// `Result<_, AuthError>`.
impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        IntoResponse::into_response(Problem::from(self))
    }
}

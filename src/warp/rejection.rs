//! How requests are refused, and what answers rejections.

use std::convert::Infallible;

use ::http::Response;
use ::warp::Rejection;
use ::warp::Reply;
use ::warp::body::BodyDeserializeError;
use ::warp::cors::CorsForbidden;
use ::warp::reject::{
    InvalidHeader, InvalidQuery, LengthRequired, MethodNotAllowed, MissingCookie, MissingHeader,
    PayloadTooLarge, Reject, UnsupportedMediaType,
};
use bytes::Bytes;

use crate::error::AuthError;
use crate::http::{Problem, ProblemCode, Refusal};

/// How the filters for users refuse a request. [`recover`] answers it.
#[derive(Clone, Debug)]
pub struct Rejected(pub Problem);

impl Reject for Rejected {}

impl From<Problem> for Rejection {
    fn from(problem: Problem) -> Self {
        ::warp::reject::custom(Rejected(problem))
    }
}

/// How a guard sends a browser to the login page.
#[derive(Debug)]
struct SentToLogin(Refusal);

impl Reject for SentToLogin {}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Problem(problem) => problem.into(),
            refusal => ::warp::reject::custom(SentToLogin(refusal)),
        }
    }
}

/// The answer to a rejection by a filter for users.
fn answer(rejection: &Rejection) -> Option<Response<Bytes>> {
    if let Some(SentToLogin(refusal)) = rejection.find() {
        return Some(refusal.clone().into_http());
    }
    let Rejected(problem) = rejection.find()?;
    Some(problem.clone().into_http())
}

impl Reply for Problem {
    fn into_response(self) -> ::warp::reply::Response {
        self.into_http().map(Into::into)
    }
}

impl Reply for Refusal {
    fn into_response(self) -> ::warp::reply::Response {
        self.into_http().map(Into::into)
    }
}

/// Answers with the [`Problem`] of the error, so that a filter's function can return
/// `Result<_, AuthError>`.
impl Reply for AuthError {
    fn into_response(self) -> ::warp::reply::Response {
        Reply::into_response(Problem::from(self))
    }
}

/// Answers what is [`Rejected`] and what a guard sends to the login page, and passes on every other rejection as it is:
/// `app.recover(recover)`.
///
/// # Errors
///
/// The rejection, if it has nothing [`Rejected`] in it.
pub async fn recover(rejection: Rejection) -> Result<Response<Bytes>, Rejection> {
    answer(&rejection).ok_or(rejection)
}

/// Answers every rejection with a problem, for applications that answer all
/// errors in the one form: what is [`Rejected`] as [`recover`] does, no filter
/// for the path with 404, and what warp's own filters refuse with its status.
/// A rejection of the application's own is answered with 500, so recover from
/// those before. warp does not tell which methods there are, so a 405 for a
/// path of the application's has no `Allow`.
///
/// # Errors
///
/// None.
pub async fn recover_all(rejection: Rejection) -> Result<Response<Bytes>, Infallible> {
    let problem = || Problem::new(code(&rejection)).into_http();
    Ok(answer(&rejection).unwrap_or_else(problem))
}

/// The code for a rejection by one of warp's filters. What came closest to
/// taking the request is told: 405 only if there is nothing else, 404 last.
fn code(rejection: &Rejection) -> ProblemCode {
    let is_malformed = rejection.find::<BodyDeserializeError>().is_some()
        || rejection.find::<InvalidQuery>().is_some()
        || rejection.find::<InvalidHeader>().is_some()
        || rejection.find::<MissingHeader>().is_some()
        || rejection.find::<MissingCookie>().is_some()
        || rejection.find::<LengthRequired>().is_some();
    if rejection.is_not_found() {
        ProblemCode::NotFound
    } else if rejection.find::<UnsupportedMediaType>().is_some() {
        ProblemCode::UnsupportedMediaType
    } else if rejection.find::<PayloadTooLarge>().is_some() {
        ProblemCode::PayloadTooLarge
    } else if rejection.find::<CorsForbidden>().is_some() {
        ProblemCode::Forbidden
    } else if is_malformed {
        ProblemCode::MalformedRequest
    } else if rejection.find::<MethodNotAllowed>().is_some() {
        ProblemCode::MethodNotAllowed
    } else {
        tracing::error!(?rejection, "nothing answers a rejection");
        ProblemCode::Internal
    }
}

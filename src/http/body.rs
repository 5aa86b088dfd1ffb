//! Collecting a request's body, and what it means when that fails.

use std::error::Error;
use std::io;
use std::iter;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::problem::{Problem, ProblemCode};
use super::{AuthApi, cors, request};
use crate::clock::Clock;
use crate::store::Store;

/// For how long the body of a refused request is read and dropped.
const DISCARD_FOR: Duration = Duration::from_secs(1);
/// How many sources of an error are looked at.
const MAX_CAUSES: usize = 16;
/// What `tower_http::timeout::TimeoutError` says: the error of its `RequestBodyTimeoutLayer`,
/// whose type this crate does not depend on.
const TOWER_HTTP_TIMEOUT: &str = "data was not received within the designated timeout";

impl<S: Store, C: Clock> AuthApi<S, C> {
    /// Collects `body` and answers. A body that takes too long, breaks off or grows too
    /// large is answered without being read further. If its declared length is too large,
    /// the answer comes before anything of it is read, and the connection closes.
    ///
    /// A body that exceeds a limit of a layer in front, in length or in time, while it is read is
    /// answered in the same way, with 413 or 408: by [`LengthLimitError`], by
    /// [`io::ErrorKind::TimedOut`], and by the errors of Tokio's and of tower-http's time-outs,
    /// wherever they are in the chain of the error's sources.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime, or in one without timers.
    pub async fn handle_body<B>(&self, request: Request<B>, peer: Option<IpAddr>) -> Response<Bytes>
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let length = request::content_length(&parts.headers);
        let is_announced = length.is_some_and(|length| length > self.config.max_body_bytes);
        let collected = match is_announced {
            true => {
                // A client that asks first sends nothing after this answer.
                if !parts.headers.contains_key(header::EXPECT) {
                    tokio::spawn(discard(body, self.config.max_body_bytes));
                }
                Err(Problem::new(ProblemCode::PayloadTooLarge))
            }
            false => self.collect(body).await,
        };
        let problem = match collected {
            Ok(body) => return self.handle(Request::from_parts(parts, body), peer).await,
            Err(problem) => problem,
        };
        let mut response = problem.into_http();
        // HTTP/2 closes the stream by itself, and knows no such header.
        if is_announced && parts.version <= Version::HTTP_11 {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        let origin = parts.headers.get(header::ORIGIN);
        cors::share(origin, &self.config, response.headers_mut());
        response
    }

    async fn collect<B>(&self, body: B) -> Result<Bytes, Problem>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let longest = self.config.max_body_bytes;
        let collected = Limited::new(body, longest).collect();
        match timeout(self.config.body_timeout, collected).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) => Err(broken_off(&*error)),
            Err(_) => Err(Problem::new(ProblemCode::RequestTimeout)),
        }
    }
}

/// The answer to a request whose body ends by `error`: by a limit of the application's, by
/// its time-out, or because the client went away.
pub(crate) fn broken_off(error: &(dyn Error + 'static)) -> Problem {
    let mut causes = iter::successors(Some(error), |error| cause(*error)).take(MAX_CAUSES);
    let code = causes.find_map(|cause| {
        let timed_out = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
        if cause.is::<LengthLimitError>() {
            return Some(ProblemCode::PayloadTooLarge);
        }
        let is_late = cause.is::<Elapsed>()
            || cause.downcast_ref::<io::Error>().is_some_and(timed_out)
            || cause.to_string() == TOWER_HTTP_TIMEOUT;
        is_late.then_some(ProblemCode::RequestTimeout)
    });
    match code {
        Some(code) => Problem::new(code),
        None => Problem::new(ProblemCode::MalformedRequest).detail("The request's body broke off."),
    }
}

/// What `error` was made of. `source` of an [`io::Error`] leaves out the error that it wraps.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    let wrapped = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match wrapped {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Reads and drops what a client sends that did not wait for the answer: a connection
/// that is closed with data unread is reset, and the answer can be lost.
async fn discard<B: http_body::Body>(body: B, longest: usize)
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = pin!(Limited::new(body, longest));
    let read = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = timeout(DISCARD_FOR, read).await;
}

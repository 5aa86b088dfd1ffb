//! The server loop of the examples. It bounds what neither `axum::serve` nor
//! `warp::serve` bounds: the time for a request's head, the number of connections, and
//! the time for a shutdown.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use admittance::http::{Problem, ProblemCode};
use bytes::Bytes;
use http::{Request, Response, Version, header};
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tower::Service;

/// For how long a client may send the head of a request, or nothing between two.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// Connections at once: more than can wait for a hashing thread by default, and so few
/// that the usual limit of 1,024 open files leaves some for the database and for mail.
const MAX_CONNECTIONS: usize = 640;

/// For how long requests go on after the process was asked to stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// How long to wait after a connection could not be accepted: most likely there are too
/// many open files.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Connections that wait for a request, the longest first.
#[derive(Default)]
struct Idle {
    waiting: Mutex<(u64, BTreeMap<u64, Arc<Notify>>)>,
    /// Told when a connection begins to wait.
    entered: Notify,
}

impl Idle {
    fn enter(&self, close: &Arc<Notify>) -> u64 {
        let place = {
            let mut waiting = self.lock();
            waiting.0 += 1;
            let place = waiting.0;
            waiting.1.insert(place, Arc::clone(close));
            place
        };
        self.entered.notify_one();
        place
    }

    /// Returns `false` if the connection is to be closed.
    fn leave(&self, place: u64) -> bool {
        self.lock().1.remove(&place).is_some()
    }

    /// Closes the connection that has waited for the longest time.
    fn close_one(&self) {
        if let Some((_, close)) = self.lock().1.pop_first() {
            close.notify_one();
        }
    }

    fn close_all(&self) {
        let waiting = std::mem::take(&mut self.lock().1);
        waiting.values().for_each(|close| close.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Arc<Notify>>)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves HTTP/1.1 on `listener` until the process is asked to stop. `with_peer` tells
/// the framework who the client of a request is.
pub(crate) async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    with_peer: fn(&mut Request<Incoming>, SocketAddr),
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (idle, graceful) = (Arc::<Idle>::default(), GracefulShutdown::new());
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stopped = pin!(super::stopped());
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => break,
            accepted = accept(&listener, &room, &idle) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else {
            continue;
        };
        let close = Arc::new(Notify::new());
        let place = Arc::new(Mutex::new(idle.enter(&close)));
        let answer = {
            let (idle, close, place) = (Arc::clone(&idle), Arc::clone(&close), Arc::clone(&place));
            let service = service.clone();
            move |mut request: Request<Incoming>| {
                let (idle, close, place) =
                    (Arc::clone(&idle), Arc::clone(&close), Arc::clone(&place));
                let mut service = service.clone();
                async move {
                    let at = *place.lock().unwrap_or_else(PoisonError::into_inner);
                    if !idle.leave(at) {
                        // The connection is being closed: nothing is begun any more.
                        std::future::pending::<()>().await;
                    }
                    with_peer(&mut request, peer);
                    let response = answered(&mut service, request).await;
                    *place.lock().unwrap_or_else(PoisonError::into_inner) = idle.enter(&close);
                    response
                }
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .serve_connection(TokioIo::new(stream), service_fn(answer));
        let connection = graceful.watch(connection);
        let idle = Arc::clone(&idle);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = close.notified() => {
                    tracing::debug!(%peer, "an idle connection was closed for another one");
                }
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection failed");
                },
            }
            idle.leave(*place.lock().unwrap_or_else(PoisonError::into_inner));
            drop(permit);
        });
    }
    drop(listener);
    idle.close_all();
    let drained = tokio::time::timeout(DRAIN_WITHIN, graceful.shutdown());
    if drained.await.is_err() {
        tracing::warn!("some requests were not answered before the server stopped");
    }
}

/// Accepts a connection once there is room for it. In a full server the connection that
/// has waited longest for a request makes room.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    idle: &Idle,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let (stream, peer) = match listener.accept().await {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            idle.close_one();
            tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
            return None;
        }
    };
    if room.available_permits() == 0 {
        idle.close_one();
    }
    let mut permit = pin!(Arc::clone(room).acquire_owned());
    loop {
        tokio::select! {
            // First, since `entered` remembers that a connection has begun to wait.
            biased;
            // The semaphore is never closed.
            permit = &mut permit => return Some((stream, peer, permit.ok()?)),
            () = idle.entered.notified() => idle.close_one(),
        }
    }
}

/// Answers `request`, unless it names no host or several (RFC 9112 §3.2).
async fn answered<S, B>(
    service: &mut S,
    request: Request<Incoming>,
) -> Result<Response<Either<B, Full<Bytes>>>, Infallible>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
{
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let is_clear = hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11);
    if !is_clear {
        let problem = Problem::new(ProblemCode::MalformedRequest)
            .detail("The request must have exactly one Host header.");
        let mut response = problem.into_http().map(Full::new).map(Either::Right);
        let close = http::HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        return Ok(response);
    }
    poll_fn(|context| service.poll_ready(context)).await?;
    Ok(service.call(request).await?.map(Either::Left))
}

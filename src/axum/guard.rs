//! A guard as a layer.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::axum::extract::OriginalUri;
use ::axum::response::{IntoResponse, Response};
use ::http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::peer;
use crate::http::Guard;

/// The layer lets through only requests that the guard admits, and answers every other one
/// itself. It keeps the identity for the extractors behind it, which then do not read the store
/// again.
impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            guard: Arc::new(self.clone()),
            inner,
        }
    }
}

/// A service behind a [`Guard`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    guard: Arc<Guard>,
    inner: S,
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response: IntoResponse, Future: Send> + Clone + Send + 'static,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let guard = Arc::clone(&self.guard);
        // The one that was polled ready, not its clone.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            let peer = peer(guard.auth().peer(&head.extensions), &head.extensions);
            // A nested router cuts its prefix off the path.
            let original = head.extensions.get::<OriginalUri>();
            let target = original.map_or_else(|| head.uri.clone(), |OriginalUri(uri)| uri.clone());
            match guard.admit_to(&target, &mut head, peer).await {
                Ok(_) => {
                    let answer = inner.call(Request::from_parts(head, body)).await?;
                    Ok(answer.into_response())
                }
                Err(refusal) => Ok(IntoResponse::into_response(refusal)),
            }
        })
    }
}

//! How a request reaches a server: through a framework in this process, or over TCP.

use std::io;
use std::net::SocketAddr;

use admittance::warp::Peer;
use axum::Router;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use warp::filters::BoxedFilter;
use warp::{Filter, Rejection, Reply};

use crate::answer::Answer;
use crate::request::Request;

/// A body that an application in this process reads.
pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// A framework that serves the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framework {
    Axum,
    Warp,
}

impl Framework {
    /// Its name, which is also that of the example.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Warp => "warp",
        }
    }
}

/// One test for each framework out of every function that is named.
macro_rules! each_framework {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn axum() {
                super::$name(crate::transport::Framework::Axum).await;
            }

            #[tokio::test]
            async fn warp() {
                super::$name(crate::transport::Framework::Warp).await;
            }
        }
    )+};
}
pub(crate) use each_framework;

/// How requests reach a server.
#[derive(Clone)]
pub(crate) enum Transport {
    InProcess(App),
    /// The address at which it listens.
    Tcp(String),
}

/// An application of a framework, in this process.
#[derive(Clone)]
pub(crate) struct App {
    service: Service,
    peer: SocketAddr,
}

#[derive(Clone)]
enum Service {
    Axum(Router),
    Warp(BoxedFilter<(Box<dyn Reply>,)>),
}

impl From<Router> for App {
    fn from(router: Router) -> Self {
        Self::of(Service::Axum(router))
    }
}

impl App {
    fn of(service: Service) -> Self {
        let peer = SocketAddr::from(([192, 0, 2, 7], 4711));
        Self { service, peer }
    }

    pub(crate) fn warp<F, R>(filter: F) -> Self
    where
        F: Filter<Extract = (R,), Error: Into<Rejection>> + Clone + Send + Sync + 'static,
        R: Reply + 'static,
    {
        let filter = filter.map(|reply: R| Box::new(reply) as Box<dyn Reply>);
        Self::of(Service::Warp(filter.boxed()))
    }

    /// The same application for a client at another address; by default it is 192.0.2.7.
    pub(crate) fn with_peer(&self, ip: [u8; 4]) -> Self {
        Self {
            service: self.service.clone(),
            peer: SocketAddr::from((ip, 4711)),
        }
    }

    /// Answers `request`.
    pub(crate) async fn send(&self, request: &Request) -> Answer {
        let bytes = Bytes::from(request.body.clone().unwrap_or_default());
        let body = Full::new(bytes).map_err(|never| match never {}).boxed();
        self.send_body(request, body).await
    }

    /// Answers `request`, whose body is `body`.
    pub(crate) async fn send_body(&self, request: &Request, body: Body) -> Answer {
        let mut asked = request.with_body(body);
        asked.extensions_mut().insert(ConnectInfo(self.peer));
        asked.extensions_mut().insert(Peer(self.peer));
        let (parts, body) = match &self.service {
            Service::Axum(router) => {
                let asked = asked.map(axum::body::Body::new);
                let response = router.clone().oneshot(asked).await.unwrap();
                let (parts, body) = response.into_parts();
                (parts, body.collect().await.unwrap().to_bytes())
            }
            Service::Warp(filter) => {
                let service = warp::service(filter.clone());
                let (parts, body) = service.oneshot(asked).await.unwrap().into_parts();
                (parts, body.collect().await.unwrap().to_bytes())
            }
        };
        let mut headers = parts.headers;
        // What hyper makes of it: an answer without content has no length (RFC 9110
        // §8.6), and every other one has.
        if parts.status == 204 {
            headers.remove(CONTENT_LENGTH);
        } else if !headers.contains_key(CONTENT_LENGTH) {
            headers.insert(CONTENT_LENGTH, body.len().into());
        }
        let reason = parts.status.canonical_reason().unwrap_or_default();
        Answer::new(parts.status.as_u16(), reason, headers, body.into()).unwrap()
    }
}

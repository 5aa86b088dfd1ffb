//! [`Client`]: an HTTP client for sign-in with providers.

mod connection;
mod error;
mod network;
mod pool;
mod tls;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use self::connection::{Connection, Exchange, Unanswered};
use self::error::{Doing, Failure};
use self::network::{Network, System};
use self::pool::{Bounds, Origin, Pool, Slot};
use super::http_client::{HttpClient, HttpMethod, HttpRequest, HttpResponse};
use crate::error::{Cause, ConfigError};

/// An HTTP client for sign-in with providers, over HTTP/1.1 and TLS 1.2 or 1.3.
///
/// It does what [`HttpClient`] requires, and
///
/// - trusts Mozilla's roots, as the crate `webpki-roots` has them, instead of those of the
///   operating system; [`with_roots`](Self::with_roots) adds others. It neither uses nor sets
///   rustls's default provider;
/// - looks a name up once for each connection, and connects to the addresses of that look-up
///   for which [`HttpRequest::may_connect_to`] returns `true`. Without TLS, it connects to the
///   loopback only;
/// - **uses no proxy**: `HTTPS_PROXY` and its like in the environment are ignored. Where
///   requests must go through a proxy, implement [`HttpClient`] over another client;
/// - asks for answers without compression, and refuses compressed ones;
/// - has at most 16 connections to one host and port, and keeps at most 32 unused ones to all
///   of them, each for 20 seconds. Further requests wait, within their timeout;
/// - sends a request again only if the provider closed a kept connection: a `GET` that had no
///   answer yet, or a `POST` of which nothing was sent.
///
/// Make one and share it among all providers, so that connections are reused. It requires a
/// Tokio runtime with I/O and time enabled, and looks names up by the operating system, on
/// the runtime's threads for blocking calls.
///
/// # Examples
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
/// # fn main() -> Result<(), admittance::ConfigError> {
/// use std::sync::Arc;
///
/// use admittance::federation::{Client, ClientAuthentication, Provider, RelyingParty};
///
/// let client = Arc::new(Client::new()?);
/// let school = Provider::oidc("school", "https://login.school.example", "exam-simulator")
///     .authentication(ClientAuthentication::Basic("the client secret".into()))
///     .redirect_uri("https://exam.example/login/callback")
///     .build()?;
/// let school = RelyingParty::new(school, client.clone());
/// # Ok(())
/// # }
/// # #[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
/// # fn main() {}
/// ```
pub struct Client {
    network: Arc<dyn Network>,
    tls: TlsConnector,
    pool: Arc<Pool>,
}

impl Client {
    /// A client that trusts Mozilla's roots.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] if TLS cannot be set up.
    pub fn new() -> Result<Self, ConfigError> {
        Self::with_roots("")
    }

    /// A client that trusts `certificates`, in PEM, besides Mozilla's roots: for a provider
    /// inside your network.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] if `certificates` has something that is not a certificate of
    /// a root, or if TLS cannot be set up.
    pub fn with_roots(certificates: &str) -> Result<Self, ConfigError> {
        let tls = tls::connector(certificates)?;
        Ok(Self::over(Arc::new(System), tls, Bounds::DEFAULT))
    }

    fn over(network: Arc<dyn Network>, tls: TlsConnector, bounds: Bounds) -> Self {
        Self {
            network,
            tls,
            pool: Arc::new(Pool::new(bounds)),
        }
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, Failure> {
        let deadline = Deadline(Instant::now() + request.timeout());
        let url = Url::parse(request.url()).map_err(|_| Failure::Url)?;
        let origin = Origin::of(&url).ok_or(Failure::Url)?;
        let message = connection::message(request, &url)?;
        let waiting = self.pool.slot(origin);
        let slot = deadline.limit(Doing::Waiting, waiting).await?;
        loop {
            let kept = slot.kept(|address| may_connect(request, slot.origin(), address));
            let is_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.connection(request, &slot, deadline).await?,
            };
            let exchange = connection.exchange(message.clone(), request.max_answer_bytes());
            let unanswered = match deadline.limit(Doing::Exchanging, exchange).await? {
                Ok(Exchange { response, is_whole }) => {
                    if is_whole {
                        slot.keep(connection);
                    }
                    return Ok(response);
                }
                Err(unanswered) => unanswered,
            };
            match unanswered {
                Unanswered::Unsent(_) if is_kept => {}
                Unanswered::Sent(_) if is_kept && request.method() == HttpMethod::Get => {}
                Unanswered::Unsent(failure)
                | Unanswered::Sent(failure)
                | Unanswered::Begun(failure) => return Err(failure),
            }
        }
    }

    /// A new connection, to an address that `request` may go to.
    async fn connection(
        &self,
        request: &HttpRequest,
        slot: &Slot,
        deadline: Deadline,
    ) -> Result<Connection, Failure> {
        let origin = slot.origin();
        let mut addresses = self.addresses(slot, deadline).await?;
        addresses.retain(|address| may_connect(request, origin, *address));
        if addresses.is_empty() {
            return Err(Failure::Inside(origin.host.to_string()));
        }
        let (stream, address) = self.stream(&addresses, deadline).await?;
        if !origin.is_tls {
            let opening = connection::open(stream, address);
            return deadline.limit(Doing::Opening, opening).await?;
        }
        let host = origin.host.to_string();
        let name = tls::server_name(&origin.host).ok_or(Failure::Url)?;
        let shaking = self.tls.connect(name, stream);
        let stream = deadline.limit(Doing::Opening, shaking).await?;
        let stream = stream.map_err(|error| Failure::Tls(host, tls::in_words(&error)))?;
        let opening = connection::open(stream, address);
        deadline.limit(Doing::Opening, opening).await?
    }

    /// What the host resolves to, whether requests may go there or not.
    async fn addresses(&self, slot: &Slot, deadline: Deadline) -> Result<Vec<SocketAddr>, Failure> {
        let port = slot.origin().port;
        let name = match &slot.origin().host {
            Host::Ipv4(ip) => return Ok(vec![SocketAddr::from((*ip, port))]),
            Host::Ipv6(ip) => return Ok(vec![SocketAddr::from((*ip, port))]),
            Host::Domain(name) => name.clone(),
        };
        let network = Arc::clone(&self.network);
        // A look-up goes on when the request has been given up, and counts until it ends.
        let permit = slot.permit();
        let looking = tokio::task::spawn_blocking({
            let name = name.clone();
            move || {
                let _permit = permit;
                network.look_up(&name, port)
            }
        });
        let found = deadline.limit(Doing::LookingUp, looking).await?;
        let found = found.unwrap_or_else(|_| Err(io::Error::other("it panicked")));
        found.map_err(|error| Failure::LookUp(name, error))
    }

    /// Connects to the first of the `addresses` that accepts. Each one gets its share of the
    /// time, so that one which is silent leaves some for the next.
    async fn stream(
        &self,
        addresses: &[SocketAddr],
        deadline: Deadline,
    ) -> Result<(TcpStream, SocketAddr), Failure> {
        let mut failure = Failure::TimedOut(Doing::Connecting);
        for (place, address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - place).unwrap_or(u32::MAX);
            let share = deadline.remaining() / left;
            failure = match timeout(share, self.network.connect(*address)).await {
                Ok(Ok(stream)) => return Ok((stream, *address)),
                Ok(Err(error)) => Failure::Connect(*address, error),
                Err(_) => Failure::TimedOut(Doing::Connecting),
            };
        }
        Err(failure)
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Cause> {
        Ok(self.answer(&request).await?)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Judges an address right before it is connected to, and again before a kept connection to
/// it is used, since that may have been made for another provider.
fn may_connect(request: &HttpRequest, origin: &Origin, address: SocketAddr) -> bool {
    let ip = address.ip();
    request.may_connect_to(ip) && (origin.is_tls || ip.is_loopback())
}

/// When a request is given up.
#[derive(Clone, Copy)]
struct Deadline(Instant);

impl Deadline {
    async fn limit<T>(self, doing: Doing, work: impl Future<Output = T>) -> Result<T, Failure> {
        let done = timeout_at(self.0, work).await;
        done.map_err(|_| Failure::TimedOut(doing))
    }

    fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests;

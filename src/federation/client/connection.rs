//! One HTTP/1.1 connection: a request goes out, and the answer is received within bounds.

use std::error::Error;
use std::mem;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use url::{Position, Url};
use zeroize::Zeroizing;

use super::error::Failure;
use crate::contained::AbortOnDrop;
use crate::federation::http_client::{HttpMethod, HttpRequest, HttpResponse};

/// Longest head of an answer, in bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// A request as it is sent. Its body and headers are wiped on drop, but not the copies in the
/// buffers of the connection.
pub(super) type Message = Request<Full<Bytes>>;

/// An open connection. It is closed on drop, whatever is under way.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    _driver: AbortOnDrop,
}

/// An answer.
pub(super) struct Exchange {
    pub(super) response: HttpResponse,
    /// It was received to its end, so the connection can be used again.
    pub(super) is_whole: bool,
}

/// Why there is no answer, by how far the request came.
pub(super) enum Unanswered {
    /// Nothing was sent.
    Unsent(Failure),
    /// Something was sent, and nothing received.
    Sent(Failure),
    /// The answer has begun.
    Begun(Failure),
}

/// Begins to speak HTTP on `stream`, which is connected to `address`.
pub(super) async fn open<S>(stream: S, address: SocketAddr) -> Result<Connection, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES);
    let opened = builder.handshake(TokioIo::new(stream)).await;
    let (sender, driver) = opened.map_err(|error| Failure::Send(in_words(&error)))?;
    // The sender learns of its errors.
    let driver = tokio::spawn(async move { drop(driver.await) });
    Ok(Connection {
        sender,
        address,
        _driver: AbortOnDrop(driver.abort_handle()),
    })
}

impl Connection {
    /// What it is connected to.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    #[cfg(test)]
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends `message` and receives the answer, of whose body at most `limit` bytes and one.
    pub(super) async fn exchange(
        &mut self,
        message: Message,
        limit: usize,
    ) -> Result<Exchange, Unanswered> {
        let ready = self.sender.ready().await;
        ready.map_err(|error| Unanswered::Unsent(Failure::Send(in_words(&error))))?;
        match self.sender.try_send_request(message).await {
            Ok(response) => receive(response, limit).await.map_err(Unanswered::Begun),
            Err(mut failed) => {
                let is_unsent = failed.take_message().is_some();
                let error = in_words(failed.error());
                Err(match is_unsent {
                    true => Unanswered::Unsent(Failure::Send(error)),
                    false => Unanswered::Sent(Failure::Receive(error)),
                })
            }
        }
    }
}

async fn receive(response: Response<Incoming>, limit: usize) -> Result<Exchange, Failure> {
    let status = response.status().as_u16();
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let content_type = text(CONTENT_TYPE);
    let encoding = response.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Failure::Compressed);
    }
    let mut body = response.into_body();
    let longest = limit.saturating_add(1);
    let stated = body.size_hint().exact();
    let stated = stated.and_then(|stated| usize::try_from(stated).ok());
    // Room for all of it: a buffer that grows leaves copies that are not wiped.
    let room = stated.unwrap_or(longest).min(longest);
    let mut received = Zeroizing::new(Vec::with_capacity(room));
    let mut is_whole = true;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Receive(in_words(&error)))?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        let rest = longest - received.len();
        received.extend_from_slice(data.get(..rest).unwrap_or(data));
        if received.len() == longest {
            is_whole = false;
            break;
        }
    }
    Ok(Exchange {
        response: HttpResponse::new(status, content_type, mem::take(&mut *received)),
        is_whole,
    })
}

/// The `request` to `url` as it is sent.
pub(super) fn message(request: &HttpRequest, url: &Url) -> Result<Message, Failure> {
    let host = match url.port() {
        None => request.host().to_owned(),
        Some(port) => format!("{}:{port}", request.host()),
    };
    let mut message = Request::new(Full::new(wiped(request.body())));
    *message.method_mut() = match request.method() {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
    };
    let target = &url[Position::BeforePath..Position::AfterQuery];
    *message.uri_mut() = target.parse().map_err(|_| Failure::Url)?;
    let headers = message.headers_mut();
    headers.insert(HOST, host.parse().map_err(|_| Failure::Url)?);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in request.headers() {
        let name = HeaderName::try_from(name).map_err(|_| Failure::Header)?;
        let value = HeaderValue::from_maybe_shared(wiped(value.as_bytes()));
        let mut value = value.map_err(|_| Failure::Header)?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(message)
}

/// A copy of `bytes` whose memory is wiped on drop.
fn wiped(bytes: &[u8]) -> Bytes {
    Bytes::from_owner(Zeroizing::new(bytes.to_vec()))
}

/// The text of `error` and of its cause: fixed texts of hyper, rustls and the system.
fn in_words(error: &hyper::Error) -> String {
    match error.source() {
        None => error.to_string(),
        Some(cause) => format!("{error}: {cause}"),
    }
}

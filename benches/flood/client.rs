//! As much of an HTTP/1.1 client as the benchmark needs.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The service answers within its own deadlines, which are shorter.
const PATIENCE: Duration = Duration::from_secs(20);
const LONGEST_ANSWER: usize = 1 << 20;

/// Sends requests to one server. Each request has a connection to itself while
/// it is under way; connections are kept and used again, the last one first.
#[derive(Clone)]
pub(crate) struct Client {
    server: SocketAddr,
    idle: Arc<Mutex<Vec<TcpStream>>>,
}

/// The properties of a device that the service sees.
#[derive(Clone)]
pub(crate) struct Device {
    address: IpAddr,
    agent: String,
}

impl Device {
    /// A device whose user agent contains `kind`, in letters only: the service
    /// ignores digits, which change with every update.
    pub(crate) fn new(address: impl Into<IpAddr>, kind: &str, mut number: u32) -> Self {
        let mut agent = format!("Flood{kind}");
        loop {
            let letter = u8::try_from(number % 26).map_or('a', |letter| char::from(b'a' + letter));
            agent.push(letter);
            number /= 26;
            if number == 0 {
                break;
            }
        }
        Self {
            address: address.into(),
            agent,
        }
    }

    /// A device that no account has used, in an IPv4 /16 of its own.
    pub(crate) fn unknown(number: u32) -> Self {
        let [_, _, high, low] = number.to_be_bytes();
        Self::new(Ipv4Addr::new(90 + high % 16, low, 5, 6), "New", number)
    }
}

/// A request, ready to be written.
pub(crate) struct Request(Vec<u8>);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    keeps_connection: bool,
}

impl Request {
    /// `POST path` with a JSON body, from `device`.
    pub(crate) fn post(path: &str, device: &Device, body: &Value) -> Self {
        let body = body.to_string();
        let head = head("POST", path, device);
        let length = body.len();
        Self(
            format!(
                "{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .into_bytes(),
        )
    }

    /// `GET path` with an access token, from `device`.
    pub(crate) fn get(path: &str, device: &Device, token: &str) -> Self {
        let head = head("GET", path, device);
        Self(format!("{head}Authorization: Bearer {token}\r\n\r\n").into_bytes())
    }
}

fn head(method: &str, path: &str, device: &Device) -> String {
    let Device { address, agent } = device;
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\nUser-Agent: {agent}\r\n"
    )
}

impl Client {
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self {
            server,
            idle: Arc::default(),
        }
    }

    /// The whole answer to `request`.
    ///
    /// # Errors
    ///
    /// No connection, an answer that breaks off or cannot be read, or none
    /// within 20 seconds.
    pub(crate) async fn send(&self, request: &Request) -> io::Result<Answer> {
        timeout(PATIENCE, self.exchange(request)).await?
    }

    async fn exchange(&self, request: &Request) -> io::Result<Answer> {
        let kept = self.idle.lock().unwrap().pop();
        if let Some(mut stream) = kept
            && let Some(answer) = answer(&mut stream, request).await.transpose()
        {
            return answer.map(|answer| self.keep(stream, answer));
        }
        // There was none, or the server had closed it.
        let mut stream = TcpStream::connect(self.server).await?;
        stream.set_nodelay(true)?;
        let answer = answer(&mut stream, request).await?;
        let answer = answer.ok_or(ErrorKind::UnexpectedEof)?;
        Ok(self.keep(stream, answer))
    }

    fn keep(&self, stream: TcpStream, answer: Answer) -> Answer {
        if answer.keeps_connection {
            self.idle.lock().unwrap().push(stream);
        }
        answer
    }
}

/// The answer over this connection; `None` if it was closed before any of it.
async fn answer(stream: &mut TcpStream, request: &Request) -> io::Result<Option<Answer>> {
    let mut received = Vec::with_capacity(2048);
    let is_closed = |error: &io::Error| {
        use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        matches!(
            error.kind(),
            BrokenPipe | ConnectionAborted | ConnectionReset
        )
    };
    match stream.write_all(&request.0).await {
        Err(error) if is_closed(&error) => return Ok(None),
        written => written?,
    }
    loop {
        if let Some(answer) = parse(&received)? {
            return Ok(Some(answer));
        }
        match stream.read_buf(&mut received).await {
            Ok(0) if received.is_empty() => return Ok(None),
            Err(error) if received.is_empty() && is_closed(&error) => return Ok(None),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            read => read?,
        };
        if received.len() > LONGEST_ANSWER {
            return Err(io::Error::other("the answer is too long"));
        }
    }
}

/// The answer that `received` holds; `None` until all of it has come.
fn parse(received: &[u8]) -> io::Result<Option<Answer>> {
    let unreadable = || io::Error::other("the answer cannot be read");
    let Some(end) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, rest) = received.split_at(end + 4);
    let head = std::str::from_utf8(head).map_err(|_| unreadable())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.and_then(|status| status.parse().ok());
    let status: u16 = status.ok_or_else(unreadable)?;
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let value = |name: &str| {
        let header = headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.trim())
    };
    let length = value("content-length").and_then(|length| length.parse().ok());
    let length: usize = length.ok_or_else(unreadable)?;
    let body = rest.get(..length).map(<[u8]>::to_vec);
    Ok(body.map(|body| Answer {
        status,
        body,
        keeps_connection: !value("connection").is_some_and(|it| it.eq_ignore_ascii_case("close")),
    }))
}

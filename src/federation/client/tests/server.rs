//! A server that does what a test tells it.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::*;
use crate::contained::AbortOnDrop;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) counts: Arc<Counts>,
    _task: AbortOnDrop,
}

#[derive(Default)]
pub(super) struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
    most: AtomicUsize,
    requests: Mutex<Vec<String>>,
    closed: Closed,
}

struct Closed(Semaphore);

impl Default for Closed {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Server {
    /// Gives every connection to `serve`. It is closed when that returns.
    pub(super) async fn start<F, W>(serve: F) -> Self
    where
        F: Fn(TcpStream, Arc<Counts>) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let counts = Arc::clone(&counted);
                counts.accepted.fetch_add(1, Ordering::SeqCst);
                let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
                counts.most.fetch_max(open, Ordering::SeqCst);
                let served = serve(stream, Arc::clone(&counts));
                tokio::spawn(async move {
                    served.await;
                    counts.open.fetch_sub(1, Ordering::SeqCst);
                    counts.closed.0.add_permits(1);
                });
            }
        });
        Self {
            address,
            counts,
            _task: AbortOnDrop(task.abort_handle()),
        }
    }

    /// Answers every request with `answer`, byte for byte, and keeps the connection open.
    pub(super) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::start(move |mut stream, counts| {
            let answer = Arc::clone(&answer);
            async move {
                while counts.request(&mut stream).await {
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await
    }

    pub(super) fn url(&self, rest: &str) -> String {
        format!("http://{}{rest}", self.address)
    }

    /// Waits until a connection is closed, which counts once.
    pub(super) async fn closed(&self) {
        let closed = timeout(LONG, self.counts.closed.0.acquire()).await;
        closed.expect("the connection stays open").unwrap().forget();
    }
}

impl Counts {
    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// The most connections that were open at once.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Reads a request and keeps it; `false` if the client has closed the connection.
    pub(super) async fn request(&self, stream: &mut (impl AsyncRead + Unpin)) -> bool {
        let mut text = String::new();
        while !text.ends_with("\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => text.push(char::from(byte)),
                Err(_) => return false,
            }
        }
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.parse::<usize>().unwrap())
        });
        let mut body = vec![0; length.unwrap_or_default()];
        if stream.read_exact(&mut body).await.is_err() {
            return false;
        }
        text.push_str(std::str::from_utf8(&body).unwrap());
        self.requests.lock().unwrap().push(text);
        true
    }
}

/// An answer with status 200.
pub(super) fn ok(headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

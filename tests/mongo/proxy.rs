//! A line to the server on which one command can be held up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use mongodb::options::{ClientOptions, ServerAddress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What is held up, and how far it is.
#[derive(Default)]
struct Hold {
    /// The beginning of the command that is to be held up, and how many of them go
    /// through before.
    command: Mutex<Option<(Vec<u8>, usize)>>,
    is_held: Notify,
    release: Notify,
    is_answered: Notify,
}

/// Forwards each connection to the server, and holds up a command when told to.
pub(crate) struct Proxy {
    hold: Arc<Hold>,
}

impl Proxy {
    /// One in front of the server of `options`, and the options for clients that
    /// go through it.
    pub(crate) async fn before(options: &ClientOptions) -> (Self, ClientOptions) {
        let server = options.hosts.first().unwrap().to_string();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hold = Arc::<Hold>::default();
        let proxy = Self {
            hold: Arc::clone(&hold),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&server).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let waits = Arc::new(AtomicBool::new(false));
                let (hold, answer) = (Arc::clone(&hold), Arc::clone(&hold));
                tokio::spawn(requests(from_client, to_server, hold, Arc::clone(&waits)));
                tokio::spawn(answers(from_server, to_client, answer, waits));
            }
        });
        let mut through = options.clone();
        through.hosts = vec![ServerAddress::Tcp {
            host: "127.0.0.1".to_owned(),
            port: Some(port),
        }];
        // Else the client would ask the server for its address and go there.
        through.direct_connection = Some(true);
        (proxy, through)
    }

    /// Holds up the next command of this name.
    pub(crate) fn hold_next(&self, name: &str) {
        self.hold_after(0, name);
    }

    /// Lets so many commands of this name through, and holds up the next one.
    pub(crate) fn hold_after(&self, count: usize, name: &str) {
        // The first element of a command has its name, and is a number where the
        // command concerns the whole database, else a string.
        let kind: &[u8] = match name {
            "listCollections" => b"\x10",
            _ => b"\x02",
        };
        let element = [kind, name.as_bytes(), b"\0"].concat();
        *self.hold.command.lock().unwrap() = Some((element, count));
    }

    /// Waits until the command is held up.
    pub(crate) async fn is_held(&self) {
        self.hold.is_held.notified().await;
    }

    /// Lets the command go on, and waits until the server has answered it.
    pub(crate) async fn release(&self) {
        self.hold.release.notify_one();
        self.hold.is_answered.notified().await;
    }
}

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    hold: Arc<Hold>,
    waits: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let bytes = buffer.get(..count).unwrap();
        let is_it = {
            let mut wanted = hold.command.lock().unwrap();
            match wanted.as_mut() {
                Some((name, count)) if bytes.windows(name.len()).any(|part| part == name) => {
                    let is_it = *count == 0;
                    *count = count.saturating_sub(1);
                    if is_it {
                        *wanted = None;
                    }
                    is_it
                }
                _ => false,
            }
        };
        if is_it {
            hold.is_held.notify_one();
            hold.release.notified().await;
            waits.store(true, Ordering::SeqCst);
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    hold: Arc<Hold>,
    waits: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if waits.swap(false, Ordering::SeqCst) {
            hold.is_answered.notify_one();
        }
        if to.write_all(buffer.get(..count).unwrap()).await.is_err() {
            return;
        }
    }
}

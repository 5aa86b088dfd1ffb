//! A line to a PostgreSQL server on which every message is read, and which can be cut.

use std::collections::VecDeque;
use std::mem;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Where a line is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Before anything of the round trip reaches the server.
    Before,
    /// When all of it but its last message, which ends the transaction, has.
    Within,
    /// When the server has answered, before any of the answer reaches the client.
    After,
}

/// What a client sends before it waits for an answer: all messages up to the one that the
/// server answers by being ready again.
#[derive(Clone, Debug, Default)]
pub struct RoundTrip {
    /// The types of the messages, such as `BES`.
    pub messages: String,
    /// The texts of the statements that it runs, if this line has seen them.
    pub texts: Vec<String>,
}

#[derive(Default)]
struct Seen {
    round_trips: Vec<RoundTrip>,
    notices: Vec<String>,
    cut: Option<(usize, Cut)>,
    /// How many connections there were.
    connections: usize,
    /// How many of the first ones are silent.
    silent: usize,
}

/// Forwards each connection to the server, one round trip after another.
pub struct Wire {
    seen: Arc<Mutex<Seen>>,
    server: Arc<Mutex<(String, u16)>>,
    url: String,
}

fn address(url: &str) -> (PgConnectOptions, (String, u16)) {
    let options = PgConnectOptions::from_str(url).unwrap();
    let server = (options.get_host().to_owned(), options.get_port());
    (options, server)
}

impl Wire {
    /// One in front of the server of `url`.
    pub async fn before(url: &str) -> Self {
        let (options, server) = address(url);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let through = options.host("127.0.0.1").port(port);
        let url = through.ssl_mode(PgSslMode::Disable).to_url_lossy();
        let seen = Arc::<Mutex<Seen>>::default();
        let shared = Arc::clone(&seen);
        let server = Arc::new(Mutex::new(server));
        let current = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = current.lock().unwrap().clone();
                let Ok(server) = TcpStream::connect(&server).await else {
                    continue;
                };
                let number = {
                    let mut seen = shared.lock().unwrap();
                    seen.connections += 1;
                    seen.connections
                };
                let line = Line {
                    number,
                    client,
                    server,
                    seen: Arc::clone(&shared),
                    texts: VecDeque::new(),
                };
                tokio::spawn(line.run());
            }
        });
        Self {
            seen,
            server,
            url: url.to_string(),
        }
    }

    /// Leads new connections to the server of `url`, as a name does that is moved.
    pub fn lead_to(&self, url: &str) {
        *self.server.lock().unwrap() = address(url).1;
    }

    /// The URL of the database through this line.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The round trips since this was last called, without those that only ask whether the
    /// server is there.
    pub fn take(&self) -> Vec<RoundTrip> {
        mem::take(&mut self.seen.lock().unwrap().round_trips)
    }

    /// What the server noted since this was last called.
    pub fn take_notices(&self) -> Vec<String> {
        mem::take(&mut self.seen.lock().unwrap().notices)
    }

    /// Lets so many round trips through, and cuts the line at the next one.
    pub fn cut(&self, after: usize, how: Cut) {
        self.seen.lock().unwrap().cut = Some((after, how));
    }

    /// Swallows all that comes by the connections that there are, as a firewall does that has
    /// forgotten them. New ones work.
    pub fn swallow(&self) {
        let mut seen = self.seen.lock().unwrap();
        seen.silent = seen.connections;
    }

    /// Cuts the line no more. Returns whether it was to be cut and never was.
    pub fn is_whole(&self) -> bool {
        self.seen.lock().unwrap().cut.take().is_some()
    }
}

/// One connection.
struct Line {
    number: usize,
    client: TcpStream,
    server: TcpStream,
    seen: Arc<Mutex<Seen>>,
    /// The names of prepared statements, and their texts.
    texts: VecDeque<(Vec<u8>, String)>,
}

/// A message with its type.
async fn message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 5];
    from.read_exact(&mut head).await.ok()?;
    let [_, length @ ..] = head;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    let mut all = head.to_vec();
    all.resize(length + 1, 0);
    from.read_exact(all.get_mut(5..)?).await.ok()?;
    Some(all)
}

/// The strings, each of which ends in a zero byte, that a message begins with.
fn strings(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    message
        .get(5..)
        .unwrap_or_default()
        .split(|byte| *byte == 0)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Line {
    async fn run(mut self) {
        // That the connection ended is not worth a word.
        let _ = self.forward().await;
    }

    async fn forward(&mut self) -> Option<()> {
        let length = self.client.read_u32().await.ok()?;
        let mut startup = length.to_be_bytes().to_vec();
        startup.resize(usize::try_from(length).ok()?, 0);
        self.client.read_exact(startup.get_mut(4..)?).await.ok()?;
        self.server.write_all(&startup).await.ok()?;
        self.answer().await?;
        loop {
            let mut sent: Vec<Vec<u8>> = Vec::new();
            let mut trip = RoundTrip::default();
            loop {
                let next = message(&mut self.client).await?;
                let kind = char::from(*next.first()?);
                self.note(&mut trip, kind, &next);
                sent.push(next);
                if matches!(kind, 'S' | 'Q' | 'X') {
                    break;
                }
            }
            if self.number <= self.seen.lock().unwrap().silent {
                continue;
            }
            // `S` alone is a ping, and `X` ends the connection.
            let cut = match trip.messages.as_str() {
                "S" | "X" => None,
                _ => self.count(trip),
            };
            let whole = sent.len() - usize::from(cut == Some(Cut::Within));
            if cut == Some(Cut::Before) {
                return None;
            }
            for message in sent.get(..whole)? {
                self.server.write_all(message).await.ok()?;
            }
            if cut == Some(Cut::Within) {
                return None;
            }
            let answer = self.answered().await?;
            if cut == Some(Cut::After) {
                return None;
            }
            self.client.write_all(&answer).await.ok()?;
        }
    }

    fn note(&mut self, trip: &mut RoundTrip, kind: char, message: &[u8]) {
        trip.messages.push(kind);
        let mut strings = strings(message);
        match kind {
            'Q' => trip.texts.extend(strings.next().map(text)),
            'P' => {
                let (name, text) = (strings.next(), strings.next().map(text));
                if let (Some(name), Some(text)) = (name, text) {
                    self.texts.push_front((name.to_vec(), text));
                }
            }
            // The name of the portal comes first.
            'B' => {
                let name = strings.nth(1).unwrap_or_default();
                let found = self.texts.iter().find(|(known, _)| known == name);
                trip.texts.extend(found.map(|(_, text)| text.clone()));
            }
            _ => {}
        }
    }

    /// Counts a round trip, and returns whether the line is cut at it.
    fn count(&self, trip: RoundTrip) -> Option<Cut> {
        let mut seen = self.seen.lock().unwrap();
        seen.round_trips.push(trip);
        match &mut seen.cut {
            Some((0, how)) => {
                let how = *how;
                seen.cut = None;
                Some(how)
            }
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        }
    }

    /// All that the server says until it is ready.
    async fn answered(&mut self) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let next = message(&mut self.server).await?;
            let kind = *next.first()?;
            if kind == b'N' {
                let fields = strings(&next).filter(|field| field.first() == Some(&b'M'));
                let texts = fields.map(|field| text(field.get(1..).unwrap_or_default()));
                self.seen.lock().unwrap().notices.extend(texts);
            }
            all.extend(next);
            if kind == b'Z' {
                return Some(all);
            }
        }
    }

    async fn answer(&mut self) -> Option<()> {
        let answer = self.answered().await?;
        self.client.write_all(&answer).await.ok()
    }
}

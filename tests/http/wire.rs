//! HTTP/1.1 as bytes: a connection that sends exactly what it is told and reads
//! answers strictly (RFC 9112).

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::answer::{Answer, Wrong};

/// Long enough for any machine: a test waits for it only when it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection, and what has come in on it and was not read yet.
pub(crate) struct Connection {
    stream: TcpStream,
    come: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(addr: &str) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            come: Vec::new(),
        }
    }

    /// Sends `bytes`. A server that does not want them any more may have closed
    /// the connection, and its answer can still be read.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Ok(()) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
                ) => {}
            Err(error) => panic!("nothing can be sent: {error}"),
        }
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads one answer, to a request by `method`.
    pub(crate) fn answer(&mut self, method: &str) -> Result<Answer, Wrong> {
        let mut head = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        let mut answer = read_head(&head)?;
        let body = self.read_body(&answer, method)?;
        answer.read(body)?;
        Ok(answer)
    }

    /// Whether the server has closed it since the last answer, as it may while
    /// nothing is asked.
    pub(crate) fn is_gone(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        matches!(peeked, Ok(0))
    }

    /// Whether the server closes the connection now, without another byte.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.come.is_empty() && matches!(self.more(), Ok(0))
    }

    fn read_body(&mut self, answer: &Answer, method: &str) -> Result<Vec<u8>, Wrong> {
        let length = answer.one("content-length")?.map(str::to_owned);
        let coding = answer.one("transfer-encoding")?.map(str::to_owned);
        let is_interim = (100..200).contains(&answer.status);
        if is_interim || answer.status == 204 {
            // RFC 9110 §8.6, RFC 9112 §6.1
            return match (length, coding) {
                (None, None) => Ok(Vec::new()),
                _ => Err(format!("a {} announces a body", answer.status)),
            };
        }
        if method == "HEAD" || answer.status == 304 {
            return Ok(Vec::new());
        }
        match (length, coding.as_deref()) {
            (Some(length), None) => {
                let length = length.parse().map_err(|_| "no length".to_owned())?;
                self.exactly(length)
            }
            (None, Some("chunked")) => self.chunks(),
            other => Err(format!("the body ends nowhere: {other:?}")),
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>, Wrong> {
        let mut body = Vec::new();
        loop {
            let size = self.line()?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| "no size of a chunk")?;
            if size == 0 {
                return match self.line()?.as_str() {
                    "" => Ok(body),
                    trailer => Err(format!("a trailer: {trailer}")),
                };
            }
            body.extend(self.exactly(size)?);
            if !self.line()?.is_empty() {
                return Err("a chunk is longer than it says".to_owned());
            }
        }
    }

    /// One line, which ends in CR LF and has neither within.
    fn line(&mut self) -> Result<String, Wrong> {
        let end = loop {
            if let Some(end) = self.come.windows(2).position(|pair| pair == b"\r\n") {
                break end;
            }
            if self.more()? == 0 {
                return Err(format!("the connection ends within {:?}", self.rest()));
            }
        };
        let line: Vec<u8> = self.come.drain(..end + 2).take(end).collect();
        if line.iter().any(|byte| byte.is_ascii_control()) {
            return Err(format!("control characters in {line:?}"));
        }
        String::from_utf8(line).map_err(|error| error.to_string())
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Wrong> {
        while self.come.len() < length {
            if self.more()? == 0 {
                return Err(format!("the body breaks off after {:?}", self.rest()));
            }
        }
        Ok(self.come.drain(..length).collect())
    }

    fn rest(&self) -> String {
        String::from_utf8_lossy(&self.come).into_owned()
    }

    /// Takes in what comes next: the number of bytes, 0 at the end.
    fn more(&mut self) -> Result<usize, Wrong> {
        let mut bytes = [0; 8192];
        let count = loop {
            match self.stream.read(&mut bytes) {
                // Where a time is set, the kernel does not go on by itself once the
                // process was stopped and continued (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other.map_err(|error| format!("no answer: {error}"))?,
            }
        };
        self.come.extend(bytes.iter().take(count));
        Ok(count)
    }
}

fn read_head(lines: &[String]) -> Result<Answer, Wrong> {
    let (status_line, fields) = lines.split_first().ok_or("an empty head")?;
    let rest = status_line
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| status_line.strip_prefix("HTTP/1.0 "))
        .ok_or_else(|| format!("no status line: {status_line}"))?;
    let (status, reason) = rest.split_once(' ').ok_or("a status line without reason")?;
    if status.len() != 3 {
        return Err(format!("no status: {status}"));
    }
    let status = status.parse().map_err(|_| "no status")?;
    let mut headers = HeaderMap::new();
    for field in fields {
        let (name, value) = field.split_once(':').ok_or("a header without colon")?;
        let value = value.trim_matches([' ', '\t']);
        // Names are tokens (RFC 9110 §5.1).
        let name = HeaderName::try_from(name).map_err(|_| format!("no name: {name:?}"))?;
        let value = HeaderValue::try_from(value).map_err(|_| format!("no value: {value:?}"))?;
        headers.append(name, value);
    }
    Answer::new(status, reason, headers, Vec::new())
}

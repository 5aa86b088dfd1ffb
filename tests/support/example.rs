//! The examples that serve HTTP, each as a process of its own, and the mails
//! that it prints.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::mails::{Mails, Printed};

/// So that what was begun goes on after a restart.
const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=";

/// The running example; it is killed when this is dropped.
pub struct Example {
    process: Child,
    addr: String,
    greeting: String,
    mails: Mails,
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Example {
    /// Starts the example called `name` on a free port, with this environment
    /// and no other, and waits until it listens.
    pub fn start(name: &str, environment: &[(&str, &str)]) -> Self {
        // On a busy machine a database may not answer as soon as the example demands.
        let mut attempts = (0..5).map(|_| Self::attempt(name, environment));
        let started = attempts.find_map(|started| started);
        started.unwrap_or_else(|| panic!("the example {name} does not start"))
    }

    /// The example, unless it ends before it listens.
    fn attempt(name: &str, environment: &[(&str, &str)]) -> Option<Self> {
        let mut process = Command::new(binary(name))
            .env_clear()
            .envs([("ADDR", "127.0.0.1:0"), ("AUTH_SECRET", SECRET)])
            .env("RUST_LOG", "error")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let greeting = lines.by_ref().find(|line| line.contains("Listening on"));
        let Some(greeting) = greeting else {
            process.wait().unwrap();
            return None;
        };
        let mails = Mails::default();
        // What it prints later must not fill the pipe.
        std::thread::spawn({
            let mails = mails.clone();
            move || read(&mails, lines)
        });
        let (_, rest) = greeting.split_once("http://").unwrap();
        let addr = rest.split_whitespace().next().unwrap();
        let addr = addr.trim_end_matches('.').to_owned();
        Some(Self {
            process,
            addr,
            greeting,
            mails,
        })
    }

    /// Asks it to stop.
    #[cfg(unix)]
    pub fn terminate(&self) {
        let kill = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        assert!(kill.unwrap().success());
    }

    /// Waits until it has stopped, after [`terminate`](Self::terminate).
    pub fn wait(mut self) {
        assert!(self.process.wait().unwrap().success());
    }

    /// Where it listens.
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// What it said when it listened.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// The mails that it prints.
    pub fn mails(&self) -> &Mails {
        &self.mails
    }
}

/// Finds the mails between the dashes. Of the other lines errors go where the
/// test's own errors go.
fn read(mails: &Mails, lines: impl Iterator<Item = String>) {
    let dashes = "-".repeat(72);
    let mut open: Option<Vec<String>> = None;
    for line in lines {
        match (&mut open, line == dashes) {
            (None, true) => open = Some(Vec::new()),
            (None, false) if line.contains("ERROR") => {
                drop(writeln!(std::io::stderr(), "{line}"));
            }
            (None, false) => {}
            (Some(mail), false) => mail.push(line),
            (Some(mail), true) => {
                mails.push(printed(mail));
                open = None;
            }
        }
    }
}

fn printed(lines: &[String]) -> Printed {
    let value = |name: &str| {
        let value = lines.iter().find_map(|line| line.strip_prefix(name));
        value.unwrap_or_default().to_owned()
    };
    Printed {
        to: value("To: "),
        subject: value("Subject: "),
        text: lines.join("\n"),
    }
}

/// Sends one request to the server at `addr`: `head` without `Host` and the length of
/// the body. Returns the status and the body of the answer.
pub fn ask(addr: &str, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    let length = body.len();
    let named = "Host: example\r\nConnection: close\r\nContent-Type: application/json";
    write!(
        stream,
        "{head}\r\n{named}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// The body of a `POST /register`.
pub fn registration(email: &str) -> String {
    let (password, name) = (crate::bed::PASSWORD, "Ann");
    json!({"email": email, "name": name, "password": password, "confirm_password": password})
        .to_string()
}

/// An address of this machine at which nothing listens.
pub fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// The example that `cargo test --workspace` built beside this test.
pub fn binary(name: &str) -> PathBuf {
    let path = crate::profile().join("examples").join(name);
    let tells = format!(
        "build it first: cargo build --example {name} --all-features (`cargo test --workspace` does)"
    );
    assert!(path.exists(), "{} is not there; {tells}", path.display());
    path
}

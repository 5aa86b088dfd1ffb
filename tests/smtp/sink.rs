//! The mail server of `sink.py`.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use support::python;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/smtp/sink.py");

/// A mail server of the test's own.
pub(crate) struct Sink {
    child: Child,
    says: BufReader<ChildStdout>,
    pub(crate) port: u16,
    /// The certificate of the authority that made the server's, in PEM.
    pub(crate) root: Option<String>,
}

impl Sink {
    pub(crate) fn start(given: &Value) -> Self {
        let mut child = Command::new(python::interpreter())
            .args(["-W", "ignore", SCRIPT, &given.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        says.read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap();
        Self {
            child,
            says,
            port: started["port"].as_u64().unwrap().try_into().unwrap(),
            root: started["root"].as_str().map(str::to_owned),
        }
    }

    /// Stops the server and gives back all that happened.
    pub(crate) fn finish(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        let lines = (&mut self.says).lines();
        lines
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect()
    }

    /// Stops the server and gives back the one mail that it got.
    pub(crate) fn mail(self) -> Value {
        let mut mails = mails(self.finish());
        assert_eq!(mails.len(), 1);
        mails.remove(0)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

pub(crate) fn mails(events: Vec<Value>) -> Vec<Value> {
    let is_mail = |event: &Value| event["event"] == "mail";
    events.into_iter().filter(is_mail).collect()
}

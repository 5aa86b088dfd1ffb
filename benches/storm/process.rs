//! A server as a process of its own.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::server::Kind;

/// A running server, which is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    idle_kib: u64,
}

impl Server {
    pub(crate) fn start(kind: &Kind) -> Self {
        let (name, value) = kind.variable();
        let mut child = Command::new(env::current_exe().unwrap())
            .env(name, value)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://");
        let address = address.expect("the server starts").parse().unwrap();
        let mut server = Self {
            child,
            address,
            idle_kib: 0,
        };
        server.idle_kib = server.kib("VmRSS:");
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The memory that it had resident before the first request, in KiB; 0 where there is no
    /// `/proc`.
    pub(crate) fn idle_kib(&self) -> u64 {
        self.idle_kib
    }

    /// The most memory that it has had resident, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.kib("VmHWM:")
    }

    fn kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.trim().strip_suffix("kB"));
        number.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

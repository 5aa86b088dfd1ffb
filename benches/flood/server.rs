//! The example server as a process of its own.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use crate::plan::Framework;

const PATIENCE: Duration = Duration::from_secs(60);
/// Of the errors that a server logs, so many are shown.
const ERRORS_SHOWN: usize = 3;
/// Kills the process whose id it gets once its standard input is closed.
const WATCHDOG: &str = r#"trap '' INT; read -r line; kill -9 "$1""#;

/// The release builds of the example servers.
pub(crate) struct Examples {
    folder: PathBuf,
}

impl Examples {
    /// Builds them where this program was built.
    pub(crate) fn build() -> Self {
        let profile = support::profile();
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build
            .args(["build", "--release", "--example", "axum"])
            .args(["--example", "warp", "--features", "mongodb", "--target-dir"])
            .arg(profile.parent().unwrap())
            .current_dir(support::root());
        // What cargo tells this program about its package would make build
        // scripts that watch it run again.
        let told = |name: &OsString| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        };
        for name in env::vars_os().map(|(name, _)| name).filter(told) {
            build.env_remove(name);
        }
        let status = build.status().expect("cargo builds the examples");
        assert!(status.success(), "the examples cannot be built");
        Self {
            folder: profile.join("examples"),
        }
    }

    pub(crate) fn path(&self, framework: Framework) -> PathBuf {
        self.folder.join(framework.name())
    }
}

/// A running server. It is killed when this is dropped, and also when this
/// process ends, however that ends.
pub(crate) struct Server {
    // The first to be dropped: it must not outlive the process that it kills.
    _watchdog: Process,
    process: Process,
    address: SocketAddr,
}

impl Server {
    /// Starts the program at `path` on a free port, in memory or over the
    /// database at `mongodb_uri`, and waits until it listens.
    pub(crate) fn start(path: &Path, mongodb_uri: Option<&str>) -> Self {
        let mut process = Process(
            Command::new(path)
                .env_clear()
                .env("ADDR", "127.0.0.1:0")
                .env("TRUSTED_PROXIES", "127.0.0.0/8")
                .envs(mongodb_uri.map(|uri| ("MONGODB_URI", uri)))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let watchdog = Process(
            Command::new("sh")
                .args(["-c", WATCHDOG, "sh", &process.0.id().to_string()])
                .stdin(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
        let (found, address) = channel();
        thread::spawn(move || follow(lines, &found));
        let address = address.recv_timeout(PATIENCE);
        Self {
            _watchdog: watchdog,
            process,
            address: address.expect("the server starts to listen"),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The most memory that it has had resident, in KiB; `None` where there is
    /// no `/proc`.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).ok()?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().strip_suffix("kB")?.trim().parse().ok()
    }
}

/// Reads what a server prints until it ends, so that the pipe never fills.
fn follow(lines: Lines<BufReader<ChildStdout>>, found: &Sender<SocketAddr>) {
    let mut errors = 0;
    for line in lines.map_while(Result::ok) {
        if let Some((_, rest)) = line.split_once("Listening on http://")
            && let Some(address) = rest.split_whitespace().next()
            && let Ok(address) = address.parse()
        {
            // Nobody waits for it any more after `PATIENCE`.
            let _ = found.send(address);
        } else if line.contains("ERROR") && errors < ERRORS_SHOWN {
            errors += 1;
            eprintln!("{line}");
        }
    }
}

/// A process that is killed when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

//! Memory and threads of one process with 50 services, such as one for each tenant: with
//! hashing threads of their own, and sharing those of one hasher. Linux only.
//!
//! `cargo bench -p admittance-benches --bench tenants`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot start may panic, and prints its figures"
)]

use std::env;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use admittance::password::PasswordHasher;
use admittance::random::OsRandom;
use admittance::{AuthConfig, AuthService, Keyring, MemoryStore, SecretBytes};

const SERVICES: usize = 50;

/// Selects what a child process measures. Each measurement has a process of its own, because
/// freed memory stays resident.
const MODE: &str = "ADMITTANCE_TENANTS";

fn main() {
    match env::var(MODE).as_deref() {
        Ok(mode) => measure(mode),
        Err(_) => {
            for mode in ["own threads", "one hasher"] {
                let mut child = Command::new(env::current_exe().unwrap());
                assert!(child.env(MODE, mode).status().unwrap().success());
            }
        }
    }
}

fn measure(mode: &str) {
    // With the default cost and one thread for each core, as in production.
    let config = AuthConfig::new("Exam simulator");
    let shared = (mode == "one hasher").then(|| {
        let hashing = config.hashing.clone();
        PasswordHasher::new(hashing, Arc::new(OsRandom)).unwrap()
    });
    let services: Vec<_> = (0..SERVICES)
        .map(|_| {
            let secret = SecretBytes::new((0..32).collect::<Vec<u8>>());
            let mut builder = AuthService::builder(MemoryStore::new())
                .config(config.clone())
                .keyring(Keyring::from_secret(secret).unwrap());
            if let Some(hasher) = &shared {
                builder = builder.password_hasher(hasher.clone());
            }
            builder.build().unwrap()
        })
        .collect();
    println!(
        "{} services, {mode}: {} MB resident, {} threads",
        services.len(),
        status("VmRSS:") / 1000,
        status("Threads:")
    );
}

/// A number of `/proc/self/status`; memory is in KiB.
fn status(field: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let number = line.unwrap().split_whitespace().next();
    number.unwrap().parse().unwrap()
}

//! How many logins a second does a server carry, and what becomes of the others meanwhile?
//!
//! Each row starts a server as a process of its own. This process keeps so many logins in flight
//! (closed loop) and checks a token every 20 ms (open loop: times run from when a check was due).
//!
//! - `bare`: threads that do nothing but hash, in memory that they keep, while a server answers the
//!   checks. The rate that the machine has.
//! - `admittance`: the library over a store, without limits.
//! - `spawn_blocking`: a server that hashes on Tokio's blocking threads, with memory for each call,
//!   as most servers do. Its users are in a map in memory, and nothing is kept of a login.
//! - `async threads`: the same on the threads that serve the connections.
//!
//! ```text
//! cargo bench --workspace --bench storm -- [--store memory|sqlite|postgres|mongodb] [--seconds N]
//! ```
//!
//! `--store` may be repeated; by default it is `memory`, and runs are of one second. A database
//! that no variable names is installed and started as for the tests.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot start may panic, and prints its figures"
)]

#[path = "../flood/client.rs"]
mod client;
mod load;
mod process;
mod server;

use std::time::Duration;

use support::mongo;
use tokio::runtime::Builder;

use load::Figures;
use process::Server;
use server::{Kind, Place};

const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];

fn main() {
    if let Some(kind) = server::wanted() {
        return server::run(&kind);
    }
    let (stores, length) = arguments();
    println!(
        "| server | in flight | logins a second | of bare | login p50, ms | p99 | check p50, ms | p99 | refused | \
         memory idle, MiB | peak |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let bare = measure(&Kind::Bare, 0, length).logins;
    println!("| bare | | {bare:.1} | 1.00 | | | | | | | |");
    let mut kinds: Vec<Kind> = stores.into_iter().map(Kind::Ours).collect();
    kinds.extend([Kind::Blocking, Kind::Async]);
    for kind in kinds {
        for in_flight in IN_FLIGHT {
            let figures = measure(&kind, in_flight, length);
            println!("{}", figures.row(&kind.name(), in_flight, bare));
        }
    }
}

/// What a fresh server of this kind does.
fn measure(kind: &Kind, in_flight: usize, length: Duration) -> Figures {
    let server = Server::start(kind);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut figures = runtime.block_on(load::play(server.address(), in_flight, length));
    figures.idle_kib = server.idle_kib();
    figures.peak_kib = server.peak_kib();
    figures
}

fn arguments() -> (Vec<Place>, Duration) {
    let (mut stores, mut seconds) = (Vec::new(), 1);
    let mut arguments = std::env::args().skip(1).filter(|it| it != "--bench");
    while let Some(name) = arguments.next() {
        let value = arguments.next().expect("a value after each option");
        match (name.as_str(), value.as_str()) {
            ("--seconds", value) => seconds = value.parse().expect("a number of seconds"),
            ("--store", "memory") => stores.push(Place::Memory),
            ("--store", "sqlite") => stores.push(Place::Sqlite),
            ("--store", "postgres") => {
                stores.push(Place::Postgres(support::postgres::fresh_url_for_process()));
            }
            ("--store", "mongodb") => stores.push(Place::MongoDb(mongo::fresh_uri())),
            (name, value) => panic!("{name} {value}: see the head of benches/storm/main.rs"),
        }
    }
    if stores.is_empty() {
        stores.push(Place::Memory);
    }
    (stores, Duration::from_secs(seconds))
}

//! Can owners log in while somebody floods the service with logins?
//!
//! Each run starts the axum or the warp example as a process of its own, over
//! memory or MongoDB, with its default settings. It trusts this process as a
//! proxy, so that `X-Forwarded-For` names the client of each request. Then, at
//! the same time and each in open loop:
//!
//! - the flood: logins from 256 networks, see [`Flood`];
//! - 20 owners, each of whom logs in from a known device every 7 seconds;
//! - 5 more owners, each of whom logs in from a new device every 7 seconds;
//! - one client that is logged in and reads its profile every 20 ms.
//!
//! Afterwards every owner logs in once more from the known device.
//!
//! ```text
//! cargo bench -p admittance-benches --bench flood -- [OPTIONS]
//!
//! --framework axum|warp               default: axum; with --all both
//! --store memory|mongodb              default: memory; with --all both
//! --flood none|one-56|unrelated       default: one-56 and unrelated
//! --rate N                            logins a second of the flood, default 130
//! --seconds N                         length of the flood, default 60
//! --quick                             2 seconds
//! --all                               both servers over both stores
//! --check                             fail if the flood kept an owner out
//! ```
//!
//! Without options it runs as with `--quick`. `--framework`, `--store` and
//! `--flood` may be repeated. With `--check` the exit code is 1 if a login from
//! a known device took more than 2 seconds or was refused, during the flood or
//! afterwards. For MongoDB it uses `MONGODB_URI`, or starts a server as the tests
//! do. The examples are built first, so that they are never out of date.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot start may panic, and prints its figures"
)]

mod client;
mod load;
mod people;
mod plan;
mod report;
mod server;

use std::process::ExitCode;

use support::mongo;
use tokio::runtime::Builder;

use client::Client;
use people::Flood;
use plan::{Framework, Plan, Store};
use report::Outcome;
use server::{Examples, Server};

fn main() -> ExitCode {
    let plan = match Plan::parse(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let examples = Examples::build();
    println!(
        "{} logins a second for {} s; times are of answers with 200, from when a request was due.\n",
        plan.rate,
        plan.length.as_secs()
    );
    println!("{}", report::header());
    let mut failures = Vec::new();
    for (framework, store, flood) in plan.runs() {
        let outcome = run(&examples, framework, store, flood, &plan);
        let name = [framework.name(), store.name(), flood.name()];
        println!("{}", outcome.row(name));
        if let Some(failure) = outcome.failure() {
            failures.push(format!("{}: {failure}.", name.join(", ")));
        }
    }
    if !plan.check || failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!();
    for failure in failures {
        eprintln!("{failure}");
    }
    ExitCode::FAILURE
}

/// One flood against a fresh server over an empty store.
fn run(
    examples: &Examples,
    framework: Framework,
    store: Store,
    flood: Flood,
    plan: &Plan,
) -> Outcome {
    let uri = match store {
        Store::Memory => None,
        Store::MongoDb => Some(mongo::fresh_uri()),
    };
    let server = Server::start(&examples.path(framework), uri.as_deref());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(server.address());
    let mut outcome = runtime.block_on(load::play(&client, flood, plan));
    outcome.peak_memory = server.peak_memory();
    outcome
}

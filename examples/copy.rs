//! Moves all accounts from one database to another, such as from a SQLite file to PostgreSQL:
//!
//! ```text
//! cargo run --release --example copy --features sqlite,postgres -- \
//!     sqlite:accounts.db postgres://localhost/exam
//! ```
//!
//! Build it with the features of both stores: `sqlite`, `postgres`, `mongodb`. Stop every server
//! that uses the source first. The target must be empty; `--resume` goes on with a copy that was
//! interrupted. See docs/copy.md.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person at a terminal"
)]

use std::env;
use std::error::Error;
use std::pin::Pin;
use std::process::ExitCode;

use admittance::clock::{Clock, SystemClock};
use admittance::store::copy::{CopyOptions, CopyStore, Kind, Progress, Step, copy};
use indicatif::{ProgressBar, ProgressStyle};

const USAGE: &str = "copy FROM_URL TO_URL [--resume]\n\
                     A URL begins with sqlite:, postgres: or mongodb:";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The accounts are not copied: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let mut options = CopyOptions::default();
    options.resume = arguments.iter().any(|argument| argument == "--resume");
    arguments.retain(|argument| argument != "--resume");
    let [from, to] = arguments.as_slice() else {
        return Err(USAGE.into());
    };
    let (source, _) = open(from, Place::Source).await?;
    let (target, close) = open(to, Place::Target).await?;
    let mut shown = Shown::default();
    let copied = copy(
        &*source,
        &*target,
        SystemClock.now(),
        &options,
        |progress| shown.tell(progress),
    )
    .await;
    shown.end();
    let copied = copied?;
    close.await;
    println!(
        "The target has all accounts of the source: {} users, {} sessions, {} links, attempts at \
         {} accounts, {} events.",
        copied.users, copied.sessions, copied.tokens, copied.attempts, copied.events
    );
    Ok(())
}

/// One line for each step of each kind, with a bar where the number of records is known.
#[derive(Default)]
struct Shown {
    line: Option<(Step, Kind, ProgressBar)>,
    /// How many records of each kind the source has.
    known: Vec<(Kind, u64)>,
}

impl Shown {
    fn tell(&mut self, progress: Progress) {
        let Progress {
            step,
            kind,
            records,
            ..
        } = progress;
        match &self.line {
            Some((old, of, line)) if (*old, *of) == (step, kind) => line.set_position(records),
            _ => {
                self.end();
                let line = self.begin(step, kind);
                line.set_position(records);
                self.line = Some((step, kind, line));
            }
        }
    }

    fn begin(&self, step: Step, kind: Kind) -> ProgressBar {
        let what = match step {
            Step::CheckSource => "checking the source",
            Step::CheckTarget => "checking the target",
            _ => "copying",
        };
        let total = self.known.iter().find(|(known, _)| *known == kind);
        let (line, style) = match total.filter(|_| step == Step::CheckTarget) {
            Some((_, total)) => (
                ProgressBar::new(*total),
                "{msg:30} {pos:>9} of {len} {wide_bar} {per_sec}, {eta} left",
            ),
            None => (
                ProgressBar::no_length(),
                "{msg:30} {pos:>9} in {elapsed}, {per_sec}",
            ),
        };
        // A template that is wrong leaves the default style.
        let style = ProgressStyle::with_template(style);
        line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        line.with_message(format!("{what}: {kind}"))
    }

    /// Leaves the last line as it is.
    fn end(&mut self) {
        if let Some((step, kind, line)) = self.line.take() {
            if step == Step::CheckSource {
                self.known.push((kind, line.position()));
            }
            line.abandon();
        }
    }
}

/// What a store is opened for. A source must exist, and nothing is made in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Source,
    Target,
}

/// A store, and what closes it. All of a SQLite database is in the main file after that.
type Opened = (Box<dyn CopyStore>, Pin<Box<dyn Future<Output = ()>>>);

#[cfg(any(
    feature = "mongodb",
    feature = "mongodb-aws-lc-rs",
    feature = "postgres",
    feature = "postgres-aws-lc-rs"
))]
fn never_closed(store: impl CopyStore + 'static) -> Opened {
    (Box::new(store), Box::pin(async {}))
}

async fn open(url: &str, place: Place) -> Result<Opened, Box<dyn Error>> {
    match url.split(':').next() {
        Some("sqlite") => sqlite(url, place).await,
        Some("postgres" | "postgresql") => postgres(url, place).await,
        Some("mongodb" | "mongodb+srv") => mongodb(url, place).await,
        _ => Err(USAGE.into()),
    }
}

/// Settings for many records at once.
#[cfg(any(
    feature = "postgres",
    feature = "postgres-aws-lc-rs",
    feature = "sqlite"
))]
fn sql_config(place: Place) -> admittance::store::sql::SqlConfig {
    use admittance::store::sql::{Migrations, SqlConfig};

    let mut config = SqlConfig::default();
    config.deadline = std::time::Duration::from_secs(60);
    if place == Place::Source {
        config.migrations = Migrations::Verify;
    }
    config
}

#[cfg(feature = "sqlite")]
async fn sqlite(url: &str, place: Place) -> Result<Opened, Box<dyn Error>> {
    use admittance::store::sql::SqliteStore;

    let store = SqliteStore::open(url, sql_config(place)).await?;
    let closed = store.clone();
    Ok((
        Box::new(store),
        Box::pin(async move { closed.close().await }),
    ))
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_: &str, _: Place) -> Result<Opened, Box<dyn Error>> {
    Err("this database needs the feature `sqlite`".into())
}

#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
async fn postgres(url: &str, place: Place) -> Result<Opened, Box<dyn Error>> {
    use admittance::store::sql::PostgresStore;

    let store = PostgresStore::connect(url, sql_config(place)).await?;
    Ok(never_closed(store))
}

#[cfg(not(any(feature = "postgres", feature = "postgres-aws-lc-rs")))]
async fn postgres(_: &str, _: Place) -> Result<Opened, Box<dyn Error>> {
    Err("this database needs the feature `postgres`".into())
}

#[cfg(any(feature = "mongodb", feature = "mongodb-aws-lc-rs"))]
async fn mongodb(url: &str, place: Place) -> Result<Opened, Box<dyn Error>> {
    use admittance::store::mongodb::{Indexes, MongoConfig, MongoStore, StartError};

    let mut config = MongoConfig::default();
    config.deadline = std::time::Duration::from_secs(60);
    if place == Place::Source {
        config.indexes = Indexes::Verify;
    }
    let store = match MongoStore::connect(url, config.clone()).await {
        // As the servers among the examples do.
        Err(StartError::NoDatabase) => {
            config.database = Some("admittance".to_owned());
            MongoStore::connect(url, config).await?
        }
        connected => connected?,
    };
    Ok(never_closed(store))
}

#[cfg(not(any(feature = "mongodb", feature = "mongodb-aws-lc-rs")))]
async fn mongodb(_: &str, _: Place) -> Result<Opened, Box<dyn Error>> {
    Err("this database needs the feature `mongodb`".into())
}

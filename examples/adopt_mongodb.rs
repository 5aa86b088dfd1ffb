//! Moves the collections of a MongoDB database that was made before their names began
//! with `admittance_`:
//!
//! ```text
//! MONGODB_URI=mongodb://127.0.0.1:27017/exam cargo run --example adopt_mongodb --features mongodb
//! ```
//!
//! Stop every instance of the earlier version first. Collections with old names that
//! belong to the application are left out:
//!
//! ```text
//! … cargo run --example adopt_mongodb --features mongodb -- without sessions audit_log
//! ```
//!
//! It can be run again at any time, after a crash too. See docs/mongodb.md.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person at a terminal"
)]

use std::env;
use std::error::Error;
use std::process::ExitCode;

use admittance::store::mongodb::{MongoConfig, MongoStore, OldNames};
use mongodb::Client;

const USAGE: &str = "MONGODB_URI=mongodb://HOST/DATABASE adopt_mongodb [without OLD_NAME...]";

#[tokio::main]
async fn main() -> ExitCode {
    match adopt().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The database is not adopted: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn adopt() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let mut old = OldNames::default();
    if let Some((first, without)) = arguments.split_first() {
        if first != "without" || without.is_empty() {
            return Err(USAGE.into());
        }
        leave_out(&mut old, without)?;
    }
    let uri = env::var("MONGODB_URI").map_err(|_| USAGE)?;
    let client = Client::with_uri_str(uri).await?;
    // As the servers among the examples do.
    let database = client
        .default_database()
        .unwrap_or_else(|| client.database("admittance"));
    MongoStore::adopt(&database, &old, &MongoConfig::default()).await?;
    println!("The database {} is adopted.", database.name());
    Ok(())
}

fn leave_out(old: &mut OldNames, without: &[String]) -> Result<(), Box<dyn Error>> {
    for name in without {
        let found = [
            &mut old.users,
            &mut old.sessions,
            &mut old.tokens,
            &mut old.limits,
            &mut old.audit,
            &mut old.attempts,
        ]
        .into_iter()
        .find(|old| old.as_ref() == Some(name));
        *found.ok_or_else(|| format!("{name} is none of the old names"))? = None;
    }
    Ok(())
}

//! Builds a filter file of breached passwords, and looks into one:
//!
//! ```text
//! cargo run --example breach_filter --features breach-filter -- hashes LIST MIN_COUNT FILTER
//! cargo run --example breach_filter --features breach-filter -- passwords LIST FILTER
//! cargo run --example breach_filter --features breach-filter -- check FILTER < PASSWORDS
//! ```
//!
//! `hashes` takes lines `SHA1HEX:COUNT`, as Have I Been Pwned gives them, and
//! `passwords` one password a line; `-` for LIST is the standard input. See
//! docs/breached-passwords.md.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person at a terminal"
)]

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter};
use std::path::Path;
use std::process::ExitCode;

use admittance::password::NormalizedPassword;
use admittance::password::breach::{BreachFilter, BreachFilterBuilder, BreachQuery};
use admittance::secret::Password;

const USAGE: &str =
    "hashes LIST MIN_COUNT FILTER | passwords LIST FILTER | check FILTER < PASSWORDS";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["hashes", list, min_count, filter] => {
            let mut builder = BreachFilterBuilder::new();
            let taken = builder.add_sha1_list(open(list)?, min_count.parse()?)?;
            println!("{taken} lines taken");
            save(builder, filter)
        }
        ["passwords", list, filter] => {
            let mut builder = BreachFilterBuilder::new();
            let summary = builder.add_password_list(open(list)?)?;
            println!(
                "{} lines taken, {} skipped: empty, too long, or not UTF-8",
                summary.added, summary.skipped
            );
            save(builder, filter)
        }
        ["check", filter] => {
            let filter = BreachFilter::load(filter)?;
            for (index, line) in io::stdin().lock().lines().enumerate() {
                let password = NormalizedPassword::new(&Password::new(line?))?;
                let query = BreachQuery::new(&password);
                let found = filter.contains_sha1(query.expose_sha1());
                let verdict = if found { "breached" } else { "not known" };
                println!("line {}: {verdict}", index + 1);
            }
            Ok(())
        }
        _ => Err(USAGE.into()),
    }
}

fn open(list: &str) -> io::Result<Box<dyn BufRead>> {
    Ok(match list {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(BufReader::with_capacity(1 << 20, File::open(path)?)),
    })
}

/// Writes beside `path` first, so that nobody ever loads half a file.
fn save(builder: BreachFilterBuilder, path: &str) -> Result<(), Box<dyn Error>> {
    let filter = builder.build()?;
    let mut partial = OsString::from(path);
    partial.push(".partial");
    let partial = Path::new(&partial);
    filter.write_to(BufWriter::new(File::create(partial)?))?;
    fs::rename(partial, path)?;
    println!(
        "{} different passwords in {} bytes",
        filter.password_count(),
        fs::metadata(path)?.len()
    );
    Ok(())
}

//! The strongest cost of Argon2 for this machine:
//!
//! ```text
//! cargo run --release --example tune -- --login-ms 500 --at-once 8 --memory-mib 512
//! ```
//!
//! `--at-once` people log in at the same moment, and the last of them waits for `--login-ms` at
//! most; hashing takes `--memory-mib` at most. `--threads` is the number of hashing threads,
//! by default one for each core. It measures with all threads busy, prints a table and the lines
//! for the configuration, and writes the picture `--svg`, by default `tune.svg`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person at a terminal"
)]

mod measure;
mod picture;

use std::env;
use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use measure::{Bench, Measured};

const USAGE: &str =
    "tune [--login-ms 500] [--at-once 8] [--memory-mib 512] [--threads N] [--svg tune.svg]";

/// Memory in KiB: the two lowest of OWASP's Password Storage Cheat Sheet with few passes, and
/// steps up to 1 GiB.
const MEMORIES: [u32; 11] = [
    19_456, 47_104, 65_536, 98_304, 131_072, 196_608, 262_144, 393_216, 524_288, 786_432, 1_048_576,
];

/// What the person at the terminal wants.
struct Wanted {
    login: Duration,
    at_once: u32,
    memory_mib: u64,
    threads: NonZeroUsize,
    svg: String,
}

impl Wanted {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut wanted = Self {
            login: Duration::from_millis(500),
            at_once: 8,
            memory_mib: 512,
            threads: std::thread::available_parallelism()?,
            svg: "tune.svg".to_owned(),
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            match name.as_str() {
                "--login-ms" => wanted.login = Duration::from_millis(number(&name, &value, 10)?),
                "--at-once" => wanted.at_once = number(&name, &value, 1)?,
                "--memory-mib" => wanted.memory_mib = number(&name, &value, 19)?,
                "--threads" => wanted.threads = number(&name, &value, NonZeroUsize::MIN)?,
                "--svg" => wanted.svg = value,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(wanted)
    }

    fn thread_count(&self) -> u32 {
        u32::try_from(self.threads.get()).unwrap_or(u32::MAX)
    }

    /// The time that a hash may take: a thread does as many of them as fall to it.
    fn budget(&self) -> Duration {
        self.login / self.at_once.div_ceil(self.thread_count())
    }

    /// The memory of all hashing threads, in MiB.
    fn total_mib(&self, m_kib: u32) -> u64 {
        u64::from(m_kib) * u64::from(self.thread_count()) / 1024
    }
}

fn number<T: FromStr + PartialOrd>(name: &str, value: &str, least: T) -> Result<T, String> {
    let read = value.parse().ok().filter(|number| *number >= least);
    read.ok_or_else(|| format!("{name} {value}: not a number, or too small\n{USAGE}"))
}

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
    let wanted = Wanted::read(env::args().skip(1))?;
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build, which says nothing about a server: use --release.");
    }
    let memories = MEMORIES.into_iter();
    let memories: Vec<u32> = memories
        .filter(|m_kib| wanted.total_mib(*m_kib) <= wanted.memory_mib)
        .collect();
    let mut bench = Bench::new(wanted.threads, memories.len())?;
    let budget = wanted.budget();
    // For each memory the most passes that fit; the more memory, the fewer.
    let mut fitting: Vec<Measured> = Vec::new();
    for m_kib in memories {
        let Some(measured) = bench.most_passes(m_kib, budget)? else {
            break;
        };
        fitting.push(measured);
    }
    bench.end();
    print_table(&fitting, &wanted);
    fs::write(
        &wanted.svg,
        picture::draw(&bench.measured, &fitting, budget),
    )?;
    println!("\nThe picture is in {}.", wanted.svg);
    // RFC 9106 §4: as much memory as there is, and then passes.
    match fitting.last() {
        Some(best) => print_lines(best, &wanted),
        None => println!(
            "\nNo cost that OWASP recommends fits. Allow a longer login, fewer at once, or take a faster \
             machine: at least {} MiB, and {} ms for a hash.",
            wanted.total_mib(MEMORIES.first().copied().unwrap_or_default()),
            budget.as_millis()
        ),
    }
    Ok(())
}

fn print_table(fitting: &[Measured], wanted: &Wanted) {
    println!(
        "{} hashing threads; a hash may take {} ms\n",
        wanted.threads,
        wanted.budget().as_millis()
    );
    println!(
        "| memory of a hash, MiB | passes | a hash, ms | logins a second | memory in all, MiB |"
    );
    println!("|---|---|---|---|---|");
    for one in fitting {
        println!(
            "| {} | {} | {:.0} | {:.1} | {} |",
            one.m_kib / 1024,
            one.t,
            one.time.as_secs_f64() * 1000.0,
            one.rate,
            wanted.total_mib(one.m_kib)
        );
    }
}

fn print_lines(best: &Measured, wanted: &Wanted) {
    let Measured { m_kib, t, .. } = best;
    println!("\nFor the configuration:\n");
    println!("config.hashing.params = Argon2Params::new({m_kib}, {t}, 1)?;");
    println!(
        "config.hashing.threads = NonZeroUsize::new({});",
        wanted.threads
    );
    if *m_kib > 131_072 || *t > 10 {
        println!("config.hashing.accepted.m_kib = {};", (*m_kib).max(131_072));
        println!("config.hashing.accepted.t = {};", (*t).max(10));
    }
}

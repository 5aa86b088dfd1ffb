//! What the hashing threads cost and gain, at three sets of parameters.
//!
//! One caller: [`PasswordHasher`] against a bare loop that reuses its memory,
//! and against the `hash_password` of the `argon2` crate, which allocates for
//! every call. 64 callers at once: [`PasswordHasher`] against bare loops on as
//! many threads, and against one blocking thread for each call; each of these
//! in a process of its own, for the sake of its peak of memory, and by turns,
//! so that whatever else the machine does disturbs all of them. A table with
//! the ratios follows each set.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use admittance::password::{Argon2Params, HashingConfig, NormalizedPassword, PasswordHasher};
use admittance::random::OsRandom;
use admittance::secret::Password;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher as _, Version};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use tokio::runtime::{Builder, Runtime};

type Cost = (u32, u32, u32);

const COSTS: [Cost; 3] = [(19_456, 2, 1), (47_104, 1, 1), (65_536, 3, 1)];
const CALLERS: usize = 64;
const ROUNDS: usize = 3;
const PASSWORD: &str = "correct horse battery staple";
const SALT: [u8; 16] = [7; 16];
/// Tells a process of this program which case to run, and at which cost.
const CASE: &str = "PASSWORD_BENCH_CASE";

fn main() {
    if let Ok(case) = env::var(CASE) {
        return run_case(&case);
    }
    let mut criterion = Criterion::default().configure_from_args();
    for cost in COSTS {
        let alone = one_caller(&mut criterion, cost);
        // Cargo passes `--bench` when it is to measure, and not when it tests.
        if env::args().any(|argument| argument == "--bench") {
            many_callers(cost, alone);
        }
    }
    criterion.final_summary();
}

fn hasher((m, t, p): Cost) -> PasswordHasher {
    let mut config = HashingConfig::default().insecure_for_tests();
    config.params = Argon2Params::new(m, t, p).unwrap();
    // Nothing is to be refused while it is measured.
    config.queue_deadline = Duration::from_secs(3600);
    PasswordHasher::new(config, Arc::new(OsRandom)).unwrap()
}

fn argon2((m, t, p): Cost) -> Argon2<'static> {
    let params = Params::new(m, t, p, None).unwrap();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn bare(argon2: &Argon2<'_>, blocks: &mut [Block]) {
    let mut out = [0; 32];
    argon2
        .hash_password_into_with_memory(PASSWORD.as_bytes(), &SALT, &mut out, blocks)
        .unwrap();
}

fn allocating(cost: Cost) {
    let argon2 = argon2(cost);
    argon2
        .hash_password_with_salt(PASSWORD.as_bytes(), &SALT)
        .unwrap();
}

fn password() -> NormalizedPassword {
    NormalizedPassword::new(&Password::new(PASSWORD)).unwrap()
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().unwrap()
}

/// The shortest times of a bare loop, of `hash_password`, and of the pool.
fn one_caller(criterion: &mut Criterion, cost: Cost) -> [Duration; 3] {
    let (m, t, p) = cost;
    let mut group = criterion.benchmark_group(format!("1 caller, m={m},t={t},p={p}"));
    group.sample_size(10);
    group.warm_up_time(Duration::from_millis(200));
    group.measurement_time(Duration::from_secs(2));
    let argon2 = argon2(cost);
    let mut blocks = vec![Block::new(); argon2.params().block_count()];
    let bare = shortest(&mut group, "bare loop", || bare(&argon2, &mut blocks));
    drop(blocks);
    let allocating = shortest(&mut group, "hash_password", || allocating(cost));
    let (pool, secret, runtime) = (hasher(cost), password(), runtime());
    let pool = shortest(&mut group, "pool", || {
        runtime.block_on(pool.hash(&secret)).unwrap();
    });
    group.finish();
    [bare, allocating, pool]
}

fn shortest(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut work: impl FnMut(),
) -> Duration {
    let mut best = Duration::MAX;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let start = Instant::now();
            work();
            best = best.min(start.elapsed());
        });
    });
    best
}

/// Shortest time of a case with 64 callers, and highest peak of memory in KiB.
struct Figure {
    time: Duration,
    peak_kib: u64,
}

fn many_callers(cost: Cost, [one_bare, one_allocating, one_pool]: [Duration; 3]) {
    let cases = ["bare loops", "pool", "blocking threads"];
    let mut figures = cases.map(|_| Figure {
        time: Duration::MAX,
        peak_kib: 0,
    });
    for _ in 0..ROUNDS {
        for (case, figure) in cases.iter().zip(&mut figures) {
            let measured = case_in_its_own_process(case, cost);
            figure.time = figure.time.min(measured.time);
            figure.peak_kib = figure.peak_kib.max(measured.peak_kib);
        }
    }
    let (m, t, p) = cost;
    println!("\nm={m},t={t},p={p}, {CALLERS} callers:");
    for (case, figure) in cases.iter().zip(&figures) {
        println!(
            "  {case:<17} {:>7.1} hashes/s, {:>5} MiB at the peak",
            CALLERS as f64 / figure.time.as_secs_f64(),
            figure.peak_kib >> 10
        );
    }
    let [bare, pool, blocking] = figures.map(|figure| figure.time.as_secs_f64());
    let one = |time: Duration, base: Duration| time.as_secs_f64() / base.as_secs_f64();
    println!(
        "  1 caller:   pool / bare loop, time:         {:.3}",
        one(one_pool, one_bare)
    );
    println!(
        "  1 caller:   pool / hash_password, time:     {:.3}",
        one(one_pool, one_allocating)
    );
    println!(
        "  64 callers: pool / bare loops, time:        {:.3}",
        pool / bare
    );
    println!(
        "  64 callers: pool / blocking threads, rate:  {:.2}\n",
        blocking / pool
    );
}

fn case_in_its_own_process(case: &str, (m, t, p): Cost) -> Figure {
    let mut child = Command::new(env::current_exe().unwrap());
    let output = child
        .env(CASE, format!("{case},{m},{t},{p}"))
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let (nanos, peak_kib) = printed.trim().split_once(' ').unwrap();
    Figure {
        time: Duration::from_nanos(nanos.parse().unwrap()),
        peak_kib: peak_kib.parse().unwrap(),
    }
}

fn run_case(case: &str) {
    let fields: Vec<&str> = case.split(',').collect();
    let [case, m, t, p] = fields[..] else {
        return;
    };
    let cost = (m.parse().unwrap(), t.parse().unwrap(), p.parse().unwrap());
    let runtime = runtime();
    let time = match case {
        "bare loops" => bare_loops(cost),
        "pool" => runtime.block_on(by_the_pool(cost)),
        _ => runtime.block_on(by_one_blocking_thread_each(cost)),
    };
    println!("{} {}", time.as_nanos(), peak_kib());
}

fn bare_loops(cost: Cost) -> Duration {
    let argon2 = argon2(cost);
    let threads = thread::available_parallelism().unwrap().get();
    let new = || vec![Block::new(); argon2.params().block_count()];
    let mut memories: Vec<Vec<Block>> = (0..threads).map(|_| new()).collect();
    let argon2 = &argon2;
    let start = Instant::now();
    thread::scope(|scope| {
        for blocks in &mut memories {
            scope.spawn(move || (0..CALLERS / threads).for_each(|_| bare(argon2, blocks)));
        }
    });
    start.elapsed()
}

async fn by_the_pool(cost: Cost) -> Duration {
    let hasher = hasher(cost);
    let start = Instant::now();
    let calls = (0..CALLERS).map(|_| {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.hash(&password()).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    start.elapsed()
}

async fn by_one_blocking_thread_each(cost: Cost) -> Duration {
    let start = Instant::now();
    let calls = (0..CALLERS).map(|_| tokio::task::spawn_blocking(move || allocating(cost)));
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    start.elapsed()
}

/// The highest resident memory of this process, in KiB; 0 where it is not told.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

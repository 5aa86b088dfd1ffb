//! What the hashing threads cost and gain, at three sets of parameters.
//!
//! One caller: [`PasswordHasher`] against a bare loop that reuses its memory,
//! and against the `hash_password` of the `argon2` crate, which allocates for
//! every call. 64 callers at once: [`PasswordHasher`] against one blocking
//! thread for each call. A table with the ratios comes last.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark"
)]

use std::cell::RefCell;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use admittance::password::{Argon2Params, HashingConfig, NormalizedPassword, PasswordHasher};
use admittance::random::OsRandom;
use admittance::secret::Password;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher as _, Version};
use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use tokio::runtime::{Builder, Runtime};

const PARAMS: [(u32, u32, u32); 3] = [(19_456, 2, 1), (47_104, 1, 1), (65_536, 3, 1)];
const CALLERS: usize = 64;
const PASSWORD: &str = "correct horse battery staple";
const SALT: [u8; 16] = [7; 16];

/// The shortest time of one hash in a group, and the memory at its peak.
struct Row {
    name: String,
    per_hash: Duration,
    peak_kib: Option<u64>,
}

fn hasher(params: (u32, u32, u32)) -> PasswordHasher {
    let mut config = HashingConfig::default();
    config.params = Argon2Params::new(params.0, params.1, params.2).unwrap();
    PasswordHasher::new(config, Arc::new(OsRandom)).unwrap()
}

fn argon2((m, t, p): (u32, u32, u32)) -> Argon2<'static> {
    let params = Params::new(m, t, p, None).unwrap();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn password() -> NormalizedPassword {
    NormalizedPassword::new(&Password::new(PASSWORD)).unwrap()
}

/// Sets the peak of the resident memory back to what it is now (Linux).
fn reset_peak() {
    drop(fs::write("/proc/self/clear_refs", "5"));
}

fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Measures `hashes` hashes that `work` makes at a time.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    rows: &RefCell<Vec<Row>>,
    name: &str,
    hashes: u32,
    mut work: impl FnMut(),
) {
    reset_peak();
    let mut best = Duration::MAX;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let start = Instant::now();
            work();
            best = best.min(start.elapsed());
        });
    });
    rows.borrow_mut().push(Row {
        name: name.to_owned(),
        per_hash: best / hashes,
        peak_kib: peak_kib(),
    });
}

async fn by_the_pool(hasher: &PasswordHasher) {
    let calls = (0..CALLERS).map(|_| {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.hash(&password()).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}

async fn by_one_blocking_thread_each(params: (u32, u32, u32)) {
    let calls = (0..CALLERS).map(|_| {
        tokio::task::spawn_blocking(move || {
            argon2(params)
                .hash_password_with_salt(PASSWORD.as_bytes(), &SALT)
                .unwrap()
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}

fn bench_params(criterion: &mut Criterion, runtime: &Runtime, params: (u32, u32, u32)) {
    let (m, t, p) = params;
    let rows = RefCell::new(Vec::new());
    let mut group = criterion.benchmark_group(format!("m={m},t={t},p={p}"));
    group.sample_size(10);
    group.warm_up_time(Duration::from_millis(200));
    group.measurement_time(Duration::from_secs(2));

    let mut blocks = vec![Block::new(); argon2(params).params().block_count()];
    measure(
        &mut group,
        &rows,
        "1 caller: bare loop, memory reused",
        1,
        || {
            argon2(params)
                .hash_password_into_with_memory(
                    PASSWORD.as_bytes(),
                    &SALT,
                    &mut [0; 32],
                    &mut blocks,
                )
                .unwrap();
        },
    );
    drop(blocks);
    measure(&mut group, &rows, "1 caller: hash_password", 1, || {
        argon2(params)
            .hash_password_with_salt(PASSWORD.as_bytes(), &SALT)
            .unwrap();
    });
    let pool = hasher(params);
    let secret = password();
    measure(&mut group, &rows, "1 caller: pool", 1, || {
        runtime.block_on(pool.hash(&secret)).unwrap();
    });
    measure(&mut group, &rows, "64 callers: pool", 64, || {
        runtime.block_on(by_the_pool(&pool));
    });
    let stats = pool.stats();
    drop(pool);
    measure(
        &mut group,
        &rows,
        "64 callers: a blocking thread each",
        64,
        || {
            runtime.block_on(by_one_blocking_thread_each(params));
        },
    );
    group.finish();
    summarise(params, &rows.borrow(), stats.threads, stats.memory_bytes);
}

fn summarise((m, t, p): (u32, u32, u32), rows: &[Row], threads: usize, reserved: usize) {
    let [bare, allocating, one, pool, blocking] = rows else {
        return;
    };
    println!(
        "\nm={m},t={t},p={p}: {threads} threads, {} MiB for them",
        reserved >> 20
    );
    for row in rows {
        let peak = row
            .peak_kib
            .map_or_else(|| "?".to_owned(), |kib| (kib >> 10).to_string());
        let rate = 1.0 / row.per_hash.as_secs_f64();
        println!(
            "  {:<38} {:>9.2} ms a hash {rate:>8.1} hashes/s {peak:>6} MiB at the peak",
            row.name,
            row.per_hash.as_secs_f64() * 1e3
        );
    }
    let ratio = |a: &Row, b: &Row| a.per_hash.as_secs_f64() / b.per_hash.as_secs_f64();
    println!(
        "  1 caller: pool takes {:.3} of the bare loop's time",
        ratio(one, bare)
    );
    println!(
        "  1 caller: pool takes {:.3} of hash_password's time",
        ratio(one, allocating)
    );
    println!(
        "  64 callers: pool takes {:.3} of the bare loop's time on each thread",
        ratio(pool, bare) * threads as f64
    );
    println!(
        "  64 callers: pool has {:.2} times the rate of blocking threads\n",
        ratio(blocking, pool)
    );
}

fn bench(criterion: &mut Criterion) {
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    for params in PARAMS {
        bench_params(criterion, &runtime, params);
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);

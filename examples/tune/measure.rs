//! Measures hashes with all threads busy.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use admittance::password::{Argon2Params, HashingConfig, NormalizedPassword, PasswordHasher};
use admittance::random::OsRandom;
use admittance::secret::Password;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Passes beyond which nobody goes.
const MOST_PASSES: u32 = 50;
/// How often each cost is measured; the median counts.
const ROUNDS: usize = 3;

/// What a cost takes.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    /// The memory of a hash, in KiB.
    pub(crate) m_kib: u32,
    /// Passes.
    pub(crate) t: u32,
    /// The time of a hash while every thread hashes.
    pub(crate) time: Duration,
    /// Hashes a second of all threads.
    pub(crate) rate: f64,
}

/// What is measured by, and what was measured.
pub(crate) struct Bench {
    runtime: Runtime,
    threads: NonZeroUsize,
    password: NormalizedPassword,
    bar: ProgressBar,
    pub(crate) measured: Vec<Measured>,
}

impl Bench {
    pub(crate) fn new(threads: NonZeroUsize, memories: usize) -> Result<Self, Box<dyn Error>> {
        // For each memory: one pass, three passes, the most.
        let bar = ProgressBar::new(3 * u64::try_from(memories)?);
        let style = ProgressStyle::with_template("{msg:24} {wide_bar} {elapsed}, {eta} left")?;
        Ok(Self {
            runtime: Runtime::new()?,
            threads,
            password: NormalizedPassword::new(&Password::new("correct horse battery staple"))?,
            bar: bar.with_style(style),
            measured: Vec::new(),
        })
    }

    /// The cost with the most passes that takes at most `budget`; `None` if even the least that
    /// OWASP recommends takes longer.
    pub(crate) fn most_passes(
        &mut self,
        m_kib: u32,
        budget: Duration,
    ) -> Result<Option<Measured>, Box<dyn Error>> {
        let (one, three) = (self.of(m_kib, 1)?, self.of(m_kib, 3)?);
        // The time is a line: filling the memory, and each pass over it.
        let pass = three.time.saturating_sub(one.time) / 2;
        let left = budget.saturating_sub(one.time);
        let more = left.as_nanos() / pass.as_nanos().max(1);
        let mut t = u32::try_from(more).map_or(MOST_PASSES, |more| more.saturating_add(1));
        t = t.min(MOST_PASSES);
        let least = if m_kib >= 47_104 { 1 } else { 2 };
        while t >= least {
            let found = self.of(m_kib, t)?;
            if found.time <= budget {
                return Ok(Some(found));
            }
            t -= 1;
        }
        Ok(None)
    }

    /// Ends the line of progress.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn of(&mut self, m_kib: u32, t: u32) -> Result<Measured, Box<dyn Error>> {
        self.bar
            .set_message(format!("{} MiB, {t} passes", m_kib / 1024));
        let hasher = hasher(m_kib, t, self.threads)?;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            times.push(
                self.runtime
                    .block_on(busy(&hasher, &self.password, self.threads))?,
            );
        }
        times.sort_unstable();
        let time = times.get(ROUNDS / 2).copied().unwrap_or_default();
        let measured = Measured {
            m_kib,
            t,
            time,
            rate: f64::from(u32::try_from(self.threads.get())?) / time.as_secs_f64(),
        };
        self.bar.inc(1);
        self.measured.push(measured);
        Ok(measured)
    }
}

fn hasher(m_kib: u32, t: u32, threads: NonZeroUsize) -> Result<PasswordHasher, Box<dyn Error>> {
    // Costs that would be refused are measured, too.
    let mut config = HashingConfig::default().insecure_for_tests();
    config.params = Argon2Params::new(m_kib, t, 1)?;
    config.accepted.m_kib = config.accepted.m_kib.max(m_kib);
    config.accepted.t = config.accepted.t.max(t);
    config.threads = Some(threads);
    config.queue_deadline = Duration::from_secs(3600);
    config.run_deadline = Duration::from_secs(3600);
    Ok(PasswordHasher::new(config, Arc::new(OsRandom))?)
}

/// The time of a hash, of as many for each thread as take a little while.
async fn busy(
    hasher: &PasswordHasher,
    password: &NormalizedPassword,
    threads: NonZeroUsize,
) -> Result<Duration, Box<dyn Error>> {
    // The first touches the memory.
    let start = Instant::now();
    hasher.hash(password).await?;
    let one = start.elapsed().max(Duration::from_micros(1));
    let each = (Duration::from_millis(300).as_nanos() / one.as_nanos()).clamp(1, 20);
    let each = usize::try_from(each)?;
    let mut hashes = JoinSet::new();
    let start = Instant::now();
    for _ in 0..each * threads.get() {
        let (hasher, password) = (hasher.clone(), password.clone());
        hashes.spawn(async move { hasher.hash(&password).await.map(drop) });
    }
    while let Some(done) = hashes.join_next().await {
        done??;
    }
    Ok(start.elapsed() / u32::try_from(each)?)
}

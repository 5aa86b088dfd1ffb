//! What a recorder was told.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use admittance::metrics::{HASHING_RUN_SECONDS, HASHING_WAIT_SECONDS};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::sync::{Mutex, MutexGuard};

/// Sums and samples by metric, such as `name{label=value,label=value}`.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) numbers: BTreeMap<String, f64>,
    pub(crate) samples: BTreeMap<String, Vec<f64>>,
}

impl Recorded {
    /// Adds what was recorded since the last time.
    pub(crate) fn add(&mut self, snapshotter: &Snapshotter) {
        for (key, _, _, value) in snapshotter.snapshot().into_vec() {
            let labels: Vec<_> = key
                .key()
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            let name = match labels.is_empty() {
                true => key.key().name().to_owned(),
                false => format!("{}{{{}}}", key.key().name(), labels.join(",")),
            };
            match value {
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                DebugValue::Counter(count) => {
                    *self.numbers.entry(name).or_default() += count as f64;
                }
                // It is set to 0 when it is read, so this adds up as well.
                DebugValue::Gauge(change) => *self.numbers.entry(name).or_default() += change.0,
                DebugValue::Histogram(samples) => self
                    .samples
                    .entry(name)
                    .or_default()
                    .extend(samples.iter().map(|sample| sample.0)),
            }
        }
    }

    pub(crate) fn number(&self, name: &str) -> f64 {
        self.numbers.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.samples.get(name).map_or(0, Vec::len)
    }

    /// Whether the hashing threads have recorded all that they have taken.
    pub(crate) fn is_quiet(&self) -> bool {
        self.count(HASHING_RUN_SECONDS) == self.count(HASHING_WAIT_SECONDS)
    }

    /// The numbers above zero of one metric, by its labels.
    pub(crate) fn by_labels(&self, metric: &str) -> BTreeMap<String, f64> {
        self.numbers
            .iter()
            .filter(|(_, number)| **number != 0.0)
            .filter_map(|(name, number)| {
                let labels = name.strip_prefix(metric)?.strip_prefix('{')?;
                Some((labels.strip_suffix('}')?.to_owned(), *number))
            })
            .collect()
    }
}

/// The recorder of the process, for what threads of their own record. One test
/// at a time has it.
pub(crate) struct Global {
    snapshotter: Snapshotter,
    recorded: Recorded,
    _turn: MutexGuard<'static, ()>,
}

impl Global {
    pub(crate) async fn take() -> Self {
        static TURN: Mutex<()> = Mutex::const_new(());
        static INSTALLED: OnceLock<Snapshotter> = OnceLock::new();
        let turn = TURN.lock().await;
        let snapshotter = INSTALLED.get_or_init(|| {
            let recorder = DebuggingRecorder::new();
            let snapshotter = recorder.snapshotter();
            recorder.install().unwrap();
            snapshotter
        });
        drop(snapshotter.snapshot());
        Self {
            snapshotter: snapshotter.clone(),
            recorded: Recorded::default(),
            _turn: turn,
        }
    }

    /// What was recorded so far, as soon as `is_whole` says yes: hashing threads
    /// answer first and record afterwards.
    pub(crate) async fn until(&mut self, is_whole: impl Fn(&Recorded) -> bool) -> &Recorded {
        for _ in 0..2000 {
            self.recorded.add(&self.snapshotter);
            if is_whole(&self.recorded) {
                return &self.recorded;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never complete: {:#?}", self.recorded);
    }
}

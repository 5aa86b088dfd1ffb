//! What came of the requests, as a row of a table.

use std::collections::BTreeMap;
use std::time::Duration;

/// A login from a known device that takes longer is a failure.
const BAR: Duration = Duration::from_secs(2);
const COLUMNS: [&str; 20] = [
    "framework",
    "store",
    "flood",
    "sent",
    "not sent",
    "200",
    "401",
    "429",
    "503",
    "other",
    "known devices: logins",
    "not 200",
    "p50 / p99 / max",
    "new devices: 200",
    "not 200",
    "p50 / max",
    "token checks: not 200",
    "p50 / p99",
    "owners refused afterwards",
    "peak memory",
];

/// Answers to one kind of request, by status and time.
#[derive(Default)]
pub(crate) struct Tally {
    statuses: BTreeMap<u16, usize>,
    /// Requests that no answer came to.
    unanswered: usize,
    /// Requests that were not sent since too many were under way.
    pub(crate) not_sent: usize,
    /// How long the answers with 200 took.
    times: Vec<Duration>,
    /// The longest wait of all, whatever came of it.
    longest: Duration,
}

impl Tally {
    /// Adds an answer, or `None` for a request that got none.
    pub(crate) fn add(&mut self, status: Option<u16>, time: Duration) {
        match status {
            Some(status) => *self.statuses.entry(status).or_default() += 1,
            None => self.unanswered += 1,
        }
        if status == Some(200) {
            self.times.push(time);
        }
        self.longest = self.longest.max(time);
    }

    fn sent(&self) -> usize {
        self.statuses.values().sum::<usize>() + self.unanswered
    }

    fn of(&self, status: u16) -> usize {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    fn not_200(&self) -> usize {
        self.sent() + self.not_sent - self.of(200)
    }

    /// The same, with what there was instead.
    fn not_200_by_status(&self) -> String {
        let statuses = self.statuses.iter().filter(|(status, _)| **status != 200);
        let mut parts: Vec<_> = statuses
            .map(|(status, count)| format!("{count} × {status}"))
            .collect();
        for (count, what) in [(self.unanswered, "unanswered"), (self.not_sent, "not sent")] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        match self.not_200() {
            0 => "0".to_owned(),
            _ => parts.join(", "),
        }
    }

    /// These percentiles of the times of the answers with 200, separated by slashes.
    fn percentiles(&self, percents: &[usize]) -> String {
        let mut times = self.times.clone();
        times.sort_unstable();
        let shown = percents.iter().map(|percent| {
            let rank = (times.len() * percent).div_ceil(100);
            let time = times.get(rank.saturating_sub(1));
            time.map_or("–".to_owned(), in_words)
        });
        shown.collect::<Vec<_>>().join(" / ")
    }
}

/// What came of one run.
pub(crate) struct Outcome {
    pub(crate) flood: Tally,
    /// Logins of owners from known devices.
    pub(crate) known: Tally,
    /// Logins of owners from new devices.
    pub(crate) new: Tally,
    /// Checks of an access token.
    pub(crate) reads: Tally,
    /// Logins from known devices after the flood, one of each owner.
    pub(crate) afterwards: Tally,
    /// Of the server, in KiB.
    pub(crate) peak_memory: Option<u64>,
}

pub(crate) fn header() -> String {
    format!(
        "| {} |\n|{}",
        COLUMNS.join(" | "),
        "---|".repeat(COLUMNS.len())
    )
}

impl Outcome {
    /// The row of the table for the run called `name`.
    pub(crate) fn row(&self, name: [&str; 3]) -> String {
        let flood = &self.flood;
        let listed: usize = [200, 401, 429, 503]
            .map(|status| flood.of(status))
            .iter()
            .sum();
        let peak = self.peak_memory;
        let numbers = [
            flood.sent(),
            flood.not_sent,
            flood.of(200),
            flood.of(401),
            flood.of(429),
            flood.of(503),
            flood.sent() - listed,
            self.known.sent(),
        ];
        let texts = [
            self.known.not_200_by_status(),
            self.known.percentiles(&[50, 99, 100]),
            self.new.of(200).to_string(),
            self.new.not_200_by_status(),
            self.new.percentiles(&[50, 100]),
            self.reads.not_200_by_status(),
            self.reads.percentiles(&[50, 99]),
            format!(
                "{} of {}",
                self.afterwards.not_200_by_status(),
                self.afterwards.sent()
            ),
            peak.map_or("–".to_owned(), |peak| {
                format!("{} MiB", peak.div_ceil(1024))
            }),
        ];
        let cells = name.map(str::to_owned).into_iter();
        let cells = cells.chain(numbers.map(|number| number.to_string()));
        let cells: Vec<_> = cells.chain(texts).collect();
        format!("| {} |", cells.join(" | "))
    }

    /// How the flood kept owners out who came from known devices, if it did.
    pub(crate) fn failure(&self) -> Option<String> {
        let known = &self.known;
        let mut failures = Vec::new();
        if known.sent() == 0 {
            failures.push("nobody logged in from a known device".to_owned());
        }
        if known.not_200() > 0 {
            failures.push(format!(
                "{} of {} logins from known devices did not succeed ({})",
                known.not_200(),
                known.sent() + known.not_sent,
                known.not_200_by_status()
            ));
        }
        if known.longest > BAR {
            failures.push(format!(
                "a login from a known device took {}, more than {}",
                in_words(&known.longest),
                in_words(&BAR)
            ));
        }
        if self.afterwards.not_200() > 0 {
            failures.push(format!(
                "{} of {} owners cannot log in afterwards ({})",
                self.afterwards.not_200(),
                self.afterwards.sent(),
                self.afterwards.not_200_by_status()
            ));
        }
        (!failures.is_empty()).then(|| failures.join("; "))
    }
}

fn in_words(time: &Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        ..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1e3),
    }
}

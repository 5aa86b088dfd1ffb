//! What was checked, what failed, and what was answered.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Transcripts of the answers, one for each topic.
pub(crate) type Transcripts = BTreeMap<String, Vec<String>>;

/// The record of one combination of a framework and a store.
pub(crate) struct Recorder {
    combination: String,
    checks: AtomicUsize,
    answers: AtomicUsize,
    failures: Mutex<Vec<String>>,
    transcripts: Mutex<Transcripts>,
}

impl Recorder {
    pub(crate) fn new(combination: String) -> Self {
        Self {
            combination,
            checks: AtomicUsize::new(0),
            answers: AtomicUsize::new(0),
            failures: Mutex::default(),
            transcripts: Mutex::default(),
        }
    }

    /// Counts one check.
    pub(crate) fn count_check(&self) {
        self.checks.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps a failure.
    pub(crate) fn fail(&self, failure: &str) {
        let failure = format!("[{}] {failure}", self.combination);
        self.failures.lock().unwrap().push(failure);
    }

    /// Counts an answer.
    pub(crate) fn count_answer(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a line to the transcript of `topic`.
    pub(crate) fn note(&self, topic: &str, line: String) {
        let mut transcripts = self.transcripts.lock().unwrap();
        transcripts.entry(topic.to_owned()).or_default().push(line);
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }

    pub(crate) fn transcripts(&self) -> Transcripts {
        self.transcripts.lock().unwrap().clone()
    }

    /// How many checks were counted, and of how many answers.
    pub(crate) fn count(&self) -> (usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        (of(&self.checks), of(&self.answers))
    }

    /// The count in a line.
    pub(crate) fn summary(&self) -> String {
        let (checks, answers) = self.count();
        format!(
            "contract: {}: {checks} checks of {answers} answers, {} failed",
            self.combination,
            self.failures.lock().unwrap().len()
        )
    }
}

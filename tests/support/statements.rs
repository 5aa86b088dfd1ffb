//! The statements that SQLite runs, as sqlx logs them.

use std::collections::HashSet;
use std::fmt;
use std::sync::{LazyLock, Mutex};
use std::thread::{self, ThreadId};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// What has run so far, and on which thread: each connection has one of its own.
static SEEN: Mutex<Vec<(ThreadId, String)>> = Mutex::new(Vec::new());

/// Listens as long as the program runs, on all threads that have no listener of their own.
static LISTENING: LazyLock<()> = LazyLock::new(|| {
    let listener = tracing_subscriber::registry().with(Listener);
    tracing::subscriber::set_global_default(listener).unwrap();
});

struct Listener;

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "sqlx::query" {
            return;
        }
        let mut statement = Statement::default();
        event.record(&mut statement);
        let text = match statement.whole.trim() {
            "" => statement.summary.trim(),
            whole => whole,
        };
        let seen = (thread::current().id(), text.to_owned());
        SEEN.lock().unwrap().push(seen);
    }
}

/// A short text stands in the summary alone.
#[derive(Default)]
struct Statement {
    summary: String,
    whole: String,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// The statements of the stores over tables with one prefix.
pub struct Statements {
    prefix: &'static str,
    taken: usize,
}

impl Statements {
    /// Listens from now on. No other test may use `prefix`.
    pub fn of(prefix: &'static str) -> Self {
        LazyLock::force(&LISTENING);
        Self { prefix, taken: 0 }
    }

    /// What was run since this was last called, in order: by connections that have named a
    /// table with this prefix.
    pub fn take(&mut self) -> Vec<String> {
        let seen = SEEN.lock().unwrap();
        let ours: HashSet<ThreadId> = seen
            .iter()
            .filter(|(_, text)| text.contains(self.prefix))
            .map(|(thread, _)| *thread)
            .collect();
        let new = seen.iter().skip(self.taken);
        let taken = new.filter(|(thread, _)| ours.contains(thread));
        let taken = taken.map(|(_, text)| text.clone()).collect();
        self.taken = seen.len();
        taken
    }
}

//! What is logged.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;

/// A subscriber that listens to everything, for nobody, as long as the program runs.
///
/// As long as there is one subscriber alone, a place that logs asks that of the thread which
/// comes there first whether it is ever interesting, and keeps the answer: a thread without
/// one would silence it for all. With two, all of them are asked.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(std::io::sink)
        .finish();
    Dispatch::new(subscriber)
});

/// Everything that was logged. Clones share it.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What `work` logs on this thread, at every level.
pub async fn logged(work: impl Future<Output = ()>) -> String {
    let (log, listening) = listen();
    work.await;
    drop(listening);
    log.text()
}

/// What `work` logs on this thread, at every level.
pub fn logged_by(work: impl FnOnce()) -> String {
    let (log, listening) = listen();
    work();
    drop(listening);
    log.text()
}

/// Keeps what this thread logs, at every level, until the guard is dropped.
pub fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    LazyLock::force(&SECOND);
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

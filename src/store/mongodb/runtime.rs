//! The runtime that the driver's tasks run on.
//!
//! The driver belongs to the runtime that its client was made on: tasks that watch the
//! servers and open connections live there, and so do the connections. So every act runs
//! there too, whatever runtime its caller is on.

use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};

use super::error::runtime_ended;
use super::start_error::StartError;
use crate::error::ConfigError;
use crate::store::StoreError;

/// Which Tokio runtime runs the driver and the acts of the store. Callers may be on any other
/// one, as long as this one runs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum DriverRuntime {
    /// The runtime on which the store is made. Once that has ended, every act is
    /// [`StoreError::Unavailable`] at once, and stays so.
    #[default]
    Current,
    /// The runtime of this handle, as for [`Current`](Self::Current).
    /// [`MongoStore::new`](super::MongoStore::new) needs it to be the one that the client was
    /// made on.
    Of(Handle),
    /// A thread of the store's own, which ends with the last handle on the store: for a store
    /// that outlives runtimes, such as a `static` that several `#[tokio::test]` share. One
    /// thread serves all acts, so a busy server is better off with one of the others. Only
    /// [`MongoStore::connect`](super::MongoStore::connect) accepts it, since a client of the
    /// application's is on a runtime already.
    OwnThread,
}

/// Where the acts of a store run.
#[derive(Clone, Debug)]
pub(super) struct Runtime {
    handle: Handle,
    thread: Option<Arc<OwnThread>>,
}

/// A thread with a runtime, which ends when this is dropped.
#[derive(Debug)]
struct OwnThread {
    _ends_when_dropped: oneshot::Sender<()>,
}

impl Runtime {
    /// The runtime that `choice` names, for a client that is to be made.
    pub(super) fn new(choice: &DriverRuntime) -> Result<Self, StartError> {
        match choice {
            DriverRuntime::OwnThread => Self::on_own_thread(),
            _ => Self::with_client(choice),
        }
    }

    /// The runtime that `choice` names, for a client that has been made.
    pub(super) fn with_client(choice: &DriverRuntime) -> Result<Self, StartError> {
        let refused = |problem: &str| ConfigError::Invalid {
            setting: "mongodb.runtime",
            problem: problem.to_owned(),
        };
        let handle = match choice {
            DriverRuntime::Current => Handle::try_current()
                .map_err(|_| refused("is `Current`, and the caller is not on a Tokio runtime"))?,
            DriverRuntime::Of(handle) => handle.clone(),
            DriverRuntime::OwnThread => {
                let problem = "is `OwnThread`, and the client was made on another runtime";
                return Err(refused(problem).into());
            }
        };
        Ok(Self {
            handle,
            thread: None,
        })
    }

    fn on_own_thread() -> Result<Self, StartError> {
        let failed = |error| StoreError::Other(Box::<std::io::Error>::new(error));
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let handle = runtime.handle().clone();
        let (ends_when_dropped, ended) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("admittance-mongodb".to_owned())
            .spawn(move || drop(runtime.block_on(ended)))
            .map_err(failed)?;
        Ok(Self {
            handle,
            thread: Some(Arc::new(OwnThread {
                _ends_when_dropped: ends_when_dropped,
            })),
        })
    }

    /// Runs `work` to its end in a task of this runtime, which is kept until then.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let thread = self.thread.clone();
        self.handle.spawn(async move {
            let done = work.await;
            drop(thread);
            done
        })
    }
}

/// The error of work whose task did not end.
pub(super) fn not_ended(task: JoinError) -> StoreError {
    match task.is_cancelled() {
        // No task of the store is ever aborted.
        true => runtime_ended(),
        false => StoreError::Other(Box::new(task)),
    }
}

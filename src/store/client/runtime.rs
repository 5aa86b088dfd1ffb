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

use super::Fault;
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
    /// A store over a client of the application's needs it to be the one that the client was
    /// made on.
    Of(Handle),
    /// A thread of the store's own, which ends with the last handle on the store: for a store
    /// that outlives runtimes, such as a `static` that several `#[tokio::test]` share. One
    /// thread serves all acts, so a busy server is better off with one of the others. Only
    /// a store that makes its own client accepts it: one of the application's is on a runtime
    /// already.
    OwnThread,
}

/// Where the acts of a store run.
#[derive(Clone, Debug)]
pub(in crate::store) struct Runtime {
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
    pub(in crate::store) fn new(choice: &DriverRuntime) -> Result<Self, NoRuntime> {
        match choice {
            DriverRuntime::OwnThread => Self::on_own_thread(),
            _ => Self::with_client(choice),
        }
    }

    /// The runtime that `choice` names, for a client that has been made.
    pub(in crate::store) fn with_client(choice: &DriverRuntime) -> Result<Self, NoRuntime> {
        let handle = match choice {
            DriverRuntime::Current => Handle::try_current().map_err(|_| {
                NoRuntime::Refused("is `Current`, and the caller is not on a Tokio runtime")
            })?,
            DriverRuntime::Of(handle) => handle.clone(),
            DriverRuntime::OwnThread => {
                let problem = "is `OwnThread`, and the client was made on another runtime";
                return Err(NoRuntime::Refused(problem));
            }
        };
        Ok(Self {
            handle,
            thread: None,
        })
    }

    fn on_own_thread() -> Result<Self, NoRuntime> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(NoRuntime::Failed)?;
        let handle = runtime.handle().clone();
        let (ends_when_dropped, ended) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("admittance-store".to_owned())
            .spawn(move || drop(runtime.block_on(ended)))
            .map_err(NoRuntime::Failed)?;
        Ok(Self {
            handle,
            thread: Some(Arc::new(OwnThread {
                _ends_when_dropped: ends_when_dropped,
            })),
        })
    }

    /// Runs `work` to its end in a task of this runtime, which is kept until then.
    pub(in crate::store) fn spawn<T: Send + 'static>(
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

/// Why a store has no runtime.
#[derive(Debug)]
pub(in crate::store) enum NoRuntime {
    /// The choice cannot be followed, for this reason.
    Refused(&'static str),
    /// The thread could not be started.
    Failed(std::io::Error),
}

impl NoRuntime {
    /// The error of a start, where the choice is the setting `setting`.
    pub(in crate::store) fn into_error<E>(self, setting: &'static str) -> E
    where
        E: From<ConfigError> + From<StoreError>,
    {
        match self {
            Self::Refused(problem) => {
                let problem = problem.to_owned();
                ConfigError::Invalid { setting, problem }.into()
            }
            Self::Failed(error) => StoreError::Other(error.into()).into(),
        }
    }
}

/// The error of work whose task did not end.
pub(in crate::store) fn not_ended(task: JoinError) -> StoreError {
    match task.is_cancelled() {
        // No task of the store is ever aborted.
        true => Fault::new(
            "the Tokio runtime that the database driver runs on has ended; the setting `runtime` \
             of the store's configuration chooses another one",
        )
        .unavailable(),
        false => StoreError::Other(Box::new(task)),
    }
}

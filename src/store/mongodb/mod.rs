//! [`MongoStore`]: accounts in MongoDB, shared by any number of instances.
//!
//! Every method is one act on one document, decided inside the server by the
//! filter or the update that is sent. So no transaction is needed, a standalone
//! server works as well as a sharded cluster, and an instance may die at any
//! moment. (`end_sessions`, `remove_tokens` and `remove_events` touch several documents; each
//! goes by itself, and a call that failed half-way is simply made again. So does
//! what `append_event` drops.)
//!
//! The driver's futures must not be dropped before they are done. So each act
//! runs in a task of its own that owns its data, and the deadline is on waiting
//! for that task: a caller who gives up never cuts an act off.

mod attempt;
mod audit;
mod config;
mod document;
mod error;
mod indexes;
mod json;
mod limit;
mod schema;
mod session;
mod start;
mod token;
mod user;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::Collection;
use ::mongodb::bson::Document;
use tokio::sync::Semaphore;

pub use config::{Indexes, MongoConfig, Validators};
pub use start::StartError;

use super::StoreError;

/// The store over MongoDB. A clone is another handle on the same store.
///
/// It needs a Tokio runtime, whose tasks run the acts.
#[derive(Clone, Debug)]
pub struct MongoStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    users: Collection<Document>,
    sessions: Collection<Document>,
    tokens: Collection<Document>,
    limits: Collection<Document>,
    audit: Collection<Document>,
    attempts: Collection<Document>,
    deadline: Duration,
    in_flight: Arc<Semaphore>,
}

impl MongoStore {
    /// Runs `act` to its end in a task, and waits for it up to the deadline.
    /// After that the act goes on, and whether it happens is not known.
    async fn run<T: Send + 'static>(
        &self,
        act: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.inner.in_flight)
            .try_acquire_owned()
            .map_err(|_| error::too_many())?;
        let task = tokio::spawn(async move {
            let outcome = act.await;
            drop(permit);
            outcome
        });
        match tokio::time::timeout(self.inner.deadline, task).await {
            Err(_) => Err(StoreError::Timeout),
            Ok(Ok(outcome)) => outcome,
            Ok(Err(task)) => Err(StoreError::Other(Box::new(task))),
        }
    }
}

//! [`MongoStore`]: accounts in MongoDB, shared by any number of instances.
//!
//! Every method is one act on one document, decided inside the server by the
//! filter or the update that is sent. So no transaction is needed, a standalone
//! server works as well as a sharded cluster, and an instance may die at any
//! moment. (`end_sessions`, `end_dead_sessions`, `remove_tokens` and `remove_events` touch
//! several documents; each goes by itself, and a call that failed half-way is
//! simply made again. So does what `append_event` drops.)
//!
//! The database is the application's. The store uses the collections that [`MongoConfig`]
//! names, and only those that it has made: each is noted in one of them, and one that has
//! documents without a note is refused at start.
//!
//! The driver's futures must not be dropped before they are done. So each act
//! runs in a task of its own, on the driver's runtime, that owns its data: a caller that gives up never
//! cuts an act off. No more acts are begun than there are connections; the
//! others wait in line, where a caller that gives up has sent nothing. The
//! deadline covers both, and once it has passed the task sends nothing more.

mod adopt;
mod attempt;
mod audit;
mod change;
mod claimed;
mod config;
mod copy;
mod document;
mod error;
mod identity;
mod indexes;
mod json;
mod kind;
mod limit;
mod note;
mod proofs;
mod schema;
mod session;
mod start;
mod start_error;
mod token;
mod user;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::Collection;
use ::mongodb::bson::Document;

pub use adopt::OldNames;
pub use config::{DEFAULT_CONNECTIONS, Indexes, MongoConfig, Validators};
pub use start_error::StartError;

use super::StoreError;
pub use super::client::DriverRuntime;
use super::client::{Act, Line, Runtime};

/// The store over MongoDB. A clone is another handle on the same store.
///
/// The driver and the acts run on one Tokio runtime, that of [`MongoConfig::runtime`], and
/// callers may be on any. By default it is the runtime on which the store is made: when that
/// has ended, every act is [`StoreError::Unavailable`], with a cause that says so.
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
    line: Line,
    runtime: Runtime,
}

impl MongoStore {
    /// Runs the work that `begin` gives for an act, which asks it for the time
    /// that is left.
    async fn run<T, F>(&self, begin: impl FnOnce(Act) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let act = Act::within(self.inner.deadline);
        let inner = &self.inner;
        inner.line.run(&inner.runtime, act, begin(act)).await
    }
}

//! Starting the store.

use std::sync::Arc;
use std::time::Duration;

use ::mongodb::bson::Document;
use ::mongodb::error::{Error, ErrorKind};
use ::mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ReadConcern, ReadPreference,
    SelectionCriteria, WriteConcern,
};
use ::mongodb::{Client, Collection, Database};
use tokio::task::JoinError;

use super::claimed::Claimed;
use super::config::{DEFAULT_CONNECTIONS, DEFAULT_SHARE, Indexes, MongoConfig, Validators};
use super::note::Notes;
use super::start_error::StartError;
use super::{Inner, MongoStore, indexes, schema};
use crate::store::StoreError;
use crate::store::client::{Line, NoRuntime, Patience, Runtime, not_ended};

impl MongoStore {
    /// Connects to the servers that `uri` names and starts as
    /// [`MongoStore::new`] does.
    ///
    /// What the connection string leaves open is set so that a server that
    /// cannot be reached is noticed within [`MongoConfig::deadline`], and so
    /// that there are as many connections as commands under way
    /// ([`MongoConfig::max_connections`]). A server that is not up yet is waited for, if
    /// [`MongoConfig::wait_at_start`] says so.
    ///
    /// # Errors
    ///
    /// [`StartError`] says what keeps the store from starting.
    pub async fn connect(uri: &str, config: MongoConfig) -> Result<Self, StartError> {
        config.validate()?;
        let runtime = Runtime::new(&config.runtime).map_err(no_runtime)?;
        let mut patience = Patience::of(config.wait_at_start);
        loop {
            match Self::try_to_connect(uri, config.clone(), &runtime).await {
                Err(error) if patience.allows_another(error.of_store()).await => {}
                outcome => return outcome,
            }
        }
    }

    async fn try_to_connect(
        uri: &str,
        mut config: MongoConfig,
        runtime: &Runtime,
    ) -> Result<Self, StartError> {
        let uri = uri.to_owned();
        let deadline = config.deadline;
        let (named, wanted) = (config.database.clone(), config.max_connections);
        let (database, connections) = finish(runtime, deadline, async move {
            let mut options = ClientOptions::parse(uri).await.map_err(unusable)?;
            options.server_selection_timeout.get_or_insert(deadline);
            options.connect_timeout.get_or_insert(deadline);
            options
                .app_name
                .get_or_insert_with(|| "admittance".to_owned());
            let connections = connections(wanted, options.max_pool_size);
            options.max_pool_size.get_or_insert(connections);
            let name = named.or_else(|| options.default_database.clone());
            let client = Client::with_options(options).map_err(unusable)?;
            let database = name.map(|name| client.database(&name));
            Ok((database.ok_or(StartError::NoDatabase)?, connections))
        })
        .await?;
        config.max_connections = Some(connections);
        Self::try_to_start(database, config, runtime).await
    }

    /// Starts over a database of a client that the application has made.
    ///
    /// Reads go to the primary and see only what a majority has; writes are
    /// acknowledged by a majority (see docs/mongodb.md for why). Unless
    /// [`MongoConfig::indexes`] says otherwise, collections that are new are noted and
    /// missing indexes are made. Making them and checking them have to end within
    /// [`MongoConfig::deadline`] each, or within five seconds if that is longer; over
    /// large collections, [`MongoStore::ensure_indexes`] goes first.
    ///
    /// A collection that has documents and is not noted as this store's is refused
    /// before anything is written to the database.
    ///
    /// # Errors
    ///
    /// [`StartError`] says what keeps the store from starting: a collection is
    /// somebody else's, an index is missing, the database's own write concern is
    /// weaker than majority, or the server did not answer in time.
    pub async fn new(database: Database, config: MongoConfig) -> Result<Self, StartError> {
        config.validate()?;
        let runtime = Runtime::with_client(&config.runtime).map_err(no_runtime)?;
        let mut patience = Patience::of(config.wait_at_start);
        loop {
            match Self::try_to_start(database.clone(), config.clone(), &runtime).await {
                Err(error) if patience.allows_another(error.of_store()).await => {}
                outcome => return outcome,
            }
        }
    }

    async fn try_to_start(
        database: Database,
        config: MongoConfig,
        runtime: &Runtime,
    ) -> Result<Self, StartError> {
        let write_concern = strong(database.write_concern(), config.deadline)?;
        match config.indexes {
            Indexes::Create => {
                let work = make_indexes(database.clone(), config.clone());
                finish(runtime, config.deadline, work).await?;
            }
            Indexes::Verify => {}
        }
        let (place, settings) = (database.clone(), config.clone());
        let verify = async move {
            Notes::of(&place, &settings)?.verify().await?;
            indexes::verify(&place, &settings).await
        };
        finish(runtime, config.deadline, verify).await?;

        let options = CollectionOptions::builder()
            .write_concern(write_concern)
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        let collection = |name: &str| -> Collection<Document> {
            database.collection_with_options(name, options.clone())
        };
        let inner = Inner {
            users: collection(&config.users),
            sessions: collection(&config.sessions),
            tokens: collection(&config.tokens),
            limits: collection(&config.limits),
            audit: collection(&config.audit),
            attempts: collection(&config.attempts),
            deadline: config.deadline,
            line: Line::new(
                config.max_connections.unwrap_or(DEFAULT_SHARE),
                config.max_waiting,
            ),
            runtime: runtime.clone(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Notes the collections that are new, and makes the indexes that are missing, and
    /// the validators if the configuration wants them. Indexes that delete documents
    /// follow [`MongoConfig::retention`]; no other index is changed. It may run
    /// at any time and any number of times, and takes as long as the server takes.
    ///
    /// # Errors
    ///
    /// [`StartError`] says which setting is out of its range, which collection is
    /// not this store's, in which case nothing is written, or which index could
    /// not be made.
    pub async fn ensure_indexes(
        database: &Database,
        config: &MongoConfig,
    ) -> Result<(), StartError> {
        config.validate()?;
        done(tokio::spawn(make_indexes(database.clone(), config.clone())).await)
    }
}

async fn make_indexes(database: Database, config: MongoConfig) -> Result<(), StartError> {
    let claimed = Notes::of(&database, &config)?.claim().await?;
    prepare(claimed).await
}

/// Puts validators and indexes on collections that are this store's.
pub(super) async fn prepare(claimed: Claimed<'_>) -> Result<(), StartError> {
    match claimed.config.validators {
        Validators::Install => schema::install(claimed).await?,
        Validators::Off => {}
    }
    indexes::ensure(claimed).await
}

fn no_runtime(error: NoRuntime) -> StartError {
    error.into_error("mongodb.runtime")
}

/// How many commands may be under way at once, if `wanted` and the connection
/// string's `pool` say so.
fn connections(wanted: Option<u32>, pool: Option<u32>) -> u32 {
    let most = wanted.or(pool).unwrap_or(DEFAULT_CONNECTIONS);
    most.min(pool.unwrap_or(most)).max(1)
}

/// The least time that a step of the start has: it sends more than one command.
const STEP: Duration = Duration::from_secs(5);

/// Runs the driver's work in a task of `runtime`, which goes on when the caller gives up or
/// the time is over.
async fn finish<T: Send + 'static>(
    runtime: &Runtime,
    deadline: Duration,
    work: impl Future<Output = Result<T, StartError>> + Send + 'static,
) -> Result<T, StartError> {
    match tokio::time::timeout(deadline.max(STEP), runtime.spawn(work)).await {
        Ok(task) => done(task),
        Err(_) => Err(StoreError::Timeout.into()),
    }
}

pub(super) fn done<T>(task: Result<Result<T, StartError>, JoinError>) -> Result<T, StartError> {
    task.unwrap_or_else(|task| Err(not_ended(task).into()))
}

fn unusable(error: Error) -> StartError {
    match *error.kind {
        ErrorKind::InvalidArgument { .. } => StartError::InvalidUri,
        _ => StartError::store(error),
    }
}

/// Majority and journal, with the time limit that was set or `deadline`; an
/// error when the database was told something weaker, or something whose
/// strength is not known here.
///
/// A replica set journals what a majority acknowledges anyway. A standalone
/// server does so only when it is asked, and otherwise loses what it has just
/// acknowledged when it is killed.
fn strong(own: Option<&WriteConcern>, deadline: Duration) -> Result<WriteConcern, StartError> {
    let mut concern = own.cloned().unwrap_or_default();
    if !matches!(concern.w, None | Some(Acknowledgment::Majority)) || concern.journal == Some(false)
    {
        return Err(StartError::WeakWriteConcern);
    }
    concern.w = Some(Acknowledgment::Majority);
    concern.journal = Some(true);
    concern.w_timeout.get_or_insert(deadline);
    Ok(concern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_connections_as_commands() {
        for (wanted, pool, count) in [
            (None, None, DEFAULT_CONNECTIONS),
            (Some(7), None, 7),
            (None, Some(7), 7),
            (Some(3), Some(7), 3),
            (Some(9), Some(7), 7),
            (Some(0), None, 1),
        ] {
            assert_eq!(connections(wanted, pool), count, "{wanted:?} {pool:?}");
        }
    }
}

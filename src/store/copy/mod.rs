//! Moving all accounts from one store to another.
//!
//! [`copy`] reads the source in the order of its keys, writes what it has read to an empty
//! target, and then reads both again: it succeeds only if the target has exactly the records
//! that the source has. Password hashes, sessions, links that were mailed, lockouts and the
//! audit log are copied too.
//!
//! ```
//! # #[cfg(feature = "memory")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use admittance::clock::{Clock, SystemClock};
//! use admittance::store::MemoryStore;
//! use admittance::store::copy::{CopyOptions, copy};
//!
//! let (old, new) = (MemoryStore::new(), MemoryStore::new());
//! let copied = copy(&old, &new, SystemClock.now(), &CopyOptions::default(), |progress| {
//!     println!("{} {}: {}", progress.step.as_str(), progress.kind, progress.records);
//! })
//! .await?;
//! assert_eq!(copied.users, 0);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "memory"))]
//! # fn main() {}
//! ```
//!
//! `examples/copy.rs` is a program that copies from one URL to another.
//!
//! # What is not copied
//!
//! - Records that have expired at the time that is passed to [`copy`].
//! - Sessions that have ended.
//! - Rate limits, which stores group in different ways. All budgets are full after a copy.
//!   Lockouts of accounts are copied.
//!
//! # While the source is copied
//!
//! Stop every server that uses the source first: a copy would lose later writes. Stores that can
//! refuse writes do so until the copy has ended:
//!
//! | source | a write meanwhile |
//! |---|---|
//! | [`SqliteStore`] | fails at its deadline, in all processes: the copy holds the write lock of the file |
//! | [`PostgresStore`] | fails at its deadline: the copy holds `LOCK TABLE … IN EXCLUSIVE MODE` on one of the store's connections, and needs a second one |
//! | [`MongoStore`], [`MemoryStore`] | succeeds; the copy then fails with [`CopyError::SourceChanged`] if the write changed a record that was read |
//!
//! PostgreSQL still accepts writes of rate limits. Without [`CopyOptions::hold`], a source is
//! only checked; this is required if both stores are in one SQLite file, which has a single lock.
//!
//! MongoDB removes attempts five minutes after they are forgotten, and other records after
//! [`retention`]. A longer copy takes such a removal for a change. Resume it: by then, the record
//! counts as expired.
//!
//! # After a failure
//!
//! A failed copy leaves some records in the target. It can be [resumed](CopyOptions::resume) if
//! the source has not changed since, which is checked at the end. Otherwise start again with an
//! empty target.
//!
#![cfg_attr(feature = "memory", doc = "[`MemoryStore`]: crate::store::MemoryStore")]
#![cfg_attr(not(feature = "memory"), doc = "[`MemoryStore`]: #")]
#![cfg_attr(
    any(feature = "mongodb", feature = "mongodb-aws-lc-rs"),
    doc = "[`MongoStore`]: crate::store::mongodb::MongoStore\n[`retention`]: crate::store::mongodb::MongoConfig::retention"
)]
#![cfg_attr(
    not(any(feature = "mongodb", feature = "mongodb-aws-lc-rs")),
    doc = "[`MongoStore`]: #\n[`retention`]: #"
)]
#![cfg_attr(
    any(feature = "postgres", feature = "postgres-aws-lc-rs"),
    doc = "[`PostgresStore`]: crate::store::sql::PostgresStore"
)]
#![cfg_attr(
    not(any(feature = "postgres", feature = "postgres-aws-lc-rs")),
    doc = "[`PostgresStore`]: #"
)]
#![cfg_attr(
    feature = "sqlite",
    doc = "[`SqliteStore`]: crate::store::sql::SqliteStore"
)]
#![cfg_attr(not(feature = "sqlite"), doc = "[`SqliteStore`]: #")]

mod copy_store;
mod encode;
mod error;
mod pages;
mod record;

use crate::audit::AuditRecord;
use crate::error::{ConfigError, StoreError};
use crate::named::named;
use crate::session::Session;
use crate::time::Timestamp;
use crate::token::OneTimeToken;
use crate::user::User;

pub use copy_store::{CopyStore, Hold, RecordStore};
pub use error::CopyError;
use pages::{Pages, Sum};
pub use record::{KeptAttempts, Kind, Record};

/// Options of [`copy`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CopyOptions {
    /// The number of records in a batch: 1 to [`MAX_BATCH`], default 500. The target must write a
    /// batch within its deadline.
    pub batch: usize,
    /// Whether to continue an interrupted copy from the same source, after the last record of
    /// each kind in the target. Default `false`: the target must be empty.
    pub resume: bool,
    /// Whether the source refuses writes during the copy, if it can. Default `true`.
    pub hold: bool,
}

/// The maximum of [`CopyOptions::batch`]. SQLite accepts at most 32,766 values in one statement.
pub const MAX_BATCH: usize = 2000;

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            batch: 500,
            resume: false,
            hold: true,
        }
    }
}

impl CopyOptions {
    fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require([(
            "copy.batch",
            (1..=MAX_BATCH).contains(&self.batch),
            "is not between 1 and 2,000",
        )])
    }
}

named! {
    /// A step of a copy, for one kind of records.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Step {
        /// Copies the records from the source to the target.
        Copy => "copy",
        /// Reads the records of the source again.
        CheckSource => "check_source",
        /// Reads the records of the target.
        CheckTarget => "check_target",
    }
}

/// The progress of a copy. It first copies the kinds in the order of [`Kind::ALL`], and then
/// checks them in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// The kind of records.
    pub kind: Kind,
    /// The number of records of the kind that the step has processed, without expired records and
    /// those that an earlier copy has written.
    pub records: u64,
}

/// The numbers of copied records, without expired ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Users.
    pub users: u64,
    /// Sessions.
    pub sessions: u64,
    /// One-time tokens.
    pub tokens: u64,
    /// Keys with failed attempts.
    pub attempts: u64,
    /// Events of the audit log.
    pub events: u64,
}

/// Copies all accounts from `source` to `target`, and checks that they are there. Records that
/// have expired at `now` are left out. `progress` is called after each batch.
///
/// The source is not changed. At the end, a SHA-256 over all records shows that the target has
/// exactly the records of the source. A dropped call leaves some records in the target, like a
/// failed one.
///
/// # Errors
///
/// [`CopyError`] if the copy is not complete.
pub async fn copy(
    source: &dyn CopyStore,
    target: &dyn CopyStore,
    now: Timestamp,
    options: &CopyOptions,
    progress: impl FnMut(Progress) + Send,
) -> Result<Copied, CopyError> {
    options.validate()?;
    let begin = Begin::of(target, options).await?;
    let hold = match options.hold {
        true => source.hold().await.map_err(CopyError::Hold)?,
        false => Hold::none(),
    };
    let mut run = Run {
        now,
        batch: options.batch,
        progress,
    };
    let outcome = run.all(source, target, begin).await;
    let released = hold.release().await;
    let copied = outcome?;
    released.map_err(CopyError::HoldLost)?;
    Ok(copied)
}

/// The keys after which a copy begins.
struct Begin {
    users: Option<<User as Record>::Key>,
    sessions: Option<<Session as Record>::Key>,
    tokens: Option<<OneTimeToken as Record>::Key>,
    attempts: Option<<KeptAttempts as Record>::Key>,
    events: Option<<AuditRecord as Record>::Key>,
}

impl Begin {
    async fn of(target: &dyn CopyStore, options: &CopyOptions) -> Result<Self, CopyError> {
        Ok(Self {
            users: begin::<User>(target, options).await?,
            sessions: begin::<Session>(target, options).await?,
            tokens: begin::<OneTimeToken>(target, options).await?,
            attempts: begin::<KeptAttempts>(target, options).await?,
            events: begin::<AuditRecord>(target, options).await?,
        })
    }
}

/// The last key of the target, which must have none unless the copy is resumed.
async fn begin<R: Record>(
    target: &dyn RecordStore<R>,
    options: &CopyOptions,
) -> Result<Option<R::Key>, CopyError> {
    let last = target.last_key().await;
    match last.map_err(CopyError::target(R::KIND))? {
        Some(_) if !options.resume => Err(CopyError::NotEmpty(R::KIND)),
        last => Ok(last),
    }
}

/// Records that have been copied.
struct Part<R: Record> {
    /// The key after which they begin.
    after: Option<R::Key>,
    sum: Sum,
}

/// One copy.
struct Run<P> {
    now: Timestamp,
    batch: usize,
    progress: P,
}

impl<P: FnMut(Progress) + Send> Run<P> {
    async fn all(
        &mut self,
        source: &dyn CopyStore,
        target: &dyn CopyStore,
        begin: Begin,
    ) -> Result<Copied, CopyError> {
        let users = self.copy::<User>(source, target, begin.users).await?;
        let sessions = self.copy::<Session>(source, target, begin.sessions).await?;
        let tokens = self
            .copy::<OneTimeToken>(source, target, begin.tokens)
            .await?;
        let attempts = self
            .copy::<KeptAttempts>(source, target, begin.attempts)
            .await?;
        let events = self
            .copy::<AuditRecord>(source, target, begin.events)
            .await?;
        Ok(Copied {
            users: self.check::<User>(source, target, users).await?,
            sessions: self.check::<Session>(source, target, sessions).await?,
            tokens: self.check::<OneTimeToken>(source, target, tokens).await?,
            attempts: self.check::<KeptAttempts>(source, target, attempts).await?,
            events: self.check::<AuditRecord>(source, target, events).await?,
        })
    }

    /// Copies the records whose keys are greater than `after`.
    async fn copy<R: Record>(
        &mut self,
        source: &dyn RecordStore<R>,
        target: &dyn RecordStore<R>,
        after: Option<R::Key>,
    ) -> Result<Part<R>, CopyError> {
        let mut sum = Sum::default();
        let mut pages = Pages::new(source, after, self.batch);
        while let Some(mut page) = pages.next().await.map_err(CopyError::source(R::KIND))? {
            page.retain(|record| record.is_live(self.now));
            for record in &page {
                sum.add(record);
            }
            if !page.is_empty() {
                let put = target.put(page).await;
                put.map_err(CopyError::target(R::KIND))?;
            }
            self.tell::<R>(Step::Copy, &sum);
        }
        Ok(Part { after, sum })
    }

    /// Checks that the source still has the records that were copied, and that the target has
    /// all that the source has. Returns their number.
    async fn check<R: Record>(
        &mut self,
        source: &dyn RecordStore<R>,
        target: &dyn RecordStore<R>,
        copied: Part<R>,
    ) -> Result<u64, CopyError> {
        let sums = self.sums(Step::CheckSource, source, copied.after).await;
        let (whole, since) = sums.map_err(CopyError::source(R::KIND))?;
        if !since.is(copied.sum) {
            return Err(CopyError::SourceChanged(R::KIND));
        }
        let sums = self.sums(Step::CheckTarget, target, None).await;
        let (arrived, _) = sums.map_err(CopyError::target(R::KIND))?;
        let count = arrived.count();
        match arrived.is(whole) {
            true => Ok(count),
            false => Err(CopyError::Differs(R::KIND)),
        }
    }

    /// The sum of all records, and the sum of those whose keys are greater than `after`.
    async fn sums<R: Record>(
        &mut self,
        step: Step,
        store: &dyn RecordStore<R>,
        after: Option<R::Key>,
    ) -> Result<(Sum, Sum), StoreError> {
        let (mut whole, mut since) = (Sum::default(), Sum::default());
        let mut pages = Pages::new(store, None, self.batch);
        while let Some(page) = pages.next().await? {
            for record in page.iter().filter(|record| record.is_live(self.now)) {
                whole.add(record);
                if after.is_none_or(|after| record.key() > after) {
                    since.add(record);
                }
            }
            self.tell::<R>(step, &whole);
        }
        Ok((whole, since))
    }

    fn tell<R: Record>(&mut self, step: Step, sum: &Sum) {
        (self.progress)(Progress {
            step,
            kind: R::KIND,
            records: sum.count(),
        });
    }
}

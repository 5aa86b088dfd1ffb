//! Moving all accounts from one store to another.
//!
//! [`copy`] reads the source in the order of its keys, writes what it has read to an empty
//! target, and then reads both again: it succeeds only if the target has exactly the records
//! that the source has. Password hashes, sessions, links that were mailed, lockouts and the
//! audit log move, so that nobody notices.
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
//! - What has expired at the time that [`copy`] is given.
//! - Sessions that have been ended.
//! - Budgets of rate limits: stores keep them in different groups, so they begin whole. The
//!   lockouts of accounts are copied.
//!
//! # While the source is copied
//!
//! What is written to the source after it was read would be lost, so every server that uses it
//! must stop first. Where a store can refuse writes, it does until the copy has ended:
//!
//! | source | what happens to a write |
//! |---|---|
//! | [`SqliteStore`] | it waits, and fails at its deadline, in other processes too: the copy has the write lock of the file |
//! | [`PostgresStore`] | the same: the copy holds a lock on the tables (`LOCK TABLE … IN EXCLUSIVE MODE`), by one of the store's connections, of which it needs two |
//! | [`MongoStore`], [`MemoryStore`] | it is made; the copy fails with [`CopyError::SourceChanged`] if it changes what was read before |
//!
//! Budgets of rate limits can be written in PostgreSQL. With [`CopyOptions::hold`] switched off,
//! every source is only checked. That is necessary if both stores are in one SQLite file, which
//! has one lock.
//!
//! MongoDB removes attempts five minutes after they are forgotten, and other records after
//! [`retention`]. If a copy lasts longer than that, a record that goes meanwhile looks like a
//! change: resume the copy, which leaves out what has expired by then.
//!
//! # After a failure
//!
//! A copy that fails leaves a part of the records in the target, and never reports success. It
//! can go on where it stopped ([`CopyOptions::resume`]), as long as the source was not written
//! to since; that is found out at the end. Otherwise begin again with an empty target.
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

/// How a store is copied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CopyOptions {
    /// How many records are read and written at once: 1 to [`MAX_BATCH`], default 500. A batch
    /// must be written within the deadline of the target.
    pub batch: usize,
    /// Whether the target may have records: those of a copy from the same source that was
    /// interrupted. The copy goes on after the last one of each kind. Default `false`.
    pub resume: bool,
    /// Whether the source refuses writes while it is copied, if it can. Default `true`.
    pub hold: bool,
}

/// The greatest [`CopyOptions::batch`]. SQLite takes no more than 32,766 values in one statement.
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
    /// What a copy does with one kind of records.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Step {
        /// It reads them from the source and writes them to the target.
        Copy => "copy",
        /// It reads those of the source again.
        CheckSource => "check_source",
        /// It reads those of the target.
        CheckTarget => "check_target",
    }
}

/// How far a copy is. The kinds come in the order of [`Kind::ALL`]: first each is copied, then
/// each is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is done.
    pub step: Step,
    /// The kind of records.
    pub kind: Kind,
    /// How many of the kind the step has done so far, without those that have expired and
    /// those that an earlier copy has written.
    pub records: u64,
}

/// How many records the source and the target both have, without those that have expired.
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
/// Nothing is removed from the source. Each record of the target is compared with that of the
/// source by the SHA-256 over all of them.
///
/// A call that is dropped has copied a part, like one that fails.
///
/// # Errors
///
/// [`CopyError`] says what keeps the copy from being complete.
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
    hold.release().await;
    outcome
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

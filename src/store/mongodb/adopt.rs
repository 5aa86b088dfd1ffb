//! Moving a database whose collections have other names, and no notes.
//!
//! First the notes say of every collection that it is being adopted, and from where;
//! then each is renamed, which is one act of the server; then the notes say that it
//! is ready. Another call, after a crash or at the same time, reads the notes
//! and goes on from there, and no store starts before the last one is ready.

use std::collections::BTreeSet;

use ::mongodb::Database;
use ::mongodb::bson::doc;

use super::MongoStore;
use super::config::MongoConfig;
use super::error::code;
use super::kind::Kind;
use super::note::{Note, Notes};
use super::start::{done, prepare};
use super::start_error::StartError;
use super::{indexes, schema};

const NAMESPACE_NOT_FOUND: i32 = 26;
const NAMESPACE_EXISTS: i32 = 48;

/// The collections that [`MongoStore::adopt`] moves, by the names that they have.
/// `None` leaves a kind out: there is no such collection, or it is not this store's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OldNames {
    /// The collection of users.
    pub users: Option<String>,
    /// The collection of sessions.
    pub sessions: Option<String>,
    /// The collection of one-time tokens.
    pub tokens: Option<String>,
    /// The collection of rate limits.
    pub limits: Option<String>,
    /// The collection of events that are kept.
    pub audit: Option<String>,
    /// The collection of login attempts that failed.
    pub attempts: Option<String>,
}

impl Default for OldNames {
    /// The names that were the default before collections were named
    /// `admittance_…`: `users`, `sessions`, `one_time_tokens`, `rate_limits`,
    /// `audit_log` and `login_attempts`.
    fn default() -> Self {
        let name = |kind: Kind| Some(kind.as_str().to_owned());
        Self {
            users: name(Kind::Users),
            sessions: name(Kind::Sessions),
            tokens: name(Kind::Tokens),
            limits: name(Kind::Limits),
            audit: name(Kind::Audit),
            attempts: name(Kind::Attempts),
        }
    }
}

impl OldNames {
    /// No collection: the store begins with empty ones, and accounts of an earlier
    /// version stay where they are.
    #[must_use]
    pub fn none() -> Self {
        Self {
            users: None,
            sessions: None,
            tokens: None,
            limits: None,
            audit: None,
            attempts: None,
        }
    }

    fn name(&self, kind: Kind) -> Option<&str> {
        let name = match kind {
            Kind::Meta => return None,
            Kind::Users => &self.users,
            Kind::Sessions => &self.sessions,
            Kind::Tokens => &self.tokens,
            Kind::Limits => &self.limits,
            Kind::Audit => &self.audit,
            Kind::Attempts => &self.attempts,
        };
        name.as_deref()
    }

    /// Checks that no collection is moved twice, or to where another one is.
    fn check(&self, config: &MongoConfig) -> Result<(), StartError> {
        let mut names: BTreeSet<&str> =
            Kind::ALL.iter().map(|kind| config.name_of(*kind)).collect();
        for kind in Kind::ALL {
            let old = self.name(kind).filter(|old| *old != config.name_of(kind));
            if let Some(old) = old
                && !names.insert(old)
            {
                return Err(StartError::NameTwice {
                    collection: old.to_owned(),
                });
            }
        }
        Ok(())
    }
}

impl MongoStore {
    /// Moves the collections `old`, which a version without notes has made, to the
    /// names in `config`, notes them, and makes the indexes that are missing. A
    /// collection whose name stays the same is only noted.
    ///
    /// Every instance of the earlier version must have stopped, and must not start
    /// again. A call that failed or was cut off at any point is made again and goes
    /// on from there; until it has succeeded, no store starts. Two calls at once do
    /// no more than one. A database that was moved already is left as it is. It takes
    /// as long as the server takes, which reads every document once.
    ///
    /// ```no_run
    /// use admittance::store::mongodb::{MongoConfig, MongoStore, OldNames};
    ///
    /// # async fn adopt(database: mongodb::Database) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut old = OldNames::default();
    /// // The application's own.
    /// old.audit = None;
    /// MongoStore::adopt(&database, &old, &MongoConfig::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StartError::ForeignCollection`] if a collection has a document that does not
    /// have the shape of its kind, [`StartError::BothExist`] if there is a collection
    /// of the new name, [`StartError::NameTwice`] if `old` and `config` contradict
    /// each other; in these cases nothing is changed, unless a call before has moved
    /// something. [`StartError::Adopting`] if another call with other names has begun.
    /// Others as [`MongoStore::ensure_indexes`] has them.
    pub async fn adopt(
        database: &Database,
        old: &OldNames,
        config: &MongoConfig,
    ) -> Result<(), StartError> {
        let (database, old, config) = (database.clone(), old.clone(), config.clone());
        done(tokio::spawn(async move { adopt(&database, &old, &config).await }).await)
    }
}

async fn adopt(
    database: &Database,
    old: &OldNames,
    config: &MongoConfig,
) -> Result<(), StartError> {
    config.validate()?;
    let notes = Notes::of(database, config)?;
    old.check(config)?;
    let adoption = Adoption {
        database,
        config,
        old,
        notes,
    };
    // Before the notes: what is moved meanwhile shows in them.
    let existing = database.list_collection_names().await;
    let existing: BTreeSet<String> = existing.map_err(StartError::store)?.into_iter().collect();
    let found = adoption.notes.all().await?;
    let mut begins = Vec::new();
    for kind in Kind::ALL {
        let begin = adoption
            .plan(kind, found.get(&kind).cloned(), &existing)
            .await?;
        begins.extend(begin.map(|begin| (kind, begin)));
    }
    for (kind, (before, after)) in begins {
        adoption.begin(kind, before, &after).await?;
    }
    let begun = adoption.notes.all().await?;
    let mut moving = Vec::new();
    for (kind, note) in begun.into_iter().filter(|(_, note)| note.is_adopting) {
        adoption.rename(kind, &note).await?;
        moving.push((kind, note));
    }
    for (kind, note) in moving {
        let ready = Note {
            is_adopting: false,
            from: note.from.clone(),
        };
        adoption.notes.replace(kind, &note, &ready).await?;
    }
    prepare(adoption.notes.claimed()).await
}

struct Adoption<'a> {
    database: &'a Database,
    config: &'a MongoConfig,
    old: &'a OldNames,
    notes: Notes<'a>,
}

/// The note to be replaced, if there is one, and the one that says what is to be done.
type Begin = (Option<Note>, Note);

impl Adoption<'_> {
    /// What is to be noted about the collection first; `None` if that was done.
    /// Only reads.
    async fn plan(
        &self,
        kind: Kind,
        note: Option<Note>,
        existing: &BTreeSet<String>,
    ) -> Result<Option<Begin>, StartError> {
        let planned = self.plan_from(kind, note.clone(), existing).await;
        if planned.is_ok() {
            return planned;
        }
        // It may be another call that is in the way, which has noted what it does.
        match self.notes.one(kind).await? {
            now if now == note => planned,
            now => self.plan_from(kind, now, existing).await,
        }
    }

    async fn plan_from(
        &self,
        kind: Kind,
        note: Option<Note>,
        existing: &BTreeSet<String>,
    ) -> Result<Option<Begin>, StartError> {
        let new = self.config.name_of(kind);
        let old = self.old.name(kind).filter(|old| existing.contains(*old));
        if let Some(note) = &note
            && (note.is_adopting || note.from.as_deref() == self.old.name(kind))
        {
            self.require_same(kind, note)?;
            let old = old.filter(|old| *old != new);
            match old {
                Some(old) if !note.is_adopting => self.refuse_left_behind(kind, old).await?,
                // Begun by a call that left this collection out.
                Some(old) if note.from.is_none() && self.is_ours(kind, old).await? => {
                    return Err(self.notes.adopting(kind));
                }
                _ => {}
            }
            return Ok(None);
        }
        let adopting = |from: Option<&str>| Note {
            is_adopting: kind != Kind::Meta,
            from: from.map(str::to_owned),
        };
        if let Some(old) = old
            && self.is_ours(kind, old).await?
        {
            if old == new {
                return Ok(note.is_none().then(|| (None, adopting(Some(old)))));
            }
            if existing.contains(new) {
                return Err(self.both_exist(kind, old));
            }
            return Ok(Some((note, adopting(Some(old)))));
        }
        if note.is_some() {
            return Ok(None);
        }
        let noted = self.notes.unless_foreign(kind).await?;
        Ok(noted.is_none().then(|| (None, adopting(None))))
    }

    /// Whether the collection is this store's: all its documents have the shape of
    /// the kind, or there are none and it has an index that only this store makes.
    async fn is_ours(&self, kind: Kind, old: &str) -> Result<bool, StartError> {
        let shape = doc! { "$jsonSchema": schema::of(kind) };
        if self.notes.has(old, doc! { "$nor": [shape] }).await? {
            return Err(StartError::ForeignCollection {
                collection: old.to_owned(),
            });
        }
        Ok(self.notes.has(old, doc! {}).await?
            || indexes::is_marked(self.database, kind, old).await?)
    }

    /// Refuses documents of this store that are under the old name although the
    /// collection was moved.
    async fn refuse_left_behind(&self, kind: Kind, old: &str) -> Result<(), StartError> {
        let shape = doc! { "$jsonSchema": schema::of(kind) };
        if self.notes.has(old, shape).await? {
            return Err(self.both_exist(kind, old));
        }
        Ok(())
    }

    fn both_exist(&self, kind: Kind, old: &str) -> StartError {
        StartError::BothExist {
            old: old.to_owned(),
            new: self.config.name_of(kind).to_owned(),
        }
    }

    /// Refuses an adoption that was begun from another collection.
    fn require_same(&self, kind: Kind, note: &Note) -> Result<(), StartError> {
        match note.from.as_deref() {
            Some(from) if note.is_adopting && Some(from) != self.old.name(kind) => {
                Err(self.notes.adopting(kind))
            }
            _ => Ok(()),
        }
    }

    /// Notes that the collection is being adopted. Another call may have done so, in
    /// which case its note counts.
    async fn begin(
        &self,
        kind: Kind,
        before: Option<Note>,
        after: &Note,
    ) -> Result<(), StartError> {
        match before {
            Some(before) => self.notes.replace(kind, &before, after).await?,
            None if self.notes.insert(kind, after).await? => return Ok(()),
            None => {}
        }
        let now = self.notes.one(kind).await?;
        let is_begun = now.as_ref().is_some_and(|note| {
            note.is_adopting || note.from == after.from || after.from.is_none()
        });
        match (now, after.from.as_deref()) {
            (Some(note), _) if is_begun => self.require_same(kind, &note),
            // A store that starts was first, and uses an empty collection.
            (_, Some(from)) => Err(self.both_exist(kind, from)),
            (_, None) => Err(self.notes.adopting(kind)),
        }
    }

    /// Gives the collection its new name, unless it has it.
    async fn rename(&self, kind: Kind, note: &Note) -> Result<(), StartError> {
        self.require_same(kind, note)?;
        let new = self.config.name_of(kind);
        let Some(old) = note.from.as_deref().filter(|old| *old != new) else {
            return Ok(());
        };
        let place = self.database.name();
        let command = doc! {
            "renameCollection": format!("{place}.{old}"),
            "to": format!("{place}.{new}"),
            "writeConcern": { "w": "majority", "j": true },
        };
        let admin = self.database.client().database("admin");
        let Err(error) = admin.run_command(command).await else {
            return Ok(());
        };
        // Another call, or one before, has done it.
        match code(&error) {
            Some(NAMESPACE_NOT_FOUND) => {
                let by_name = doc! { "name": new };
                let there = self.database.list_collection_names().filter(by_name).await;
                match there.map_err(StartError::store)?.is_empty() {
                    true => Err(StartError::store(error)),
                    false => Ok(()),
                }
            }
            Some(NAMESPACE_EXISTS) => self.refuse_left_behind(kind, old).await,
            _ => Err(StartError::store(error)),
        }
    }
}

//! The notes: which collections of the database this store has made.
//!
//! Each collection has one note, whose `_id` is the collection's name. It is written
//! before anything is done to the collection, by one insert, which of several
//! instances one wins.

use std::collections::{BTreeMap, BTreeSet};

use ::mongodb::bson::{Document, doc};
use ::mongodb::options::{
    Acknowledgment, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use ::mongodb::{Collection, Database};

use super::claimed::Claimed;
use super::config::MongoConfig;
use super::document::{Record, SCHEMA};
use super::error::is_duplicate;
use super::kind::Kind;
use super::start_error::StartError;
use crate::store::StoreError;

const READY: &str = "ready";
const ADOPTING: &str = "adopting";

/// What is noted about a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// Whether it is being moved here.
    pub(super) is_adopting: bool,
    /// The name that it had before it was moved here.
    pub(super) from: Option<String>,
}

impl Note {
    fn read(kind: Kind, fields: &Document) -> Result<Self, StartError> {
        Self::parse(kind, fields).map_err(|error| match error {
            StartError::Store(StoreError::Corrupt { source, .. }) => StoreError::Corrupt {
                record: format!("note on {}", kind.as_str()),
                source,
            }
            .into(),
            other => other,
        })
    }

    fn parse(kind: Kind, fields: &Document) -> Result<Self, StartError> {
        let note = Record::new("note", fields)?;
        if note.text("kind")? != kind.as_str() {
            return Err(StartError::ForeignCollection {
                collection: note.text("_id")?.to_owned(),
            });
        }
        let is_adopting = match note.text("state")? {
            READY => false,
            ADOPTING => true,
            _ => return Err(note.corrupt("state", "is none that is known here").into()),
        };
        let from = note.optional_text("from")?.map(str::to_owned);
        Ok(Self { is_adopting, from })
    }
}

/// The notes of a database.
#[derive(Debug)]
pub(super) struct Notes<'a> {
    database: &'a Database,
    config: &'a MongoConfig,
    notes: Collection<Document>,
}

impl<'a> Notes<'a> {
    /// The notes of `database`, if each kind has a collection of its own.
    pub(super) fn of(database: &'a Database, config: &'a MongoConfig) -> Result<Self, StartError> {
        let mut names = BTreeSet::new();
        for kind in Kind::ALL {
            let name = config.name_of(kind);
            if !names.insert(name) {
                return Err(StartError::NameTwice {
                    collection: name.to_owned(),
                });
            }
        }
        let durable = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .build();
        let options = CollectionOptions::builder()
            .write_concern(durable)
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        Ok(Self {
            notes: database.collection_with_options(&config.meta, options),
            database,
            config,
        })
    }

    /// All notes on the collections of this store.
    pub(super) async fn all(&self) -> Result<BTreeMap<Kind, Note>, StartError> {
        let names = Kind::ALL.map(|kind| self.config.name_of(kind));
        let mut found = self
            .notes
            .find(doc! { "_id": { "$in": names.as_slice() } })
            .await
            .map_err(StartError::store)?;
        let mut notes = BTreeMap::new();
        while found.advance().await.map_err(StartError::store)? {
            let fields = found.deserialize_current().map_err(StartError::store)?;
            let name = fields.get_str("_id").unwrap_or_default();
            let kind = Kind::ALL
                .into_iter()
                .find(|kind| self.config.name_of(*kind) == name);
            if let Some(kind) = kind {
                notes.insert(kind, Note::read(kind, &fields)?);
            }
        }
        Ok(notes)
    }

    /// The note on the collection of this kind.
    pub(super) async fn one(&self, kind: Kind) -> Result<Option<Note>, StartError> {
        let by_name = doc! { "_id": self.config.name_of(kind) };
        let found = self.notes.find_one(by_name).await;
        let found = found.map_err(StartError::store)?;
        found.map(|fields| Note::read(kind, &fields)).transpose()
    }

    /// Whether the collection has any document that fits `filter`, including those
    /// that no majority has acknowledged yet.
    pub(super) async fn has(&self, collection: &str, filter: Document) -> Result<bool, StartError> {
        let options = CollectionOptions::builder()
            .read_concern(ReadConcern::local())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        let documents: Collection<Document> =
            self.database.collection_with_options(collection, options);
        let found = documents
            .find_one(filter)
            .projection(doc! { "_id": 1 })
            .await
            .map_err(StartError::store)?;
        Ok(found.is_some())
    }

    /// The note on a collection that `found` has none on: `None` if the collection
    /// is empty or does not exist, and a refusal if it has documents. An
    /// instance that notes it and writes into it meanwhile has noted it first.
    pub(super) async fn unless_foreign(&self, kind: Kind) -> Result<Option<Note>, StartError> {
        let name = self.config.name_of(kind);
        if !self.has(name, doc! {}).await? {
            return Ok(None);
        }
        let noted = self.one(kind).await?;
        noted
            .map(Some)
            .ok_or_else(|| StartError::ForeignCollection {
                collection: name.to_owned(),
            })
    }

    /// The kinds whose collections are not noted and hold nothing, the others being
    /// this store's.
    async fn missing(&self) -> Result<Vec<Kind>, StartError> {
        let mut found = self.all().await?;
        let mut missing = Vec::new();
        for kind in Kind::ALL {
            let note = match found.remove(&kind) {
                Some(note) => Some(note),
                None => self.unless_foreign(kind).await?,
            };
            match note {
                Some(note) => self.require_ready(kind, &note)?,
                None => missing.push(kind),
            }
        }
        Ok(missing)
    }

    fn require_ready(&self, kind: Kind, note: &Note) -> Result<(), StartError> {
        if note.is_adopting {
            return Err(self.adopting(kind));
        }
        Ok(())
    }

    pub(super) fn adopting(&self, kind: Kind) -> StartError {
        StartError::Adopting {
            collection: self.config.name_of(kind).to_owned(),
        }
    }

    /// Checks that all collections are noted, and writes nothing.
    pub(super) async fn verify(&self) -> Result<(), StartError> {
        match self.missing().await?.first() {
            None => Ok(()),
            Some(kind) => Err(StartError::MissingNote {
                collection: self.config.name_of(*kind).to_owned(),
            }),
        }
    }

    /// Notes the collections that are not noted yet. Nothing is written unless each
    /// of them is empty or does not exist, and no accounts of an earlier version
    /// would be left behind.
    pub(super) async fn claim(&self) -> Result<Claimed<'a>, StartError> {
        let missing = self.missing().await?;
        if missing.contains(&Kind::Users) && self.has_earlier_accounts().await? {
            return Err(StartError::NotAdopted {
                collection: Kind::Users.as_str().to_owned(),
            });
        }
        for kind in missing {
            let ready = Note {
                is_adopting: false,
                from: None,
            };
            if !self.insert(kind, &ready).await?
                && let Some(note) = self.one(kind).await?
            {
                self.require_ready(kind, &note)?;
            }
        }
        Ok(self.claimed())
    }

    /// Whether accounts are where versions without notes kept them by default.
    async fn has_earlier_accounts(&self) -> Result<bool, StartError> {
        let name = Kind::Users.as_str();
        if name == self.config.users
            || !super::indexes::is_marked(self.database, Kind::Users, name).await?
        {
            return Ok(false);
        }
        self.has(name, doc! {}).await
    }

    /// The proof, for a caller that has seen to it that all collections are noted.
    pub(super) fn claimed(&self) -> Claimed<'a> {
        Claimed {
            database: self.database,
            config: self.config,
        }
    }

    /// Writes a note on a collection that has none; `false` if it has one.
    pub(super) async fn insert(&self, kind: Kind, note: &Note) -> Result<bool, StartError> {
        let mut fields = doc! { "_id": self.config.name_of(kind), "kind": kind.as_str() };
        fields.extend(state(note));
        fields.insert("schema", SCHEMA);
        match self.notes.insert_one(fields).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(StartError::store(error)),
        }
    }

    /// Puts `to` in the place of the note `from`, unless it has changed meanwhile.
    pub(super) async fn replace(
        &self,
        kind: Kind,
        from: &Note,
        to: &Note,
    ) -> Result<(), StartError> {
        let mut filter = doc! { "_id": self.config.name_of(kind) };
        filter.extend(state(from));
        let update = doc! { "$set": state(to) };
        let outcome = self.notes.update_one(filter, update).await;
        outcome.map(drop).map_err(StartError::store)
    }
}

fn state(note: &Note) -> Document {
    let state = if note.is_adopting { ADOPTING } else { READY };
    doc! { "state": state, "from": note.from.as_deref() }
}

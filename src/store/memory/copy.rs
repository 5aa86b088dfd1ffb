//! Copying from and to a store in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::audit::AuditRecord;
use crate::id::UserId;
use crate::session::Session;
use crate::store::StoreError;
use crate::store::copy::{CopyStore, Hold, KeptAttempts, Record, RecordStore};
use crate::token::OneTimeToken;
use crate::user::User;

/// Records that are kept in a table.
trait Kept: Record {
    /// Calls `visit` with each record, in any order.
    fn visit(store: &MemoryStore, visit: impl FnMut(&Self));

    /// Adds the records whose keys are free, until the table is full.
    fn restore(store: &MemoryStore, records: Vec<Self>) -> Result<(), StoreError>;

    /// What [`RecordStore::page`] returns. It looks at every record.
    fn page(store: &MemoryStore, after: Option<Self::Key>, limit: usize) -> Vec<Self> {
        let mut page = Page::above(after, limit);
        Self::visit(store, |record| page.visit(record));
        page.finish()
    }

    /// What [`RecordStore::last_key`] returns. It looks at every record.
    fn last_key(store: &MemoryStore) -> Option<Self::Key> {
        let mut last = None;
        Self::visit(store, |record| last = last.max(Some(record.key())));
        last
    }
}

/// The least records above a key, of those that it is shown.
struct Page<R: Record> {
    after: Option<R::Key>,
    limit: usize,
    /// At most twice as many as wanted.
    found: Vec<R>,
    /// The greatest key that can still be wanted.
    most: Option<R::Key>,
}

impl<R: Record> Page<R> {
    fn above(after: Option<R::Key>, limit: usize) -> Self {
        Self {
            after,
            limit,
            found: Vec::new(),
            most: None,
        }
    }

    fn visit(&mut self, record: &R) {
        let key = record.key();
        let is_wanted = self.limit > 0
            && self.after.is_none_or(|after| key > after)
            && self.most.is_none_or(|most| key < most);
        if is_wanted {
            self.found.push(record.clone());
            if self.found.len() >= self.limit.saturating_mul(2) {
                self.cut();
            }
        }
    }

    /// Leaves the least ones.
    fn cut(&mut self) {
        if self.found.len() > self.limit {
            let last = self.limit.saturating_sub(1);
            let (_, most, _) = self.found.select_nth_unstable_by_key(last, R::key);
            self.most = Some(most.key());
            self.found.truncate(self.limit);
        }
    }

    fn finish(mut self) -> Vec<R> {
        self.cut();
        self.found.sort_unstable_by_key(R::key);
        self.found
    }
}

/// Users have an order already.
impl Kept for User {
    fn visit(store: &MemoryStore, visit: impl FnMut(&Self)) {
        store.read_users().all().for_each(visit);
    }

    fn restore(store: &MemoryStore, records: Vec<Self>) -> Result<(), StoreError> {
        let mut users = store.write_users();
        records
            .iter()
            .try_for_each(|user| users.insert(user).map(drop))
    }

    fn page(store: &MemoryStore, after: Option<UserId>, limit: usize) -> Vec<Self> {
        store.read_users().page(after, limit)
    }

    fn last_key(store: &MemoryStore) -> Option<UserId> {
        store.read_users().last_id()
    }
}

impl Kept for Session {
    fn visit(store: &MemoryStore, visit: impl FnMut(&Self)) {
        store.read_sessions().all().for_each(visit);
    }

    fn restore(store: &MemoryStore, records: Vec<Self>) -> Result<(), StoreError> {
        let mut sessions = store.write_sessions();
        records
            .into_iter()
            .try_for_each(|session| sessions.restore(session))
    }
}

impl Kept for OneTimeToken {
    fn visit(store: &MemoryStore, mut visit: impl FnMut(&Self)) {
        store.tokens().all().for_each(&mut visit);
        store.registrations().all().for_each(&mut visit);
        store.flows().all().for_each(visit);
    }

    fn restore(store: &MemoryStore, records: Vec<Self>) -> Result<(), StoreError> {
        records
            .into_iter()
            .try_for_each(|token| store.tokens_for(token.purpose).restore(token))
    }
}

impl Kept for KeptAttempts {
    fn visit(store: &MemoryStore, mut visit: impl FnMut(&Self)) {
        let table = store.attempts();
        for (key, attempts) in table.all() {
            visit(&Self { key, attempts });
        }
    }

    fn restore(store: &MemoryStore, records: Vec<Self>) -> Result<(), StoreError> {
        let mut table = store.attempts();
        records
            .into_iter()
            .try_for_each(|kept| table.restore(kept.key, kept.attempts))
    }
}

impl Kept for AuditRecord {
    fn visit(store: &MemoryStore, visit: impl FnMut(&Self)) {
        store.events().all().for_each(visit);
    }

    fn restore(store: &MemoryStore, records: Vec<Self>) -> Result<(), StoreError> {
        let mut events = store.events();
        records
            .into_iter()
            .try_for_each(|record| events.restore(record))
    }
}

#[async_trait]
impl<R: Kept> RecordStore<R> for MemoryStore {
    async fn page(&self, after: Option<R::Key>, limit: usize) -> Result<Vec<R>, StoreError> {
        Ok(R::page(self, after, limit))
    }

    async fn put(&self, records: Vec<R>) -> Result<(), StoreError> {
        R::restore(self, records)
    }

    async fn last_key(&self) -> Result<Option<R::Key>, StoreError> {
        Ok(R::last_key(self))
    }
}

/// Others may write meanwhile.
#[async_trait]
impl CopyStore for MemoryStore {
    async fn hold(&self) -> Result<Hold, StoreError> {
        Ok(Hold::none())
    }
}

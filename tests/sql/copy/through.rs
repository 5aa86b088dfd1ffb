//! A store whose reading and writing a test is told of, and changes.

use std::any::Any;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use admittance::store::StoreError;
use admittance::store::copy::{CopyStore, Hold, Kind, Record, RecordStore};
use async_trait::async_trait;

use super::opened::Whole;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Alteration = Box<dyn Fn(&mut dyn Any) + Send + Sync>;

/// What becomes of one call of `put`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nothing is written.
    Before,
    /// The first half is written.
    Half,
    /// All is written, but the answer is an error.
    After,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::Half, Self::After];
}

/// The store within, with these changes.
pub(crate) struct Through {
    store: Arc<dyn Whole>,
    /// What is done before the first page of a kind is read.
    before: Mutex<Option<(Kind, Work)>>,
    /// What is done to records before they are written.
    alteration: Option<Alteration>,
    /// Which call of `put` fails, counted from 0.
    fault: Option<(usize, Fault)>,
    puts: AtomicUsize,
    written: AtomicUsize,
    is_reversed: bool,
}

impl Through {
    pub(crate) fn to(store: &Arc<dyn Whole>) -> Self {
        Self {
            store: Arc::clone(store),
            before: Mutex::new(None),
            alteration: None,
            fault: None,
            puts: AtomicUsize::new(0),
            written: AtomicUsize::new(0),
            is_reversed: false,
        }
    }

    /// With `work` done before the first page of `kind` is read.
    pub(crate) fn before(
        self,
        kind: Kind,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        *self.before.lock().unwrap() = Some((kind, Box::pin(work)));
        self
    }

    /// With `alter` done to all records of one type that are written.
    pub(crate) fn altering<R: Record>(
        mut self,
        alter: impl Fn(&mut Vec<R>) + Send + Sync + 'static,
    ) -> Self {
        self.alteration = Some(Box::new(move |records| {
            if let Some(records) = records.downcast_mut::<Vec<R>>() {
                alter(records);
            }
        }));
        self
    }

    /// With the call `number` of `put` failing.
    pub(crate) fn failing(self, number: usize, fault: Fault) -> Self {
        Self {
            fault: Some((number, fault)),
            ..self
        }
    }

    /// With pages in descending order.
    pub(crate) fn reversed(self) -> Self {
        Self {
            is_reversed: true,
            ..self
        }
    }

    /// How often `put` was called.
    pub(crate) fn puts(&self) -> usize {
        self.puts.load(Ordering::SeqCst)
    }

    /// How many records it was given.
    pub(crate) fn written(&self) -> usize {
        self.written.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl<R: Record> RecordStore<R> for Through
where
    dyn Whole: RecordStore<R>,
{
    async fn page(&self, after: Option<R::Key>, limit: usize) -> Result<Vec<R>, StoreError> {
        let work = self
            .before
            .lock()
            .unwrap()
            .take_if(|(kind, _)| *kind == R::KIND);
        if let Some((_, work)) = work {
            work.await;
        }
        let mut page = RecordStore::<R>::page(&*self.store, after, limit).await?;
        if self.is_reversed {
            page.reverse();
        }
        Ok(page)
    }

    async fn put(&self, mut records: Vec<R>) -> Result<(), StoreError> {
        let number = self.puts.fetch_add(1, Ordering::SeqCst);
        self.written.fetch_add(records.len(), Ordering::SeqCst);
        if let Some(alter) = &self.alteration {
            alter(&mut records);
        }
        let fault = self.fault.filter(|(at, _)| *at == number);
        match fault {
            None => return RecordStore::put(&*self.store, records).await,
            Some((_, Fault::Before)) => {}
            Some((_, Fault::Half)) => {
                records.truncate(records.len() / 2);
                RecordStore::put(&*self.store, records).await?;
            }
            Some((_, Fault::After)) => RecordStore::put(&*self.store, records).await?,
        }
        Err(StoreError::Timeout)
    }

    async fn last_key(&self) -> Result<Option<R::Key>, StoreError> {
        RecordStore::<R>::last_key(&*self.store).await
    }
}

#[async_trait]
impl CopyStore for Through {
    async fn hold(&self) -> Result<Hold, StoreError> {
        self.store.hold().await
    }
}

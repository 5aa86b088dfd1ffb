//! Reading all records of one kind, page by page, and their sum.

use super::copy_store::RecordStore;
use super::encode::Encoder;
use super::record::Record;
use crate::error::StoreError;

/// The pages of a store, in order.
pub(super) struct Pages<'s, R: Record> {
    store: &'s dyn RecordStore<R>,
    after: Option<R::Key>,
    limit: usize,
}

impl<'s, R: Record> Pages<'s, R> {
    /// The pages of up to `limit` records whose keys are greater than `after`.
    pub(super) fn new(store: &'s dyn RecordStore<R>, after: Option<R::Key>, limit: usize) -> Self {
        Self {
            store,
            after,
            limit,
        }
    }

    /// The next page; `None` after the last one.
    ///
    /// The order is checked, because a copy would silently skip records otherwise.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<R>>, StoreError> {
        let page = self.store.page(self.after, self.limit).await?;
        for record in &page {
            if self.after.is_some_and(|after| record.key() <= after) {
                return Err(StoreError::Other(
                    format!("the {} are not in the order of their keys", R::KIND).into(),
                ));
            }
            self.after = Some(record.key());
        }
        Ok((!page.is_empty()).then_some(page))
    }
}

/// The number of some records, and the digest of them in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    count: u64,
    encoder: Encoder,
}

impl Sum {
    pub(super) fn add<R: Record>(&mut self, record: &R) {
        self.count = self.count.saturating_add(1);
        self.encoder.add(record);
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Returns `true` if the sums are of the same records.
    pub(super) fn is(self, other: Self) -> bool {
        self.count == other.count && self.encoder.finish() == other.encoder.finish()
    }
}

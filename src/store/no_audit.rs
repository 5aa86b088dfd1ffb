//! Stores that keep no events, or keep them elsewhere.

use super::*;

/// An [`AuditStore`] that keeps nothing.
///
/// Every event is accepted and none is ever returned. It is for an application without an
/// audit log, which does not call
/// [`audit_log`](crate::service::AuthServiceBuilder::audit_log): with [`WithAudit`] its store
/// implements the other four traits only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoAudit;

#[async_trait]
impl AuditStore for NoAudit {
    async fn append_event(&self, _: &AuditRecord, _: usize) -> Result<Insert, StoreError> {
        Ok(Insert::Inserted)
    }

    async fn events_of(
        &self,
        _: UserId,
        _: Option<EventId>,
        _: usize,
        _: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        Ok(Vec::new())
    }

    async fn remove_events(&self, _: UserId) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// A whole [`Store`] made of a store of everything but events, and a store of events.
///
/// ```
/// # #[cfg(feature = "memory")] {
/// use admittance::store::{MemoryStore, NoAudit, Store, WithAudit};
///
/// // `MemoryStore` stands for a store that has no `AuditStore`.
/// let store: WithAudit<MemoryStore, NoAudit> = WithAudit::new(MemoryStore::new(), NoAudit);
/// let whole: &dyn Store = &store;
/// # let _ = whole;
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct WithAudit<S, A> {
    store: S,
    audit: A,
}

impl<S, A> WithAudit<S, A> {
    /// A store that keeps events in `audit` and everything else in `store`.
    #[must_use]
    pub const fn new(store: S, audit: A) -> Self {
        Self { store, audit }
    }

    /// The store of everything but events.
    #[must_use]
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// The store of events.
    #[must_use]
    pub const fn audit(&self) -> &A {
        &self.audit
    }
}

macro_rules! with_audit {
    ([$trait:ident for [$($generics:tt)*], $part:ident] $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)*) => {
        #[async_trait]
        impl<$($generics)*> $trait for WithAudit<S, A> {$(
            async fn $method(&self, $($name: $($type)*),*) -> Result<$($answer)*, StoreError> {
                self.$part.$method($($name),*).await
            }
        )*}
    };
    (AuditStore { $($rows:tt)* }) => {
        with_audit!([AuditStore for [S: Send + Sync, A: AuditStore], audit] $($rows)*);
    };
    ($trait:ident { $($rows:tt)* }) => {
        with_audit!([$trait for [S: $trait, A: Send + Sync], store] $($rows)*);
    };
    ($($trait:ident { $($rows:tt)* })*) => {
        $(with_audit!($trait { $($rows)* });)*
    };
}

crate::__store_methods!(with_audit);

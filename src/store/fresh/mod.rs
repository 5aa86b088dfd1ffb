//! The store of a service, with the sessions that were checked a short time ago.
//!
//! Every method that writes drops what it changes from the cache, so no operation can
//! forget to: the table of methods says of each what that is.

mod cache;

use super::*;
use cache::Touch;
pub(crate) use cache::{Identity, SessionCache};

/// A store, and the cache that its writes keep fresh.
pub(crate) struct FreshStore<S> {
    store: S,
    cache: Option<SessionCache>,
}

impl<S> FreshStore<S> {
    pub(crate) const fn new(store: S, cache: Option<SessionCache>) -> Self {
        Self { store, cache }
    }

    /// The store itself.
    pub(crate) const fn inner(&self) -> &S {
        &self.store
    }

    /// The cache, if checks are kept at all.
    pub(crate) const fn cache(&self) -> Option<&SessionCache> {
        self.cache.as_ref()
    }
}

macro_rules! fresh {
    ($($trait:ident { $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)* })*) => {
        // Not the traits: a service has this store and no other, and needs no box for each act.
        #[expect(dead_code, reason = "events have a handle of their own")]
        impl<S: Store> FreshStore<S> {$($(
            pub(crate) async fn $method(&self, $($name: $($type)*),*) -> Result<$($answer)*, StoreError> {
                let _forgetting = Touch(self.cache.as_ref()).$touches($($what)?);
                self.store.$method($($name),*).await
            }
        )*)*}
    };
}

crate::__store_methods!(fresh);

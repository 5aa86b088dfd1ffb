//! The store of a service, with a cache of checked sessions.
//!
//! Every method that writes removes from the cache what it may change, as the table of
//! methods states. Operations do not invalidate the cache themselves.

mod cache;

use super::*;
use cache::Touch;
pub(crate) use cache::{LiveSession, SessionCache};

/// A store with the cache that its writes invalidate.
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

    /// The cache, if the settings enable it.
    pub(crate) const fn cache(&self) -> Option<&SessionCache> {
        self.cache.as_ref()
    }
}

macro_rules! fresh {
    ($($trait:ident { $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)* })*) => {
        // Inherent methods, not the traits: they need no boxed future.
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

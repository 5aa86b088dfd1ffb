//! Connections that are kept, and how many there can be.
//!
//! A request holds a permit of its host from before the look-up to the end of the answer. It
//! opens a connection only if none is kept, so a host never has more connections, used and
//! kept, than permits.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use url::{Host, Url};

use super::connection::Connection;
use crate::contained::AbortOnDrop;

/// How many connections there can be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// To one host and port, used and kept.
    pub(super) per_host: usize,
    /// Kept, to all hosts.
    pub(super) kept: usize,
    /// How long one is kept.
    pub(super) kept_for: Duration,
}

impl Bounds {
    pub(super) const DEFAULT: Self = Self {
        per_host: 16,
        kept: 32,
        kept_for: Duration::from_secs(20),
    };
}

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) is_tls: bool,
    pub(super) host: Host<String>,
    pub(super) port: u16,
}

impl Origin {
    pub(super) fn of(url: &Url) -> Option<Self> {
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self {
            is_tls,
            host: url.host()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }
}

pub(super) struct Pool {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    places: HashMap<Origin, Place>,
    /// The number of the connection that is kept next.
    next: u64,
}

struct Place {
    permits: Arc<Semaphore>,
    /// The newest last.
    kept: Vec<Kept>,
}

struct Kept {
    number: u64,
    connection: Connection,
    _timer: AbortOnDrop,
}

impl Pool {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::default(),
        }
    }

    /// Waits until the host of `origin` has room for another request.
    pub(super) async fn slot(self: &Arc<Self>, origin: Origin) -> Slot {
        let permits = self.state().permits(&origin, self.bounds.per_host);
        let permit = permits.acquire_owned().await;
        Slot {
            pool: Arc::clone(self),
            origin,
            // It is never closed.
            permit: permit.ok().map(Arc::new),
        }
    }

    fn keep(self: &Arc<Self>, origin: &Origin, connection: Connection) {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let timer = tokio::spawn({
            let (pool, origin) = (Arc::downgrade(self), origin.clone());
            let kept_for = self.bounds.kept_for;
            async move {
                sleep(kept_for).await;
                if let Some(pool) = pool.upgrade() {
                    pool.state().remove(&origin, number);
                }
            }
        });
        let kept = Kept {
            number,
            connection,
            _timer: AbortOnDrop(timer.abort_handle()),
        };
        if let Some(place) = state.places.get_mut(origin) {
            place.kept.push(kept);
        }
        state.shrink(self.bounds.kept);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Pool {
    /// How many hosts are known.
    pub(super) fn places(&self) -> usize {
        self.state().places.len()
    }

    /// Waits until every kept connection has noticed that it is closed.
    pub(super) async fn closed(&self) {
        let is_open = |place: &Place| place.kept.iter().any(|kept| !kept.connection.is_closed());
        while self.state().places.values().any(is_open) {
            tokio::task::yield_now().await;
        }
    }
}

impl State {
    fn permits(&mut self, origin: &Origin, per_host: usize) -> Arc<Semaphore> {
        // Discovery documents can name any number of hosts, one after another.
        self.places
            .retain(|_, place| !place.kept.is_empty() || Arc::strong_count(&place.permits) > 1);
        let place = self.places.entry(origin.clone());
        let place = place.or_insert_with(|| Place {
            permits: Arc::new(Semaphore::new(per_host)),
            kept: Vec::new(),
        });
        Arc::clone(&place.permits)
    }

    fn remove(&mut self, origin: &Origin, number: u64) {
        if let Some(place) = self.places.get_mut(origin) {
            place.kept.retain(|kept| kept.number != number);
        }
    }

    /// Closes the oldest kept connections until there are at most `limit`.
    fn shrink(&mut self, limit: usize) {
        let mut numbers: Vec<_> = self.places.values().flat_map(|place| &place.kept).collect();
        numbers.sort_unstable_by_key(|kept| kept.number);
        let excess = numbers.len().saturating_sub(limit);
        let Some(last) = excess.checked_sub(1).and_then(|last| numbers.get(last)) else {
            return;
        };
        let last = last.number;
        for place in self.places.values_mut() {
            place.kept.retain(|kept| kept.number > last);
        }
    }
}

/// The right of one request to a connection.
pub(super) struct Slot {
    pool: Arc<Pool>,
    origin: Origin,
    permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Slot {
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// A copy, for work that can outlast the request.
    pub(super) fn permit(&self) -> Option<Arc<OwnedSemaphorePermit>> {
        self.permit.clone()
    }

    /// A connection that was kept, to an address that is `allowed`. Others are closed.
    pub(super) fn kept(&self, allowed: impl Fn(SocketAddr) -> bool) -> Option<Connection> {
        let mut state = self.pool.state();
        let place = state.places.get_mut(&self.origin)?;
        while let Some(kept) = place.kept.pop() {
            if allowed(kept.connection.address()) {
                return Some(kept.connection);
            }
        }
        None
    }

    /// Keeps `connection` for the next request.
    pub(super) fn keep(&self, connection: Connection) {
        self.pool.keep(&self.origin, connection);
    }
}

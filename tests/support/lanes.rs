//! Operations that take turns at the store, one act at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use admittance::store::Store;
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinHandle, yield_now};

use crate::faulty::FaultyStore;

/// The number of acts that one operation may still do.
#[derive(Debug)]
struct Turn {
    acts: Semaphore,
    /// Acts that wait for permission.
    parked: AtomicUsize,
}

/// Holds back the acts of operations without a turn. An operation is identified
/// by its task; acts of other tasks pass.
#[derive(Debug, Default)]
pub struct Gate {
    turns: Mutex<HashMap<Id, Arc<Turn>>>,
    /// The turn of the next task that arrives.
    next: Mutex<Option<Arc<Turn>>>,
}

impl Gate {
    /// Waits until the operation of this task may do another act.
    pub async fn pass(&self) {
        let Some(id) = tokio::task::try_id() else {
            return;
        };
        let turn = {
            let mut turns = self.turns.lock().unwrap();
            if let Some(new) = self.next.lock().unwrap().take() {
                turns.insert(id, new);
            }
            turns.get(&id).cloned()
        };
        if let Some(turn) = turn {
            turn.parked.fetch_add(1, Ordering::SeqCst);
            turn.acts.acquire().await.unwrap().forget();
            turn.parked.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// An operation that does its acts on command.
pub struct Lane<T> {
    turn: Arc<Turn>,
    task: JoinHandle<T>,
}

impl<T: Send + 'static> Lane<T> {
    /// Starts `operation` and runs it up to its first act of `store`, which is
    /// gated.
    pub async fn start<S: Store + Clone>(
        store: &FaultyStore<S>,
        operation: impl Future<Output = T> + Send + 'static,
    ) -> Self {
        let turn = Arc::new(Turn {
            acts: Semaphore::new(0),
            parked: AtomicUsize::new(0),
        });
        *store.gate().next.lock().unwrap() = Some(Arc::clone(&turn));
        let task = tokio::spawn(operation);
        let lane = Self { turn, task };
        lane.settle().await;
        lane
    }

    /// Lets it do `acts` acts.
    pub async fn go(&self, acts: usize) {
        self.turn.acts.add_permits(acts);
        self.settle().await;
    }

    pub fn is_done(&self) -> bool {
        self.task.is_finished()
    }

    /// Lets it run to its end.
    pub async fn finish(self) -> T {
        self.turn.acts.add_permits(1000);
        self.task.await.unwrap()
    }

    /// Waits until it has done what it may.
    async fn settle(&self) {
        let waits = || {
            self.turn.acts.available_permits() == 0 && self.turn.parked.load(Ordering::SeqCst) > 0
        };
        while !self.task.is_finished() && !waits() {
            yield_now().await;
        }
    }
}

//! Who gets to use the hashing threads next.
//!
//! A holder of a [`Place`] may have jobs done, one after the other. There are
//! some more places than threads, so that a holder can ask the store in between
//! without a thread standing idle. Everybody else waits in one of four lanes;
//! the lanes take turns, and within a lane the networks do (see
//! [`line`](super::line)).

use std::collections::{HashSet, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::hasher::HashError;
use super::line::{Line, Tag};
use crate::metrics;
use crate::network::Network;

/// Places for each thread. A job takes about as long as a few round trips to a
/// database, so this many keep a thread busy while some holders wait for one.
const PLACES_PER_THREAD: usize = 8;

/// The shortest wait that a refused caller is told.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);

/// An account, by the bytes of its id.
type Account = [u8; 12];

/// Who asks for a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) lane: Lane,
    /// Where from.
    pub(crate) network: Network,
}

/// What somebody who asks for a place is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// A known device, a live session or the holder of a mailed link of this
    /// account, which has one place in this lane at a time. Others of it wait
    /// with the strangers.
    Known(Account),
    /// The application itself.
    Host,
    /// Anybody else.
    Stranger,
    /// Somebody whose password is scored for a form.
    Scoring,
}

impl Lane {
    const ALL: usize = 4;
    /// How many turns each lane has while all of them wait. Known devices and
    /// sessions are what a flood cannot fake; strangers get the more of the rest,
    /// since scoring is advice and its jobs are short.
    const WEIGHTS: [i64; Self::ALL] = [4, 4, 2, 1];

    const fn index(self) -> usize {
        match self {
            Self::Known(_) => 0,
            Self::Host => 1,
            Self::Stranger => 2,
            Self::Scoring => 3,
        }
    }

    const fn account(self) -> Option<Account> {
        match self {
            Self::Known(account) => Some(account),
            _ => None,
        }
    }
}

/// A turn at the hashing threads, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    account: Option<Account>,
    /// How long the holder waited for it.
    pub(super) waited: Duration,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.release(self.account);
    }
}

#[derive(Debug)]
pub(super) struct Admission {
    threads: usize,
    /// How many may wait in the lanes of people, and for scoring.
    room: usize,
    /// How much of the room is only for [`Lane::Known`].
    reserve: usize,
    scoring_room: usize,
    deadline: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: usize,
    lanes: [Line<Waiter>; Lane::ALL],
    /// What is owed to each lane (smooth weighted round robin).
    credit: [i64; Lane::ALL],
    /// Accounts that wait or have a place in the lane of the known.
    accounts: HashSet<Account>,
    /// Those who wait, in the order in which they came, some of whom have left.
    deadlines: VecDeque<(Instant, usize, Tag)>,
}

#[derive(Debug)]
struct Waiter {
    since: Instant,
    account: Option<Account>,
    reply: oneshot::Sender<Result<Place, HashError>>,
    _shown: metrics::Present,
}

/// One who waits. When this is dropped, the place in the line is free.
struct Waiting<'a> {
    admission: &'a Admission,
    lane: usize,
    tag: Tag,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.admission.lock();
        let left = state.lane(self.lane).remove(self.tag);
        if let Some(account) = left.as_ref().and_then(|waiter| waiter.account) {
            state.accounts.remove(&account);
        }
        drop(state);
        // A reply may hold a place, which takes the lock when it is dropped.
        drop(left);
    }
}

impl Admission {
    pub(super) fn new(threads: usize, queue_len: usize, deadline: Duration) -> Self {
        let all = threads.saturating_add(queue_len);
        let places = threads.saturating_mul(PLACES_PER_THREAD).min(all);
        let room = all - places;
        Self {
            threads,
            room,
            reserve: room / 4,
            scoring_room: (room / 4).max(1),
            deadline,
            state: Mutex::new(State {
                free: places,
                ..State::default()
            }),
        }
    }

    /// Waits for a place. The future can be dropped at any time.
    ///
    /// # Errors
    ///
    /// [`HashError::Overloaded`] when the line is full of others, or the wait
    /// too long.
    pub(super) async fn admit(
        self: &Arc<Self>,
        claim: Claim,
        job: Duration,
    ) -> Result<Place, HashError> {
        let (reply, answer) = oneshot::channel();
        let waiter = Waiter {
            since: Instant::now(),
            account: None,
            reply,
            _shown: metrics::hashing_waits(),
        };
        let waiting = match self.enqueue(claim, waiter, job)? {
            Queued::Admitted(place) => return Ok(place),
            Queued::Waits { lane, tag } => Waiting {
                admission: self,
                lane,
                tag,
            },
        };
        let answer = pin!(answer).await;
        drop(waiting);
        // The sender is dropped only with its answer sent.
        answer.unwrap_or_else(|_| Err(self.overloaded(0, job)))
    }

    fn enqueue(
        self: &Arc<Self>,
        claim: Claim,
        mut waiter: Waiter,
        job: Duration,
    ) -> Result<Queued, HashError> {
        let mut state = self.lock();
        let lane = match claim.lane {
            Lane::Known(account) if !state.accounts.insert(account) => Lane::Stranger,
            lane => lane,
        };
        waiter.account = lane.account();
        if state.free > 0 && state.lanes.iter().all(Line::is_empty) {
            state.free -= 1;
            drop(state);
            let place = Place {
                admission: Arc::clone(self),
                account: waiter.account,
                waited: Duration::ZERO,
            };
            return Ok(Queued::Admitted(place));
        }
        let (index, since) = (lane.index(), waiter.since);
        let tag = state.lane(index).push(claim.network, waiter);
        let refused = self.make_room(&mut state, index);
        state.deadlines.push_back((since, index, tag));
        let waiting = state.waiting();
        drop(state);
        if let Some(refused) = refused {
            let error = self.overloaded(waiting, job);
            drop(refused.reply.send(Err(error)));
        }
        Ok(Queued::Waits { lane: index, tag })
    }

    /// Takes out of the line whoever has to leave it since one came into `lane`:
    /// the newest of whoever floods, which may be that one.
    fn make_room(&self, state: &mut State, lane: usize) -> Option<Waiter> {
        let [known, host, strangers, scoring] = state.lanes.each_ref().map(Line::len);
        if lane == Lane::Scoring.index() {
            return (scoring > self.scoring_room)
                .then(|| state.lane(lane).pop_last())
                .flatten();
        }
        let is_full = known + host + strangers > self.room;
        let is_reserve = host + strangers > self.room - self.reserve;
        if !is_full && (!is_reserve || lane == Lane::Known([0; 12]).index()) {
            return None;
        }
        let from = if strangers > 0 {
            Lane::Stranger.index()
        } else {
            lane
        };
        let refused = state.lane(from).pop_last();
        if let Some(account) = refused.as_ref().and_then(|waiter| waiter.account) {
            state.accounts.remove(&account);
        }
        refused
    }

    /// A place is free: the next one in the lines gets it.
    fn release(self: &Arc<Self>, account: Option<Account>) {
        let mut state = self.lock();
        if let Some(account) = account {
            state.accounts.remove(&account);
        }
        let next = state.next();
        if next.is_none() {
            state.free += 1;
        }
        drop(state);
        if let Some(waiter) = next {
            let place = Place {
                admission: Arc::clone(self),
                account: waiter.account,
                waited: waiter.since.elapsed(),
            };
            // One who has just left drops the place, which goes to the next one.
            drop(waiter.reply.send(Ok(place)));
        }
    }

    /// Refuses those who have waited too long. Returns whether anybody waits.
    pub(super) fn expire(&self, job: Duration) -> bool {
        let mut late = Vec::new();
        let mut state = self.lock();
        while let Some((since, lane, tag)) = state.deadlines.front().copied() {
            if since.elapsed() < self.deadline {
                break;
            }
            state.deadlines.pop_front();
            if let Some(waiter) = state.lane(lane).remove(tag) {
                if let Some(account) = waiter.account {
                    state.accounts.remove(&account);
                }
                late.push(waiter);
            }
        }
        let waiting = state.waiting();
        if waiting == 0 {
            state.deadlines.clear();
        }
        drop(state);
        for waiter in late {
            metrics::hashing_waited(waiter.since.elapsed());
            drop(waiter.reply.send(Err(self.overloaded(waiting, job))));
        }
        waiting > 0
    }

    /// How many wait for a place.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    /// The refusal when `waiting` wait and a job takes about `job`: it tells how
    /// long they will take.
    pub(super) fn overloaded(&self, waiting: usize, job: Duration) -> HashError {
        metrics::hashing_overloaded();
        let rounds = waiting / self.threads.max(1) + 1;
        let wait = job.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        HashError::Overloaded {
            retry_after: wait.max(MIN_RETRY_AFTER),
        }
    }

    /// No recorder of metrics is called under it, and nothing is dropped under it
    /// that could take it.
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is ever left half done under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Queued {
    Admitted(Place),
    Waits { lane: usize, tag: Tag },
}

impl State {
    #[expect(clippy::indexing_slicing, reason = "an index is always that of a lane")]
    fn lane(&mut self, index: usize) -> &mut Line<Waiter> {
        &mut self.lanes[index]
    }

    fn waiting(&self) -> usize {
        self.lanes.iter().map(Line::len).sum()
    }

    /// The next one of the lane whose turn it is.
    fn next(&mut self) -> Option<Waiter> {
        let lanes = self.lanes.iter().zip(&mut self.credit);
        let (mut total, mut chosen) = (0, None);
        for (index, ((lane, credit), weight)) in lanes.zip(Lane::WEIGHTS).enumerate() {
            if lane.is_empty() {
                *credit = 0;
                continue;
            }
            *credit += weight;
            total += weight;
            if chosen.is_none_or(|(_, most)| *credit > most) {
                chosen = Some((index, *credit));
            }
        }
        let (index, _) = chosen?;
        if let Some(credit) = self.credit.get_mut(index) {
            *credit -= total;
        }
        self.lane(index).pop()
    }
}

#[cfg(test)]
mod tests;

//! Admission to the hashing threads.
//!
//! The holder of a [`Place`] may submit jobs, one after the other. There are
//! more places than threads, so that a thread stays busy while a holder calls
//! the store. Other callers wait in a lane. The lanes take turns, and within a
//! lane the networks do (see [`line`](super::line)).

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::alarm::Alarm;
use super::error::HashError;
use super::line::{Line, Tag};
use crate::metrics;
use crate::network::Network;

/// The minimum `retry_after` of a refusal.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);

/// An account, by the bytes of its id.
type Account = [u8; 12];

/// A request for a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) work: Work,
    pub(crate) lane: Lane,
    /// The network of the caller.
    pub(crate) network: Network,
}

/// What a caller needs a thread for. Each kind has an [`Admission`] of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Hashing,
    Scoring,
}

/// How a caller is classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// A known device, a live session or the holder of a mailed link of this
    /// account. An account has one place in this lane at a time; its further
    /// callers wait with the strangers, and those from the same address move its
    /// turn to a later one.
    Known(Account),
    /// The application itself.
    Host,
    /// Any other caller.
    Stranger,
}

impl Lane {
    const ALL: usize = 3;
    const KNOWN: usize = 0;
    const HOST: usize = 1;
    const STRANGERS: usize = 2;
    /// The turns of each lane while all of them wait. A flood cannot fake known
    /// devices and sessions. It can have accounts of its own, each at the rate that
    /// `success_by_account` allows; the known lane bears those of some hundred.
    const WEIGHTS: [i64; Self::ALL] = [7, 4, 1];

    const fn index(self) -> usize {
        match self {
            Self::Known(_) => Self::KNOWN,
            Self::Host => Self::HOST,
            Self::Stranger => Self::STRANGERS,
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
    /// The maximum number of waiting callers.
    room: usize,
    /// The part of `room` that only known callers may use; an equal part is for
    /// the other callers only.
    reserve: usize,
    deadline: Duration,
    alarm: Arc<Alarm>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: usize,
    lanes: [Line<Waiter>; Lane::ALL],
    /// The credit of each lane (smooth weighted round robin).
    credit: [i64; Lane::ALL],
    /// Accounts that have a place in the known lane, or wait there with this
    /// arrival.
    accounts: HashMap<Account, Option<u64>>,
    /// The waiting callers, in order of arrival.
    arrivals: BTreeMap<u64, Arrival>,
    next_arrival: u64,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    since: Instant,
    lane: usize,
    tag: Tag,
}

#[derive(Debug)]
struct Waiter {
    since: Instant,
    arrival: u64,
    account: Option<Account>,
    reply: oneshot::Sender<Result<Place, HashError>>,
    _shown: metrics::Present,
}

/// A waiting caller. Dropping it frees its entry in the line.
struct Waiting<'a> {
    admission: &'a Admission,
    arrival: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let left = self.admission.lock().remove(self.arrival);
        // A reply may hold a place, which takes the lock when it is dropped.
        drop(left);
    }
}

impl Admission {
    /// Gives out `places`. At most `room` callers wait, each for at most
    /// `deadline`, for which `alarm` is set; `reserve` of the room is for known
    /// callers only, and as much for the others only. The jobs run on `threads`
    /// threads.
    pub(super) fn new(
        threads: usize,
        places: usize,
        (room, reserve): (usize, usize),
        deadline: Duration,
        alarm: Arc<Alarm>,
    ) -> Self {
        Self {
            threads,
            room,
            reserve,
            deadline,
            alarm,
            state: Mutex::new(State {
                free: places,
                ..State::default()
            }),
        }
    }

    /// Waits for a place. Cancellation safe.
    ///
    /// # Errors
    ///
    /// [`HashError::Overloaded`] if the line is full, or a place is not free
    /// within the deadline.
    pub(super) async fn admit(
        self: &Arc<Self>,
        claim: Claim,
        job: Duration,
    ) -> Result<Place, HashError> {
        let (reply, answer) = oneshot::channel();
        let waiter = Waiter {
            since: Instant::now(),
            arrival: 0,
            account: None,
            reply,
            _shown: metrics::hashing_waits(),
        };
        let waiting = match self.enqueue(claim, waiter, job)? {
            Queued::Admitted(place) => return Ok(place),
            Queued::Waits(arrival) => Waiting {
                admission: self,
                arrival,
            },
        };
        let answer = pin!(answer).await;
        drop(waiting);
        // Unreachable: the sender is dropped only after it has sent the answer.
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
            Lane::Known(account) if state.accounts.contains_key(&account) => {
                state.postpone(account, claim.network);
                Lane::Stranger
            }
            lane => lane,
        };
        waiter.account = lane.account();
        if state.free > 0 && state.lanes.iter().all(Line::is_empty) {
            state.free -= 1;
            if let Some(account) = waiter.account {
                state.accounts.insert(account, None);
            }
            drop(state);
            let place = Place {
                admission: Arc::clone(self),
                account: waiter.account,
                waited: Duration::ZERO,
            };
            return Ok(Queued::Admitted(place));
        }
        let (index, since, arrival) = (lane.index(), waiter.since, state.next_arrival);
        state.next_arrival += 1;
        waiter.arrival = arrival;
        if let Some(account) = waiter.account {
            state.accounts.insert(account, Some(arrival));
        }
        let tag = state.lane(index).push(claim.network, waiter);
        let arrived = Arrival {
            since,
            lane: index,
            tag,
        };
        state.arrivals.insert(arrival, arrived);
        let refused = self.make_room(&mut state, index);
        let waiting = state.arrivals.len();
        drop(state);
        self.alarm.set(since + self.deadline);
        if let Some(refused) = refused {
            drop(refused.reply.send(Err(self.overloaded(waiting, job))));
        }
        Ok(Queued::Waits(arrival))
    }

    /// Removes the caller that has to leave the line after a new one has
    /// entered `lane`, if the line is too long: the one with the latest turn. That is
    /// the newest one of the network with the most waiting callers, which may be the
    /// new one, unless an account was postponed beyond it.
    ///
    /// Known callers and the others each have a reserve, so neither can fill
    /// the whole line. Beyond the reserves, known callers have precedence.
    fn make_room(&self, state: &mut State, lane: usize) -> Option<Waiter> {
        let [known, others] = state.waiting();
        if self.has_room(known, others) {
            return None;
        }
        let is_known = lane == Lane::KNOWN;
        let most = self.room - self.reserve;
        let from = if is_known && (known > most || others <= self.reserve) {
            Lane::KNOWN
        } else if !state.lane(Lane::STRANGERS).is_empty() {
            Lane::STRANGERS
        } else {
            lane
        };
        state.last(from)
    }

    /// Whether so many known and other callers may wait.
    fn has_room(&self, known: usize, others: usize) -> bool {
        known + others <= self.room && known.max(others) <= self.room - self.reserve
    }

    /// Returns `true` if a caller would be refused now without waiting. An account that
    /// waits or has a place counts as a stranger, and its waiting entry is postponed.
    pub(super) fn would_refuse(&self, claim: Claim) -> bool {
        let mut state = self.lock();
        match claim.lane {
            Lane::Known(account) if state.accounts.contains_key(&account) => {
                state.postpone(account, claim.network);
            }
            Lane::Stranger => {}
            _ => return false,
        }
        let [known, others] = state.waiting();
        let has_room = self.has_room(known, others + 1);
        let is_first = state.free > 0 && state.arrivals.is_empty();
        let [_, _, line] = &state.lanes;
        !is_first && !has_room && line.would_be_last(claim.network)
    }

    /// Returns a place, which goes to the next waiting caller.
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
            // If the receiver is gone, the place is dropped and goes to the
            // next caller.
            drop(waiter.reply.send(Ok(place)));
        }
    }

    /// Refuses the callers whose deadline has passed. Returns the next
    /// deadline.
    pub(super) fn expire(&self, job: Duration) -> Option<Instant> {
        let mut late = Vec::new();
        let mut state = self.lock();
        let next = loop {
            let Some(oldest) = state.arrivals.first_entry() else {
                break None;
            };
            if oldest.get().since.elapsed() < self.deadline {
                break Some(oldest.get().since + self.deadline);
            }
            let arrival = *oldest.key();
            late.extend(state.remove(arrival));
        };
        let waiting = state.arrivals.len();
        drop(state);
        for waiter in late {
            metrics::hashing_waited(waiter.since.elapsed());
            drop(waiter.reply.send(Err(self.overloaded(waiting, job))));
        }
        next
    }

    /// The number of callers that wait for a place.
    pub(super) fn waiting(&self) -> usize {
        self.lock().arrivals.len()
    }

    /// The refusal when `waiting` callers wait and a job takes about `job`.
    /// `retry_after` is the time until they are served.
    pub(super) fn overloaded(&self, waiting: usize, job: Duration) -> HashError {
        metrics::hashing_overloaded();
        let rounds = waiting / self.threads.max(1) + 1;
        let wait = job.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        HashError::Overloaded {
            retry_after: wait.max(MIN_RETRY_AFTER),
        }
    }

    /// While this lock is held, no recorder of metrics is called and no value
    /// is dropped that could take the lock again.
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics between two changes under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Queued {
    Admitted(Place),
    /// With this arrival.
    Waits(u64),
}

impl State {
    #[expect(clippy::indexing_slicing, reason = "an index is always that of a lane")]
    fn lane(&mut self, index: usize) -> &mut Line<Waiter> {
        &mut self.lanes[index]
    }

    /// How many known and how many other callers wait.
    fn waiting(&self) -> [usize; 2] {
        let [known, host, strangers] = self.lanes.each_ref().map(Line::len);
        [known, host + strangers]
    }

    /// Moves the turn of an account that asks again from the same address while it
    /// waits to a later one.
    fn postpone(&mut self, account: Account, network: Network) {
        let arrival = self.accounts.get(&account).copied().flatten();
        let arrival = arrival.and_then(|arrival| self.arrivals.get_mut(&arrival));
        if let (Some(arrival), [known, ..]) = (arrival, &mut self.lanes) {
            arrival.tag = known.postpone(arrival.tag, network);
        }
    }

    /// Removes the caller that waits with this arrival.
    fn remove(&mut self, arrival: u64) -> Option<Waiter> {
        let Arrival { lane, tag, .. } = self.arrivals.remove(&arrival)?;
        let left = self.lane(lane).remove(tag)?;
        self.forget(&left);
        Some(left)
    }

    /// Removes the caller that has the last turn in `lane`.
    fn last(&mut self, lane: usize) -> Option<Waiter> {
        let last = self.lane(lane).pop_last()?;
        self.forget(&last);
        Some(last)
    }

    /// Updates the state for a caller that left the line without a place.
    fn forget(&mut self, waiter: &Waiter) {
        self.arrivals.remove(&waiter.arrival);
        if let Some(account) = waiter.account {
            self.accounts.remove(&account);
        }
    }

    /// Removes and returns the next caller of the lane whose turn it is.
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
        let next = self.lane(index).pop()?;
        self.arrivals.remove(&next.arrival);
        if let Some(account) = next.account {
            self.accounts.insert(account, None);
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests;

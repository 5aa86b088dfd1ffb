//! Acts that are done at the same moment, and repeatable draws.

use std::future::Future;
use std::iter::repeat_n;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;
use tokio::task::JoinHandle;

use crate::random::{SecureRandom, SeededRandom};

/// How many race, and in how many rounds at least.
pub(super) const RACES: [(u32, u32); 2] = [(16, 8), (64, 3)];

/// For how long more rounds follow. A store in the process is between its read and its write
/// for less than a microsecond, and needs many rounds until another racer gets in between; one
/// over a network has used up the time by then.
const MORE_ROUNDS: Duration = Duration::from_millis(200);

/// The greatest number of these rounds, which bounds the rows that a store has to hold.
const MOST_ROUNDS: usize = 500;

/// Runs `act(0)` to `act(racers - 1)` on as many tasks, which start together.
pub(super) async fn race<T, F, A>(racers: u32, act: A) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
    A: Fn(u32) -> F,
{
    let start = Arc::new(Barrier::new(usize::try_from(racers).unwrap_or(1)));
    let tasks: Vec<JoinHandle<T>> = (0..racers)
        .map(|number| {
            let (start, act) = (Arc::clone(&start), act(number));
            tokio::spawn(async move {
                start.wait().await;
                act.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap_or_else(|error| {
            if error.is_panic() {
                resume_unwind(error.into_panic())
            }
            panic!("a racer was cancelled: {error}")
        }));
    }
    results
}

/// The number of the one who won; fails unless it is one.
#[track_caller]
pub(super) fn only_winner(outcomes: &[bool], what: &str) -> u32 {
    let winners: Vec<u32> = (0..)
        .zip(outcomes)
        .filter_map(|(racer, won)| won.then_some(racer))
        .collect();
    match winners[..] {
        [winner] => winner,
        _ => panic!("{what}: {} of {} won", winners.len(), outcomes.len()),
    }
}

/// The rounds of all races: racers, and a number that is different each time.
pub(super) fn rounds() -> impl Iterator<Item = (u32, u32)> {
    let begun = Instant::now();
    let is_time_left = move |_: &u32| begun.elapsed() < MORE_ROUNDS;
    RACES
        .into_iter()
        .flat_map(|(racers, rounds)| (0..rounds).map(move |_| racers))
        .chain(repeat_n(RACES[0].0, MOST_ROUNDS).take_while(is_time_left))
        .zip(1..)
}

/// Rounds for racers of whom one after the other succeeds: each round costs as
/// many acts as there are pairs of them.
pub(super) fn few_rounds() -> impl Iterator<Item = (u32, u32)> {
    rounds().filter(|(racers, _)| *racers == RACES[0].0).take(4)
}

/// Repeatable draws.
pub(super) struct Draw(SeededRandom);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(SeededRandom::new(seed))
    }

    /// A number from 0 to `bound - 1`.
    pub(super) fn below(&self, bound: u32) -> u32 {
        let mut bytes = [0; 4];
        if self.0.fill(&mut bytes).is_err() {
            panic!("the seeded source never fails");
        }
        u32::from_be_bytes(bytes) % bound
    }
}

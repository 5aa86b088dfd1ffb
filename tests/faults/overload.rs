//! Hashing threads that have no room left.

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use admittance::error::AuthError;
use admittance::random::{RandomError, SecureRandom, SeededRandom};
use admittance::service::RequestContext;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::scene::{ANN, OPS, Op, Outcome, SLOW, Scene};
use support::bed::{PASSWORD, config, login};
use support::gate::Gate;

type Hook = Box<dyn FnOnce() + Send>;

/// Runs a hook before one draw.
#[derive(Clone)]
struct HookedRandom {
    inner: Arc<SeededRandom>,
    hook: Arc<Mutex<Option<(usize, Hook)>>>,
}

impl SecureRandom for HookedRandom {
    fn fill(&self, destination: &mut [u8]) -> Result<(), RandomError> {
        let mut hook = self.hook.lock().unwrap();
        let due = match hook.take() {
            Some((1, due)) => Some(due),
            later => {
                *hook = later.map(|(left, due)| (left - 1, due));
                None
            }
        };
        drop(hook);
        if let Some(due) = due {
            due();
        }
        self.inner.fill(destination)
    }
}

/// When the threads become busy.
#[derive(Clone, Copy, Debug)]
enum When {
    Before,
    AtCall(usize),
    AtDraw(usize),
}

/// A scene with one hashing thread and one place in its queue.
struct Busy {
    scene: Scene,
    random: HookedRandom,
    entered: Arc<Mutex<Receiver<()>>>,
    open: Sender<()>,
    guests: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Busy {
    async fn new(op: Op) -> Self {
        let (gate, enters, open) = Gate::new();
        let mut config = config();
        config.hashing.threads = NonZeroUsize::new(1);
        config.hashing.queue_len = 1;
        config.hashing.foreign = Some(Arc::new(gate));
        let random = HookedRandom {
            inner: Arc::new(SeededRandom::new(0x00ff)),
            hook: Arc::default(),
        };
        let scene = Scene::with(op, config, |builder| builder.random(random.clone())).await;
        Gate::plant(&scene.truth.store(), ANN, SLOW).await;
        Self {
            scene,
            random,
            entered: Arc::new(Mutex::new(enters)),
            open,
            guests: Arc::default(),
        }
    }

    /// What fills the thread and its queue with logins of `SLOW`.
    fn occupy(&self) -> impl Fn() + Send + Sync + use<> {
        let (bed, guests) = (Arc::clone(&self.scene.bed), Arc::clone(&self.guests));
        let (entered, open) = (Arc::clone(&self.entered), self.open.clone());
        move || {
            let guest = || {
                let bed = Arc::clone(&bed);
                let guest = std::thread::spawn(move || {
                    let runtime = Builder::new_current_thread().build().unwrap();
                    let refused =
                        runtime.block_on(bed.auth.login(login(SLOW, PASSWORD), &bed.here));
                    assert!(matches!(
                        refused,
                        Err(AuthError::InvalidCredentials | AuthError::Overloaded { .. })
                    ));
                });
                guests.lock().unwrap().push(guest);
            };
            guest();
            entered.lock().unwrap().recv().unwrap();
            guest();
            while bed.auth.hashing_stats().waiting == 0 {
                let guests = guests.lock().unwrap();
                if guests.last().unwrap().is_finished() {
                    // The operation holds the place: it waits for its turn and
                    // can no longer be refused.
                    open.send(()).unwrap();
                    break;
                }
                drop(guests);
                std::thread::yield_now();
            }
        }
    }

    /// Runs the operation; returns whether the moment came.
    async fn run(&self, when: When) -> (Outcome, bool) {
        match when {
            When::Before => self.occupy()(),
            When::AtCall(call) => {
                let occupy = Arc::new(self.occupy());
                self.scene.bed.store.hook(call, move || {
                    let occupy = Arc::clone(&occupy);
                    async move { occupy() }
                });
            }
            When::AtDraw(draw) => {
                *self.random.hook.lock().unwrap() = Some((draw, Box::new(self.occupy())));
            }
        }
        // However slow the machine: nothing opens the gate, so this is for ever.
        let refused = timeout(Duration::from_secs(120), self.scene.operation());
        let answer = refused.await;
        let outcome = Some(answer.unwrap_or_else(|_| panic!("it was kept waiting at {when:?}")));
        // What is done in the background belongs to it.
        self.scene.bed.auth.flush_mail().await;
        self.scene.bed.store.calm();
        *self.random.hook.lock().unwrap() = None;
        let guests: Vec<_> = self.guests.lock().unwrap().drain(..).collect();
        let came = !guests.is_empty();
        for guest in guests {
            self.open.send(()).unwrap();
            guest.join().unwrap();
        }
        (outcome, came)
    }
}

#[tokio::test]
async fn asvs_15_2_2_hashing_threads_without_room_refuse_and_nothing_changes() {
    let (mut moments, mut refusals) = (0, 0);
    for op in OPS {
        let calls = (1..).map(When::AtCall);
        let draws = (1..).map(When::AtDraw);
        let all: [Box<dyn Iterator<Item = When>>; 3] = [
            Box::new(std::iter::once(When::Before)),
            Box::new(calls),
            Box::new(draws),
        ];
        for whens in all {
            for when in whens {
                let busy = Busy::new(op).await;
                let before = busy.scene.truth.counts().await;
                let (outcome, came) = busy.run(when).await;
                if let Some(Err(AuthError::Overloaded { retry_after })) = &outcome {
                    println!("{op:?}, busy {when:?}: refused");
                    assert!(came && op.hashes() && !retry_after.is_zero());
                    let after = busy.scene.truth.counts().await;
                    assert_eq!(
                        (after.users, after.sessions),
                        (before.users, before.sessions)
                    );
                    refusals += 1;
                }
                busy.scene.check(&outcome).await;
                if !came {
                    break;
                }
                moments += 1;
            }
        }
    }
    println!("{moments} moments at which the threads were busy, {refusals} refusals, 0 violations");
    assert!(refusals >= 15, "{refusals}");
}

/// A flood of guesses that have no chance of a place costs one read each, and changes
/// no record.
#[tokio::test]
async fn asvs_15_4_4_a_stranger_without_a_chance_of_a_place_costs_one_read() {
    let busy = Busy::new(Op::Login).await;
    busy.occupy()();
    let bed = &busy.scene.bed;
    bed.store.watch(0);
    let there = RequestContext::from_ip([198, 51, 100, 7].into());
    let stranger = login("nobody@example.org", PASSWORD);
    let refused = bed.auth.login(stranger, &there).await;
    assert!(
        matches!(refused, Err(AuthError::Overloaded { .. })),
        "{refused:?}"
    );
    assert_eq!(bed.store.calm(), ["user_by_email"]);
    for guest in busy.guests.lock().unwrap().drain(..) {
        busy.open.send(()).unwrap();
        guest.join().unwrap();
    }
}

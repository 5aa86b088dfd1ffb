//! Faults of what else the service is given: randomness and the event sink.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use admittance::error::AuthError;
use admittance::event::{AuthEvent, EventSink};
use admittance::random::{RandomError, SecureRandom, SeededRandom};

use crate::scene::{OPS, Op, Scene};
use crate::support::bed::{Events, config};

/// Fails at one draw and works otherwise.
#[derive(Clone)]
struct FaultyRandom {
    inner: Arc<SeededRandom>,
    /// Draws until the one that fails; 0 is never.
    left: Arc<AtomicUsize>,
    draws: Arc<AtomicUsize>,
}

impl FaultyRandom {
    fn new() -> Self {
        Self {
            inner: Arc::new(SeededRandom::new(0xfa17)),
            left: Arc::default(),
            draws: Arc::default(),
        }
    }

    fn fail_at(&self, draw: usize) {
        self.draws.store(0, Ordering::SeqCst);
        self.left.store(draw, Ordering::SeqCst);
    }
}

impl SecureRandom for FaultyRandom {
    fn fill(&self, destination: &mut [u8]) -> Result<(), RandomError> {
        let draw = self.draws.fetch_add(1, Ordering::SeqCst) + 1;
        if draw == self.left.load(Ordering::SeqCst) {
            return Err(RandomError);
        }
        self.inner.fill(destination)
    }
}

#[tokio::test]
async fn asvs_16_5_3_randomness_that_fails_fails_closed() {
    let mut faults = 0;
    for op in OPS {
        for draw in 1.. {
            let random = FaultyRandom::new();
            let events = Events::default();
            let scene = Scene::with(op, config(), random.clone(), events).await;
            let before = scene.truth.counts();
            random.fail_at(draw);
            let outcome = Some(scene.operation().await);
            let was_reached = random.draws.load(Ordering::SeqCst) >= draw;
            random.fail_at(0);
            if was_reached {
                println!("{op:?}: draw {draw}: {outcome:?}");
                faults += 1;
                match &outcome {
                    Some(Err(AuthError::Random(_))) => {
                        let after = scene.truth.counts();
                        assert_eq!(
                            (after.users, after.sessions),
                            (before.users, before.sessions),
                            "half made"
                        );
                    }
                    // The salt of the hash that was to replace the old one.
                    Some(Ok(_)) => assert_eq!((op, draw), (Op::LoginRehash, 1)),
                    other => panic!("{other:?}"),
                }
            }
            scene.check(&outcome).await;
            if !was_reached {
                break;
            }
        }
    }
    println!("{faults} failures of the randomness, 0 violations");
    assert!(faults >= 10, "{faults}");
}

#[derive(Clone, Default)]
struct PanickingSink(Arc<AtomicUsize>);

impl EventSink for PanickingSink {
    fn emit(&self, _: &AuthEvent) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("the sink was told to panic");
    }
}

#[tokio::test]
async fn asvs_16_5_4_a_sink_that_panics_changes_no_answer() {
    for op in OPS {
        let usual = Scene::new(op).await.operation().await;
        let sink = PanickingSink::default();
        let scene = Scene::with(op, config(), SeededRandom::new(7), sink.clone()).await;
        let answer = tokio::spawn(scene.operation()).await.unwrap();
        assert_eq!(
            answer
                .as_ref()
                .map(Option::is_some)
                .map_err(AuthError::code),
            usual.as_ref().map(Option::is_some).map_err(AuthError::code),
            "{op:?}"
        );
        let emitted = sink.0.load(Ordering::SeqCst);
        assert_eq!(emitted, usize::from(op != Op::Validate), "{op:?}");
        scene.check(&Some(answer)).await;
    }
}

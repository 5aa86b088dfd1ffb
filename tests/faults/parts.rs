//! Faults of what else the service is given: randomness and the event sink.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use admittance::error::AuthError;
use admittance::event::{AuthEvent, EventSink, Notice, Operation};
use admittance::random::{RandomError, SecureRandom, SeededRandom};

use crate::scene::{OPS, Op, Scene, shape};
use support::bed::{Builder, config};

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
            let add = |builder: Builder<_>| builder.random(random.clone());
            let scene = Scene::with(op, config(), add).await;
            let before = scene.truth.counts().await;
            random.fail_at(draw);
            let outcome = Some(scene.operation().await);
            let mails = scene.mails().await;
            let was_reached = random.draws.load(Ordering::SeqCst) >= draw;
            random.fail_at(0);
            if was_reached {
                println!("{op:?}: draw {draw}: {outcome:?}");
                faults += 1;
                match &outcome {
                    Some(Err(AuthError::Random(_))) => {
                        let after = scene.truth.counts().await;
                        assert_eq!(
                            (after.users, after.sessions, after.tokens),
                            (before.users, before.sessions, before.tokens),
                            "half made"
                        );
                        assert_eq!(mails, []);
                    }
                    // A link that is sent in the background.
                    Some(Ok(_)) if has_dropped(&scene) => assert_eq!(mails, []),
                    // The id under which the event would be kept.
                    Some(Ok(_)) if matches!(op, Op::Export | Op::ListUserEvents) => {
                        let lost = scene.bed.events.last();
                        assert_eq!(lost.notices.first(), Some(Notice::EventLost));
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
    assert!(faults >= 40, "{faults}");
}

/// Whether one of the last two events reports a dropped mail.
fn has_dropped(scene: &Scene) -> bool {
    let events = scene.bed.events.all();
    let mut last = events.iter().rev().take(2);
    last.any(|event| event.notices.contains(Notice::MailDropped))
}

#[derive(Clone, Default)]
struct PanickingSink(Arc<Mutex<Vec<Operation>>>);

impl EventSink for PanickingSink {
    fn emit(&self, event: &AuthEvent) {
        self.0.lock().unwrap().push(event.operation);
        panic!("the sink was told to panic");
    }
}

#[tokio::test]
async fn asvs_16_5_4_a_sink_that_panics_changes_no_answer() {
    for op in OPS {
        let undisturbed = Scene::new(op).await;
        let usual = undisturbed.operation().await;
        let usual_mails = undisturbed.mails().await;
        let sink = PanickingSink::default();
        let scene = Scene::with(op, config(), |builder| builder.events(sink.clone())).await;
        let answer = tokio::spawn(scene.operation()).await.unwrap();
        assert_eq!(shape(&answer), shape(&usual), "{op:?}");
        // No mail is lost by it either.
        let mails = scene.mails().await;
        assert_eq!(mails, usual_mails, "{op:?}");
        let emitted = std::mem::take(&mut *sink.0.lock().unwrap());
        let of_mails = emitted.iter().filter(|of| **of == Operation::SendMail);
        let of_mails = of_mails.count();
        assert_eq!(of_mails, mails.len(), "{op:?}");
        let answered = emitted.len() - of_mails;
        let wanted = usize::from(!op.is_silent()) + usize::from(op.replaces());
        assert_eq!(answered, wanted, "{op:?}");
        scene.check(&Some(answer)).await;
    }
}

//! Checks of access tokens that are kept, against what ends the session in the
//! meantime.

use std::sync::Arc;
use std::time::Duration;

use admittance::config::{AuthConfig, LimitPolicy, SessionCheck};
use admittance::error::AuthError;
use admittance::store::MemoryStore;

use crate::races::{FIELDS, Racing, race, tell};
use support::bed::{Bed, PASSWORD, config};
use support::faulty::{Fault, FaultyStore};

const ANN: &str = "ann@example.org";

fn cached() -> AuthConfig {
    let mut settings = config();
    settings.limits = LimitPolicy::off();
    settings.session.check = SessionCheck::Cached {
        max_staleness: Duration::from_secs(60),
        capacity: 1000,
    };
    settings
}

fn bed() -> Racing {
    let store = FaultyStore::new(MemoryStore::new());
    Arc::new(Bed::over(store, cached()))
}

#[tokio::test]
async fn ghsa_23_a_logout_during_a_check_leaves_no_kept_session_behind() {
    for (call, what) in [(1, "before the session is read"), (2, "after that")] {
        let bed = bed();
        let tokens = bed.register(ANN).await.tokens;
        let ann = bed.validate(&tokens).await.unwrap();
        bed.clock.advance(Duration::from_secs(60));
        // Of the two reads of the check the first is that of the session.
        let (again, who) = (Arc::clone(&bed), ann.clone());
        bed.store.hook(call, move || {
            let (again, who) = (Arc::clone(&again), who.clone());
            async move {
                again.auth.logout(&who, &again.here).await.unwrap();
            }
        });
        let racing = bed.validate(&tokens).await;
        let calls = bed.store.calm();
        let mut names = calls.clone();
        names.sort_unstable();
        assert_eq!(
            (calls[0], names.as_slice()),
            ("session", &["end_session", "session", "user"][..])
        );
        // It may still have been good; from now on it is not.
        assert_eq!(racing.is_ok(), call == 2, "{what}");
        let late = bed.validate(&tokens).await;
        assert!(matches!(late, Err(AuthError::InvalidToken)), "{what}");
    }
}

#[tokio::test]
async fn ghsa_29_a_logout_that_failed_after_its_act_leaves_no_kept_session_behind() {
    for fault in [Fault::ErrorAfter, Fault::Panic] {
        let bed = bed();
        let tokens = bed.register(ANN).await.tokens;
        let ann = bed.validate(&tokens).await.unwrap();
        bed.store.inject(1, fault);
        let (again, who) = (Arc::clone(&bed), ann.clone());
        let logout = async move { again.auth.logout(&who, &again.here).await };
        assert!(logout.await.is_err());
        bed.store.watch(0);
        // What the store has now decides, and it is asked.
        let is_live = bed.validate(&tokens).await.is_ok();
        assert_eq!(is_live, fault == Fault::Panic);
        assert_eq!(bed.store.calm(), ["session", "user"]);
    }
}

#[tokio::test]
async fn a_store_that_fails_is_not_hidden_and_nothing_of_it_is_kept() {
    let bed = bed();
    let tokens = bed.register(ANN).await.tokens;
    for call in [1, 2] {
        bed.store.inject(call, Fault::ErrorBefore);
        let failed = bed.validate(&tokens).await;
        assert!(matches!(failed, Err(AuthError::Store(_))), "{failed:?}");
        bed.store.calm();
    }
    assert!(bed.validate(&tokens).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_23_no_kept_check_outlives_a_logout() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        bed.store.watch(1);
        bed.register(ANN).await;
        for round in 0..rounds {
            let tokens = bed.login(ANN, PASSWORD).await.unwrap().tokens;
            let ann = bed.validate(&tokens).await.unwrap();
            // What is kept is too old, so the racers read.
            bed.clock.advance(Duration::from_secs(1));
            bed.auth.end_all_sessions(&ann, &bed.here).await.unwrap();
            race(racers, |racer| {
                let (bed, tokens, ann) = (Arc::clone(&bed), tokens.clone(), ann.clone());
                async move {
                    if racer == round % racers {
                        bed.auth.logout(&ann, &bed.here).await.unwrap();
                    } else {
                        let _ = bed.validate(&tokens).await;
                    }
                }
            })
            .await;
            let late = bed.validate(&tokens).await;
            assert!(matches!(late, Err(AuthError::InvalidToken)));
        }
    }
    tell("logout against kept checks");
}

//! No more live sessions for a user than allowed.

use admittance::config::{AuthConfig, LimitPolicy};
use admittance::error::{AuthError, ConfigError};
use admittance::limit::Decision;
use admittance::mail::MailKind;
use admittance::service::{Tokens, VerifyEmail, VerifyOutcome};
use admittance::store::{EpochChange, Insert, SessionStore, StoreError, UserStore};
use admittance::test_util::MockStore;
use std::sync::Arc;
use std::time::Duration;

use support::bed::{Bed, PASSWORD, config, hash_of, login};

const ANN: &str = "ann@example.org";
const SECOND: Duration = Duration::from_secs(1);

fn at_most(sessions: u32) -> AuthConfig {
    let mut settings = config();
    settings.session.max_per_user = Some(sessions);
    settings.limits = LimitPolicy::off();
    settings
}

/// Logs in a second after the last time.
async fn log_in(bed: &Bed) -> Tokens {
    bed.clock.advance(SECOND);
    bed.login(ANN, PASSWORD).await.unwrap().tokens
}

async fn are_live(bed: &Bed, all: &[Tokens]) -> Vec<bool> {
    let mut live = Vec::new();
    for tokens in all {
        live.push(bed.validate(tokens).await.is_ok());
    }
    live
}

#[tokio::test]
async fn asvs_7_1_2_a_login_beyond_the_cap_ends_the_oldest_session() {
    let bed = Bed::with(at_most(3));
    bed.register("bob@example.org").await;
    let mut all = vec![bed.register(ANN).await.tokens];
    for _ in 0..2 {
        all.push(log_in(&bed).await);
    }
    assert_eq!(are_live(&bed, &all).await, [true; 3]);
    // Seen last, and still the oldest.
    all[0] = bed.refresh(&all[0]).await.unwrap();
    all.push(log_in(&bed).await);
    assert_eq!(are_live(&bed, &all).await, [false, true, true, true]);
    assert!(bed.refresh(&all[0]).await.is_err());
    all.push(log_in(&bed).await);
    assert_eq!(are_live(&bed, &all).await, [false, false, true, true, true]);
    // Nobody else's end.
    assert!(bed.login("bob@example.org", PASSWORD).await.is_ok());
    assert_eq!(bed.store.counts().sessions, 5);
}

#[tokio::test]
async fn forty_sessions_of_a_user_live_by_default() {
    let bed = Bed::with(config());
    let mut all = vec![bed.register(ANN).await.tokens];
    for _ in 0..40 {
        bed.clock.advance(10 * SECOND);
        all.push(bed.login(ANN, PASSWORD).await.unwrap().tokens);
    }
    assert_eq!(are_live(&bed, &all).await, [true; 41]);
}

#[tokio::test]
async fn what_is_dead_already_does_not_count() {
    let bed = Bed::with(at_most(2));
    let first = bed.register(ANN).await.tokens;
    let ann = bed.validate(&first).await.unwrap();
    // Of an epoch to come, as a change of password stores it before it is made.
    let mut to_come = ann.session().clone();
    to_come.id = admittance::id::SessionId::from_bytes([9; 12]);
    to_come.auth_epoch = 1;
    let inserted = bed.store.insert_session(&to_come).await.unwrap();
    assert_eq!(inserted, Insert::Inserted);
    let second = log_in(&bed).await;
    assert_eq!(are_live(&bed, &[first, second]).await, [true; 2]);

    // The raised epoch ends all earlier ones, and two more have room.
    let hash = hash_of(ann.user());
    let raised = bed
        .store
        .replace_password(ann.user().id, hash, hash, EpochChange::Raise);
    assert!(raised.await.unwrap());
    let ended = bed.store.end_session(ann.user().id, to_come.id);
    assert!(ended.await.unwrap());
    let new = [log_in(&bed).await, log_in(&bed).await];
    assert_eq!(are_live(&bed, &new).await, [true; 2]);

    // So they have once those have expired.
    bed.clock.advance(7 * 86_400 * SECOND);
    let newest = [log_in(&bed).await, log_in(&bed).await];
    assert_eq!(are_live(&bed, &newest).await, [true; 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_logins_leave_no_more_than_the_cap() {
    for racers in [16, 64] {
        let bed = Bed::with(at_most(5));
        let first = bed.register(ANN).await.tokens;
        bed.clock.advance(SECOND);
        let racers: Vec<_> = (0..racers)
            .map(|_| {
                let (auth, here) = (bed.auth.clone(), bed.here.clone());
                tokio::spawn(async move { auth.login(login(ANN, PASSWORD), &here).await })
            })
            .collect();
        let mut all = Vec::new();
        for racer in racers {
            all.push(racer.await.unwrap().unwrap().tokens);
        }
        assert!(bed.validate(&first).await.is_err());
        let live = are_live(&bed, &all).await;
        assert_eq!(live.iter().filter(|live| **live).count(), 5);
    }
}

#[tokio::test]
async fn a_confirmation_by_password_counts_like_a_login() {
    let bed = Bed::mailing_with(at_most(2));
    let first = bed.register(ANN).await.tokens;
    let second = log_in(&bed).await;
    bed.clock.advance(SECOND);
    let request = VerifyEmail {
        token: bed.mailed(MailKind::VerifyEmail).await,
        password: Some(PASSWORD.into()),
        ticket: None,
    };
    let opened = bed.auth.verify_email(request, None, &bed.here).await;
    let VerifyOutcome::Opened(opened) = opened.unwrap() else {
        panic!("no session was opened")
    };
    let all = [first, second, opened.tokens];
    assert_eq!(are_live(&bed, &all).await, [false, true, true]);
}

#[tokio::test]
async fn a_change_of_password_has_room_at_the_cap() {
    let bed = Bed::with(at_most(1));
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let changed = bed
        .change_password(&ann, PASSWORD, support::bed::OTHER_PASSWORD)
        .await;
    assert!(bed.validate(&changed.unwrap().tokens).await.is_ok());
    assert_eq!(bed.store.counts().sessions, 1);
}

/// A store with one account, which allows one session, and whose sessions cannot be read.
async fn unreadable(settings: &mut AuthConfig) -> MockStore {
    let donor = Bed::new();
    let ann = donor.register(ANN).await;
    let user = donor.store.user(ann.user_id).await.unwrap().unwrap();
    *settings = at_most(1);
    settings.limits.login_by_address = Some(admittance::limit::Quota::new(9, SECOND));
    let mut store = MockStore::new();
    let hit = store.expect_hit_all();
    hit.returning(|_, _| Ok(Decision::Allowed));
    let given = store.expect_give_back();
    given.returning(|_| Ok(()));
    let found = store.expect_user_by_email();
    found.returning(move |_| Ok(Some(user.clone())));
    let inserted = store.expect_insert_session();
    inserted.returning(|_| Ok(Insert::Inserted));
    let recorded = store.expect_record_login();
    recorded.returning(|_, _, _, _, _| Ok(true));
    let read = store.expect_sessions_of();
    read.returning(|_, _, _, _| Err(StoreError::Timeout));
    store
}

#[tokio::test]
async fn a_login_whose_cap_could_not_be_kept_gives_no_session() {
    let mut settings = config();
    let mut store = unreadable(&mut settings).await;
    let capped = store.expect_end_oldest_sessions();
    capped.returning(|_, _, _, _| Err(StoreError::Timeout));
    let discarded = store.expect_end_session();
    discarded.times(1).returning(|_, _| Ok(true));
    let bed = Bed::over(Arc::new(store), settings);
    let refused = bed.login(ANN, PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::Store(StoreError::Timeout))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_cap_is_kept_where_the_sessions_cannot_be_read() {
    let mut settings = config();
    let mut store = unreadable(&mut settings).await;
    let capped = store.expect_end_oldest_sessions();
    capped.times(1).returning(|_, _, _, _| Ok(1));
    let bed = Bed::over(Arc::new(store), settings);
    bed.login(ANN, PASSWORD).await.unwrap();
}

#[test]
fn a_cap_of_nothing_is_refused() {
    let refused = at_most(0).validate();
    assert!(
        matches!(
            refused,
            Err(ConfigError::Invalid {
                setting: "session.max_per_user",
                ..
            })
        ),
        "{refused:?}"
    );
}

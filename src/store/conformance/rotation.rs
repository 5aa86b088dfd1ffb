//! What holds for refreshing.

use std::sync::Arc;
use std::time::Duration;

use super::fixture::*;
use super::racing::*;
use crate::session::{Rotation, RotationPolicy, Session};
use crate::store::{Insert, Store};

async fn insert(store: &dyn Store, session: &Session) {
    assert_eq!(done(store.insert_session(session).await), Insert::Inserted);
}

async fn assert_kept(store: &dyn Store, expected: &Session, what: &str) {
    let found = done(store.session(expected.id, NOW).await);
    assert_eq!(found.as_ref(), Some(expected), "{what}");
    let listed = done(store.sessions_of(expected.user_id, None, ALL, NOW).await);
    assert_eq!(listed.first(), Some(expected), "{what}, as it is listed");
}

/// The live token rotates; the one before it repeats within the grace and
/// changes nothing; a counter never given out is refused and changes nothing;
/// an older one ends the session.
pub async fn a_rotation_has_four_outcomes(store: Arc<dyn Store>) {
    let first = session(1, user_id(1));
    insert(&*store, &first).await;
    let second = Session {
        refresh_counter: 1,
        last_seen_at: at(20_000),
        expires_at: at(120_000),
        ..first.clone()
    };
    assert_eq!(
        done(store.rotate(first.id, 0, POLICY, at(20_000)).await),
        Rotation::Rotated(second.clone()),
        "the live refresh token"
    );
    assert_kept(
        &*store,
        &second,
        "a rotation did not store what it answered",
    )
    .await;
    assert_eq!(
        done(store.rotate(first.id, 0, POLICY, at(30_000)).await),
        Rotation::Repeated(second.clone()),
        "the token before it, at the end of the grace"
    );
    assert_eq!(
        done(store.rotate(first.id, 0, POLICY, at(-40_000)).await),
        Rotation::Repeated(second.clone()),
        "the token before it, at an instance that is a minute behind"
    );
    assert_eq!(
        done(store.rotate(first.id, 0, POLICY, at(-40_001)).await),
        Rotation::Gone,
        "the token before it, at an instance that is further behind"
    );
    assert_kept(&*store, &second, "a repetition changed the session").await;
    assert_eq!(
        done(store.rotate(first.id, 2, POLICY, at(30_000)).await),
        Rotation::Gone,
        "a counter that was never given out"
    );
    assert_kept(&*store, &second, "an unknown counter changed the session").await;
    assert_eq!(
        done(store.rotate(first.id, 0, POLICY, at(30_001)).await),
        Rotation::Reused(second),
        "the token before it, after the grace"
    );
}

/// Handing in an old refresh token ends the session: nothing can be done with
/// it from then on, not even with the live token.
pub async fn a_reused_refresh_token_ends_the_session(store: Arc<dyn Store>) {
    let owner = user_id(1);
    let stolen = Session {
        refresh_counter: 5,
        ..session(1, owner)
    };
    let bystander = session(2, owner);
    for session in [&stolen, &bystander] {
        insert(&*store, session).await;
    }
    let rotation = done(store.rotate(stolen.id, 3, POLICY, NOW).await);
    assert_eq!(
        rotation,
        Rotation::Reused(stolen.clone()),
        "an old refresh token was not noticed"
    );
    assert_ended(
        &*store,
        &stolen,
        NOW,
        "a session survived the reuse of a token",
    )
    .await;
    for counter in [5, 4, 3] {
        let rotation = done(store.rotate(stolen.id, counter, POLICY, NOW).await);
        assert_eq!(
            rotation,
            Rotation::Gone,
            "a session was refreshed after the reuse of a token"
        );
    }
    assert!(
        !done(store.end_session(owner, stolen.id).await),
        "a session was there to be ended after the reuse of a token"
    );
    assert_kept(&*store, &bystander, "a reuse ended another session").await;
}

/// A refresh prolongs the session by the idle timeout, and never past the
/// absolute one (ASVS 7.3.2).
pub async fn a_refresh_never_outlives_the_absolute_timeout(store: Arc<dyn Store>) {
    let session = session(1, user_id(1));
    insert(&*store, &session).await;
    for (counter, seconds, expected) in [(0, 50, 150), (1, 51, 150), (2, 149, 150)] {
        let rotation = store
            .rotate(session.id, counter, POLICY, at(seconds * 1000))
            .await;
        let Rotation::Rotated(rotated) = done(rotation) else {
            panic!("a live session was not refreshed")
        };
        assert_eq!(
            rotated.expires_at,
            at(expected * 1000),
            "a refresh after {seconds} s prolonged the session to another time"
        );
    }
    let end = at(150_000);
    assert_eq!(
        done(store.rotate(session.id, 3, POLICY, end).await),
        Rotation::Gone,
        "a session was refreshed past its absolute timeout"
    );
    assert_ended(
        &*store,
        &session,
        end,
        "a session outlived its absolute timeout",
    )
    .await;
}

/// A refresh prolongs a short session by the idle timeout of short ones, each
/// time, and leaves it a short one.
pub async fn a_short_session_stays_short(store: Arc<dyn Store>) {
    let short = Session {
        length: length(true),
        expires_at: at(30_000),
        ..session(1, user_id(1))
    };
    insert(&*store, &short).await;
    for counter in 0..3_i64 {
        let now = at(20_000 * (counter + 1));
        let presented = counter.unsigned_abs();
        let Rotation::Rotated(rotated) = done(store.rotate(short.id, presented, POLICY, now).await)
        else {
            panic!("a short session was not refreshed")
        };
        assert!(
            rotated.length == length(true),
            "a refresh made a long session of a short one"
        );
        assert_eq!(
            rotated.expires_at,
            at(20_000 * (counter + 1) + 30_000),
            "a refresh prolonged a short session by another time"
        );
        assert_kept(&*store, &rotated, "a refresh of a short session").await;
    }
}

/// Whatever is handed in and when, the store does what [`Session::rotate`]
/// says: long sequences, repeatable, with a clock that also goes back.
pub async fn a_rotation_equals_the_state_machine(store: Arc<dyn Store>) {
    for number in 1..=40 {
        let draw = Draw::new(number.into());
        let policy = RotationPolicy {
            idle_timeout: Duration::from_millis(u64::from(20_000 + draw.below(60_000))),
            short_idle_timeout: Duration::from_millis(u64::from(5_000 + draw.below(20_000))),
            grace: Duration::from_millis(u64::from(draw.below(15_000))),
        };
        let mut model = Session {
            refresh_counter: u64::from(draw.below(3)),
            length: length(number % 3 == 0),
            ..session(number, user_id(number))
        };
        insert(&*store, &model).await;
        let mut millis = 0;
        for step in 0..60 {
            millis += i64::from(draw.below(18_000)) - 3_000;
            let behind: u64 = [0, 0, 0, 0, 0, 1, 1, 1, 2, 3][draw.below(10) as usize];
            let presented = match draw.below(10) {
                0 => model.refresh_counter + 1 + behind,
                _ => model.refresh_counter.saturating_sub(behind),
            };
            let now = at(millis);
            let expected = model.clone().rotate(presented, policy, now);
            let got = done(store.rotate(model.id, presented, policy, now).await);
            assert_eq!(got, expected, "sequence {number}, step {step}");
            match expected {
                Rotation::Rotated(next) | Rotation::Repeated(next) => model = next,
                Rotation::Gone if model.is_live(now) => {}
                Rotation::Gone | Rotation::Reused(_) => {
                    assert_ended(&*store, &model, now, "a session outlived its model").await;
                    break;
                }
            }
            assert_eq!(
                done(store.session(model.id, now).await).as_ref(),
                model.is_live(now).then_some(&model),
                "sequence {number}, step {step}: what is stored"
            );
        }
    }
}

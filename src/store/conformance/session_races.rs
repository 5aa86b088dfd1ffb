//! Many at once, on sessions and tokens: one wins, and nothing is revived.

use std::sync::Arc;

use super::fixture::*;
use super::racing::*;
use crate::session::{Rotation, Session};
use crate::store::{Insert, Store};
use crate::token::{OneTimeToken, TokenPurpose};

const PURPOSE: TokenPurpose = TokenPurpose::ResetPassword;

/// Of parallel insertions with one session id, one is inserted.
pub async fn one_of_many_sessions_with_an_id_wins(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let contender = |racer| session(round, user_id(round * 1000 + racer));
        let inserted = race(racers, |racer| {
            let (store, session) = (Arc::clone(&store), contender(racer));
            async move { done(store.insert_session(&session).await) == Insert::Inserted }
        })
        .await;
        let winner = only_winner(&inserted, "parallel insertions of one session id");
        for racer in 0..racers {
            let session = contender(racer);
            let listed = done(store.sessions_of(session.user_id, None, ALL, NOW).await);
            let expected = (racer == winner).then_some(session);
            assert_eq!(
                listed,
                Vec::from_iter(expected),
                "what is there is not what won"
            );
        }
    }
}

/// Of parallel insertions with one digest, one is inserted.
pub async fn one_of_many_tokens_with_a_digest_wins(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let contender = |racer| token(round, user_id(round * 1000 + racer), PURPOSE);
        let inserted = race(racers, |racer| {
            let (store, token) = (Arc::clone(&store), contender(racer));
            async move { done(store.insert_token(&token).await) == Insert::Inserted }
        })
        .await;
        let winner = contender(only_winner(&inserted, "parallel insertions of one digest"));
        assert_token_stored(&*store, &winner, "what is there is not what won").await;
        for racer in 0..racers {
            let listed = done(store.tokens_of(contender(racer).account.id, NOW).await);
            let expected = usize::from(contender(racer).account == winner.account);
            assert_eq!(listed.len(), expected, "a user's tokens are not what won");
        }
    }
}

/// Of parallel callers that take a token, one gets it.
pub async fn one_of_many_takers_gets_a_token(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let token = token(round, user_id(round), PURPOSE);
        assert_eq!(done(store.insert_token(&token).await), Insert::Inserted);
        let taken = race(racers, |_| {
            let (store, digest) = (Arc::clone(&store), token.digest);
            async move { done(store.take_token(digest, PURPOSE, NOW).await).is_some() }
        })
        .await;
        only_winner(&taken, "parallel callers that take a token");
        let found = done(store.token(token.digest, PURPOSE, NOW).await);
        assert!(found.is_none(), "a token that was taken is there");
    }
}

/// When a user's tokens are removed while others are made, those that were
/// there before are gone, and each is either removed and counted once or there
/// and listed.
pub async fn no_token_escapes_when_all_are_removed(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let owner = user_id(round);
        let old: Vec<OneTimeToken> = (0..8)
            .map(|number| token(round * 1000 + 500 + number, owner, PURPOSE))
            .collect();
        for token in &old {
            assert_eq!(done(store.insert_token(token).await), Insert::Inserted);
        }
        let removed = race(racers, |racer| {
            let (store, old) = (Arc::clone(&store), old.clone());
            let token = token(round * 1000 + racer, owner, PURPOSE);
            async move {
                if racer % 8 != 5 {
                    assert_eq!(
                        done(store.insert_token(&token).await),
                        Insert::Inserted,
                        "a new token was refused"
                    );
                    return 0;
                }
                let removed = done(store.remove_tokens(owner, None, NOW).await);
                // From the acknowledgement on, nothing finds them.
                for token in old {
                    let found = done(store.token(token.digest, PURPOSE, NOW).await);
                    assert!(found.is_none(), "a token escaped its removal");
                }
                removed
            }
        })
        .await;
        let left = done(store.tokens_of(owner, NOW).await);
        for token in &left {
            assert_token_stored(&*store, token, "what is listed is not what is there").await;
        }
        let left = u64::try_from(left.len()).unwrap_or(0);
        assert_eq!(
            removed.into_iter().sum::<u64>() + left,
            u64::from(racers - racers / 8 + 8),
            "tokens removed and left do not add up to those made"
        );
        let rest = done(store.remove_tokens(owner, None, NOW).await);
        assert_eq!(rest, left, "what could be removed");
    }
}

/// Of parallel refreshes with one token, one rotates and the others get the
/// same successor (GHSA race: at most one live successor).
pub async fn one_of_many_refreshes_rotates(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let session = Session {
            refresh_counter: 41,
            ..session(round, user_id(round))
        };
        assert_eq!(done(store.insert_session(&session).await), Insert::Inserted);
        let rotated = race(racers, |_| {
            let (store, id) = (Arc::clone(&store), session.id);
            async move {
                match done(store.rotate(id, 41, POLICY, at(5)).await) {
                    Rotation::Rotated(after) => (true, after),
                    Rotation::Repeated(after) => (false, after),
                    other => panic!("a parallel refresh was answered {other:?}"),
                }
            }
        })
        .await;
        let won: Vec<bool> = rotated.iter().map(|(won, _)| *won).collect();
        only_winner(&won, "parallel refreshes with one token");
        let stored = done(store.session(session.id, at(5)).await);
        let Some(stored) = stored else {
            panic!("parallel refreshes ended the session")
        };
        assert_eq!(
            stored.refresh_counter, 42,
            "parallel refreshes moved the counter by more than one"
        );
        assert!(
            rotated.iter().all(|(_, after)| *after == stored),
            "parallel refreshes were given different successors"
        );
    }
}

/// A refresh that races with the end of its session does not revive it,
/// however it ends.
pub async fn a_refresh_revives_no_ended_session(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let session = session(round, user_id(round));
        assert_eq!(done(store.insert_session(&session).await), Insert::Inserted);
        let ender = racers / 3;
        let outcomes = race(racers, |racer| {
            let (store, session) = (Arc::clone(&store), session.clone());
            async move {
                if racer != ender {
                    let _ = done(store.rotate(session.id, 0, POLICY, at(5)).await);
                    return true;
                }
                let ended = if round % 2 == 0 {
                    u64::from(done(store.end_session(session.user_id, session.id).await))
                } else {
                    done(store.end_sessions(session.user_id, &[session.id]).await)
                };
                // From the acknowledgement on, nothing finds it.
                assert_ended(&*store, &session, at(5), "an ended session is there").await;
                ended == 1
            }
        })
        .await;
        assert!(
            outcomes.iter().all(|ended| *ended),
            "refreshes kept a session from being ended"
        );
        assert_ended(
            &*store,
            &session,
            at(5),
            "a refresh revived an ended session",
        )
        .await;
        let late = done(store.rotate(session.id, 1, POLICY, at(5)).await);
        assert_eq!(late, Rotation::Gone, "an ended session was refreshed");
    }
}

/// When all sessions are ended while others are opened, those that were there
/// before are ended, and each of the others is either ended and counted or
/// there and listed.
pub async fn no_session_escapes_when_all_are_ended(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let owner = user_id(round);
        let old: Vec<Session> = (0..8)
            .map(|number| session(round * 1000 + 500 + number, owner))
            .collect();
        for session in &old {
            assert_eq!(done(store.insert_session(session).await), Insert::Inserted);
        }
        let ended = race(racers, |racer| {
            let store = Arc::clone(&store);
            let session = session(round * 1000 + racer, owner);
            async move {
                if racer % 8 == 5 {
                    return done(store.end_dead_sessions(owner, u64::MAX).await);
                }
                assert_eq!(
                    done(store.insert_session(&session).await),
                    Insert::Inserted,
                    "a new session was refused"
                );
                0
            }
        })
        .await;
        for session in &old {
            assert_ended(&*store, session, NOW, "a session escaped its end").await;
        }
        let mut left = 0;
        for racer in 0..racers {
            let found = done(store.session(session_id(round * 1000 + racer), NOW).await);
            left += usize::from(found.is_some());
        }
        let listed = done(store.sessions_of(owner, None, ALL, NOW).await).len();
        assert_eq!(listed, left, "what is listed is not what is there");
        let opened = racers - racers / 8 + 8;
        assert_eq!(
            ended.into_iter().sum::<u64>() + u64::try_from(left).unwrap_or(0),
            u64::from(opened),
            "sessions ended and left do not add up to those opened"
        );
        let rest = done(store.end_dead_sessions(owner, u64::MAX).await);
        assert_eq!(
            usize::try_from(rest).unwrap_or(0),
            left,
            "what could be ended"
        );
    }
}

/// When sessions are opened in parallel and each opening ends the oldest ones
/// beyond a cap, as many as the cap are left, the newest of all, and each of
/// the others was ended and counted once.
pub async fn parallel_openings_leave_no_more_than_the_cap(store: Arc<dyn Store>) {
    const KEEP: u32 = 5;
    for (racers, round) in rounds() {
        let owner = user_id(round);
        let session = |racer: u32| Session {
            // Some in the same millisecond.
            created_at: at(i64::from(racer / 4)),
            ..session(round * 1000 + racer, owner)
        };
        let ended = race(racers, |racer| {
            let (store, session) = (Arc::clone(&store), session(racer));
            async move {
                let inserted = done(store.insert_session(&session).await);
                assert_eq!(inserted, Insert::Inserted, "a new session was refused");
                let end = store.end_oldest_sessions(owner, 0, KEEP, at(100));
                done(end.await)
            }
        })
        .await;
        let mut left = done(store.sessions_of(owner, None, ALL, at(100)).await);
        left.sort_by_key(|session| session.id);
        let newest: Vec<Session> = (racers - KEEP..racers).map(session).collect();
        assert_eq!(left, newest, "what is left is not the newest");
        assert_eq!(
            ended.into_iter().sum::<u64>(),
            u64::from(racers - KEEP),
            "sessions were not ended once each"
        );
    }
}

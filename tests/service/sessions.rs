use std::time::Duration;

use admittance::error::AuthError;
use admittance::event::{Notice, Operation};
use admittance::secret::RefreshToken;
use admittance::service::{ListSessions, RefreshRequest, Tokens};
use admittance::store::{EpochChange, UserStore};

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, hash_of};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

fn is_invalid<T: std::fmt::Debug>(result: &Result<T, AuthError>) -> bool {
    matches!(result, Err(AuthError::InvalidToken))
}

#[tokio::test]
async fn asvs_7_4_1_logout_ends_the_access_token_and_the_refresh_token() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let other = bed.login("ann@example.org", PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    bed.auth.logout(&ann, &bed.here).await.unwrap();
    assert!(is_invalid(&bed.validate(&tokens).await));
    assert!(is_invalid(&bed.refresh(&tokens).await));
    assert!(bed.validate(&other).await.is_ok());
}

#[tokio::test]
async fn asvs_7_4_1_a_refresh_token_ends_its_session_too() {
    let bed = Bed::new();
    let leave = async |refresh_token: &RefreshToken| {
        let refresh_token = refresh_token.clone();
        let request = RefreshRequest { refresh_token };
        bed.auth.logout_by_refresh_token(request, &bed.here).await
    };
    let ann = bed.register("ann@example.org").await;
    let other = bed.login("ann@example.org", PASSWORD).await.unwrap().tokens;
    let renewed = bed.refresh(&ann.tokens).await.unwrap();
    // After the access token has run out, and by a token that was replaced.
    bed.clock.advance(Duration::from_secs(900));
    for tokens in [&ann.tokens, &renewed] {
        assert!(is_invalid(&bed.validate(tokens).await));
    }
    leave(&ann.tokens.refresh_token).await.unwrap();
    let event = bed.events.all().pop().unwrap();
    assert_eq!((event.operation, event.refused), (Operation::Logout, None));
    assert_eq!(event.user_id, Some(ann.user_id));
    assert!(event.session_id.is_some());
    assert!(is_invalid(&bed.refresh(&renewed).await));
    assert!(bed.refresh(&other).await.is_ok());
    // There is no such session any more, nor is this a token.
    for dead in [&renewed.refresh_token, &RefreshToken::new("adr_x")] {
        assert!(is_invalid(&leave(dead).await));
        let event = bed.events.all().pop().unwrap();
        let refused = Some(admittance::error::ErrorCode::InvalidToken);
        assert_eq!(
            (event.operation, event.refused),
            (Operation::Logout, refused)
        );
    }
    // A token of another service's ends nothing.
    let mut elsewhere = support::bed::config();
    elsewhere.audience = "elsewhere".to_owned();
    let elsewhere = Bed::with(elsewhere);
    let foreign = elsewhere.register("ann@example.org").await.tokens;
    assert!(is_invalid(&leave(&foreign.refresh_token).await));
    assert!(elsewhere.refresh(&foreign).await.is_ok());
}

#[tokio::test]
async fn an_access_token_ends_at_its_second() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    bed.clock.advance(Duration::from_secs(899));
    assert!(bed.validate(&tokens).await.is_ok());
    bed.clock.advance(SECOND);
    assert!(is_invalid(&bed.validate(&tokens).await));
    // The session goes on, and gives a new one.
    let fresh = bed.refresh(&tokens).await.unwrap();
    assert!(bed.validate(&fresh).await.is_ok());
}

#[tokio::test]
async fn asvs_7_3_1_a_session_ends_when_it_is_idle() {
    for (idle, goes_on) in [(7 * DAY - SECOND, true), (7 * DAY, false)] {
        let bed = Bed::new();
        let tokens = bed.register("ann@example.org").await.tokens;
        bed.clock.advance(idle);
        assert_eq!(bed.refresh(&tokens).await.is_ok(), goes_on, "{idle:?}");
    }
}

#[tokio::test]
async fn asvs_7_3_2_a_session_ends_however_often_it_is_refreshed() {
    let bed = Bed::new();
    let mut tokens = bed.register("ann@example.org").await.tokens;
    for _ in 0..29 {
        bed.clock.advance(DAY);
        tokens = bed.refresh(&tokens).await.unwrap();
    }
    bed.clock.advance(DAY - SECOND);
    tokens = bed.refresh(&tokens).await.unwrap();
    // The last access token ends with the session, not after it.
    assert_eq!(tokens.expires_in, 1);
    assert!(bed.validate(&tokens).await.is_ok());
    bed.clock.advance(SECOND);
    assert!(is_invalid(&bed.validate(&tokens).await));
    assert!(is_invalid(&bed.refresh(&tokens).await));
}

#[tokio::test]
async fn ghsa_26_a_refresh_token_is_good_once_and_its_replay_ends_the_session() {
    let bed = Bed::new();
    let first = bed.register("ann@example.org").await.tokens;
    let second = bed.refresh(&first).await.unwrap();
    let third = bed.refresh(&second).await.unwrap();
    assert!(is_invalid(&bed.refresh(&first).await));

    let event = bed.events.last();
    assert_eq!(event.operation, Operation::Refresh);
    assert_eq!(event.notices.first(), Some(Notice::RefreshTokenReused));
    assert!(event.user_id.is_some());
    assert!(is_invalid(&bed.refresh(&third).await));
    assert!(is_invalid(&bed.validate(&third).await));
}

#[tokio::test]
async fn ghsa_28_a_lost_answer_and_a_retry_log_nobody_out() {
    let bed = Bed::new();
    let first = bed.register("ann@example.org").await.tokens;
    let lost = bed.refresh(&first).await.unwrap();
    bed.clock.advance(Duration::from_secs(10));
    let again = bed.refresh(&first).await.unwrap();
    assert_eq!(
        lost.refresh_token.expose_secret(),
        again.refresh_token.expose_secret()
    );
    assert!(bed.validate(&again).await.is_ok());
    // Past the grace the same retry is a replay.
    bed.clock.advance(Duration::from_millis(1));
    assert!(is_invalid(&bed.refresh(&first).await));
    assert!(is_invalid(&bed.validate(&again).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn ghsa_26_racing_refreshes_leave_one_live_successor() {
    let bed = Bed::new();
    for _ in 0..8 {
        let tokens = login_or_register(&bed).await;
        let racers: Vec<_> = (0..16)
            .map(|_| {
                let (auth, here) = (bed.auth.clone(), bed.here.clone());
                let request = RefreshRequest {
                    refresh_token: tokens.refresh_token.clone(),
                };
                tokio::spawn(async move { auth.refresh(request, &here).await })
            })
            .collect();
        let mut successors = Vec::new();
        for racer in racers {
            let tokens = racer.await.unwrap().unwrap().tokens;
            successors.push(tokens.refresh_token.expose_secret().to_owned());
        }
        successors.dedup();
        assert_eq!(successors.len(), 1);
    }
}

#[tokio::test]
async fn ghsa_23_a_refresh_cannot_revive_a_session_that_was_logged_out() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let fresh = bed.refresh(&tokens).await.unwrap();
    bed.auth.logout(&ann, &bed.here).await.unwrap();
    assert!(is_invalid(&bed.refresh(&fresh).await));
    assert!(is_invalid(&bed.refresh(&tokens).await));
    assert!(is_invalid(&bed.validate(&fresh).await));
}

#[tokio::test]
async fn ghsa_24_a_raised_epoch_ends_every_token_at_once() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let user = bed.validate(&tokens).await.unwrap().user().clone();
    let raised =
        bed.store
            .replace_password(user.id, hash_of(&user), hash_of(&user), EpochChange::Raise);
    assert!(raised.await.unwrap());
    assert!(is_invalid(&bed.validate(&tokens).await));
    // ghsa_25: nor can it be refreshed.
    assert!(is_invalid(&bed.refresh(&tokens).await));
    // The password still works, under the new epoch.
    assert!(bed.login("ann@example.org", PASSWORD).await.is_ok());
    assert!(bed.login("ann@example.org", OTHER_PASSWORD).await.is_err());
}

#[tokio::test]
async fn asvs_7_5_2_a_user_lists_and_ends_the_own_sessions() {
    let bed = Bed::new();
    let first = bed.register("ann@example.org").await.tokens;
    bed.clock.advance(SECOND);
    let second = bed.login("ann@example.org", PASSWORD).await.unwrap().tokens;
    bed.clock.advance(SECOND);
    let third = bed.login("ann@example.org", PASSWORD).await.unwrap().tokens;

    let ann = bed.validate(&third).await.unwrap();
    let list = bed
        .auth
        .list_sessions(&ann, ListSessions::default(), &bed.here)
        .await
        .unwrap()
        .sessions;
    assert_eq!(list.len(), 3);
    assert!(list[0].current && !list[1].current && !list[2].current);
    assert_eq!(list[0].user_agent.as_deref(), Some("test"));
    assert_eq!(list[0].ip, bed.here.ip());

    bed.auth
        .end_session(&ann, list[1].session_id, &bed.here)
        .await
        .unwrap();
    assert!(is_invalid(&bed.validate(&second).await));
    assert!(bed.validate(&first).await.is_ok());
    let again = bed
        .auth
        .end_session(&ann, list[1].session_id, &bed.here)
        .await;
    assert!(matches!(again, Err(AuthError::NotFound)), "{again:?}");

    assert_eq!(bed.auth.end_all_sessions(&ann, &bed.here).await.unwrap(), 1);
    assert!(is_invalid(&bed.validate(&first).await));
    assert!(bed.validate(&third).await.is_ok());
}

#[tokio::test]
async fn asvs_8_2_2_somebody_elses_session_does_not_exist() {
    let bed = Bed::new();
    let ann = bed.register("ann@example.org").await.tokens;
    let bob = bed.register("bob@example.org").await.tokens;
    let anns = bed.validate(&ann).await.unwrap().session().id;
    let bob = bed.validate(&bob).await.unwrap();
    let refused = bed.auth.end_session(&bob, anns, &bed.here).await;
    assert!(matches!(refused, Err(AuthError::NotFound)), "{refused:?}");
    assert_eq!(bed.auth.end_all_sessions(&bob, &bed.here).await.unwrap(), 0);
    assert!(bed.validate(&ann).await.is_ok());
}

#[tokio::test]
async fn a_clock_that_goes_back_revives_nothing() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    bed.auth.logout(&ann, &bed.here).await.unwrap();
    bed.clock.turn_back(Duration::from_secs(3600));
    assert!(is_invalid(&bed.validate(&tokens).await));
    assert!(is_invalid(&bed.refresh(&tokens).await));
    assert!(bed.login("ann@example.org", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn asvs_9_2_2_an_access_token_is_no_refresh_token_nor_the_other_way_round() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let swapped = RefreshRequest {
        refresh_token: RefreshToken::new(tokens.token.expose_secret()),
    };
    assert!(is_invalid(&bed.auth.refresh(swapped, &bed.here).await));
    let token = tokens.refresh_token.expose_secret();
    assert!(is_invalid(&bed.auth.validate_token(token, &bed.here).await));
}

async fn login_or_register(bed: &Bed) -> Tokens {
    match bed.login("ann@example.org", PASSWORD).await {
        Ok(answer) => answer.tokens,
        Err(_) => bed.register("ann@example.org").await.tokens,
    }
}

#[tokio::test]
async fn a_token_of_another_epoch_is_refused_even_when_it_is_well_signed() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let mut claims = bed
        .auth
        .verify_offline(tokens.token.expose_secret())
        .unwrap();
    let keyring = support::bed::keyring();
    let good = keyring.sign(&claims).unwrap();
    assert!(
        bed.auth
            .validate_token(good.expose_secret(), &bed.here)
            .await
            .is_ok()
    );
    claims.epoch += 1;
    let other = keyring.sign(&claims).unwrap();
    let refused = bed
        .auth
        .validate_token(other.expose_secret(), &bed.here)
        .await;
    assert!(is_invalid(&refused), "{refused:?}");
}

#[tokio::test]
async fn a_session_of_another_epoch_is_not_listed() {
    use admittance::id::SessionId;
    use admittance::store::{Insert, SessionStore};
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let mut dead = ann.session().clone();
    dead.id = SessionId::from_bytes([9; 12]);
    dead.auth_epoch += 1;
    assert_eq!(
        bed.store.insert_session(&dead).await.unwrap(),
        Insert::Inserted
    );
    let list = bed
        .auth
        .list_sessions(&ann, ListSessions::default(), &bed.here)
        .await
        .unwrap();
    assert_eq!(list.sessions.len(), 1);
}

#[tokio::test]
async fn a_refresh_that_fails_before_the_rotation_may_be_tried_later() {
    use admittance::store::StoreError;
    use admittance::test_util::MockStore;
    let donor = Bed::new();
    let tokens = donor.register("ann@example.org").await.tokens;
    let mut store = MockStore::new();
    // No expectation for `rotate`: a call of it would panic.
    store
        .expect_hit_all()
        .returning(|_, _| Ok(admittance::limit::Decision::Allowed));
    store
        .expect_user()
        .times(1)
        .returning(|_| Err(StoreError::Timeout));
    let bed = Bed::over(std::sync::Arc::new(store), support::bed::config());
    let failed = bed.refresh(&tokens).await;
    assert!(
        matches!(failed, Err(AuthError::Store(StoreError::Timeout))),
        "{failed:?}"
    );
    donor.clock.advance(DAY);
    assert!(donor.refresh(&tokens).await.is_ok());
}

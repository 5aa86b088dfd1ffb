//! What a change in the store does to tokens that are out already.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use admittance::authz::{Permission, Role, RolePolicy};
use admittance::error::AuthError;
use admittance::limit::{Decision, Quota};
use admittance::lockout::Attempt;
use admittance::service::{ListSessions, RequestContext, Tokens, UpdateProfile};
use admittance::session::{Rotation, Session};
use admittance::store::{SessionStore, StoreError, UserStore};
use admittance::test_util::{MockStore, UnavailableStore};
use admittance::user::{User, UserStatus};
use mockall::predicate::{always, eq};

use crate::office::{ANN, Office, role};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config};
use support::mocks::{store_of, store_of_both};

/// The tokens and the record of a new user, and a store that gives back the
/// user as `shared` has it.
async fn with_user_record() -> (Tokens, Arc<Mutex<Option<User>>>, MockStore) {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let shared = Arc::new(Mutex::new(Some(ann.user().clone())));
    let session = ann.session().clone();

    let mut store = MockStore::new();
    store
        .expect_hit_all()
        .returning(|_, _| Ok(Decision::Allowed));
    let live = session.clone();
    store
        .expect_session()
        .returning(move |_, _| Ok(Some(live.clone())));
    let record = Arc::clone(&shared);
    store
        .expect_user()
        .returning(move |_| Ok(record.lock().unwrap().clone()));
    store
        .expect_rotate()
        .returning(move |_, _, policy, now| Ok(session.clone().rotate(0, policy, now)));
    (tokens, shared, store)
}

fn change(record: &Mutex<Option<User>>, change: impl FnOnce(&mut User)) {
    change(record.lock().unwrap().as_mut().unwrap());
}

#[tokio::test]
async fn asvs_8_3_2_a_removed_role_is_gone_at_the_next_request() {
    let examiner = Role::new("examiner").unwrap();
    let grade = Permission::new("exam:grade").unwrap();
    let mut settings = config();
    settings.roles = RolePolicy::new().grant(examiner.clone(), [grade.clone()]);
    let (tokens, record, store) = with_user_record().await;
    let bed = Bed::over(Arc::new(store), settings);
    change(&record, |user| {
        user.roles.insert(examiner);
    });
    let ann = bed.validate(&tokens).await.unwrap();
    assert!(ann.require_permission(&grade).is_ok());
    change(&record, |user| user.roles.clear());
    let ann = bed.validate(&tokens).await.unwrap();
    assert!(matches!(
        ann.require_permission(&grade),
        Err(AuthError::Forbidden)
    ));
}

#[tokio::test]
async fn asvs_7_4_2_and_ghsa_25_a_disabled_or_deleted_user_has_no_live_token() {
    let (tokens, record, mut store) = with_user_record().await;
    // A session of somebody who may not refresh is ended.
    store
        .expect_end_session()
        .times(2)
        .returning(|_, _| Ok(true));
    let bed = Bed::over(Arc::new(store), config());
    assert!(bed.validate(&tokens).await.is_ok());
    assert!(bed.refresh(&tokens).await.is_ok());

    change(&record, |user| user.status = UserStatus::Disabled);
    assert!(matches!(
        bed.validate(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
    assert!(matches!(
        bed.refresh(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
    *record.lock().unwrap() = None;
    assert!(matches!(
        bed.validate(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
    assert!(matches!(
        bed.refresh(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
}

#[tokio::test]
async fn asvs_7_2_1_a_well_signed_token_without_its_session_is_refused() {
    let (here, elsewhere) = (Bed::new(), Bed::new());
    let tokens = elsewhere.register("ann@example.org").await.tokens;
    let token = tokens.token.expose_secret();
    assert!(here.auth.verify_offline(token).is_ok());
    assert!(matches!(
        here.validate(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
    assert!(matches!(
        here.refresh(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
}

#[tokio::test]
async fn a_session_of_one_user_does_not_carry_another() {
    let (tokens, record, store) = with_user_record().await;
    let bed = Bed::over(Arc::new(store), config());
    change(&record, |user| {
        user.id = admittance::id::UserId::from_bytes([9; 12])
    });
    assert!(matches!(
        bed.validate(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
}

#[tokio::test]
async fn asvs_16_5_2_a_store_that_lies_opens_nothing() {
    // An ended session, as if it were live.
    let (tokens, _, store) = with_user_record().await;
    let bed = Bed::over(Arc::new(store), config());
    let ann = bed.validate(&tokens).await.unwrap();
    let mut ended = ann.session().clone();
    ended.expires_at = admittance::clock::Clock::now(&bed.clock);
    let bed = Bed::over(Arc::new(store_of(&ended, ann.user())), config());
    assert!(matches!(
        bed.validate(&tokens).await,
        Err(AuthError::InvalidToken)
    ));

    // Another session of the same user.
    let mut session = ann.session().clone();
    session.id = admittance::id::SessionId::from_bytes([9; 12]);
    let bed = Bed::over(Arc::new(store_of(&session, ann.user())), config());
    assert!(matches!(
        bed.validate(&tokens).await,
        Err(AuthError::InvalidToken)
    ));

    // Another session and another user of the same name, consistent by themselves.
    let (mut session, mut user) = (ann.session().clone(), ann.user().clone());
    user.id = admittance::id::UserId::from_bytes([9; 12]);
    session.user_id = user.id;
    let mut store = store_of(&session, &user);
    store
        .expect_hit_all()
        .returning(|_, _| Ok(Decision::Allowed));
    store
        .expect_user_by_email()
        .returning(move |_| Ok(Some(user.clone())));
    let bed = Bed::over(Arc::new(store), config());
    assert!(matches!(
        bed.validate(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
    let refused = bed.login("bob@example.org", PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::Internal(_))),
        "{refused:?}"
    );
    assert_eq!(bed.auth.hashing_stats().runs, 0);
}

/// The store returns the right session and user at first, and others later.
#[tokio::test]
async fn asvs_16_5_2_a_proof_is_not_renewed_by_another_session_or_user() {
    let (tokens, _, store) = with_user_record().await;
    let bed = Bed::over(Arc::new(store), config());
    let ann = bed.validate(&tokens).await.unwrap();
    let mut other_session = ann.session().clone();
    other_session.id = admittance::id::SessionId::from_bytes([9; 12]);
    let mut other_user = ann.user().clone();
    other_user.id = admittance::id::UserId::from_bytes([9; 12]);
    let mut of_other_user = ann.session().clone();
    of_other_user.user_id = other_user.id;
    let right = (ann.session().clone(), ann.user().clone());
    for wrong in [
        (other_session, ann.user().clone()),
        (of_other_user, other_user),
    ] {
        let both = Arc::new(Mutex::new(right.clone()));
        let bed = Bed::over(Arc::new(store_of_both(&both)), config());
        let ann = bed.validate(&tokens).await.unwrap();
        *both.lock().unwrap() = wrong;
        let refused = bed.auth.recheck(&ann).await;
        assert!(
            matches!(refused, Err(AuthError::InvalidToken)),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn asvs_16_5_2_a_store_that_is_down_refuses_everything_and_says_so() {
    let (tokens, _, _) = with_user_record().await;
    let bed = Bed::over(Arc::new(UnavailableStore), config());
    let registration = support::bed::registration("ann@example.org");
    let outcomes = [
        bed.auth.register(registration, &bed.here).await.map(drop),
        bed.login("ann@example.org", PASSWORD).await.map(drop),
        bed.validate(&tokens).await.map(drop),
        bed.refresh(&tokens).await.map(drop),
    ];
    for outcome in outcomes {
        assert!(
            matches!(outcome, Err(AuthError::Store(StoreError::Unavailable(_)))),
            "{outcome:?}"
        );
        assert!(bed.events.all().iter().all(|event| event.refused.is_some()));
    }
}

#[tokio::test]
async fn ghsa_29_a_failed_revocation_is_not_reported_as_done() {
    let (tokens, _, mut store) = with_user_record().await;
    store
        .expect_end_session()
        .returning(|_, _| Err(StoreError::Timeout));
    // Another one, so that there is something to end.
    let donor = Bed::new();
    let other = donor.register("bob@example.org").await.tokens;
    let other = donor.validate(&other).await.unwrap().session().clone();
    store
        .expect_sessions_of()
        .returning(move |user_id, _, _, _| {
            let other = other.clone();
            Ok(vec![Session { user_id, ..other }])
        });
    store
        .expect_end_sessions()
        .returning(|_, _| Err(StoreError::Timeout));
    let bed = Bed::over(Arc::new(store), config());
    let ann = bed.validate(&tokens).await.unwrap();
    let failed = |result: Result<(), AuthError>| {
        assert!(
            matches!(result, Err(AuthError::Store(StoreError::Timeout))),
            "{result:?}"
        );
        assert!(bed.events.last().refused.is_some());
    };
    failed(bed.auth.logout(&ann, &bed.here).await.map(drop));
    failed(
        bed.auth
            .end_session(&ann, ann.session().id, &bed.here)
            .await,
    );
    failed(bed.auth.end_all_sessions(&ann, &bed.here).await.map(drop));
}

#[tokio::test]
async fn ghsa_22_an_id_that_is_taken_is_an_error_and_gives_no_token() {
    use admittance::store::{Insert, InsertUser};
    let mut store = MockStore::new();
    store
        .expect_hit_all()
        .returning(|_, _| Ok(Decision::Allowed));
    store
        .expect_insert_session()
        .times(1)
        .returning(|_| Ok(Insert::Taken));
    let bed = Bed::over(Arc::new(store), config());
    let registration = support::bed::registration("ann@example.org");
    let refused = bed.auth.register(registration.clone(), &bed.here).await;
    assert!(
        matches!(refused, Err(AuthError::Internal(_))),
        "{refused:?}"
    );

    let mut store = MockStore::new();
    store
        .expect_hit_all()
        .returning(|_, _| Ok(Decision::Allowed));
    store
        .expect_insert_session()
        .returning(|_| Ok(Insert::Inserted));
    store
        .expect_insert_user()
        .times(1)
        .returning(|_| Ok(InsertUser::IdTaken));
    store
        .expect_end_session()
        .with(always(), always())
        .times(1)
        .returning(|_, _| Ok(true));
    let bed = Bed::over(Arc::new(store), config());
    let refused = bed.auth.register(registration, &bed.here).await;
    assert!(
        matches!(refused, Err(AuthError::Internal(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_login_that_a_disabling_overtakes_gives_no_session() {
    use admittance::store::Insert;
    let donor = Bed::new();
    let ann = donor.register("ann@example.org").await;
    let user = donor.store.user(ann.user_id).await.unwrap().unwrap();
    let id = user.id;

    let mut store = MockStore::new();
    store
        .expect_hit_all()
        .returning(|_, _| Ok(Decision::Allowed));
    store
        .expect_user_by_email()
        .returning(move |_| Ok(Some(user.clone())));
    store
        .expect_insert_session()
        .returning(|_| Ok(Insert::Inserted));
    store.expect_forgive().returning(|_, _| Ok(()));
    store.expect_give_back().returning(|_| Ok(()));
    store.expect_attempt().returning(|_, _, _| {
        Ok(Attempt::Allowed {
            count: 1,
            locks_for: std::time::Duration::ZERO,
        })
    });
    store
        .expect_record_login()
        .with(eq(id), eq(0), always(), always(), always())
        .returning(|_, _, _, _, _| Ok(false));
    store
        .expect_sessions_of()
        .returning(|_, _, _, _| Ok(Vec::new()));
    store
        .expect_end_session()
        .with(eq(id), always())
        .times(1)
        .returning(|_, _| Ok(true));
    let bed = Bed::over(Arc::new(store), config());
    let refused = bed.login("ann@example.org", PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidCredentials)),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ghsa_40_a_burst_of_four_times_the_budget_stays_within_it() {
    let bed = Bed::new();
    let racers: Vec<_> = (0..20)
        .map(|racer| {
            let auth = bed.auth.clone();
            // Other spellings and other hosts of one network: one budget.
            let host = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, racer);
            let there = RequestContext::from_ip(host.into());
            let guess = support::bed::login("ann@example.org", PASSWORD);
            tokio::spawn(async move { auth.login(guess, &there).await })
        })
        .collect();
    let mut checked = 0;
    for racer in racers {
        match racer.await.unwrap() {
            Err(AuthError::InvalidCredentials) => checked += 1,
            refused => assert!(
                matches!(refused, Err(AuthError::RateLimited { .. })),
                "{refused:?}"
            ),
        }
    }
    assert_eq!(checked, 5);
    assert_eq!(bed.auth.hashing_stats().runs, 5);
}

#[tokio::test]
async fn ghsa_30_a_hundred_thousand_anonymous_requests_create_no_records() {
    let mut settings = config();
    settings.limits.login_by_address = Some(Quota::new(60, Duration::from_secs(2)));
    let bed = Bed::with(settings);
    let forged = admittance::secret::RefreshToken::new(format!("adr_{}", "A".repeat(72)));
    for _ in 0..50_000 {
        assert!(
            bed.auth
                .validate_token("e30.e30.AAAA", &bed.here)
                .await
                .is_err()
        );
        let request = admittance::service::RefreshRequest {
            refresh_token: forged.clone(),
        };
        assert!(bed.auth.refresh(request, &bed.here).await.is_err());
    }
    for turn in 0..200 {
        assert!(
            bed.login(&format!("nobody{turn}@example.org"), PASSWORD)
                .await
                .is_err()
        );
    }
    let counts = bed.store.counts();
    assert_eq!((counts.users, counts.sessions, counts.tokens), (0, 0, 0));
    // One for each level of the network, and one for each account until the
    // narrowest level refused.
    assert_eq!(counts.limits, 62);
}

#[tokio::test]
async fn a_rotation_that_the_store_calls_gone_is_refused() {
    let (tokens, _, _) = with_user_record().await;
    let mut store = MockStore::new();
    store
        .expect_hit_all()
        .returning(|_, _| Ok(Decision::Allowed));
    store.expect_user().returning(|_| Ok(None));
    store
        .expect_rotate()
        .returning(|_, _, _, _| Ok(Rotation::Gone));
    let bed = Bed::over(Arc::new(store), config());
    assert!(matches!(
        bed.refresh(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
}

#[tokio::test]
async fn an_ended_session_is_not_listed() {
    let bed = Bed::new();
    let first = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&first).await.unwrap();
    assert!(
        bed.store
            .end_session(ann.user().id, ann.session().id)
            .await
            .unwrap()
    );
    let list = bed
        .auth
        .list_sessions(&ann, ListSessions::default(), &bed.here)
        .await
        .unwrap();
    assert!(list.sessions.is_empty());
}

#[tokio::test]
async fn asvs_7_4_2_an_operation_looks_at_the_status_and_the_epoch_of_the_account_by_itself() {
    // The session is still there: disabling an account does more than one thing, and each
    // must do by itself.
    type Change = fn(&mut User);
    let changes: [(&str, Change); 2] = [
        ("disabled", |user| user.status = UserStatus::Disabled),
        ("a later epoch", |user| user.auth_epoch += 1),
    ];
    for (what, wrong) in changes {
        let (tokens, record, store) = with_user_record().await;
        let bed = Bed::over(Arc::new(store), config());
        let ann = bed.validate(&tokens).await.unwrap();
        assert!(bed.auth.recheck(&ann).await.is_ok());
        change(&record, wrong);
        let refused = [
            bed.auth.recheck(&ann).await.map(drop),
            bed.auth
                .update_profile(&ann, UpdateProfile::default(), &bed.here)
                .await
                .map(drop),
            bed.change_password(&ann, PASSWORD, OTHER_PASSWORD)
                .await
                .map(drop),
            bed.auth.export_account(&ann, &bed.here).await.map(drop),
        ];
        for refused in refused {
            assert!(
                matches!(refused, Err(AuthError::InvalidToken)),
                "{what}: {refused:?}"
            );
        }
        // A read that comes later than a request lasts.
        bed.clock.advance(Duration::from_secs(61));
        let page = ListSessions::default();
        let refused = bed.auth.list_sessions(&ann, page, &bed.here).await;
        assert!(matches!(refused, Err(AuthError::InvalidToken)), "{what}");
    }
}

#[tokio::test]
async fn a_disabled_account_is_not_appointed_administrator() {
    // Without a mailer, so that nothing else refuses it.
    let office = Office::new().await;
    let (auth, here) = (office.auth(), &office.bed.here);
    for (status, is_appointed) in [(UserStatus::Disabled, false), (UserStatus::Active, true)] {
        let set = office.status(&office.ada, office.ann_id, status).await;
        assert_eq!(set.unwrap().status, status);
        let appointed = auth.appoint_administrator(ANN, &role("admin"), here).await;
        match appointed {
            Ok(view) => assert!(is_appointed && view.roles.contains(&role("admin"))),
            Err(AuthError::AccountDisabled) => assert!(!is_appointed),
            Err(other) => panic!("{other:?}"),
        }
        let roles = office.stored_roles(office.ann_id).await;
        assert_eq!(!roles.is_empty(), is_appointed, "{roles:?}");
    }
}

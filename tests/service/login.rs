use std::time::Duration;

use admittance::error::{AuthError, ErrorCode};
use admittance::event::{Notice, Operation};
use admittance::id::UserId;
use admittance::limit::Quota;
use admittance::password::Argon2Params;
use admittance::service::RequestContext;
use admittance::store::{InsertUser, UserStore};
use admittance::user::{PasswordHash, User, UserStatus};

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, hash_of, login};

/// Puts a copy of `email`'s user into the store, changed by `change`.
async fn plant(bed: &Bed, email: &str, change: impl FnOnce(&mut User)) -> User {
    let template = bed.register("template@example.org").await;
    let mut user = bed.store.user(template.user_id).await.unwrap().unwrap();
    user.id = UserId::from_bytes([9; 12]);
    user.email = admittance::email::Email::parse(email).unwrap();
    change(&mut user);
    assert_eq!(
        bed.store.insert_user(&user).await.unwrap(),
        InsertUser::Inserted
    );
    user
}

#[tokio::test]
async fn asvs_7_2_4_and_ghsa_21_a_login_opens_a_session_of_its_own() {
    let bed = Bed::new();
    let registered = bed.register("ann@example.org").await;
    bed.clock.advance(Duration::from_secs(60));
    let first = bed.login("Ann@Example.Org", PASSWORD).await.unwrap();
    let second = bed.login("ann@example.org", PASSWORD).await.unwrap();
    assert_eq!(first.user_id, registered.user_id);

    let sids = [&registered.tokens, &first.tokens, &second.tokens].map(|tokens| {
        let token = tokens.token.expose_secret();
        bed.auth.verify_offline(token).unwrap().sid
    });
    assert!(
        sids[0] != sids[1] && sids[1] != sids[2],
        "asvs_7_2_4: {sids:?}"
    );

    let ann = bed.validate(&second.tokens).await.unwrap();
    assert_eq!(
        ann.profile().last_login.unwrap().to_string(),
        "2026-01-01T00:01:00.000Z"
    );
}

#[tokio::test]
async fn ghsa_38_every_failing_login_looks_alike_and_costs_one_run_of_argon2() {
    let bed = Bed::new();
    bed.register("ann@example.org").await;
    plant(&bed, "disabled@example.org", |user| {
        user.status = UserStatus::Disabled
    })
    .await;
    let other = Bed::over(bed.store.clone(), {
        let mut settings = config();
        settings.hashing.params = Argon2Params::new(16, 2, 1).unwrap();
        settings
    });
    other.register("old-cost@example.org").await;
    let mut id = 20;
    for (email, hash) in [
        ("corrupt@example.org", "$argon2id$v=19$m=8,t=1,p=1$!!$!!"),
        ("foreign@example.org", "$2b$12$abcdefghijklmnopqrstuv"),
        (
            "huge@example.org",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHRzb21l$c29tZWhhc2hzb21laGFzaA",
        ),
        ("empty@example.org", ""),
    ] {
        id += 1;
        let template = bed
            .store
            .user_by_email(
                admittance::email::Email::parse("ann@example.org")
                    .unwrap()
                    .canonical(),
            )
            .await
            .unwrap()
            .unwrap();
        let user = User {
            id: UserId::from_bytes([id; 12]),
            email: admittance::email::Email::parse(email).unwrap(),
            password_hash: Some(PasswordHash::new(hash)),
            ..template
        };
        assert_eq!(
            bed.store.insert_user(&user).await.unwrap(),
            InsertUser::Inserted
        );
    }

    for (email, password) in [
        ("nobody@example.org", PASSWORD),
        ("ann@example.org", OTHER_PASSWORD),
        ("disabled@example.org", PASSWORD),
        ("disabled@example.org", OTHER_PASSWORD),
        ("old-cost@example.org", OTHER_PASSWORD),
        ("corrupt@example.org", PASSWORD),
        ("foreign@example.org", PASSWORD),
        ("huge@example.org", PASSWORD),
        ("empty@example.org", PASSWORD),
    ] {
        let before = bed.auth.hashing_stats().runs;
        let refused = bed.login(email, password).await.unwrap_err();
        assert!(
            matches!(refused, AuthError::InvalidCredentials),
            "{email}: {refused:?}"
        );
        assert_eq!(
            refused.to_string(),
            AuthError::InvalidCredentials.to_string()
        );
        assert_eq!(bed.auth.hashing_stats().runs - before, 1, "{email}");
    }
}

#[tokio::test]
async fn a_hash_that_cannot_be_checked_is_reported_to_the_operator() {
    let bed = Bed::new();
    let broken = plant(&bed, "ann@example.org", |user| {
        user.password_hash = Some(PasswordHash::new("$argon2id$broken"));
    })
    .await;
    bed.login("ann@example.org", PASSWORD).await.unwrap_err();
    let event = bed.events.last();
    assert_eq!(event.operation, Operation::Login);
    assert_eq!(event.refused, Some(ErrorCode::InvalidCredentials));
    assert_eq!(event.notices.first(), Some(Notice::PasswordHashUnusable));
    assert_eq!(event.user_id, Some(broken.id));
}

#[tokio::test]
async fn asvs_6_2_8_a_password_is_compared_whole() {
    let mut settings = config();
    settings.limits = admittance::config::LimitPolicy::off();
    let bed = Bed::with(settings);
    bed.register("ann@example.org").await;
    for wrong in [
        PASSWORD.to_uppercase(),
        format!("{PASSWORD} "),
        format!(" {PASSWORD}"),
        format!("{PASSWORD}\0"),
        PASSWORD[..PASSWORD.len() - 1].to_owned(),
    ] {
        assert!(
            bed.login("ann@example.org", &wrong).await.is_err(),
            "{wrong:?}"
        );
    }
    assert!(bed.login("ann@example.org", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn asvs_11_2_2_a_hash_with_old_parameters_is_renewed_at_login() {
    let bed = Bed::new();
    let ann = bed.register("ann@example.org").await;
    let newer = Bed::over(bed.store.clone(), {
        let mut settings = config();
        settings.hashing.params = Argon2Params::new(16, 2, 1).unwrap();
        settings
    });
    let stored = async || {
        let user = bed.store.user(ann.user_id).await.unwrap().unwrap();
        hash_of(&user).expose_secret().to_owned()
    };
    assert!(stored().await.contains("m=8,t=1,p=1"));
    newer.login("ann@example.org", PASSWORD).await.unwrap();
    assert!(stored().await.contains("m=16,t=2,p=1"));
    // Sessions from before go on, and the password is the same.
    assert!(newer.validate(&ann.tokens).await.is_ok());
    assert!(newer.login("ann@example.org", PASSWORD).await.is_ok());
    let renewed = stored().await;
    newer.login("ann@example.org", PASSWORD).await.unwrap();
    assert_eq!(stored().await, renewed);
}

#[tokio::test]
async fn asvs_6_2_10_a_password_does_not_expire() {
    let bed = Bed::new();
    bed.register("ann@example.org").await;
    bed.clock.advance(Duration::from_secs(10 * 365 * 86_400));
    assert!(bed.login("ann@example.org", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn ghsa_41_one_counter_for_an_account_across_its_spellings_and_one_for_a_session_over_its_paths()
 {
    let bed = Bed::new();
    let ann = bed.register("ann@example.org").await;
    let ann = bed.validate(&ann.tokens).await.unwrap();
    let spellings = ["ann@example.org", "ANN@example.org", " ann@EXAMPLE.org"];
    // From networks of their own, as a botnet would, and from a device of hers.
    let strangers: Vec<_> = (0..9)
        .map(|net| RequestContext::from_ip([203, net, 113, 9].into()))
        .collect();
    for there in [&strangers[..], &vec![bed.here.clone(); 9]] {
        for (turn, there) in there.iter().enumerate().take(5) {
            let guess = login(spellings[turn % 3], OTHER_PASSWORD);
            let refused = bed.auth.login(guess, there).await;
            assert!(
                matches!(refused, Err(AuthError::InvalidCredentials)),
                "{refused:?}"
            );
        }
        let runs = bed.auth.hashing_stats().runs;
        for (turn, there) in there.iter().enumerate().skip(5) {
            let right = login(spellings[turn % 3], PASSWORD);
            let refused = bed.auth.login(right, there).await.unwrap_err();
            assert_eq!(refused.retry_after(), Some(Duration::from_secs(30)));
            assert_eq!(bed.events.last().user_id, Some(ann.user().id));
        }
        assert_eq!(bed.auth.hashing_stats().runs, runs);
    }
    // A session has a count of its own, over all that asks it for the password.
    for turn in 0..5 {
        let wrong = match turn % 2 {
            0 => bed.change_password(&ann, "wrong", OTHER_PASSWORD).await,
            _ => confirm(&bed, &ann, "wrong").await,
        };
        let wrong = wrong.unwrap_err();
        assert!(matches!(wrong, AuthError::InvalidCredentials), "{wrong:?}");
    }
    let runs = bed.auth.hashing_stats().runs;
    for refused in [
        bed.change_password(&ann, PASSWORD, OTHER_PASSWORD).await,
        confirm(&bed, &ann, PASSWORD).await,
    ] {
        let wait = refused.unwrap_err().retry_after();
        assert_eq!(wait, Some(Duration::from_secs(30)));
    }
    assert_eq!(bed.auth.hashing_stats().runs, runs);

    bed.clock.advance(Duration::from_secs(30));
    assert!(bed.login("ann@example.org", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn asvs_6_3_1_one_client_does_not_lock_the_owner_out() {
    let bed = Bed::new();
    let ann = bed.register("ann@example.org").await;
    let stranger = RequestContext::from_ip([203, 0, 113, 9].into());
    for hour in 0..24 {
        for _ in 0..100 {
            let guess = login("ann@example.org", OTHER_PASSWORD);
            assert!(bed.auth.login(guess, &stranger).await.is_err());
            bed.clock.advance(Duration::from_secs(36));
        }
        let own = bed.login("ann@example.org", PASSWORD).await;
        assert!(own.is_ok(), "hour {hour}: {own:?}");
    }
    let tokens = bed.login("ann@example.org", PASSWORD).await.unwrap().tokens;
    let ann_again = bed.validate(&tokens).await.unwrap();
    assert_eq!(ann_again.user().id, ann.user_id);
    assert!(
        bed.change_password(&ann_again, PASSWORD, OTHER_PASSWORD)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_network_that_is_refused_uses_up_no_budget_of_accounts() {
    use admittance::limit::{LimitKey, Quota};
    use admittance::lockout::{LockoutPolicy, LockoutStep};
    let mut settings = config();
    settings.limits.login_by_address = Some(Quota::new(2, Duration::from_secs(1)));
    let third = LockoutStep {
        failures: 3,
        wait: Duration::from_secs(3600),
    };
    let table = LockoutPolicy::new([third], Duration::from_secs(86_400));
    settings.limits.login_by_account = Some(table.unwrap());
    let bed = Bed::with(settings);
    for _ in 0..50 {
        assert!(bed.login("ann@example.org", PASSWORD).await.is_err());
    }
    // Two got as far as the account's budget of three: one is left.
    bed.clock.advance(Duration::from_secs(60));
    let third = bed.login("ann@example.org", PASSWORD).await;
    assert!(
        matches!(third, Err(AuthError::InvalidCredentials)),
        "{third:?}"
    );
    let fourth = bed.login("ann@example.org", PASSWORD).await;
    assert_eq!(
        fourth.unwrap_err().retry_after(),
        Some(Duration::from_secs(3600))
    );
    assert_ne!(
        LimitKey::new("login:address", b"x"),
        LimitKey::new("login:account", b"x")
    );
}

#[tokio::test]
async fn ghsa_45_a_mapped_address_is_the_address_that_it_maps() {
    let bed = of_sixty();
    let mapped = std::net::Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped();
    for turn in 0..60 {
        let ip = if turn % 2 == 0 {
            mapped.into()
        } else {
            [192, 0, 2, 1].into()
        };
        let guess = login(&format!("user{turn}@example.org"), PASSWORD);
        let refused = bed.auth.login(guess, &RequestContext::from_ip(ip)).await;
        assert!(
            matches!(refused, Err(AuthError::InvalidCredentials)),
            "{refused:?}"
        );
    }
    let refused = bed.login("x@example.org", PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::RateLimited { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn asvs_6_3_1_guesses_from_one_network_are_limited_across_accounts() {
    let bed = of_sixty();
    let from = |host: u16| {
        let ip = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, host);
        RequestContext::from_ip(ip.into())
    };
    for turn in 0..60 {
        let guess = login(&format!("user{turn}@example.org"), PASSWORD);
        let refused = bed.auth.login(guess, &from(turn)).await.unwrap_err();
        assert!(
            matches!(refused, AuthError::InvalidCredentials),
            "{turn}: {refused:?}"
        );
    }
    // ghsa_45: another host of the same /64 is the same client.
    let refused = bed
        .auth
        .login(login("x@example.org", PASSWORD), &from(999))
        .await;
    assert!(
        matches!(refused, Err(AuthError::RateLimited { .. })),
        "{refused:?}"
    );
}

/// A service that allows a network 60 wrong passwords at once.
fn of_sixty() -> Bed {
    let mut settings = config();
    settings.limits.login_by_address = Some(Quota::new(60, Duration::from_secs(2)));
    Bed::with(settings)
}

#[tokio::test]
async fn ghsa_42_a_login_of_ones_own_does_not_clear_the_address_counter() {
    let bed = of_sixty();
    bed.register("mallory@example.org").await;
    let mut allowed = 0;
    for turn in 0..200 {
        if turn % 5 == 0 {
            bed.login("mallory@example.org", PASSWORD).await.ok();
        }
        let guess = bed
            .login(&format!("user{turn}@example.org"), PASSWORD)
            .await;
        allowed += usize::from(!matches!(guess, Err(AuthError::RateLimited { .. })));
    }
    assert!(allowed <= 60, "{allowed}");
}

#[tokio::test]
async fn asvs_16_5_2_a_limiter_that_cannot_be_reached_refuses() {
    use admittance::store::StoreError;
    use admittance::test_util::MockStore;
    let mut store = MockStore::new();
    store
        .expect_hit_all()
        .returning(|_, _| Err(StoreError::Timeout));
    let broken = Bed::over(std::sync::Arc::new(store), config());
    let refused = broken.login("ann@example.org", PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::Store(StoreError::Timeout))),
        "{refused:?}"
    );
    assert_eq!(broken.auth.hashing_stats().runs, 0);
    assert_eq!(broken.events.last().refused, Some(ErrorCode::Unavailable));
}

async fn confirm(
    bed: &Bed,
    auth: &admittance::service::Authenticated,
    password: &str,
) -> Result<admittance::service::LoginResponse, AuthError> {
    let request = admittance::service::Reauthenticate::by_password(password);
    bed.auth.reauthenticate(auth, request, &bed.here).await
}

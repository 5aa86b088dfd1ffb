//! Checks of access tokens that do not ask the store each time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use admittance::authz::{Role, RolePolicy};
use admittance::config::{AuthConfig, SessionCheck};
use admittance::error::{AuthError, ConfigError};
use admittance::mail::MailKind;
use admittance::service::{
    Authenticated, ChangeRoles, DeleteAccount, EmailRequest, LinkRequest, LoginResponse,
    Reauthenticate, RefreshRequest, ResetPassword, SetStatus, Tokens, UpdateProfile, VerifyEmail,
};
use admittance::store::{MemoryStore, SessionStore};
use admittance::test_util::MockStore;
use admittance::user::UserStatus;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config};
use support::mocks::store_of_both;

const ADA: &str = "ada@example.org";
const ANN: &str = "ann@example.org";
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const STALENESS: Duration = Duration::from_secs(30);

fn cached(capacity: usize) -> AuthConfig {
    let mut settings = config();
    settings.session.check = SessionCheck::Cached {
        max_staleness: STALENESS,
        capacity,
    };
    settings
}

fn is_invalid<T>(result: &Result<T, AuthError>) -> bool {
    matches!(result, Err(AuthError::InvalidToken))
}

/// Two instances over one store; the first keeps what it checked.
fn two_instances() -> (Bed, Bed) {
    let one = Bed::mailing_with(cached(100));
    let two = Bed::over(one.store.clone(), config());
    (one, two)
}

/// A store that lets each of these sessions be read `times`, and nothing else
/// be done. Any call more panics.
async fn read_only(donor: &Bed, all: &[&Tokens], times: usize) -> Arc<MockStore> {
    let mut store = MockStore::new();
    for tokens in all {
        let auth = donor.validate(tokens).await.unwrap();
        let (session, user) = (auth.session().clone(), auth.user().clone());
        let id = session.id;
        store
            .expect_session()
            .withf(move |asked, _| *asked == id)
            .times(times)
            .returning(move |_, _| Ok(Some(session.clone())));
        store
            .expect_user()
            .times(times)
            .returning(move |_| Ok(Some(user.clone())));
    }
    Arc::new(store)
}

#[tokio::test]
async fn by_default_every_check_asks_the_store() {
    assert_eq!(config().session.check, SessionCheck::EveryRequest);
    let donor = Bed::new();
    let tokens = donor.register(ANN).await.tokens;
    let store = read_only(&donor, &[&tokens], 7).await;
    let bed = Bed::over(store, config());
    for _ in 0..7 {
        assert!(bed.validate(&tokens).await.is_ok());
    }
}

#[tokio::test]
async fn a_check_that_is_kept_asks_no_store() {
    let donor = Bed::new();
    let tokens = donor.register(ANN).await.tokens;
    let store = read_only(&donor, &[&tokens], 2).await;
    let bed = Bed::over(store, cached(1));
    for _ in 0..2 {
        for _ in 0..1000 {
            let ann = bed.validate(&tokens).await.unwrap();
            assert_eq!(ann.user().email.as_str(), ANN);
        }
        bed.clock.advance(STALENESS);
    }
}

#[tokio::test]
async fn what_ended_elsewhere_acts_within_the_stated_staleness() {
    let (one, two) = two_instances();
    let tokens = one.register(ANN).await.tokens;
    assert!(one.validate(&tokens).await.is_ok());
    let ann = two.validate(&tokens).await.unwrap();
    two.auth.logout(&ann, &two.here).await.unwrap();
    one.clock.advance(STALENESS - MILLISECOND);
    assert!(one.validate(&tokens).await.is_ok());
    one.clock.advance(MILLISECOND);
    assert!(is_invalid(&one.validate(&tokens).await));
}

#[tokio::test]
async fn a_clock_that_goes_back_prolongs_no_staleness() {
    let (one, two) = two_instances();
    let tokens = one.register(ANN).await.tokens;
    let other = one.register("bob@example.org").await.tokens;
    assert!(one.validate(&tokens).await.is_ok());
    one.clock.advance(20 * SECOND);
    assert!(one.validate(&other).await.is_ok());
    let ann = two.validate(&tokens).await.unwrap();
    two.auth.logout(&ann, &two.here).await.unwrap();
    one.clock.turn_back(MILLISECOND);
    assert!(is_invalid(&one.validate(&tokens).await));
}

#[tokio::test]
async fn a_session_that_ends_by_itself_is_not_kept_beyond_its_end() {
    let mut settings = cached(100);
    settings.session.short.idle_timeout = Duration::from_secs(60);
    let bed = Bed::with(settings);
    bed.register(ANN).await;
    let request = admittance::service::LoginRequest {
        remember: Some(false),
        ..support::bed::login(ANN, PASSWORD)
    };
    let tokens = bed.auth.login(request, &bed.here).await.unwrap().tokens;
    bed.clock.advance(59 * SECOND);
    assert!(bed.validate(&tokens).await.is_ok());
    bed.clock.advance(SECOND);
    assert!(is_invalid(&bed.validate(&tokens).await));
}

/// What ends a session, or changes what is known of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Logout,
    LogoutByRefresh,
    EndSession,
    EndAllSessions,
    NewPassword,
    Reauthenticate,
    Reset,
    Reuse,
    Delete,
    Disown,
    Cap,
    EndByAdministrator,
    EndAllByAdministrator,
    Disable,
}

async fn confirm(bed: &Bed, tokens: &Tokens) -> Result<LoginResponse, AuthError> {
    let who = bed.validate(tokens).await?;
    let request = Reauthenticate::by_password(PASSWORD);
    bed.auth.reauthenticate(&who, request, &bed.here).await
}

impl Change {
    async fn make(self, bed: &Bed, first: &Tokens, tokens: &Tokens) {
        let (auth, here) = (&bed.auth, &bed.here);
        let who = bed.validate(tokens).await.unwrap();
        let other = bed.validate(first).await.unwrap();
        match self {
            Self::Logout => drop(auth.logout(&who, here).await.unwrap()),
            Self::LogoutByRefresh => {
                let request = RefreshRequest {
                    refresh_token: tokens.refresh_token.clone(),
                };
                drop(auth.logout_by_refresh_token(request, here).await.unwrap());
            }
            Self::EndSession => auth
                .end_session(&other, who.session().id, here)
                .await
                .unwrap(),
            Self::EndAllSessions => {
                assert_eq!(auth.end_all_sessions(&other, here).await.unwrap(), 1);
            }
            Self::NewPassword => {
                let changed = bed.change_password(&other, PASSWORD, OTHER_PASSWORD).await;
                drop(changed.unwrap());
            }
            Self::Reauthenticate => drop(confirm(bed, tokens).await.unwrap()),
            Self::Reset => {
                let asked = EmailRequest { email: ANN.into() };
                auth.forgot_password(asked, here).await.unwrap();
                let request = ResetPassword {
                    token: bed.mailed(MailKind::ResetPassword).await,
                    new_password: OTHER_PASSWORD.into(),
                    confirm_password: OTHER_PASSWORD.into(),
                };
                auth.reset_password(request, here).await.unwrap();
            }
            Self::Reuse => {
                let next = bed.refresh(tokens).await.unwrap();
                bed.refresh(&next).await.unwrap();
                // Kept again, and then ended by the reuse.
                bed.validate(tokens).await.unwrap();
                assert!(bed.refresh(tokens).await.is_err());
            }
            Self::Delete => {
                let request = DeleteAccount {
                    current_password: PASSWORD.into(),
                };
                auth.delete_account(&other, request, here).await.unwrap();
            }
            Self::Disown => {
                let token = bed.mailed(MailKind::VerifyEmail).await;
                let request = LinkRequest { token };
                auth.disown_email(request, here).await.unwrap();
            }
            Self::Cap => {
                bed.clock.advance(SECOND);
                bed.validate(tokens).await.unwrap();
                bed.login(ANN, PASSWORD).await.unwrap();
            }
            Self::EndByAdministrator => {
                let (id, session) = (who.user().id, who.session().id);
                let ada = administrator(bed).await;
                let ended = auth.end_user_session(&ada, id, session, here);
                ended.await.unwrap();
            }
            Self::EndAllByAdministrator => {
                let ada = administrator(bed).await;
                let ended = auth.end_user_sessions(&ada, who.user().id, here).await;
                assert_eq!(ended.unwrap(), 2);
            }
            Self::Disable => {
                let request = SetStatus {
                    status: UserStatus::Disabled,
                };
                let ada = administrator(bed).await;
                let disabled = auth.set_user_status(&ada, who.user().id, request, here);
                disabled.await.unwrap();
            }
        }
    }
}

fn admin() -> Role {
    Role::new("admin").unwrap()
}

/// An administrator, whose appointment is seen at once.
async fn administrator(bed: &Bed) -> Authenticated {
    let tokens = bed.register(ADA).await.tokens;
    assert!(bed.validate(&tokens).await.unwrap().user().roles.is_empty());
    let appointed = bed
        .auth
        .appoint_administrator(ADA, &admin(), &bed.here)
        .await;
    appointed.unwrap();
    let ada = bed.validate(&tokens).await.unwrap();
    assert!(ada.user().roles.contains(&admin()));
    ada
}

#[tokio::test]
async fn asvs_7_4_1_what_ended_through_this_instance_acts_at_once() {
    for change in [
        Change::Logout,
        Change::LogoutByRefresh,
        Change::EndSession,
        Change::EndAllSessions,
        Change::NewPassword,
        Change::Reauthenticate,
        Change::Reset,
        Change::Reuse,
        Change::Delete,
        Change::Disown,
        Change::Cap,
        Change::EndByAdministrator,
        Change::EndAllByAdministrator,
        Change::Disable,
    ] {
        let mut settings = cached(100);
        settings.session.max_per_user = Some(2);
        settings.roles = RolePolicy::new().administrator(admin());
        // Without a mailer, since nobody confirms the administrator's address.
        let bed = match change {
            Change::Reset | Change::Disown => Bed::mailing_with(settings),
            _ => Bed::with(settings),
        };
        let mut first = bed.register(ANN).await.tokens;
        bed.clock.advance(SECOND);
        let mut tokens = bed.login(ANN, PASSWORD).await.unwrap().tokens;
        if change == Change::Cap {
            // The older one is the one that ends.
            std::mem::swap(&mut first, &mut tokens);
        }
        assert!(bed.validate(&tokens).await.is_ok());
        change.make(&bed, &first, &tokens).await;
        assert!(is_invalid(&bed.validate(&tokens).await), "{change:?}");
    }
}

#[tokio::test]
async fn what_this_instance_changed_is_seen_at_once() {
    let bed = Bed::mailing_with(cached(100));
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let change = UpdateProfile {
        name: Some("Ann Lee".into()),
        preferences: None,
    };
    bed.auth
        .update_profile(&ann, change, &bed.here)
        .await
        .unwrap();
    let ann = bed.validate(&tokens).await.unwrap();
    assert_eq!(ann.profile().name, "Ann Lee");
    let request = VerifyEmail {
        token: bed.mailed(MailKind::VerifyEmail).await,
        password: None,
        ticket: None,
    };
    let verified = bed.auth.verify_email(request, Some(&ann), &bed.here).await;
    drop(verified.unwrap());
    assert!(bed.validate(&tokens).await.unwrap().profile().is_verified);
    bed.clock.advance(SECOND);
    bed.login(ANN, PASSWORD).await.unwrap();
    let last = bed.validate(&tokens).await.unwrap().user().last_login;
    assert_eq!(last.unwrap().to_string(), "2026-01-01T00:00:01.000Z");
}

#[tokio::test]
async fn a_password_is_taken_for_what_the_store_has_now() {
    // The session was ended elsewhere, and is still kept here.
    let (one, two) = two_instances();
    let tokens = one.register(ANN).await.tokens;
    let ann = one.validate(&tokens).await.unwrap();
    let there = two.validate(&tokens).await.unwrap();
    two.auth.logout(&there, &two.here).await.unwrap();
    assert!(one.validate(&tokens).await.is_ok());
    let delete = DeleteAccount {
        current_password: PASSWORD.into(),
    };
    for refused in [
        one.change_password(&ann, PASSWORD, OTHER_PASSWORD)
            .await
            .map(drop),
        confirm(&one, &tokens).await.map(drop),
        one.auth.delete_account(&ann, delete, &one.here).await,
    ] {
        assert!(is_invalid(&refused), "{refused:?}");
    }

    // The hash was renewed elsewhere, and is still kept here as it was.
    let mut older = cached(100);
    older.hashing.params = admittance::password::Argon2Params::new(16, 2, 1).unwrap();
    let store = MemoryStore::new();
    let before = Bed::over(store.clone(), older);
    let tokens = before.register(ANN).await.tokens;
    before.validate(&tokens).await.unwrap();
    let after = Bed::over(store, config());
    after.login(ANN, PASSWORD).await.unwrap();
    let ann = before.validate(&tokens).await.unwrap();
    let changed = before.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
    assert!(changed.is_ok(), "{changed:?}");
}

#[tokio::test]
async fn asvs_8_3_2_a_role_changes_at_once_and_an_administrator_is_asked_for_anew() {
    let mut settings = cached(100);
    settings.roles = RolePolicy::new().administrator(admin());
    let one = Bed::with(settings.clone());
    let two = Bed::over(one.store.clone(), settings);
    let tokens = one.register(ANN).await.tokens;
    let ann = one.validate(&tokens).await.unwrap();
    let ada = administrator(&one).await;
    let roles = |grant: &[&str], revoke: &[&str]| ChangeRoles {
        grant: grant.iter().map(|&name| name.into()).collect(),
        revoke: revoke.iter().map(|&name| name.into()).collect(),
    };
    let id = ann.user().id;
    for (request, has_it) in [
        (roles(&["admin"], &[]), true),
        (roles(&[], &["admin"]), false),
    ] {
        let changed = one.auth.change_user_roles(&ada, id, request, &one.here);
        changed.await.unwrap();
        let ann = one.validate(&tokens).await.unwrap();
        assert_eq!(ann.user().roles.contains(&admin()), has_it);
    }

    // Ada is logged out elsewhere: what she still holds here changes nothing.
    let ended = two.store.end_session(ada.user().id, ada.session().id);
    assert!(ended.await.unwrap());
    let status = SetStatus {
        status: UserStatus::Disabled,
    };
    let granted = one
        .auth
        .change_user_roles(&ada, id, roles(&["admin"], &[]), &one.here)
        .await;
    let disabled = one.auth.set_user_status(&ada, id, status, &one.here).await;
    let ended = one.auth.end_user_sessions(&ada, id, &one.here).await;
    for refused in [granted.map(drop), disabled.map(drop), ended.map(drop)] {
        assert!(is_invalid(&refused), "{refused:?}");
    }
    assert!(one.validate(&tokens).await.is_ok());
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let (one, two) = two_instances();
    let tokens = one.register(ANN).await.tokens;
    let ann = two.validate(&tokens).await.unwrap();
    two.auth.logout(&ann, &two.here).await.unwrap();
    assert!(is_invalid(&one.validate(&tokens).await));
    // There again, as after a store was restored: nothing here says no to it.
    let inserted = two.store.insert_session(ann.session()).await.unwrap();
    assert_eq!(inserted, admittance::store::Insert::Inserted);
    assert!(one.validate(&tokens).await.is_ok());
}

#[tokio::test]
async fn the_oldest_check_makes_room_for_a_new_one() {
    let donor = Bed::new();
    let first = donor.register(ANN).await.tokens;
    let second = donor.login(ANN, PASSWORD).await.unwrap().tokens;
    let third = donor.login(ANN, PASSWORD).await.unwrap().tokens;
    // The second is read once; the first and the third again, in turn.
    let once = read_only(&donor, &[&first, &second, &third], 1).await;
    let bed = Bed::over(once, cached(3));
    for _ in 0..5 {
        for tokens in [&first, &second, &third] {
            assert!(bed.validate(tokens).await.is_ok());
        }
    }
    let each_time = read_only(&donor, &[&first, &second, &third], 5).await;
    let bed = Bed::over(each_time, cached(2));
    for _ in 0..5 {
        for tokens in [&first, &second, &third] {
            assert!(bed.validate(tokens).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_token_of_a_later_epoch_than_what_is_kept_asks_the_store() {
    let (one, two) = two_instances();
    let tokens = one.register(ANN).await.tokens;
    assert!(one.validate(&tokens).await.is_ok());
    let ann = two.validate(&tokens).await.unwrap();
    let changed = two.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
    let fresh = changed.unwrap().tokens;
    assert!(one.validate(&fresh).await.is_ok());
    assert!(one.validate(&fresh).await.is_ok());
}

#[test]
fn a_staleness_or_capacity_that_makes_no_sense_is_refused() {
    let staleness = "session.check.max_staleness";
    let capacity = "session.check.capacity";
    for (max_staleness, capacity_given, ttl, wrong) in [
        (Duration::ZERO, 1, 900, Some(staleness)),
        (MILLISECOND, 1, 900, None),
        (300 * SECOND, 1_000_000, 900, None),
        (300 * SECOND + MILLISECOND, 1, 900, Some(staleness)),
        (60 * SECOND, 1, 60, None),
        (60 * SECOND + MILLISECOND, 1, 60, Some(staleness)),
        (SECOND, 0, 900, Some(capacity)),
        (SECOND, 1_000_001, 900, Some(capacity)),
    ] {
        let mut settings = config();
        settings.access_token_ttl = Duration::from_secs(ttl);
        settings.session.check = SessionCheck::Cached {
            max_staleness,
            capacity: capacity_given,
        };
        let named = match settings.validate() {
            Ok(()) => None,
            Err(ConfigError::Invalid { setting, .. }) => Some(setting),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(named, wrong, "{max_staleness:?} {capacity_given} {ttl}");
    }
}

#[tokio::test]
async fn what_a_store_answers_for_another_session_or_user_renews_no_proof() {
    let donor = Bed::new();
    let tokens = donor.register(ANN).await.tokens;
    let other = donor.login(ANN, PASSWORD).await.unwrap().tokens;
    let bob = donor.register("bob@example.org").await.tokens;
    let ann = donor.validate(&tokens).await.unwrap();
    let other = donor.validate(&other).await.unwrap();
    let bob = donor.validate(&bob).await.unwrap();
    let own = (ann.session().clone(), ann.user().clone());
    let both = Arc::new(Mutex::new(own.clone()));
    let bed = Bed::over(Arc::new(store_of_both(&both)), config());
    let held = bed.validate(&tokens).await.unwrap();
    for (answered, is_renewed) in [
        (own.clone(), true),
        ((other.session().clone(), own.1.clone()), false),
        ((bob.session().clone(), bob.user().clone()), false),
        ((own.0.clone(), bob.user().clone()), false),
    ] {
        *both.lock().unwrap() = answered;
        let renewed = bed.auth.recheck(&held).await;
        assert_eq!(renewed.is_ok(), is_renewed, "{renewed:?}");
    }
}

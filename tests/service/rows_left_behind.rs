//! Rows of links that are left behind, by a fault, a lost process or an order
//! of events.

use std::sync::Arc;
use std::time::Duration;

use admittance::config::{RegistrationMode, UnverifiedExpiry};
use admittance::event::{Notice, Operation};
use admittance::limit::Decision;
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::{
    Authenticated, ChangeEmail, DeleteAccount, LinkRequest, NewUser, VerifyEmail, VerifyOutcome,
};
use admittance::store::{StoreError, TokenStore};
use admittance::test_util::MockStore;
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenDigest, TokenPurpose};

use support::bed::{Bed, PASSWORD, config, registration};

const A: &str = "a@example.org";
const B: &str = "b@example.org";
const C: &str = "c@example.org";
const DAY: Duration = Duration::from_secs(86_400);

fn verify_first() -> Bed {
    let mut config = config();
    config.registration = RegistrationMode::VerifyFirst;
    config.limits = admittance::config::LimitPolicy::off();
    Bed::mailing_with(config)
}

async fn pending(bed: &Bed, email: &str) -> MailToken {
    let registered = bed.auth.register(registration(email), &bed.here).await;
    let _ = registered.unwrap();
    bed.mailed(MailKind::CompleteRegistration).await
}

async fn complete(bed: &Bed, token: &MailToken) -> Option<Authenticated> {
    let request = VerifyEmail {
        token: token.clone(),
        password: Some(PASSWORD.into()),
        ticket: None,
    };
    match bed.auth.verify_email(request, None, &bed.here).await {
        Ok(VerifyOutcome::Opened(answer)) => bed.validate(&answer.tokens).await.ok(),
        _ => None,
    }
}

async fn asked(bed: &Bed, who: &Authenticated, to: &str) -> MailToken {
    let request = ChangeEmail {
        new_email: to.into(),
        current_password: PASSWORD.into(),
    };
    let asked = bed.auth.change_email(who, request, &bed.here).await;
    let _ = asked.unwrap();
    bed.mailed(MailKind::ConfirmEmailChange).await
}

async fn confirm(bed: &Bed, who: &Authenticated, token: &MailToken) -> bool {
    let request = LinkRequest {
        token: token.clone(),
    };
    let done = bed.auth.confirm_email_change(who, request, &bed.here).await;
    done.is_ok()
}

async fn delete(bed: &Bed, who: &Authenticated) {
    let request = DeleteAccount {
        current_password: PASSWORD.into(),
    };
    bed.auth
        .delete_account(who, request, &bed.here)
        .await
        .unwrap();
    bed.auth.flush_mail().await;
}

async fn row(bed: &Bed, purpose: TokenPurpose, token: &MailToken) -> OneTimeToken {
    use admittance::clock::Clock;
    let digest = TokenDigest::of(purpose, token.expose_secret());
    let row = bed.store.token(digest, purpose, bed.clock.now()).await;
    row.unwrap().unwrap()
}

async fn again(bed: &Bed, who: &Authenticated) -> Authenticated {
    let email = admittance::store::UserStore::user(&bed.store, who.user().id).await;
    let email = email.unwrap().unwrap().email.as_str().to_owned();
    let tokens = bed.login(&email, PASSWORD).await.unwrap().tokens;
    bed.validate(&tokens).await.unwrap()
}

#[tokio::test]
async fn asvs_7_4_2_a_deletion_takes_the_pending_registration_of_its_address_along() {
    let bed = verify_first();
    let first = pending(&bed, A).await;
    let user = complete(&bed, &first).await.unwrap();
    // The same person registers with another address, leaves it, and moves the
    // account there instead.
    let forgotten = pending(&bed, B).await;
    let change = asked(&bed, &user, B).await;
    assert!(confirm(&bed, &user, &change).await);
    let user = again(&bed, &user).await;
    delete(&bed, &user).await;
    let counts = bed.store.counts();
    let back = complete(&bed, &forgotten).await.is_some();
    assert_eq!(
        (counts.users, counts.tokens, back),
        (0, 0, false),
        "(users, tokens, came back)"
    );
}

/// One of the two removals of rows fails, or none.
#[tokio::test]
async fn rows_that_a_deletion_leaves_behind_are_told_of() {
    for failing in [None, Some("end_dead_sessions"), Some("remove_tokens")] {
        let donor = Bed::mailing();
        let tokens = donor.register(A).await.tokens;
        let user = donor.validate(&tokens).await.unwrap().user().clone();
        let mut store = MockStore::new();
        let found = user.clone();
        store
            .expect_user()
            .returning(move |_| Ok(Some(found.clone())));
        store
            .expect_hit_all()
            .returning(|_, _| Ok(Decision::Allowed));
        store.expect_give_back().returning(|_| Ok(()));
        store.expect_remove_user().returning(|_, _| Ok(true));
        let down = move |name| match failing == Some(name) {
            true => Err(StoreError::Unavailable("it is down".into())),
            false => Ok(1),
        };
        store
            .expect_end_dead_sessions()
            .returning(move |_, _| down("end_dead_sessions"));
        store
            .expect_remove_tokens()
            .returning(move |_, _, _| down("remove_tokens"));
        let bed = Bed::over(Arc::new(store), config());
        bed.auth.remove_user(user.id, &bed.here).await.unwrap();
        let event = bed.events.all().pop().unwrap();
        assert_eq!(event.operation, Operation::RemoveUser);
        let told = event.notices.contains(Notice::RowsLeftBehind);
        assert_eq!(told, failing.is_some(), "{failing:?}");
    }
}

#[tokio::test]
async fn ghsa_7_a_row_left_behind_is_dead_also_once_the_address_comes_back() {
    let bed = Bed::mailing();
    let tokens = bed.register(A).await.tokens;
    let user = bed.validate(&tokens).await.unwrap();
    let to_c = asked(&bed, &user, C).await;
    let left_behind = row(&bed, TokenPurpose::ChangeEmail, &to_c).await;
    let to_b = asked(&bed, &user, B).await;
    assert!(confirm(&bed, &user, &to_b).await);
    // `remove_tokens` failed, or the process died before it.
    let _ = bed.store.insert_token(&left_behind).await.unwrap();
    let user = again(&bed, &user).await;
    assert!(
        !confirm(&bed, &user, &to_c).await,
        "dead, as decision 0007 says"
    );
    bed.clock.advance(std::time::Duration::from_secs(600));
    let to_a = asked(&bed, &user, A).await;
    let _ = bed.store.insert_token(&left_behind).await.unwrap();
    assert!(confirm(&bed, &user, &to_a).await);
    let _ = bed.store.insert_token(&left_behind).await.unwrap();
    let user = again(&bed, &user).await;
    assert!(
        !confirm(&bed, &user, &to_c).await,
        "the link is alive again"
    );
}

/// An account of the address that a registration waits for, which the application has made.
async fn made_meanwhile(bed: &Bed, email: &str) {
    let mut new = NewUser::new(email, "Ann");
    let donor = Bed::new();
    let tokens = donor.register(email).await.tokens;
    let ann = donor.validate(&tokens).await.unwrap();
    new.password_hash.clone_from(&ann.user().password_hash);
    bed.auth.create_user(new, &bed.here).await.unwrap();
}

#[tokio::test]
async fn asvs_7_4_2_whatever_removes_an_account_takes_the_pending_registrations_of_its_address_along()
 {
    let bed = verify_first();
    // Nothing but the deletion looks at the registration that still waits.
    let waiting = pending(&bed, A).await;
    made_meanwhile(&bed, A).await;
    let tokens = bed.login(A, PASSWORD).await.unwrap().tokens;
    let user = bed.validate(&tokens).await.unwrap();
    delete(&bed, &user).await;
    assert!(complete(&bed, &waiting).await.is_none(), "deleted");

    let bed = verify_first();
    let waiting = pending(&bed, A).await;
    made_meanwhile(&bed, A).await;
    support::asks::resend(&bed, A).await.unwrap();
    let not_me = bed.mailed(MailKind::VerifyEmail).await;
    support::asks::disown(&bed, &not_me).await.unwrap();
    assert!(complete(&bed, &waiting).await.is_none(), "disowned");

    let mut config = config();
    config.registration = RegistrationMode::VerifyFirst;
    config.limits = admittance::config::LimitPolicy::off();
    // Registrations wait for longer than accounts that nobody uses.
    config.links.verify_email_ttl = DAY * 7;
    config.session.idle_timeout = DAY;
    config.session.absolute_timeout = DAY;
    config.unverified_expiry = Some(UnverifiedExpiry::new(DAY * 5, Timestamp::MIN));
    let bed = Bed::mailing_with(config);
    let waiting = pending(&bed, A).await;
    made_meanwhile(&bed, A).await;
    bed.login(A, PASSWORD).await.unwrap();
    bed.clock.advance(DAY * 6);
    let expired = bed.auth.expire_unverified(None, 10).await.unwrap();
    assert_eq!(expired.removed, 1);
    assert!(complete(&bed, &waiting).await.is_none(), "expired");
}

#[tokio::test]
async fn a_change_of_address_takes_the_pending_registrations_of_both_addresses_along() {
    let bed = verify_first();
    let (of_old, of_new) = (pending(&bed, A).await, pending(&bed, B).await);
    made_meanwhile(&bed, A).await;
    let tokens = bed.login(A, PASSWORD).await.unwrap().tokens;
    let user = bed.validate(&tokens).await.unwrap();
    let change = asked(&bed, &user, B).await;
    assert!(confirm(&bed, &user, &change).await);
    // The old address is free, and its owner may be somebody else by now.
    assert!(complete(&bed, &of_old).await.is_none());
    let user = again(&bed, &user).await;
    let away = asked(&bed, &user, C).await;
    // Left behind: so it is the change that has removed it, and not the next one.
    assert_eq!(bed.store.counts().registrations, 0);
    assert!(confirm(&bed, &user, &away).await);
    assert!(complete(&bed, &of_new).await.is_none());
}

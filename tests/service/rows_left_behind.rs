//! Rows of links that are left behind, by a fault, a lost process or an order
//! of events.

use admittance::config::RegistrationMode;
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::{
    Authenticated, ChangeEmail, DeleteAccount, LinkRequest, VerifyEmail, VerifyOutcome,
};
use admittance::store::TokenStore;
use admittance::token::{OneTimeToken, TokenDigest, TokenPurpose};

use support::bed::{Bed, PASSWORD, config, registration};

const A: &str = "a@example.org";
const B: &str = "b@example.org";
const C: &str = "c@example.org";

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

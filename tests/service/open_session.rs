//! Sessions for a proof that the application brings.

use std::time::Duration;

use admittance::error::AuthError;
use admittance::event::{AuthEvent, Notice, Operation};
use admittance::id::UserId;
use admittance::mail::MailKind;
use admittance::proof::{Assurance, ExternalMethod, Method};
use admittance::service::{LoginResponse, NewUser, OpenSession, Reauthenticate, RequestContext};
use admittance::session::SessionLength;
use admittance::store::UserStore;
use admittance::user::UserStatus;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config};

const ANN: &str = "ann@example.org";

/// For accounts whose address is not verified too, as those of most tests here.
fn saml() -> OpenSession {
    OpenSession::new(ExternalMethod::new("x-saml").unwrap()).accept_unverified()
}

async fn open(bed: &Bed, user: UserId) -> Result<LoginResponse, AuthError> {
    bed.auth.open_session(user, saml(), &bed.here).await
}

fn event(bed: &Bed) -> AuthEvent {
    let events = bed.events.all();
    let is_meant = |event: &&AuthEvent| event.operation == Operation::OpenSession;
    events.iter().rfind(is_meant).unwrap().clone()
}

#[tokio::test]
async fn a_proof_of_the_application_opens_a_session_under_its_name() {
    let bed = Bed::new();
    let ann = bed.register(ANN).await.user_id;
    let opened = open(&bed, ann).await.unwrap();
    let claims = bed.auth.verify_offline(opened.tokens.token.expose_secret());
    let method = Method::External(saml().method);
    assert_eq!(claims.unwrap().amr, [method]);
    let who = bed.validate(&opened.tokens).await.unwrap();
    assert_eq!(who.assurance(), Some(Assurance::Aal1));
    assert_eq!(event(&bed).user_id, Some(ann));
    let refreshed = bed.refresh(&opened.tokens).await.unwrap();
    let who = bed.validate(&refreshed).await.unwrap();
    assert_eq!(who.session().proofs.methods(), [method]);
    let stored = bed.store.user(ann).await.unwrap().unwrap();
    assert_eq!(stored.last_login, Some(who.session().created_at));
}

#[tokio::test]
async fn asvs_7_5_3_a_proof_of_the_application_is_never_a_recent_login() {
    let bed = Bed::new();
    let ann = bed.register(ANN).await.user_id;
    let opened = open(&bed, ann).await.unwrap();
    let who = bed.validate(&opened.tokens).await.unwrap();
    let hour = Duration::from_secs(3600);
    match who.require_recent_login(hour) {
        Err(AuthError::RecentLoginRequired { methods }) => assert_eq!(methods, [Method::Password]),
        other => panic!("{other:?}"),
    }
    let request = Reauthenticate::by_password(PASSWORD);
    let proved = bed.auth.reauthenticate(&who, request, &bed.here).await;
    let who = bed.validate(&proved.unwrap().tokens).await.unwrap();
    assert!(who.require_recent_login(hour).is_ok());
    // Both are of one kind: knowing the password and the application's word.
    assert!(who.require_assurance(Assurance::Aal2, hour).is_err());
}

#[tokio::test]
async fn an_account_without_a_password_is_entered_by_the_application_alone() {
    let bed = Bed::mailing();
    let mut new = NewUser::new(ANN, "Ann");
    new.invite = false;
    let ann = bed.auth.create_user(new, &bed.here).await.unwrap().user_id;
    let opened = open(&bed, ann).await.unwrap();
    let who = bed.validate(&opened.tokens).await.unwrap();
    match who.require_recent_login(Duration::from_secs(60)) {
        Err(AuthError::RecentLoginRequired { methods }) => assert_eq!(methods, []),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_account_that_may_not_be_used_is_refused() {
    let bed = Bed::new();
    let ann = bed.register(ANN).await.user_id;
    let version = bed.store.user(ann).await.unwrap().unwrap().version;
    let disabled = bed.store.set_status(ann, version, UserStatus::Disabled);
    assert!(disabled.await.unwrap().is_some());
    let refused = open(&bed, ann).await;
    assert!(
        matches!(refused, Err(AuthError::AccountDisabled)),
        "{refused:?}"
    );
    let refused = open(&bed, UserId::from_bytes([9; 12])).await;
    assert!(matches!(refused, Err(AuthError::NotFound)), "{refused:?}");
}

/// A stranger registers the address of somebody who then comes by the identity provider.
#[tokio::test]
async fn ghsa_1_an_account_that_a_stranger_may_have_registered_is_not_opened_for_its_address() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let found = bed.auth.user_by_email(ANN).await.unwrap().unwrap();
    let usual = OpenSession::new(saml().method);
    let refused = bed.auth.open_session(found.user_id, usual, &bed.here).await;
    assert!(
        matches!(refused, Err(AuthError::NotVerified)),
        "{refused:?}"
    );
    // Without a mailer, nobody can verify an address.
    let alone = Bed::new();
    let ann = alone.register(ANN).await.user_id;
    assert!(
        alone
            .auth
            .open_session(ann, usual, &alone.here)
            .await
            .is_ok()
    );
    // As the documentation says where the provider is the authority for the address.
    let removed = bed.auth.remove_unverified_user(found.user_id, &bed.here);
    removed.await.unwrap();
    let mut new = NewUser::new(ANN, "Ann");
    new.is_verified = true;
    let ann = bed.auth.create_user(new, &bed.here).await.unwrap().user_id;
    let opened = bed.auth.open_session(ann, usual, &bed.here).await.unwrap();
    assert_eq!(bed.validate(&opened.tokens).await.unwrap().user().id, ann);
    assert!(bed.login(ANN, PASSWORD).await.is_err());
}

#[tokio::test]
async fn wrong_passwords_of_strangers_do_not_keep_the_owner_out() {
    let bed = Bed::new();
    let ann = bed.register(ANN).await.user_id;
    let stranger = RequestContext::from_ip([203, 0, 113, 7].into());
    for _ in 0..20 {
        let guess = support::bed::login(ANN, OTHER_PASSWORD);
        assert!(bed.auth.login(guess, &stranger).await.is_err());
    }
    assert!(open(&bed, ann).await.is_ok());
}

#[tokio::test]
async fn the_cap_the_new_device_and_the_replaced_session_are_as_after_a_login() {
    let mut settings = config();
    settings.session.max_per_user = Some(2);
    let bed = Bed::mailing_with(settings);
    let registered = bed.register(ANN).await;
    let ann = registered.user_id;
    bed.mails().await;
    let elsewhere = RequestContext::from_ip([203, 0, 113, 9].into()).with_user_agent("Firefox");
    let mut short = saml();
    short.length = SessionLength::Short;
    bed.clock.advance(Duration::from_secs(1));
    let opened = bed.auth.open_session(ann, short, &elsewhere).await.unwrap();
    let told = (MailKind::NewDevice, ANN.to_owned());
    assert_eq!(bed.mails().await, [told]);
    assert!(event(&bed).notices.contains(Notice::NewDevice));
    let who = bed.validate(&opened.tokens).await.unwrap();
    assert_eq!(who.session().length, SessionLength::Short);
    bed.clock.advance(Duration::from_secs(1));
    open(&bed, ann).await.unwrap();
    assert!(bed.validate(&registered.tokens).await.is_err());
    let held = bed.auth.session_of(&opened.tokens.refresh_token).unwrap();
    let again = bed.here.clone().replacing(held);
    bed.auth.open_session(ann, saml(), &again).await.unwrap();
    assert!(bed.validate(&opened.tokens).await.is_err());
}

//! The mocks, people and services that come with `test-util` work from outside the crate.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use admittance::AuthConfig;
use admittance::authz::{Permission, Role, RolePolicy};
use admittance::axum::CurrentUser;
use admittance::email::Email;
use admittance::error::{AuthError, Field};
use admittance::id::UserId;
use admittance::limit::{Decision, Hit, LimitKey, Quota};
use admittance::lockout::LockoutPolicy;
use admittance::mail::MailKind;
use admittance::proof::{Assurance, Method, MethodName};
use admittance::service::{Authenticated, EmailRequest, RequestContext};
use admittance::store::{
    AuditStore, Insert, InsertUser, LimitStore, MockUserStore, SessionStore, Store, StoreError,
    TokenStore, UserStore,
};
use admittance::test_util::{Mailbox, MockStore, Person, TestService, UnavailableStore};
use admittance::time::Timestamp;
use admittance::user::{User, UserStatus};

#[tokio::test]
async fn a_part_of_a_store_can_be_mocked() {
    let mut users = MockUserStore::new();
    users
        .expect_user_by_email()
        .withf(|email| email.as_str() == "a@b.org")
        .times(1)
        .returning(|_| Err(StoreError::Timeout));
    let email = Email::parse("A@b.org").unwrap();
    let answer = users.user_by_email(email.canonical()).await;
    assert!(matches!(answer, Err(StoreError::Timeout)));
}

#[tokio::test]
async fn a_whole_store_does_as_it_is_told() {
    let mut store = MockStore::new();
    store
        .expect_insert_user()
        .returning(|_| Ok(InsertUser::EmailTaken));
    store
        .expect_hit_all()
        .returning(|_, _| Ok(Decision::Allowed));
    let store: Arc<dyn Store> = Arc::new(store);
    let (key, quota) = (
        LimitKey::new("a", b"b"),
        Quota::new(1, Duration::from_secs(1)),
    );
    let hits = [Hit { key, quota }];
    let decision = store.hit_all(&hits, Timestamp::MIN).await;
    assert_eq!(decision.unwrap(), Decision::Allowed);
}

#[tokio::test]
async fn a_store_that_is_down_answers_every_call_with_an_error() {
    let store: Arc<dyn Store> = Arc::new(UnavailableStore);
    let id = UserId::from_bytes([1; 12]);
    assert!(matches!(
        store.user(id).await,
        Err(StoreError::Unavailable(_))
    ));
    let ended = store.end_oldest_sessions(id, 0, 1, Timestamp::MIN).await;
    assert!(matches!(ended, Err(StoreError::Unavailable(_))));
    let events = store.events_of(id, None, 1, Timestamp::MIN).await;
    assert!(matches!(events, Err(StoreError::Unavailable(_))));
    let removed = store.remove_events(id).await;
    assert!(matches!(removed, Err(StoreError::Unavailable(_))));
    let removed = store.remove_tokens(id, None, Timestamp::MIN).await;
    assert!(matches!(removed, Err(StoreError::Unavailable(_))));
    let page = store.users(None, 10).await;
    assert!(matches!(page, Err(StoreError::Unavailable(_))));
    let key = LimitKey::new("a", b"b");
    let policy = LockoutPolicy::default();
    let attempt = store.attempt(key, &policy, Timestamp::MIN).await;
    assert!(matches!(attempt, Err(StoreError::Unavailable(_))));
    assert!(store.forgive(key, Timestamp::MIN).await.is_err());
}

/// What a session older than this has to prove again.
const MINUTE: Duration = Duration::from_secs(60);

fn examiners() -> (AuthConfig, Permission) {
    let grade = Permission::new("exam:grade").unwrap();
    let mut config = AuthConfig::for_tests("Exam simulator");
    config.roles = RolePolicy::new()
        .grant(Role::new("examiner").unwrap(), [grade.clone()])
        .initial_role(Role::new("student").unwrap());
    (config, grade)
}

#[test]
fn a_person_is_the_same_every_time_and_valid_by_default() {
    let ann = || Person::new("Ann@example.org").user().unwrap();
    let ben = Person::new("ben@example.org").user().unwrap();
    assert_eq!(format!("{:?}", ann()), format!("{:?}", ann()));
    assert_eq!(ann().name.as_str(), "ann");
    assert!(!ann().is_verified && ann().id != ben.id);
    let hash = |user: User| user.password_hash.unwrap();
    assert!(hash(ann()).is(&hash(ann())) && !hash(ann()).is(&hash(ben)));
}

#[test]
fn a_person_who_is_not_valid_is_refused_with_every_field() {
    let nobody = Person::new("nobody").name("").role("Not A Role");
    let nobody = nobody
        .preference("a$", 1)
        .metadata("b.c", 2)
        .password("x".repeat(200));
    let Err(AuthError::Validation(violations)) = nobody.user() else {
        panic!("{nobody:?}");
    };
    let fields: Vec<_> = violations.as_slice().iter().map(|one| one.field).collect();
    assert_eq!(
        fields,
        [
            Field::Email,
            Field::Name,
            Field::Roles,
            Field::Preferences,
            Field::Metadata,
            Field::Password
        ]
    );
}

#[test]
fn a_handler_is_tested_with_roles_proofs_and_a_session_of_choice() {
    let (config, grade) = examiners();
    let ann = Person::new("ann@example.org").role("examiner").verified();
    let user = CurrentUser(ann.authenticated(&config).unwrap());
    assert!(user.user().is_verified && user.profile().roles.len() == 2);
    user.require_permission(&grade).unwrap();
    user.require_recent_login(MINUTE).unwrap();
    let ben = Person::new("ben@example.org").proved(Method::Password, 2 * MINUTE);
    let ben = ben.authenticated(&config).unwrap();
    ben.require_permission(&grade).unwrap_err();
    ben.require_recent_login(MINUTE).unwrap_err();
    ben.require_recent_login(2 * MINUTE).unwrap();
    let sms = Method::SecondFactor(MethodName::new("sms").unwrap());
    let cid = Person::new("cid@example.org")
        .proved(Method::Password, Duration::ZERO)
        .proved(sms, Duration::ZERO);
    let mut session = cid.session(&config).unwrap();
    session.user_agent = Some("of the test".to_owned());
    let made = Authenticated::for_test(cid.user().unwrap(), session, &config, Timestamp::MIN);
    assert_eq!(made.assurance(), Some(Assurance::Aal2));
    assert_eq!(made.session().user_agent.as_deref(), Some("of the test"));
}

#[tokio::test]
async fn what_a_test_made_up_opens_no_service() {
    let (config, here) = (examiners().0, RequestContext::default());
    let test = TestService::with(config.clone()).unwrap();
    let ann = Person::new("ann@example.org").role("examiner");
    // The very account is in the store, with a live session.
    let store = test.service.store();
    let inserted = store.insert_user(&ann.user().unwrap()).await.unwrap();
    assert_eq!(inserted, InsertUser::Inserted);
    let session = ann.session(&config).unwrap();
    assert_eq!(
        store.insert_session(&session).await.unwrap(),
        Insert::Inserted
    );
    let made_up = ann.authenticated(test.service.config()).unwrap();
    let refused = test.service.recheck(&made_up).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidToken)),
        "{refused:?}"
    );
    let refused = test.service.logout(&made_up, &here).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidToken)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_person_is_created_in_a_service_and_logs_in_there() {
    let (config, grade) = examiners();
    let test = TestService::with(config).unwrap();
    let ann = Person::new("ann@example.org")
        .name("Ann")
        .role("examiner")
        .metadata("plan", "gold")
        .verified();
    let made = ann.create(&test.service).await.unwrap();
    assert!(made.is_verified && made.roles.len() == 2);
    assert_eq!(made.metadata.as_map()["plan"], "gold");
    let tokens = ann.log_in(&test.service).await.unwrap();
    let token = tokens.token.expose_secret();
    let here = RequestContext::default();
    let user = test.service.validate_token(token, &here).await.unwrap();
    user.require_permission(&grade).unwrap();
    assert_eq!(user.user().name.as_str(), "Ann");
    // As in a real service: a second account of the address, and a disabled one.
    let again = ann.create(&test.service).await;
    assert!(matches!(again, Err(AuthError::EmailTaken)), "{again:?}");
    let ben = Person::new("ben@example.org").disabled();
    let made = ben.create(&test.service).await.unwrap();
    assert_eq!(made.status, UserStatus::Disabled);
    let refused = ben.log_in(&test.service).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidCredentials)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_service_for_tests_has_a_mailbox_and_a_clock() {
    let test = TestService::new().unwrap();
    let ann = Person::new("ann@example.org");
    ann.create(&test.service).await.unwrap();
    let tokens = ann.log_in(&test.service).await.unwrap();
    let here = RequestContext::default();
    let request = EmailRequest {
        email: "ann@example.org".into(),
    };
    test.service.forgot_password(request, &here).await.unwrap();
    test.service.flush_mail().await;
    let mail = test.mailbox.take_last(MailKind::ResetPassword).unwrap();
    assert!(Mailbox::token(&mail).is_some());
    test.clock.advance(15 * MINUTE);
    let expired = test.service.verify_offline(tokens.token.expose_secret());
    assert!(
        matches!(expired, Err(AuthError::InvalidToken)),
        "{expired:?}"
    );
}

//! Accounts that are created for somebody, without a registration.

use std::collections::BTreeSet;

use admittance::authz::{AdminPermission, Permission, Role, RolePolicy};
use admittance::config::AuthConfig;
use admittance::error::{AuthError, Field};
use admittance::event::{Notice, Operation};
use admittance::mail::MailKind;
use admittance::service::{Authenticated, CreateUser, NewUser, ResetPassword, UserView};
use admittance::store::{MemoryStore, RoleChange, UserStore};
use admittance::user::PasswordHash;
use serde_json::json;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, hash_of};
use support::faulty::{Fault, FaultyStore};

const ANN: &str = "ann@example.org";
const ADA: &str = "ada@example.org";

fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

fn permission(permission: AdminPermission) -> Permission {
    permission.into()
}

/// With administrators, teachers who may only create accounts, and examiners.
fn settings() -> AuthConfig {
    let mut settings = config();
    settings.roles = RolePolicy::new()
        .administrator(role("admin"))
        .grant(role("admin"), [Permission::new("exam:grade").unwrap()])
        .grant(role("teacher"), [permission(AdminPermission::CreateUsers)])
        .grant(role("examiner"), [Permission::new("exam:grade").unwrap()])
        .grant(role("student"), [])
        .initial_role(role("student"));
    settings
}

async fn create(bed: &Bed, user: NewUser) -> Result<UserView, AuthError> {
    bed.auth.create_user(user, &bed.here).await
}

/// Somebody who is logged in and has `role`.
async fn somebody(bed: &Bed, email: &str, role: Role) -> Authenticated {
    let registered = bed.register(email).await;
    let change = RoleChange {
        grant: BTreeSet::from([role]),
        ..RoleChange::default()
    };
    let id = registered.user_id;
    let version = bed.store.user(id).await.unwrap().unwrap().version;
    bed.store.change_roles(id, version, &change).await.unwrap();
    bed.validate(&registered.tokens).await.unwrap()
}

async fn set_password(bed: &Bed, kind: MailKind) {
    let request = ResetPassword {
        token: bed.mailed(kind).await,
        new_password: OTHER_PASSWORD.into(),
        confirm_password: OTHER_PASSWORD.into(),
    };
    let _ = bed.auth.reset_password(request, &bed.here).await.unwrap();
}

#[tokio::test]
async fn a_role_that_the_policy_does_not_name_is_refused() {
    let bed = Bed::with(settings());
    let mut new = NewUser::new(ANN, "Ann");
    new.roles = BTreeSet::from([role("examiner"), role("exmainer")]);
    let Err(AuthError::Validation(violations)) = create(&bed, new).await else {
        panic!("the role was accepted");
    };
    let errors = json!(violations);
    assert_eq!(errors[0]["field"], "roles");
    assert_eq!(errors[0]["code"], "unknown");
    assert_eq!(bed.store.counts().users, 0);
}

#[tokio::test]
async fn an_account_is_created_and_its_owner_sets_the_first_password() {
    let bed = Bed::mailing_with(settings());
    let mut new = NewUser::new(ANN, "Ann");
    new.roles = BTreeSet::from([role("examiner")]);
    new.metadata = json!({ "class": "7b" }).as_object().cloned().unwrap();
    let view = create(&bed, new).await.unwrap();
    assert_eq!((view.is_verified, view.last_login), (false, None));
    assert_eq!(
        view.roles,
        BTreeSet::from([role("examiner"), role("student")])
    );
    assert_eq!(json!(view.metadata), json!({ "class": "7b" }));
    assert_eq!(bed.events.all()[0].operation, Operation::CreateUser);

    // Nobody has a way in yet.
    for password in [PASSWORD, OTHER_PASSWORD, ""] {
        assert!(bed.login(ANN, password).await.is_err());
    }
    set_password(&bed, MailKind::Invitation).await;
    let tokens = bed.login(ANN, OTHER_PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    // The link has shown the mailbox, and nobody else can have written the name.
    assert!(ann.user().is_verified);
    assert_eq!(ann.user().name.as_str(), "Ann");
    assert_eq!(json!(ann.user().metadata), json!({ "class": "7b" }));
    let taken_over = Notice::AccountTakenOver;
    let mut events = bed.events.all().into_iter();
    assert!(events.all(|event| !event.notices.contains(taken_over)));
}

#[tokio::test]
async fn an_invitation_lasts_as_long_as_a_link_that_confirms_an_address() {
    for (seconds, works) in [(0, true), (1, false)] {
        let bed = Bed::mailing_with(settings());
        let ttl = bed.auth.config().links.verify_email_ttl;
        assert!(ttl > bed.auth.config().links.reset_password_ttl);
        create(&bed, NewUser::new(ANN, "Ann")).await.unwrap();
        let token = bed.mailed(MailKind::Invitation).await;
        bed.clock.advance(ttl - std::time::Duration::from_secs(1));
        bed.clock.advance(std::time::Duration::from_secs(seconds));
        let request = ResetPassword {
            token,
            new_password: OTHER_PASSWORD.into(),
            confirm_password: OTHER_PASSWORD.into(),
        };
        let reset = bed.auth.reset_password(request, &bed.here).await;
        assert_eq!(reset.is_ok(), works, "{seconds}");
    }
    // Then the owner asks for another one.
    let bed = Bed::mailing_with(settings());
    create(&bed, NewUser::new(ANN, "Ann")).await.unwrap();
    let asked = admittance::service::EmailRequest { email: ANN.into() };
    let _ = bed.auth.forgot_password(asked, &bed.here).await.unwrap();
    set_password(&bed, MailKind::ResetPassword).await;
    assert!(bed.login(ANN, OTHER_PASSWORD).await.is_ok());
}

#[tokio::test]
async fn an_imported_account_keeps_its_password_and_is_sent_no_mail() {
    let donor = Bed::with(settings());
    let id = donor.register(ANN).await.user_id;
    let hash = donor.store.user(id).await.unwrap().unwrap();
    let bed = Bed::mailing_with(settings());
    let mut new = NewUser::new(ANN, "Ann");
    new.password_hash = Some(hash_of(&hash).clone());
    new.is_verified = true;
    assert!(create(&bed, new).await.unwrap().is_verified);
    assert_eq!(bed.mails().await, []);
    assert!(bed.login(ANN, PASSWORD).await.is_ok());

    let mut silent = NewUser::new(ADA, "Ada");
    silent.invite = false;
    create(&bed, silent).await.unwrap();
    assert!(bed.mails().await.iter().all(|(_, to)| to != ADA));
}

#[tokio::test]
async fn what_is_wrong_with_a_new_user_is_named_and_nothing_is_created() {
    let bed = Bed::mailing_with(settings());
    bed.register(ADA).await;
    let wrong = [
        (NewUser::new("ann", "Ann"), Field::Email),
        (NewUser::new(ANN, " "), Field::Name),
        (NewUser::new(ANN, "a\u{202e}b"), Field::Name),
    ];
    for (new, field) in wrong {
        let Err(AuthError::Validation(violations)) = create(&bed, new).await else {
            panic!("{field:?} was accepted")
        };
        assert_eq!(violations.as_slice()[0].field, field);
    }
    let mut new = NewUser::new(ANN, "Ann");
    new.metadata = json!({ "$set": 1 }).as_object().cloned().unwrap();
    assert!(matches!(
        create(&bed, new).await,
        Err(AuthError::Validation(_))
    ));
    let mut new = NewUser::new(ANN, "Ann");
    new.password_hash = Some(PasswordHash::new("$argon2id$\0"));
    assert!(matches!(
        create(&bed, new).await,
        Err(AuthError::Validation(_))
    ));
    let taken = create(&bed, NewUser::new("ADA@example.org", "Eve")).await;
    assert!(matches!(taken, Err(AuthError::EmailTaken)), "{taken:?}");
    assert_eq!(bed.store.users(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn asvs_8_2_1_an_administrator_creates_accounts_with_no_more_than_own_permissions() {
    let bed = Bed::mailing_with(settings());
    let admin = somebody(&bed, ADA, role("admin")).await;
    let teacher = somebody(&bed, "tom@example.org", role("teacher")).await;
    let student = somebody(&bed, "zoe@example.org", role("student")).await;
    let request = |email: &str, roles: &[&str]| CreateUser {
        email: email.to_owned(),
        name: "New".to_owned(),
        roles: Some(roles.iter().map(|role| (*role).to_owned()).collect()),
        ..CreateUser::default()
    };
    let ask = async |who: &Authenticated, email: &str, roles: &[&str]| {
        let request = request(email, roles);
        let created = bed.auth.create_user_as(who, request, &bed.here).await;
        created.map(|view| view.roles.len())
    };
    let forbidden = |answer: Result<usize, AuthError>| matches!(answer, Err(AuthError::Forbidden));
    assert!(forbidden(ask(&student, "a@example.org", &[]).await));
    assert_eq!(ask(&teacher, "a@example.org", &[]).await.unwrap(), 1);
    // The permission to create accounts is none to give them roles.
    for roles in [&["examiner"][..], &["admin"], &["teacher"]] {
        assert!(forbidden(ask(&teacher, "b@example.org", roles).await));
    }
    assert_eq!(
        ask(&admin, "b@example.org", &["examiner"]).await.unwrap(),
        2
    );
    // Nobody may ever get into it, so it would be no other administrator.
    let another = ask(&admin, "c@example.org", &["admin"]).await;
    assert!(
        matches!(another, Err(AuthError::NotVerified)),
        "{another:?}"
    );
    let unknown = ask(&admin, "c@example.org", &["no such role"]).await;
    let Err(AuthError::Validation(violations)) = unknown else {
        panic!("{unknown:?}")
    };
    assert_eq!(violations.as_slice()[0].field, Field::Roles);
    let event = bed
        .events
        .all()
        .into_iter()
        .rfind(|event| event.operation == Operation::CreateUser && event.refused.is_none());
    assert_eq!(event.unwrap().actor_id, Some(admin.user().id));
}

#[tokio::test]
async fn without_a_mailer_no_administrator_creates_an_account_that_nobody_can_enter() {
    let bed = Bed::with(settings());
    let admin = somebody(&bed, ADA, role("admin")).await;
    let request = CreateUser {
        email: ANN.to_owned(),
        name: "Ann".to_owned(),
        ..CreateUser::default()
    };
    let answer = bed.auth.create_user_as(&admin, request, &bed.here).await;
    assert!(matches!(answer, Err(AuthError::NoMailer)), "{answer:?}");
    assert_eq!(bed.store.users(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_invitation_that_cannot_be_stored_shows_in_the_answer() {
    let store = FaultyStore::new(MemoryStore::new());
    let bed = Bed::mailing_over(store, settings());
    // The first call inserts the account, the second one the link.
    bed.store.inject(2, Fault::ErrorBefore);
    let new = || NewUser::new(ANN, "Ann");
    let answer = bed.auth.create_user(new(), &bed.here).await;
    bed.store.calm();
    assert!(matches!(answer, Err(AuthError::Store(_))), "{answer:?}");
    bed.auth.flush_mail().await;
    assert!(bed.mailbox.take().is_empty());
    // The account is there, and its owner gets in by a forgotten password.
    let again = bed.auth.create_user(new(), &bed.here).await;
    assert!(matches!(again, Err(AuthError::EmailTaken)), "{again:?}");
    let asked = admittance::service::EmailRequest { email: ANN.into() };
    let _ = bed.auth.forgot_password(asked, &bed.here).await.unwrap();
    let _ = bed.mailed(MailKind::ResetPassword).await;
}

//! What the application's own code asks for: finding accounts and removing them.

use admittance::authz::{Role, RolePolicy};
use admittance::error::{AuthError, Field};
use admittance::event::{AuthEvent, Operation};
use admittance::id::UserId;
use admittance::mail::MailKind;
use admittance::service::{NewUser, RegisterRequest};
use admittance::store::UserStore;
use admittance::user::UserStatus;
use serde_json::json;

use crate::hooks::{Act, registered, school};
use support::bed::{Bed, PASSWORD, config};

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";

async fn remove(bed: &Bed, user: UserId) -> Result<(), AuthError> {
    bed.auth.remove_user(user, &bed.here).await
}

fn removal(bed: &Bed) -> AuthEvent {
    let events = bed.events.all();
    let is_meant = |event: &&AuthEvent| event.operation == Operation::RemoveUser;
    events.iter().rfind(is_meant).unwrap().clone()
}

#[tokio::test]
async fn asvs_7_4_2_the_application_removes_an_account_without_its_password() {
    let bed = Bed::mailing();
    let invited = bed.auth.create_user(NewUser::new(ANN, "Ann"), &bed.here);
    let invited = invited.await.unwrap().user_id;
    let bob = bed.register(BOB).await;
    let _ = bed.mails().await;
    for user in [invited, bob.user_id] {
        remove(&bed, user).await.unwrap();
        let event = removal(&bed);
        assert_eq!((event.user_id, event.refused), (Some(user), None));
        assert!(bed.auth.user(user).await.unwrap().is_none());
        // What the mail about a deletion says, of a password and a device, would be untrue.
        assert_eq!(bed.mails().await, []);
        assert!(matches!(remove(&bed, user).await, Err(AuthError::NotFound)));
        assert_eq!(
            removal(&bed).user_id,
            None,
            "nothing is kept about an erased user"
        );
    }
    assert!(bed.validate(&bob.tokens).await.is_err());
    assert!(bed.refresh(&bob.tokens).await.is_err());
    let counts = bed.store.counts();
    assert_eq!((counts.users, counts.sessions, counts.tokens), (0, 0, 0));
    // The addresses are free.
    bed.register(ANN).await;
}

#[tokio::test]
async fn ghsa_1_an_account_that_is_verified_meanwhile_is_not_removed_as_a_strangers() {
    let bed = Bed::mailing();
    let ann = bed.register(ANN).await;
    let link = bed.mailed(MailKind::VerifyEmail).await;
    let who = bed.validate(&ann.tokens).await.unwrap();
    let request = admittance::service::VerifyEmail {
        token: link,
        password: None,
        ticket: None,
    };
    let verified = bed.auth.verify_email(request, Some(&who), &bed.here).await;
    let _ = verified.unwrap();
    let refused = bed
        .auth
        .remove_unverified_user(ann.user_id, &bed.here)
        .await;
    assert!(
        matches!(refused, Err(AuthError::PreconditionFailed)),
        "{refused:?}"
    );
    assert!(bed.validate(&ann.tokens).await.is_ok());
    let bob = bed.register(BOB).await.user_id;
    bed.auth
        .remove_unverified_user(bob, &bed.here)
        .await
        .unwrap();
    assert!(bed.auth.user(bob).await.unwrap().is_none());
}

#[tokio::test]
async fn a_disabled_account_is_removed_too() {
    let bed = Bed::new();
    let ann = bed.register(ANN).await.user_id;
    let disabled = bed.store.set_status(ann, 0, UserStatus::Disabled).await;
    assert!(disabled.unwrap().is_some());
    remove(&bed, ann).await.unwrap();
    assert!(bed.auth.user(ann).await.unwrap().is_none());
}

#[tokio::test]
async fn the_last_administrator_is_not_removed() {
    let admin = Role::new("admin").unwrap();
    let mut settings = config();
    settings.roles = RolePolicy::new().administrator(admin.clone());
    let bed = Bed::with(settings);
    let (ann, bob) = (bed.register(ANN).await, bed.register(BOB).await);
    for email in [ANN, BOB] {
        let appointed = bed.auth.appoint_administrator(email, &admin, &bed.here);
        appointed.await.unwrap();
    }
    remove(&bed, ann.user_id).await.unwrap();
    let refused = remove(&bed, bob.user_id).await;
    assert!(matches!(refused, Err(AuthError::LastAdministrator)));
    assert!(bed.login(BOB, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn the_hooks_are_asked_and_told_of_a_removal() {
    for act in [Act::Fails, Act::Refuses(Field::Account)] {
        let (bed, school) = school();
        let ann = registered(&bed).await.user().id;
        school.act("removing", act);
        school.calls();
        match (act, bed.auth.remove_user(ann, &bed.here).await) {
            (Act::Refuses(_), Err(AuthError::Validation(violations))) => {
                assert_eq!(json!(violations)[0]["field"], "account");
            }
            (Act::Fails, Err(AuthError::Unavailable { .. })) => {}
            (_, refused) => panic!("{act:?}: {refused:?}"),
        }
        assert_eq!(
            school.calls(),
            ["removing ann@example.org RemovedByApplication"]
        );
        assert!(bed.login(ANN, PASSWORD).await.is_ok(), "{act:?}");
        school.recover();
        school.calls();
        bed.auth.remove_user(ann, &bed.here).await.unwrap();
        let calls = [
            "removing ann@example.org RemovedByApplication",
            "removed ann@example.org",
        ];
        assert_eq!(school.calls(), calls);
    }
}

#[tokio::test]
async fn an_account_is_found_by_its_address_in_any_spelling() {
    let bed = Bed::new();
    let ann = bed.register(ANN).await;
    for email in [ANN, "ANN@Example.org"] {
        let found = bed.auth.user_by_email(email).await.unwrap().unwrap();
        assert_eq!((found.user_id, found.email.as_str()), (ann.user_id, ANN));
        assert_eq!(bed.auth.user(ann.user_id).await.unwrap(), Some(found));
    }
    for email in [BOB, "ann", "", "ann@example.org\0"] {
        assert_eq!(
            bed.auth.user_by_email(email).await.unwrap(),
            None,
            "{email:?}"
        );
    }
}

#[tokio::test]
async fn an_account_is_created_with_a_password_that_is_as_good_as_a_registered_one() {
    let bed = Bed::mailing();
    let create = async |password: &str, hash: Option<&str>| {
        let mut new = NewUser::new(ANN, "Ann");
        new.password = Some(password.into());
        new.password_hash = hash.map(admittance::user::PasswordHash::new);
        bed.auth.create_user(new, &bed.here).await
    };
    // A weak one, one that is made of the account's own words, and one beside a hash.
    let hash = "$argon2id$v=19$m=16,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA";
    for (password, hash) in [
        ("password1", None),
        ("ann@example.org", None),
        ("", None),
        (PASSWORD, Some(hash)),
    ] {
        let Err(AuthError::Validation(violations)) = create(password, hash).await else {
            panic!("{password:?} was accepted");
        };
        let errors = json!(violations);
        let fields: Vec<_> = errors
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["field"])
            .collect();
        assert!(
            fields.iter().all(|field| **field == "password"),
            "{password:?}: {errors}"
        );
        assert_eq!(bed.store.counts().users, 0);
    }
    create(PASSWORD, None).await.unwrap();
    assert!(bed.login(ANN, PASSWORD).await.is_ok());
    // Nobody is invited to set a password that is set.
    assert_eq!(bed.mails().await, []);
    let request = RegisterRequest::new(ANN, PASSWORD, "Ann");
    let taken = bed.auth.register(request, &bed.here).await;
    assert!(matches!(taken, Err(AuthError::EmailTaken)));
}

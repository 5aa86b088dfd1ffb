//! What the application's hooks refuse, or cannot decide.

use std::time::Duration;

use admittance::clock::Clock;
use admittance::config::{RegistrationMode, UnverifiedExpiry};
use admittance::error::{AuthError, Field};
use admittance::event::Operation;
use admittance::mail::MailKind;
use admittance::service::{ChangeEmail, DeleteAccount, LinkRequest, VerifyEmail, VerifyOutcome};
use admittance::store::{Insert, MemoryStore, TokenStore};
use admittance::time::Timestamp;
use admittance::token::{TokenDigest, TokenPurpose};
use serde_json::json;

use crate::hooks::{Act, delete, failed, registered, school, school_over, stored, student};
use support::bed::{OTHER_PASSWORD, PASSWORD, config};

const ANN: &str = "ann@example.org";

#[tokio::test]
async fn a_registration_that_the_application_refuses_costs_no_hash_and_leaves_nothing() {
    for mode in [RegistrationMode::OpenSession, RegistrationMode::VerifyFirst] {
        let mut settings = config();
        settings.registration = mode;
        let (bed, school) = school_over(MemoryStore::new(), settings);
        school.act("registering", Act::Refuses(Field::Email));
        let refused = bed.auth.register(student(ANN), &bed.here).await;
        let Err(AuthError::Validation(violations)) = refused else {
            panic!("{refused:?}");
        };
        let errors = json!(violations);
        assert_eq!(errors[0]["field"], "email");
        assert_eq!(errors[0]["code"], "refused");
        assert_eq!(errors[0]["message"], "Not at this school.");
        let counts = bed.store.counts();
        assert_eq!((counts.users, counts.sessions, counts.tokens), (0, 0, 0));
        assert_eq!(counts.registrations, 0);
        assert_eq!(bed.auth.hashing_stats().runs, 0);
        assert_eq!(bed.mails().await, []);
        // What breaks a rule of the service is not handed on.
        school.calls();
        let mut weak = student(ANN);
        weak.name = String::new();
        assert!(bed.auth.register(weak, &bed.here).await.is_err());
        assert!(school.calls().is_empty());
    }
}

#[tokio::test]
async fn asvs_16_5_3_a_hook_that_cannot_decide_refuses_the_registration() {
    let (bed, school) = school();
    for act in [Act::Fails, Act::Panics, Act::Hangs, Act::Shrugs] {
        school.act("registering", act);
        let refused = bed.auth.register(student(ANN), &bed.here).await;
        let unavailable = matches!(refused, Err(AuthError::Unavailable { .. }));
        assert!(unavailable, "{act:?}: {refused:?}");
        assert!(failed(&bed, Operation::Register), "{act:?}");
        assert!(stored(&bed).await.is_empty());
    }
    school.recover();
    assert!(bed.auth.register(student(ANN), &bed.here).await.is_ok());
}

#[tokio::test]
async fn an_account_stays_until_the_application_has_removed_what_it_keeps() {
    for act in [
        Act::Fails,
        Act::Panics,
        Act::Hangs,
        Act::Shrugs,
        Act::Refuses(Field::Account),
    ] {
        let (bed, school) = school();
        let ann = registered(&bed).await;
        school.act("removing", act);
        school.calls();
        let refused = bed.auth.delete_account(&ann, delete(), &bed.here).await;
        match (act, refused) {
            (Act::Refuses(_), Err(AuthError::Validation(violations))) => {
                assert_eq!(json!(violations)[0]["field"], "account");
            }
            (_, Err(AuthError::Unavailable { .. })) => {
                assert!(failed(&bed, Operation::DeleteAccount), "{act:?}");
            }
            (_, refused) => panic!("{act:?}: {refused:?}"),
        }
        assert_eq!(school.calls(), ["removing ann@example.org Deleted"]);
        assert!(bed.login(ANN, PASSWORD).await.is_ok(), "{act:?}");
        // A wrong password does not get as far.
        let wrong = DeleteAccount {
            current_password: OTHER_PASSWORD.into(),
        };
        assert!(
            bed.auth
                .delete_account(&ann, wrong, &bed.here)
                .await
                .is_err()
        );
        assert!(school.calls().is_empty(), "{act:?}");

        // "This was not me" is no way around it.
        let request = || async {
            let token = bed.mailed(MailKind::VerifyEmail).await;
            LinkRequest { token }
        };
        let link = request().await;
        let disowned = bed.auth.disown_email(link.clone(), &bed.here).await;
        assert!(disowned.is_err(), "{act:?}: {disowned:?}");
        assert_eq!(stored(&bed).await.len(), 1, "{act:?}");
        school.calls();
        school.recover();
        bed.auth.disown_email(link, &bed.here).await.unwrap();
        let gone = [
            "removing ann@example.org Disowned",
            "removed ann@example.org",
        ];
        assert_eq!(school.calls(), gone, "{act:?}");
        assert!(stored(&bed).await.is_empty());
    }
}

#[tokio::test]
async fn an_account_that_the_application_keeps_does_not_keep_others_from_expiring() {
    let day = Duration::from_secs(86_400);
    let mut settings = config();
    settings.unverified_expiry = Some(UnverifiedExpiry::new(day, Timestamp::MIN));
    for act in [Act::Fails, Act::Refuses(Field::Account)] {
        let (bed, school) = school_over(MemoryStore::new(), settings.clone());
        for email in [ANN, "ben@example.org"] {
            let _ = bed.auth.register(student(email), &bed.here).await.unwrap();
            bed.clock.advance(Duration::from_secs(1));
        }
        bed.clock.advance(31 * day);
        school.act("removing", act);
        let expired = bed.auth.expire_unverified(None, 100).await.unwrap();
        assert_eq!((expired.removed, expired.kept), (0, 2), "{act:?}");
        let asked = school.calls();
        let asked: Vec<_> = asked
            .iter()
            .filter(|call| call.starts_with("removing"))
            .collect();
        assert_eq!(asked.len(), 2);
        assert!(
            asked.iter().all(|call| call.ends_with("Expired")),
            "{asked:?}"
        );
        assert_eq!(stored(&bed).await.len(), 2);
        school.recover();
        let expired = bed.auth.expire_unverified(None, 100).await.unwrap();
        assert_eq!((expired.removed, expired.kept), (2, 0), "{act:?}");
    }
}

#[tokio::test]
async fn an_export_that_would_lack_something_is_refused() {
    let (bed, school) = school();
    let ann = registered(&bed).await;
    for act in [Act::Fails, Act::Panics, Act::Hangs] {
        school.act("exporting", act);
        let refused = bed.auth.export_account(&ann, &bed.here).await;
        let unavailable = matches!(refused, Err(AuthError::Unavailable { .. }));
        assert!(unavailable, "{act:?}: {refused:?}");
        assert!(failed(&bed, Operation::ExportAccount));
    }
}

#[tokio::test]
async fn a_rule_for_addresses_holds_for_a_change_too() {
    let (bed, school) = school();
    let ann = registered(&bed).await;
    let change = |to: &str| ChangeEmail {
        new_email: to.into(),
        current_password: PASSWORD.into(),
    };
    // A taken address is asked for like a free one.
    let _ = bed
        .auth
        .register(student("ben@example.org"), &bed.here)
        .await
        .unwrap();
    bed.mails().await;
    for (act, is_refused) in [
        (Act::Refuses(Field::NewEmail), true),
        (Act::Fails, false),
        (Act::Panics, false),
        (Act::Hangs, false),
    ] {
        school.act("changing_email", act);
        for to in ["Ann@Elsewhere.example", "ben@example.org"] {
            school.calls();
            let refused = bed.auth.change_email(&ann, change(to), &bed.here).await;
            match refused {
                Err(AuthError::Validation(violations)) if is_refused => {
                    assert_eq!(json!(violations)[0]["field"], "new_email");
                }
                Err(AuthError::Unavailable { .. }) if !is_refused => {}
                other => panic!("{act:?}: {other:?}"),
            }
            let asked = format!("changing_email ann@example.org {}", to.to_lowercase());
            assert_eq!(school.calls(), [asked], "{act:?}");
            assert_eq!(bed.mails().await, [], "{act:?}");
        }
    }
}

#[tokio::test]
async fn a_link_whose_row_was_left_behind_asks_the_application_nothing() {
    let (bed, school) = school();
    registered(&bed).await;
    let (purpose, token) = (
        TokenPurpose::VerifyEmail,
        bed.mailed(MailKind::VerifyEmail).await,
    );
    let digest = TokenDigest::of(purpose, token.expose_secret());
    let row = bed.store.token(digest, purpose, bed.clock.now()).await;
    let request = VerifyEmail {
        token: token.clone(),
        password: Some(PASSWORD.into()),
        ticket: None,
    };
    let verified = bed.auth.verify_email(request, None, &bed.here).await;
    assert!(matches!(verified, Ok(VerifyOutcome::Opened(_))));
    let inserted = bed.store.insert_token(&row.unwrap().unwrap()).await;
    assert_eq!(inserted.unwrap(), Insert::Inserted);
    school.calls();
    let request = LinkRequest { token };
    let disowned = bed.auth.disown_email(request, &bed.here).await;
    assert!(matches!(disowned, Err(AuthError::InvalidLink)));
    assert!(school.calls().is_empty());
    assert_eq!(stored(&bed).await.len(), 1);
}

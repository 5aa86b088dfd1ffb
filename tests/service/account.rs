use admittance::error::AuthError;
use admittance::event::{Notice, Operation};
use admittance::mail::MailKind;
use admittance::service::{
    Authenticated, DeleteAccount, EmailRequest, RequestContext, UpdateProfile,
};
use admittance::store::{MemoryStore, UserStore};
use serde_json::json;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, hash_of, mail_config};

const ANN: &str = "ann@example.org";

async fn delete(bed: &Bed, who: &Authenticated, password: &str) -> Result<(), AuthError> {
    let request = DeleteAccount {
        current_password: password.into(),
    };
    bed.auth.delete_account(who, request, &bed.here).await
}

#[tokio::test]
async fn asvs_7_4_2_a_deleted_account_leaves_nothing_behind() {
    let bed = Bed::mailing();
    let ann = bed.register(ANN).await;
    let other = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let bob = bed.register("bob@example.org").await.tokens;
    let request = EmailRequest { email: ANN.into() };
    bed.auth.forgot_password(request, &bed.here).await.unwrap();
    let reset = bed.mailed(MailKind::ResetPassword).await;
    let _ = bed.mails().await;
    let session = bed.validate(&ann.tokens).await.unwrap();

    for password in ["", OTHER_PASSWORD] {
        assert!(delete(&bed, &session, password).await.is_err());
    }
    assert!(bed.validate(&ann.tokens).await.is_ok());
    delete(&bed, &session, PASSWORD).await.unwrap();
    let event = bed
        .events
        .all()
        .into_iter()
        .rfind(|event| event.operation == Operation::DeleteAccount);
    assert_eq!(event.unwrap().refused, None);

    let counts = bed.store.counts();
    // What is left is Bob's: his account, his session, his verification link.
    assert_eq!((counts.users, counts.sessions, counts.tokens), (1, 1, 1));
    assert!(bed.store.user(ann.user_id).await.unwrap().is_none());
    for tokens in [&ann.tokens, &other] {
        assert!(bed.validate(tokens).await.is_err());
        assert!(bed.refresh(tokens).await.is_err(), "ghsa_25");
    }
    assert!(bed.login(ANN, PASSWORD).await.is_err());
    let request = admittance::service::ResetPassword {
        token: reset,
        new_password: OTHER_PASSWORD.into(),
        confirm_password: OTHER_PASSWORD.into(),
    };
    let late = bed.auth.reset_password(request, &bed.here).await;
    assert!(matches!(late, Err(AuthError::InvalidLink)));
    let told = (MailKind::AccountDeleted, ANN.to_owned());
    assert_eq!(bed.mails().await, [told]);
    assert!(bed.validate(&bob).await.is_ok());
    bed.register(ANN).await;
}

#[tokio::test]
async fn a_deletion_that_was_overtaken_by_a_change_of_password_does_nothing() {
    let bed = Bed::mailing();
    let tokens = bed.register(ANN).await.tokens;
    let stale = bed.validate(&tokens).await.unwrap();
    bed.change_password(&stale, PASSWORD, OTHER_PASSWORD)
        .await
        .unwrap();
    let refused = delete(&bed, &stale, PASSWORD).await;
    assert!(matches!(refused, Err(AuthError::InvalidToken)));
    assert!(bed.login(ANN, OTHER_PASSWORD).await.is_ok());
}

#[tokio::test]
async fn asvs_2_4_1_an_address_given_up_and_taken_in_turn_gets_no_stream_of_mail() {
    let bed = Bed::mailing();
    let mut deleted = 0;
    loop {
        let tokens = bed.register(ANN).await.tokens;
        let session = bed.validate(&tokens).await.unwrap();
        match delete(&bed, &session, PASSWORD).await {
            Ok(()) => deleted += 1,
            Err(AuthError::RateLimited { .. }) => break,
            Err(other) => panic!("{other:?}"),
        }
        assert!(deleted < 10);
    }
    // Three could be given up, with a notice each, and the last one could not.
    assert_eq!(deleted, 3);
    let mails = bed.mails().await;
    assert!(mails.len() <= 7, "{mails:?}");
}

#[tokio::test]
async fn an_export_has_everything_but_what_would_let_others_in() {
    let bed = Bed::mailing();
    let ann = bed.register("Ann@example.org").await;
    let session = bed.validate(&ann.tokens).await.unwrap();
    let change = UpdateProfile {
        name: None,
        preferences: json!({"level": "B2"}).as_object().cloned(),
    };
    bed.auth
        .update_profile(&session, change, &bed.here)
        .await
        .unwrap();
    bed.login(ANN, PASSWORD).await.unwrap();
    let session = bed.validate(&ann.tokens).await.unwrap();
    let export = bed.auth.export_account(&session, &bed.here).await.unwrap();
    let text = serde_json::to_value(&export).unwrap();
    assert_eq!(text["profile"]["email"], "Ann@example.org");
    assert_eq!(text["profile"]["preferences"], json!({"level": "B2"}));
    assert_eq!(text["email_canonical"], ANN);
    assert_eq!(text["password_scheme"], "argon2id");
    assert_eq!(text["remembered_devices"], 1);
    assert_eq!(text["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(text["links"][0]["purpose"], "verify_email");
    assert_eq!(text["links"][0]["email"], "Ann@example.org");

    let user = bed.store.user(ann.user_id).await.unwrap().unwrap();
    let token = bed.mailed(MailKind::VerifyEmail).await;
    let text = text.to_string();
    for secret in [
        hash_of(&user).expose_secret(),
        token.expose_secret(),
        ann.tokens.token.expose_secret(),
        ann.tokens.refresh_token.expose_secret(),
    ] {
        assert!(!text.contains(secret));
    }
}

#[tokio::test]
async fn asvs_6_3_5_a_login_with_a_new_device_is_reported_and_mailed() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let token = bed.mailed(MailKind::VerifyEmail).await;
    let request = admittance::service::VerifyEmail {
        token,
        password: Some(PASSWORD.into()),
        ticket: None,
    };
    let _ = bed
        .auth
        .verify_email(request, None, &bed.here)
        .await
        .unwrap();
    let from = |ip: [u8; 4], agent: &str| RequestContext::from_ip(ip.into()).with_user_agent(agent);
    let known = [
        // Another address of the same provider, another version.
        from([192, 0, 77, 8], "test"),
        from([192, 0, 2, 1], "test/2.1"),
    ];
    for here in &known {
        let login = support::bed::login(ANN, PASSWORD);
        bed.auth.login(login, here).await.unwrap();
        assert_eq!(bed.events.last().notices.first(), None);
    }
    assert_eq!(bed.mails().await, []);
    for here in [
        from([198, 51, 100, 7], "test"),
        from([192, 0, 2, 1], "Another browser 1.0"),
    ] {
        for is_new in [true, false] {
            let login = support::bed::login(ANN, PASSWORD);
            bed.auth.login(login, &here).await.unwrap();
            let reported = bed
                .events
                .all()
                .into_iter()
                .rfind(|event| event.operation == Operation::Login);
            let notice = is_new.then_some(Notice::NewDevice);
            assert_eq!(reported.unwrap().notices.first(), notice);
            let mails = bed.mails().await;
            let told = is_new.then(|| (MailKind::NewDevice, ANN.to_owned()));
            assert_eq!(mails, Vec::from_iter(told));
        }
    }
}

#[tokio::test]
async fn mail_at_a_login_from_a_new_device_can_be_switched_off() {
    for is_on in [true, false] {
        let bed = Bed::built(MemoryStore::new(), config(), |builder, mailbox| {
            let mut mail = mail_config();
            assert!(mail.new_device, "on by default");
            mail.new_device = is_on;
            builder.mail(mailbox, mail)
        });
        bed.register(ANN).await;
        bed.mails().await;
        let there = RequestContext::from_ip([198, 51, 100, 7].into());
        let login = support::bed::login(ANN, PASSWORD);
        bed.auth.login(login, &there).await.unwrap();
        // The event has it in any case.
        let mut logins = bed.events.all().into_iter();
        let reported = logins.rfind(|event| event.operation == Operation::Login);
        assert_eq!(reported.unwrap().notices.first(), Some(Notice::NewDevice));
        let told = is_on.then(|| (MailKind::NewDevice, ANN.to_owned()));
        assert_eq!(bed.mails().await, Vec::from_iter(told));
    }
}

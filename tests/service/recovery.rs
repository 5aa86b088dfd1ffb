use std::time::Duration;

use admittance::error::{AuthError, Field, ViolationCode};
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::{EmailRequest, LinkRequest, ResetPassword, VerifyEmail};
use admittance::test_util::Mailbox;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD};

const ANN: &str = "ann@example.org";
const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);
const SECOND: Duration = Duration::from_secs(1);

async fn forgot(bed: &Bed, email: &str) -> Result<(), AuthError> {
    let request = EmailRequest {
        email: email.into(),
    };
    bed.auth.forgot_password(request, &bed.here).await.map(drop)
}

async fn forgotten(bed: &Bed, email: &str) -> MailToken {
    forgot(bed, email).await.unwrap();
    bed.mailed(MailKind::ResetPassword).await
}

async fn reset(bed: &Bed, token: &MailToken, password: &str) -> Result<(), AuthError> {
    let request = ResetPassword {
        token: token.clone(),
        new_password: password.into(),
        confirm_password: password.into(),
    };
    bed.auth.reset_password(request, &bed.here).await.map(drop)
}

#[tokio::test]
async fn asvs_6_5_1_and_ghsa_24_a_reset_sets_the_password_once_and_ends_everything() {
    let bed = Bed::mailing();
    let first = bed.register(ANN).await.tokens;
    let second = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let verification = bed.mailed(MailKind::VerifyEmail).await;
    let earlier = forgotten(&bed, ANN).await;
    let token = forgotten(&bed, "ANN@Example.org").await;
    let _ = bed.mails().await;

    reset(&bed, &token, OTHER_PASSWORD).await.unwrap();
    for tokens in [&first, &second] {
        assert!(bed.validate(tokens).await.is_err());
        assert!(bed.refresh(tokens).await.is_err());
    }
    assert!(bed.login(ANN, PASSWORD).await.is_err());
    let ann = bed.login(ANN, OTHER_PASSWORD).await.unwrap();
    assert!(ann.is_verified, "the mailbox is the owner's");
    let told = (MailKind::PasswordChanged, ANN.to_owned());
    assert_eq!(bed.mails().await, [told], "asvs_6_3_7");

    // The link, the one before it, and the one of another purpose are dead.
    for token in [&token, &earlier] {
        let again = reset(&bed, token, PASSWORD).await;
        assert!(matches!(again, Err(AuthError::InvalidLink)), "{again:?}");
    }
    let request = VerifyEmail {
        token: verification,
        password: Some(OTHER_PASSWORD.into()),
        ticket: None,
    };
    let late = bed.auth.verify_email(request, None, &bed.here).await;
    assert!(matches!(late, Err(AuthError::InvalidLink)));
    assert_eq!(bed.store.counts().tokens, 0);
    assert_eq!(bed.store.counts().sessions, 1);
}

#[tokio::test]
async fn asvs_6_5_5_and_ghsa_18_a_reset_link_is_good_for_30_minutes() {
    for (age, is_good) in [
        (HALF_AN_HOUR - SECOND, true),
        (HALF_AN_HOUR, false),
        (HALF_AN_HOUR + SECOND, false),
    ] {
        let bed = Bed::mailing();
        bed.register(ANN).await;
        let token = forgotten(&bed, ANN).await;
        bed.clock.advance(age);
        let outcome = reset(&bed, &token, OTHER_PASSWORD).await;
        assert_eq!(outcome.is_ok(), is_good, "{age:?}: {outcome:?}");
        assert_eq!(bed.login(ANN, PASSWORD).await.is_err(), is_good);
    }
}

#[tokio::test]
async fn ghsa_18_an_earlier_reset_link_is_good_until_one_is_used() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let first = forgotten(&bed, ANN).await;
    let second = forgotten(&bed, ANN).await;
    reset(&bed, &first, OTHER_PASSWORD).await.unwrap();
    let late = reset(&bed, &second, PASSWORD).await;
    assert!(matches!(late, Err(AuthError::InvalidLink)));
}

#[tokio::test]
async fn ghsa_14_no_password_is_set_without_a_link_or_against_the_rules() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let token = forgotten(&bed, ANN).await;
    for (password, confirmation, code) in [
        ("password1234", "password1234", ViolationCode::TooCommon),
        (OTHER_PASSWORD, PASSWORD, ViolationCode::Mismatch),
        ("", "", ViolationCode::Required),
    ] {
        let request = ResetPassword {
            token: token.clone(),
            new_password: password.into(),
            confirm_password: confirmation.into(),
        };
        match bed.auth.reset_password(request, &bed.here).await {
            Err(AuthError::Validation(violations)) => {
                let codes: Vec<_> = violations.as_slice().iter().map(|v| v.code).collect();
                let is_weak =
                    code == ViolationCode::TooCommon && codes.contains(&ViolationCode::TooWeak);
                assert!(codes.contains(&code) || is_weak, "{password}: {codes:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    let refused = reset(&bed, &MailToken::new(""), OTHER_PASSWORD).await;
    assert!(matches!(refused, Err(AuthError::Validation(_))));
    for text in [" ", "adp_", "adp_AAAA", "null"] {
        let refused = reset(&bed, &MailToken::new(text), OTHER_PASSWORD).await;
        assert!(matches!(refused, Err(AuthError::InvalidLink)), "{text:?}");
    }
    assert!(bed.login(ANN, PASSWORD).await.is_ok());
    // None of that has used up the link.
    reset(&bed, &token, OTHER_PASSWORD).await.unwrap();
}

#[tokio::test]
async fn ghsa_15_and_asvs_9_2_2_no_link_works_for_another_purpose() {
    let bed = Bed::mailing();
    let ann = bed.register(ANN).await;
    let session = bed.validate(&ann.tokens).await.unwrap();
    let verify = bed.mailed(MailKind::VerifyEmail).await;
    let reset_link = forgotten(&bed, ANN).await;
    let request = admittance::service::ChangeEmail {
        new_email: "new@example.org".into(),
        current_password: PASSWORD.into(),
    };
    bed.auth
        .change_email(&session, request, &bed.here)
        .await
        .unwrap();
    let change = bed.mailed(MailKind::ConfirmEmailChange).await;

    // Also with the prefix of the purpose that it is tried for.
    let disguised = |token: &MailToken, prefix: &str| {
        MailToken::new(format!("{prefix}{}", &token.expose_secret()[4..]))
    };
    let others = |prefix: &str, own: &MailToken| {
        let mut tried = Vec::new();
        for token in [&verify, &reset_link, &change] {
            if token.expose_secret() != own.expose_secret() {
                tried.push(token.clone());
                tried.push(disguised(token, prefix));
            }
        }
        tried.push(MailToken::new(ann.tokens.token.expose_secret()));
        tried.push(MailToken::new(ann.tokens.refresh_token.expose_secret()));
        tried.push(disguised(own, "adn_"));
        tried
    };
    for token in others("adv_", &verify) {
        let request = VerifyEmail {
            token: token.clone(),
            password: Some(PASSWORD.into()),
            ticket: None,
        };
        let refused = bed
            .auth
            .verify_email(request, Some(&session), &bed.here)
            .await;
        assert!(
            matches!(refused, Err(AuthError::InvalidLink)),
            "{refused:?}"
        );
        let request = LinkRequest { token };
        let refused = bed.auth.disown_email(request, &bed.here).await;
        assert!(matches!(refused, Err(AuthError::InvalidLink)));
    }
    for token in others("adp_", &reset_link) {
        let refused = reset(&bed, &token, OTHER_PASSWORD).await;
        assert!(matches!(refused, Err(AuthError::InvalidLink)));
    }
    for token in others("ade_", &change) {
        let request = LinkRequest { token };
        let refused = bed
            .auth
            .confirm_email_change(&session, request, &bed.here)
            .await;
        assert!(matches!(refused, Err(AuthError::InvalidLink)));
    }
    for token in [&verify, &reset_link, &change] {
        assert!(bed.auth.verify_offline(token.expose_secret()).is_err());
        let request = admittance::service::RefreshRequest {
            refresh_token: token.expose_secret().into(),
        };
        assert!(bed.auth.refresh(request, &bed.here).await.is_err());
    }
    // And each still works for its own.
    let request = VerifyEmail {
        token: verify,
        password: None,
        ticket: None,
    };
    assert!(
        bed.auth
            .verify_email(request, Some(&session), &bed.here)
            .await
            .is_ok()
    );
    assert!(reset(&bed, &reset_link, OTHER_PASSWORD).await.is_ok());
}

#[tokio::test]
async fn ghsa_9_and_39_a_reset_goes_to_the_stored_address_and_nowhere_else() {
    let bed = Bed::mailing();
    bed.register("Mike@Example.org").await;
    let _ = bed.mails().await;
    forgot(&bed, "mIKE@eXample.org").await.unwrap();
    let stored = (MailKind::ResetPassword, "Mike@Example.org".to_owned());
    assert_eq!(bed.mails().await, [stored]);
    // The Kelvin sign is the letter K by Unicode's own canonical equivalence;
    // the mail still goes to the stored address.
    forgot(&bed, "mi\u{212a}e@example.org").await.unwrap();
    let stored = (MailKind::ResetPassword, "Mike@Example.org".to_owned());
    assert_eq!(bed.mails().await, [stored]);
    // Letters that only a case mapping folds onto ASCII ones are others.
    for email in ["m\u{131}ke@example.org", "nobody@example.org"] {
        forgot(&bed, email).await.unwrap();
    }
    assert_eq!(bed.mails().await, []);
    assert_eq!(
        bed.store.counts().tokens,
        3,
        "ghsa_30: what strangers ask for makes no record"
    );
}

#[tokio::test]
async fn a_malformed_address_is_named() {
    let bed = Bed::mailing();
    for email in [
        "",
        "ann",
        "ann@b@example.org",
        "ann@example.org, eve@example.org",
    ] {
        match forgot(&bed, email).await {
            Err(AuthError::Validation(violations)) => {
                assert_eq!(violations.as_slice()[0].field, Field::Email);
            }
            other => panic!("{other:?}"),
        }
    }
    for body in [
        serde_json::json!({"email": ["ann@example.org", "eve@example.org"]}),
        serde_json::json!({"email": {"$gt": ""}}),
        serde_json::json!({"email": null}),
    ] {
        assert!(serde_json::from_value::<EmailRequest>(body).is_err());
    }
    assert_eq!(bed.mails().await, []);
}

#[tokio::test]
async fn ghsa_19_only_a_digest_of_a_link_is_kept() {
    use admittance::store::TokenStore;
    let bed = Bed::mailing();
    let ann = bed.register(ANN).await;
    let token = forgotten(&bed, ANN).await;
    let now = admittance::clock::Clock::now(&bed.clock);
    let records = bed.store.tokens_of(ann.user_id, now).await.unwrap();
    assert_eq!(records.len(), 2);
    let stored = format!("{records:?}");
    let bits = &token.expose_secret()[4..];
    assert!(!stored.contains(bits), "{stored}");
    // A reader of the database cannot hand in what is kept there.
    for record in &records {
        let hex: String = record
            .digest
            .to_bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        for text in [hex.clone(), format!("adp_{hex}")] {
            let refused = reset(&bed, &MailToken::new(text), OTHER_PASSWORD).await;
            assert!(matches!(refused, Err(AuthError::InvalidLink)));
        }
    }
}

#[tokio::test]
async fn ghsa_13_and_asvs_14_2_1_links_begin_with_the_configured_url() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    forgot(&bed, ANN).await.unwrap();
    bed.auth.flush_mail().await;
    for mail in bed.mailbox.take() {
        let token = Mailbox::token(&mail).unwrap();
        let links: Vec<_> = mail
            .text
            .split_whitespace()
            .filter(|word| word.contains("://"))
            .collect();
        assert!(!links.is_empty());
        for link in links {
            let rest = link.strip_prefix("https://exam.example/").unwrap();
            if let Some((path, fragment)) = rest.split_once('#') {
                assert!(!path.contains(token.expose_secret()) && !path.contains('?'));
                assert_eq!(fragment, format!("token={}", token.expose_secret()));
            }
        }
        assert!(
            !format!("{mail:?}").contains(token.expose_secret()),
            "asvs_16_2_5"
        );
    }
}

#[tokio::test]
async fn a_name_that_a_stranger_wrote_is_not_mailed() {
    let bed = Bed::mailing();
    let mut request = support::bed::registration(ANN);
    request.name = "Claim your prize at evil.example".into();
    let _ = bed.auth.register(request, &bed.here).await.unwrap();
    forgot(&bed, ANN).await.unwrap();
    bed.auth.flush_mail().await;
    let mails = bed.mailbox.take();
    assert_eq!(mails.len(), 2);
    for mail in mails {
        for part in [&mail.subject, &mail.text, &mail.html] {
            assert!(!part.contains("evil.example"), "{part}");
        }
    }
}

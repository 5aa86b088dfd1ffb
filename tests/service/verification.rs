use std::time::Duration;

use admittance::config::RegistrationMode;
use admittance::error::{AuthError, ErrorCode};
use admittance::event::Operation;
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::{
    EmailRequest, LinkRequest, LoginResponse, RegisterOutcome, RequestContext, VerifyEmail,
    VerifyOutcome,
};

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, registration};

const ANN: &str = "ann@example.org";
const DAY: Duration = Duration::from_secs(86_400);
const SECOND: Duration = Duration::from_secs(1);

fn link(token: &MailToken, password: Option<&str>) -> VerifyEmail {
    VerifyEmail {
        token: token.clone(),
        password: password.map(Into::into),
        ticket: None,
    }
}

fn opened(outcome: VerifyOutcome) -> LoginResponse {
    match outcome {
        VerifyOutcome::Opened(response) => response,
        other => panic!("{other:?}"),
    }
}

fn verify_first() -> Bed {
    let mut config = config();
    config.registration = RegistrationMode::VerifyFirst;
    Bed::mailing_with(config)
}

async fn pending(bed: &Bed, email: &str) -> MailToken {
    let outcome = bed.auth.register(registration(email), &bed.here).await;
    assert!(matches!(outcome.unwrap(), RegisterOutcome::Pending(_)));
    bed.mailed(MailKind::CompleteRegistration).await
}

async fn resend(bed: &Bed, email: &str) -> Result<(), AuthError> {
    let request = EmailRequest {
        email: email.into(),
    };
    bed.auth
        .resend_verification(request, &bed.here)
        .await
        .map(drop)
}

async fn is_verified(bed: &Bed) -> bool {
    let ann = bed.login(ANN, PASSWORD).await.unwrap();
    assert_eq!(ann.missing.is_empty(), ann.is_verified, "{:?}", ann.missing);
    ann.is_verified
}

#[tokio::test]
async fn the_link_and_a_live_session_confirm_an_address_once() {
    let bed = Bed::mailing();
    let ann = bed.register(ANN).await;
    assert!(!ann.is_verified);
    assert_eq!(ann.missing, ["email_verification"]);
    let token = bed.mailed(MailKind::VerifyEmail).await;
    let session = bed.validate(&ann.tokens).await.unwrap();

    let outcome = bed
        .auth
        .verify_email(link(&token, None), Some(&session), &bed.here)
        .await;
    assert!(matches!(outcome.unwrap(), VerifyOutcome::Verified(_)));
    let profile = bed.validate(&ann.tokens).await.unwrap().profile();
    assert!(profile.is_verified && profile.missing.is_empty());
    assert_eq!(bed.store.counts().tokens, 0, "rows of used links");

    // asvs_6_5_1
    for proof in [None, Some(PASSWORD)] {
        let again = bed
            .auth
            .verify_email(link(&token, proof), Some(&session), &bed.here)
            .await;
        assert!(matches!(again, Err(AuthError::InvalidLink)), "{again:?}");
    }
    assert_eq!(bed.events.last().operation, Operation::VerifyEmail);
}

#[tokio::test]
async fn the_link_and_the_password_confirm_an_address_and_open_a_session() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let token = bed.mailed(MailKind::VerifyEmail).await;
    let outcome = bed
        .auth
        .verify_email(link(&token, Some(PASSWORD)), None, &bed.here)
        .await;
    let answer = opened(outcome.unwrap());
    assert!(answer.is_verified && answer.missing.is_empty());
    assert!(
        bed.validate(&answer.tokens)
            .await
            .unwrap()
            .profile()
            .is_verified
    );
}

#[tokio::test]
async fn asvs_6_5_1_and_ghsa_16_a_wrong_proof_does_not_use_up_a_link() {
    let bed = Bed::mailing();
    let ann = bed.register(ANN).await;
    let bob = bed.register("bob@example.org").await;
    let bob = bed.validate(&bob.tokens).await.unwrap();
    let session = bed.validate(&ann.tokens).await.unwrap();
    bed.auth.flush_mail().await;
    let mail = bed.mailbox.take();
    let mail = mail.iter().find(|mail| mail.to.as_str() == ANN).unwrap();
    let token = admittance::test_util::Mailbox::token(mail).unwrap();

    let cases = [
        (None, None),
        (Some(""), None),
        (Some(OTHER_PASSWORD), None),
        (None, Some(&bob)),
        (Some(OTHER_PASSWORD), Some(&bob)),
    ];
    for (password, auth) in cases {
        let refused = bed
            .auth
            .verify_email(link(&token, password), auth, &bed.here)
            .await;
        assert!(
            matches!(refused, Err(AuthError::ProofRequired)),
            "{refused:?}"
        );
        assert_eq!(bed.events.last().refused, Some(ErrorCode::ProofRequired));
    }
    assert!(!is_verified(&bed).await);
    let outcome = bed
        .auth
        .verify_email(link(&token, None), Some(&session), &bed.here)
        .await;
    assert!(outcome.is_ok());
    assert!(is_verified(&bed).await);
}

#[tokio::test]
async fn ghsa_17_and_20_a_link_that_is_not_whole_is_refused() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let token = bed.mailed(MailKind::VerifyEmail).await;
    let whole = token.expose_secret();
    let swapped: String = whole
        .chars()
        .map(|letter| match letter {
            letter if letter.is_ascii_lowercase() => letter.to_ascii_uppercase(),
            letter => letter.to_ascii_lowercase(),
        })
        .collect();
    let missing = link(&MailToken::new(""), Some(PASSWORD));
    let refused = bed.auth.verify_email(missing, None, &bed.here).await;
    assert!(matches!(refused, Err(AuthError::Validation(_))));
    for text in [
        " ".to_owned(),
        "null".to_owned(),
        whole[..whole.len() - 1].to_owned(),
        whole[1..].to_owned(),
        format!("{whole}A"),
        format!("{whole}="),
        format!(" {whole}"),
        format!("{whole}\0"),
        format!("{whole}{whole}"),
        whole.to_uppercase(),
        whole.to_lowercase(),
        swapped,
        "{\"$ne\":null}".to_owned(),
    ] {
        let refused = bed
            .auth
            .verify_email(
                link(&MailToken::new(text.clone()), Some(PASSWORD)),
                None,
                &bed.here,
            )
            .await;
        assert!(matches!(refused, Err(AuthError::InvalidLink)), "{text:?}");
    }
    for body in [
        serde_json::json!({"token": null}),
        serde_json::json!({"token": [whole]}),
        serde_json::json!({"token": {"$ne": null}}),
        serde_json::json!({"token": whole, "password": 1}),
        serde_json::json!({"token": whole, "is_verified": true}),
    ] {
        assert!(
            serde_json::from_value::<VerifyEmail>(body.clone()).is_err(),
            "{body}"
        );
    }
    assert!(!is_verified(&bed).await);
}

#[tokio::test]
async fn asvs_6_5_5_and_ghsa_18_a_verification_link_is_good_for_24_hours() {
    for (age, is_good) in [(DAY - SECOND, true), (DAY, false), (DAY + SECOND, false)] {
        let bed = Bed::mailing();
        bed.register(ANN).await;
        let token = bed.mailed(MailKind::VerifyEmail).await;
        bed.clock.advance(age);
        let outcome = bed
            .auth
            .verify_email(link(&token, Some(PASSWORD)), None, &bed.here)
            .await;
        assert_eq!(outcome.is_ok(), is_good, "{age:?}");

        let bed = verify_first();
        let token = pending(&bed, ANN).await;
        bed.clock.advance(age);
        let outcome = bed
            .auth
            .verify_email(link(&token, Some(PASSWORD)), None, &bed.here)
            .await;
        assert_eq!(outcome.is_ok(), is_good, "{age:?}");
    }
}

#[tokio::test]
async fn ghsa_18_an_earlier_link_is_good_until_one_is_used() {
    for use_first in [true, false] {
        let bed = Bed::mailing();
        bed.register(ANN).await;
        let first = bed.mailed(MailKind::VerifyEmail).await;
        resend(&bed, "ANN@example.org").await.unwrap();
        let mail = bed.mail(MailKind::VerifyEmail).await;
        assert_eq!(mail.to.as_str(), ANN, "mail goes to the stored address");
        let second = admittance::test_util::Mailbox::token(&mail).unwrap();
        assert_ne!(first.expose_secret(), second.expose_secret());
        let (one, other) = if use_first {
            (first, second)
        } else {
            (second, first)
        };
        let used = bed
            .auth
            .verify_email(link(&one, Some(PASSWORD)), None, &bed.here)
            .await;
        assert!(used.is_ok());
        let late = bed
            .auth
            .verify_email(link(&other, Some(PASSWORD)), None, &bed.here)
            .await;
        assert!(matches!(late, Err(AuthError::InvalidLink)));
    }
}

#[tokio::test]
async fn asvs_2_4_1_mail_to_one_address_has_a_cooldown() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let _ = bed.mails().await;
    for email in [ANN, "nobody@example.org"] {
        for _ in 0..3 {
            resend(&bed, email).await.unwrap();
        }
        let refused = resend(&bed, email).await;
        match refused {
            Err(AuthError::RateLimited { retry_after }) => {
                assert_eq!(retry_after, Duration::from_secs(300));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bed.mails().await.len(), 3);
    bed.clock.advance(Duration::from_secs(300));
    resend(&bed, ANN).await.unwrap();
    assert_eq!(bed.mails().await.len(), 1);
}

#[tokio::test]
async fn asvs_2_4_1_one_network_gets_no_more_than_its_share_of_mail() {
    let bed = Bed::mailing();
    for number in 0..20 {
        resend(&bed, &format!("{number}@example.org"))
            .await
            .unwrap();
    }
    let refused = resend(&bed, "another@example.org").await;
    assert!(matches!(refused, Err(AuthError::RateLimited { .. })));
    let elsewhere = RequestContext::from_ip([198, 51, 100, 1].into());
    let request = EmailRequest {
        email: "another@example.org".into(),
    };
    assert!(
        bed.auth
            .resend_verification(request, &elsewhere)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn nothing_is_mailed_to_who_is_verified_unknown_or_disabled() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let token = bed.mailed(MailKind::VerifyEmail).await;
    let _ = bed
        .auth
        .verify_email(link(&token, Some(PASSWORD)), None, &bed.here)
        .await
        .unwrap();
    let _ = bed.mails().await;
    for email in [ANN, "nobody@example.org"] {
        resend(&bed, email).await.unwrap();
    }
    assert_eq!(bed.mails().await, []);
    assert_eq!(bed.store.counts().tokens, 0, "ghsa_30");
}

#[tokio::test]
async fn who_never_registered_removes_the_account_and_the_address_is_free() {
    let bed = Bed::mailing();
    let squatter = bed.register(ANN).await;
    let token = bed.mailed(MailKind::VerifyEmail).await;
    let disown = |token: &MailToken| LinkRequest {
        token: token.clone(),
    };
    bed.auth
        .disown_email(disown(&token), &bed.here)
        .await
        .unwrap();
    assert!(bed.validate(&squatter.tokens).await.is_err());
    assert!(bed.refresh(&squatter.tokens).await.is_err());
    let counts = bed.store.counts();
    assert_eq!((counts.users, counts.sessions, counts.tokens), (0, 0, 0));
    let again = bed.auth.disown_email(disown(&token), &bed.here).await;
    assert!(matches!(again, Err(AuthError::InvalidLink)));
    bed.register(ANN).await;

    // A confirmed account is not removed this way.
    let token = bed.mailed(MailKind::VerifyEmail).await;
    resend(&bed, ANN).await.unwrap();
    let later = bed.mailed(MailKind::VerifyEmail).await;
    let _ = bed
        .auth
        .verify_email(link(&token, Some(PASSWORD)), None, &bed.here)
        .await
        .unwrap();
    for token in [token, later] {
        let refused = bed.auth.disown_email(disown(&token), &bed.here).await;
        assert!(matches!(refused, Err(AuthError::InvalidLink)));
    }
    assert!(is_verified(&bed).await);
}

#[tokio::test]
async fn by_verify_first_there_is_no_account_before_the_link_and_the_password() {
    let bed = verify_first();
    let token = pending(&bed, ANN).await;
    let counts = bed.store.counts();
    assert_eq!((counts.users, counts.sessions), (0, 0));
    assert!(bed.login(ANN, PASSWORD).await.is_err());
    for password in [None, Some(OTHER_PASSWORD)] {
        let refused = bed
            .auth
            .verify_email(link(&token, password), None, &bed.here)
            .await;
        assert!(matches!(refused, Err(AuthError::ProofRequired)));
    }
    assert_eq!(bed.store.counts().users, 0);

    let outcome = bed
        .auth
        .verify_email(link(&token, Some(PASSWORD)), None, &bed.here)
        .await;
    let ann = opened(outcome.unwrap());
    assert!(ann.is_verified);
    let profile = bed.validate(&ann.tokens).await.unwrap().profile();
    assert_eq!(
        (profile.name.as_str(), profile.email.as_str()),
        ("Ann", ANN)
    );
    assert!(is_verified(&bed).await);
    assert_eq!(bed.store.counts().tokens, 0);
    let again = bed
        .auth
        .verify_email(link(&token, Some(PASSWORD)), None, &bed.here)
        .await;
    assert!(matches!(again, Err(AuthError::InvalidLink)));
}

#[tokio::test]
async fn by_verify_first_the_owner_of_a_taken_address_is_told() {
    let bed = verify_first();
    let token = pending(&bed, "Ann@example.org").await;
    let _ = bed
        .auth
        .verify_email(link(&token, Some(PASSWORD)), None, &bed.here)
        .await
        .unwrap();
    let mut request = registration("aNN@example.org");
    request.password = OTHER_PASSWORD.into();
    request.confirm_password = OTHER_PASSWORD.into();
    let outcome = bed.auth.register(request, &bed.here).await.unwrap();
    assert!(matches!(outcome, RegisterOutcome::Pending(_)));
    let told = (MailKind::AlreadyRegistered, "Ann@example.org".to_owned());
    assert_eq!(bed.mails().await, [told]);
    assert!(bed.login(ANN, OTHER_PASSWORD).await.is_err());
    assert_eq!(bed.store.counts().tokens, 0);
}

#[tokio::test]
async fn by_verify_first_another_link_can_be_asked_for() {
    let bed = verify_first();
    pending(&bed, ANN).await;
    bed.clock.advance(DAY - SECOND);
    resend(&bed, "ann@EXAMPLE.org").await.unwrap();
    let token = bed.mailed(MailKind::CompleteRegistration).await;
    let _ = bed
        .auth
        .verify_email(link(&token, Some(PASSWORD)), None, &bed.here)
        .await
        .unwrap();
    assert!(is_verified(&bed).await);

    // Another link does not make the registration last longer.
    let bed = verify_first();
    pending(&bed, ANN).await;
    bed.clock.advance(DAY - SECOND);
    resend(&bed, ANN).await.unwrap();
    let token = bed.mailed(MailKind::CompleteRegistration).await;
    bed.clock.advance(SECOND);
    let late = bed
        .auth
        .verify_email(link(&token, Some(PASSWORD)), None, &bed.here)
        .await;
    assert!(matches!(late, Err(AuthError::InvalidLink)));
}

#[tokio::test]
async fn by_verify_first_this_was_not_me_ends_every_registration_of_the_address() {
    let bed = verify_first();
    let first = pending(&bed, ANN).await;
    let second = pending(&bed, ANN).await;
    let request = LinkRequest {
        token: second.clone(),
    };
    bed.auth.disown_email(request, &bed.here).await.unwrap();
    for token in [first, second] {
        let refused = bed
            .auth
            .verify_email(link(&token, Some(PASSWORD)), None, &bed.here)
            .await;
        assert!(matches!(refused, Err(AuthError::InvalidLink)));
    }
    assert_eq!(bed.store.counts().users, 0);
}

#[tokio::test]
async fn ghsa_46_the_password_of_a_link_is_limited_like_a_login() {
    for bed in [Bed::mailing(), verify_first()] {
        let outcome = bed
            .auth
            .register(registration(ANN), &bed.here)
            .await
            .unwrap();
        let kind = match outcome {
            RegisterOutcome::Opened(_) => MailKind::VerifyEmail,
            RegisterOutcome::Pending(_) => MailKind::CompleteRegistration,
        };
        let token = bed.mailed(kind).await;
        for _ in 0..5 {
            let refused = bed
                .auth
                .verify_email(link(&token, Some(OTHER_PASSWORD)), None, &bed.here)
                .await;
            assert!(matches!(refused, Err(AuthError::ProofRequired)));
        }
        let runs = bed.auth.hashing_stats();
        for password in [OTHER_PASSWORD, PASSWORD] {
            let refused = bed
                .auth
                .verify_email(link(&token, Some(password)), None, &bed.here)
                .await;
            assert!(matches!(refused, Err(AuthError::RateLimited { .. })));
        }
        assert_eq!(bed.auth.hashing_stats().runs, runs.runs);
        // The holder of the link locks no one out.
        let login = bed.login(ANN, PASSWORD).await;
        assert!(!matches!(login, Err(AuthError::RateLimited { .. })));
    }
}

#[tokio::test]
async fn without_a_mailer_what_needs_one_is_refused() {
    let bed = Bed::new();
    bed.register(ANN).await;
    let refused = resend(&bed, ANN).await;
    assert!(matches!(refused, Err(AuthError::NoMailer)));
    assert_eq!(bed.store.counts().tokens, 0);
}

#[tokio::test]
async fn a_change_of_the_password_leaves_the_link_and_changes_the_proof() {
    let bed = Bed::mailing();
    let ann = bed.register(ANN).await;
    let token = bed.mailed(MailKind::VerifyEmail).await;
    let session = bed.validate(&ann.tokens).await.unwrap();
    bed.change_password(&session, PASSWORD, OTHER_PASSWORD)
        .await
        .unwrap();
    for (password, is_right) in [(PASSWORD, false), (OTHER_PASSWORD, true)] {
        let outcome = bed
            .auth
            .verify_email(link(&token, Some(password)), None, &bed.here)
            .await;
        assert_eq!(outcome.is_ok(), is_right, "{outcome:?}");
    }
}

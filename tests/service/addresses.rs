//! Which mailbox an account has: the one that its canonical key denotes.

use admittance::email::Email;
use admittance::error::{AuthError, Field, ViolationCode};
use admittance::mail::MailKind;
use admittance::service::{ChangeEmail, EmailRequest};
use admittance::store::{InsertUser, UserStore};

use support::bed::{Bed, PASSWORD, registration};

/// Local parts that an older version accepted: the Kelvin sign, fullwidth
/// letters, and what a mail program takes for an option or a command.
const OLD: [&str; 4] = ["\u{212a}ate", "\u{ff41}nn", "-oQ", "|sh"];
/// Characters that NFKC turns into ones that are refused.
const REFUSED: [char; 4] = ['\u{ff20}', '\u{fe6b}', '\u{ff1c}', '\u{ff0c}'];

fn fault<T: std::fmt::Debug>(refused: Result<T, AuthError>) -> (Field, ViolationCode) {
    match refused {
        Err(AuthError::Validation(violations)) => {
            let [violation] = violations.as_slice() else {
                panic!("{violations:?}");
            };
            (violation.field, violation.code)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn mail_goes_to_the_address_in_nfc_and_any_form_of_it_logs_in() {
    for (typed, kept) in [
        ("zoe\u{308}@example.org", "zo\u{eb}@example.org"),
        (
            "\u{938}\u{902}\u{92a}\u{930}\u{94d}\u{915}@example.org",
            "\u{938}\u{902}\u{92a}\u{930}\u{94d}\u{915}@example.org",
        ),
        (
            "\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd}@example.org",
            "\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd}@example.org",
        ),
    ] {
        let bed = Bed::mailing();
        let answer = bed.register(typed).await;
        assert_eq!(answer.email, kept);
        let mail = bed.mail(MailKind::VerifyEmail).await;
        assert_eq!(mail.to.as_str(), kept);
        for form in [typed, kept] {
            assert!(bed.login(form, PASSWORD).await.is_ok(), "{form}");
            let again = bed.auth.register(registration(form), &bed.here).await;
            assert!(matches!(again, Err(AuthError::EmailTaken)), "{form}");
        }
    }
}

#[tokio::test]
async fn an_address_that_could_be_another_mailbox_is_refused_for_an_account() {
    let bed = Bed::mailing();
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let _ = bed.mails().await;
    let old = OLD.map(|local| format!("{local}@example.org"));
    let refused = REFUSED.map(|letter| format!("a{letter}b@example.org"));
    for (addresses, code) in [
        (old, ViolationCode::InvalidCharacters),
        (refused, ViolationCode::InvalidFormat),
    ] {
        for address in addresses {
            let refused = bed.auth.register(registration(&address), &bed.here).await;
            assert_eq!(fault(refused), (Field::Email, code), "{address}");
            let request = ChangeEmail {
                new_email: address.clone(),
                current_password: PASSWORD.into(),
            };
            let refused = bed.auth.change_email(&ann, request, &bed.here).await;
            assert_eq!(fault(refused), (Field::NewEmail, code), "{address}");
        }
    }
    assert_eq!(bed.mails().await, []);
}

#[tokio::test]
async fn an_address_that_an_older_version_accepted_logs_in_and_is_mailed_to() {
    for local in OLD {
        let bed = Bed::mailing();
        let given = format!("{local}@example.org");
        let answer = bed.register("ann@example.org").await;
        let mut user = bed.store.user(answer.user_id).await.unwrap().unwrap();
        let key = Email::parse(&given)
            .unwrap()
            .canonical()
            .as_str()
            .to_owned();
        user.id = admittance::id::UserId::from_bytes([9; 12]);
        user.email = Email::from_store(given.clone(), key);
        let inserted = bed.store.insert_user(&user).await.unwrap();
        assert_eq!(inserted, InsertUser::Inserted);
        let _ = bed.mails().await;

        let opened = bed.login(&given, PASSWORD).await.unwrap();
        assert_eq!((opened.user_id, opened.email), (user.id, given.clone()));
        let request = EmailRequest {
            email: given.clone(),
        };
        bed.auth.forgot_password(request, &bed.here).await.unwrap();
        let mail = bed.mail(MailKind::ResetPassword).await;
        assert_eq!(mail.to.as_str(), given);
    }
}

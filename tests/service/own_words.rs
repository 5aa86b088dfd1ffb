//! Words that a password must not rely on: the person's address and name, and the service's
//! name, each by itself, wherever a password is set (ASVS 6.2.11).

use admittance::config::AuthConfig;
use admittance::error::{AuthError, ViolationCode};
use admittance::mail::MailKind;
use admittance::password::Argon2Params;
use admittance::service::{PasswordStrengthRequest, RegisterRequest};

use support::asks::{forgot, reset};
use support::bed::{Bed, PASSWORD, config};

/// A password that is strong unless its words are the person's own.
const WORDS: &str = "quillonvexmarrow";

/// An address and a name, with or without the words, and what the service is called.
const PEOPLE: [(&str, &str, &str); 4] = [
    ("ann@example.org", "Ann", "Exam simulator"),
    ("ann@example.org", "Quillon Vexmarrow", "Exam simulator"),
    ("quillon.vexmarrow@example.org", "Ann", "Exam simulator"),
    ("ann@example.org", "Ann", "Quillon Vexmarrow"),
];

fn bed(service: &str) -> Bed {
    let mut settings = AuthConfig::new(service).insecure_for_tests();
    settings.hashing.params = Argon2Params::new(8, 1, 1).unwrap();
    settings.limits = config().limits;
    Bed::mailing_with(settings)
}

fn registration(email: &str, name: &str, password: &str) -> RegisterRequest {
    RegisterRequest {
        email: email.into(),
        password: password.into(),
        confirm_password: password.into(),
        name: name.into(),
        ..RegisterRequest::default()
    }
}

/// Whether the answer is that the password is weak, and nothing else; it was accepted if not.
fn is_weak<T>(answer: Result<T, AuthError>) -> bool {
    match answer {
        Ok(_) => false,
        Err(AuthError::Validation(violations)) => {
            let codes: Vec<_> = violations.as_slice().iter().map(|one| one.code).collect();
            assert_eq!(codes, [ViolationCode::TooWeak]);
            true
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn asvs_6_2_11_each_own_word_makes_a_password_weak_wherever_one_is_set() {
    for (person, (email, name, service)) in PEOPLE.into_iter().enumerate() {
        let expected = person > 0;
        let bed = bed(service);
        let request = PasswordStrengthRequest {
            password: WORDS.into(),
            email: email.into(),
            name: name.into(),
        };
        let advice = bed.auth.password_strength(request, &bed.here).await;
        assert_eq!(!advice.unwrap().acceptable, expected, "{person}: advice");

        let request = registration(email, name, WORDS);
        let registered = bed.auth.register(request, &bed.here).await;
        assert_eq!(is_weak(registered), expected, "{person}: registration");

        let bed = self::bed(service);
        let request = registration(email, name, PASSWORD);
        let registered = bed.auth.register(request, &bed.here).await.unwrap();
        let tokens = registered.opened().unwrap().tokens;
        let who = bed.validate(&tokens).await.unwrap();
        let changed = bed.change_password(&who, PASSWORD, WORDS).await;
        assert_eq!(is_weak(changed), expected, "{person}: change");

        let bed = self::bed(service);
        let request = registration(email, name, PASSWORD);
        let _ = bed.auth.register(request, &bed.here).await.unwrap();
        forgot(&bed, email).await.unwrap();
        let link = bed.mailed(MailKind::ResetPassword).await;
        let set = reset(&bed, &link, WORDS).await;
        assert_eq!(is_weak(set), expected, "{person}: reset");
    }
}

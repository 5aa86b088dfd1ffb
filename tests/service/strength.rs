//! What a form shows of a password while it is typed.

use std::time::Duration;

use admittance::error::{AuthError, ErrorCode, ViolationCode};
use admittance::limit::Quota;
use admittance::mail::MailKind;
use admittance::secret::Password;
use admittance::service::{
    ChangePassword, EmailRequest, PasswordStrength, PasswordStrengthRequest, ResetPassword,
};

use support::bed::{Bed, PASSWORD, config, registration};

async fn strength(bed: &Bed, password: &str, email: &str, name: &str) -> PasswordStrength {
    let request = PasswordStrengthRequest {
        password: password.into(),
        email: email.into(),
        name: name.into(),
    };
    bed.auth
        .password_strength(request, &bed.here)
        .await
        .unwrap()
}

fn codes(strength: &PasswordStrength) -> Vec<ViolationCode> {
    strength.errors.iter().map(|error| error.code).collect()
}

#[tokio::test]
async fn a_form_is_told_what_is_wrong_and_what_would_help() {
    let bed = Bed::new();
    let weak = strength(&bed, "qwerty", "", "").await;
    assert_eq!((weak.score, weak.acceptable), (0, false));
    assert_eq!(
        codes(&weak),
        [ViolationCode::TooShort, ViolationCode::TooWeak]
    );
    assert!(weak.warning.is_some() && !weak.suggestions.is_empty());

    let good = strength(&bed, PASSWORD, "", "").await;
    assert_eq!((good.score, good.acceptable), (4, true));
    assert!(good.errors.is_empty() && good.warning.is_none());

    let empty = strength(&bed, "", "", "").await;
    assert_eq!((empty.score, empty.acceptable), (0, false));
    assert_eq!(codes(&empty), [ViolationCode::Required]);

    let long = strength(&bed, &"wq;k.zjx".repeat(20), "", "").await;
    assert_eq!((long.score, long.acceptable), (0, false));
    assert_eq!(codes(&long), [ViolationCode::TooLong]);
}

#[tokio::test]
async fn asvs_6_2_11_the_form_tells_that_ones_own_words_are_weak() {
    let bed = Bed::new();
    let (email, name) = (
        "marguerite.vandenbossche@tulipworks.example",
        "Marguerite Vandenbossche",
    );
    let password = "MargueriteVandenbossche";
    assert!(strength(&bed, password, "", "").await.acceptable);
    assert!(!strength(&bed, password, email, "").await.acceptable);
    assert!(!strength(&bed, password, "", name).await.acceptable);
    assert!(!strength(&bed, "Exam simulator", "", "").await.acceptable);
}

#[tokio::test]
async fn what_the_form_tells_is_what_registration_says() {
    let bed = Bed::new();
    for (number, password) in ["qwerty", "", "password1234", "ann-example-org", PASSWORD]
        .into_iter()
        .enumerate()
    {
        let mut request = registration(&format!("ann-{number}@example.org"));
        request.password = Password::new(password);
        request.confirm_password = Password::new(password);
        let told = strength(&bed, password, &request.email, &request.name).await;
        let refused = match bed.auth.register(request, &bed.here).await {
            Ok(_) => Vec::new(),
            Err(AuthError::Validation(violations)) => {
                let of_password = |one: &&admittance::error::Violation| {
                    one.field == admittance::error::Field::Password
                };
                let violations = violations.as_slice().iter();
                violations.filter(of_password).cloned().collect()
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(told.errors, refused, "{password}");
        assert_eq!(told.acceptable, refused.is_empty(), "{password}");
    }
}

#[tokio::test]
async fn the_address_of_an_account_is_no_password_of_it_wherever_one_is_set() {
    const OWN: &str = "u21ae6e4c7978@example.com";
    let bed = Bed::mailing();
    for padding in ["", &" ".repeat(2000)] {
        let typed = format!("{padding}{OWN}");
        let told = strength(&bed, OWN, &typed, "").await;
        assert!(told.score < 3 && !told.acceptable, "{told:?}");
        let mut request = registration(&typed);
        request.password = Password::new(OWN);
        request.confirm_password = Password::new(OWN);
        let refused = bed.auth.register(request, &bed.here).await;
        assert_too_weak(refused.map(drop));
    }
    let tokens = bed.register(OWN).await.tokens;
    let owner = bed.validate(&tokens).await.unwrap();
    let request = ChangePassword {
        current_password: PASSWORD.into(),
        new_password: OWN.into(),
        confirm_password: OWN.into(),
    };
    let refused = bed.auth.change_password(&owner, request, &bed.here).await;
    assert_too_weak(refused.map(drop));
    let request = EmailRequest { email: OWN.into() };
    bed.auth.forgot_password(request, &bed.here).await.unwrap();
    let request = ResetPassword {
        token: bed.mailed(MailKind::ResetPassword).await,
        new_password: OWN.into(),
        confirm_password: OWN.into(),
    };
    let refused = bed.auth.reset_password(request, &bed.here).await;
    assert_too_weak(refused.map(drop));
    // The same text is a password of somebody else.
    assert!(
        strength(&bed, OWN, "ann@example.org", "Ann")
            .await
            .acceptable
    );
}

fn assert_too_weak(refused: Result<(), AuthError>) {
    match refused {
        Err(AuthError::Validation(violations)) => {
            let found = violations.as_slice().iter().map(|found| found.code);
            assert_eq!(found.collect::<Vec<_>>(), [ViolationCode::TooWeak]);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_counts_by_network_and_only_a_refusal_makes_an_event() {
    let mut settings = config();
    let wait = Duration::from_secs(7);
    settings.limits.strength_by_address = Some(Quota::new(2, wait));
    let bed = Bed::with(settings);
    for _ in 0..2 {
        strength(&bed, "qwerty", "", "").await;
    }
    assert!(bed.events.all().is_empty());
    let request = PasswordStrengthRequest::default();
    match bed.auth.password_strength(request.clone(), &bed.here).await {
        Err(AuthError::RateLimited { retry_after }) => assert_eq!(retry_after, wait),
        other => panic!("{other:?}"),
    }
    let events = bed.events.all();
    let refused: Vec<_> = events.iter().map(|event| event.refused).collect();
    assert_eq!(refused, [Some(ErrorCode::RateLimited)]);
    bed.clock.advance(wait);
    let again = bed.auth.password_strength(request, &bed.here).await;
    assert!(again.is_ok());
}

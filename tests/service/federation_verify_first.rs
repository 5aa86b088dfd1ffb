//! Sign in with others, where accounts are made after their address is confirmed.

use admittance::config::{AuthConfig, RegistrationMode};
use admittance::error::AuthError;
use admittance::mail::MailKind;
use admittance::secret::Ticket;
use admittance::service::{FederatedOutcome, PendingAccount, VerifyEmail, VerifyOutcome};

use super::federation::{ELSEWHERE, Exam, pupil};
use support::bed::{PASSWORD, config};
use support::provider::Pupil;

fn verify_first() -> AuthConfig {
    let mut config = config();
    config.registration = RegistrationMode::VerifyFirst;
    config
}

async fn pending(exam: &Exam, pupil: &Pupil) -> PendingAccount {
    match exam.outcome(pupil).await.unwrap() {
        FederatedOutcome::Pending(pending) => pending,
        FederatedOutcome::Opened(response) => panic!("{response:?}"),
    }
}

#[tokio::test]
async fn with_verify_first_an_address_that_is_vouched_for_needs_no_mail() {
    let exam = Exam::with(verify_first());
    let first = exam.sign_in(&pupil()).await;
    assert!(first.created && first.login.is_verified);
    assert!(exam.bed.mails().await.is_empty());
}

#[tokio::test]
async fn asvs_6_3_8_with_verify_first_the_answer_is_the_same_whether_the_address_is_taken() {
    let exam = Exam::with(verify_first());
    let free = pending(&exam, &Pupil::new("7", ELSEWHERE)).await;
    let token = exam.bed.mailed(MailKind::CompleteRegistration).await;
    let verify = |ticket: Option<Ticket>, password: Option<&str>| {
        let request = VerifyEmail {
            token: token.clone(),
            password: password.map(Into::into),
            ticket,
        };
        exam.bed.auth.verify_email(request, None, &exam.bed.here)
    };
    // The link alone does not make the account of somebody who claims another's address.
    for (ticket, password) in [
        (None, None),
        (Some(Ticket::new("x")), None),
        (None, Some(PASSWORD)),
    ] {
        let refused = verify(ticket, password).await;
        assert!(
            matches!(refused, Err(AuthError::ProofRequired)),
            "{refused:?}"
        );
    }
    let VerifyOutcome::Opened(opened) = verify(Some(free.ticket.clone()), None).await.unwrap()
    else {
        panic!("no session was opened");
    };
    let user = exam.user(opened.user_id).await;
    assert!(user.is_verified && user.password_hash.is_none());
    assert_eq!(user.identities.len(), 1);
    let again = verify(Some(free.ticket.clone()), None).await;
    assert!(matches!(again, Err(AuthError::InvalidLink)), "{again:?}");

    let taken = pending(&exam, &Pupil::new("8", ELSEWHERE)).await;
    assert_eq!(
        (taken.message, taken.expires_in),
        (free.message, free.expires_in)
    );
    assert_eq!(
        taken.ticket.expose_secret().len(),
        free.ticket.expose_secret().len()
    );
    assert_eq!(
        exam.bed.mails().await,
        [(MailKind::AlreadyRegistered, ELSEWHERE.to_owned())]
    );
}

//! Requests about links and accounts, short enough to be repeated.

use admittance::error::AuthError;
use admittance::secret::MailToken;
use admittance::service::{
    Authenticated, ChangeEmail, ChangePassword, DeleteAccount, EmailRequest, LinkRequest,
    Reauthenticate, RequestContext, ResetPassword, Tokens, VerifyEmail, VerifyOutcome,
};
use admittance::store::Store;

use crate::bed::Bed;

/// What an operation gave: tokens, if it gives any.
pub type Answer = Result<Option<Tokens>, AuthError>;

pub async fn verify<S: Store + Clone>(
    bed: &Bed<S>,
    link: &MailToken,
    password: Option<&str>,
    who: Option<&Authenticated>,
) -> Answer {
    verify_from(&bed.here, bed, link, password, who).await
}

pub async fn verify_from<S: Store + Clone>(
    here: &RequestContext,
    bed: &Bed<S>,
    link: &MailToken,
    password: Option<&str>,
    who: Option<&Authenticated>,
) -> Answer {
    let request = VerifyEmail {
        token: link.clone(),
        password: password.map(Into::into),
        ticket: None,
    };
    Ok(match bed.auth.verify_email(request, who, here).await? {
        VerifyOutcome::Opened(answer) => {
            assert!(answer.is_verified);
            Some(answer.tokens)
        }
        VerifyOutcome::Verified(_) => None,
    })
}

pub async fn resend<S: Store + Clone>(bed: &Bed<S>, email: &str) -> Answer {
    let request = email_request(email);
    bed.auth
        .resend_verification(request, &bed.here)
        .await
        .map(|_| None)
}

pub async fn disown<S: Store + Clone>(bed: &Bed<S>, link: &MailToken) -> Answer {
    bed.auth
        .disown_email(link_request(link), &bed.here)
        .await
        .map(|_| None)
}

pub async fn forgot<S: Store + Clone>(bed: &Bed<S>, email: &str) -> Answer {
    let request = email_request(email);
    bed.auth
        .forgot_password(request, &bed.here)
        .await
        .map(|_| None)
}

pub async fn reset<S: Store + Clone>(bed: &Bed<S>, link: &MailToken, password: &str) -> Answer {
    let request = ResetPassword {
        token: link.clone(),
        new_password: password.into(),
        confirm_password: password.into(),
    };
    bed.auth
        .reset_password(request, &bed.here)
        .await
        .map(|_| None)
}

pub async fn change_email<S: Store + Clone>(
    bed: &Bed<S>,
    who: &Authenticated,
    to: &str,
    password: &str,
) -> Answer {
    let request = ChangeEmail {
        new_email: to.into(),
        current_password: password.into(),
    };
    bed.auth
        .change_email(who, request, &bed.here)
        .await
        .map(|_| None)
}

pub async fn confirm_email<S: Store + Clone>(
    bed: &Bed<S>,
    who: &Authenticated,
    link: &MailToken,
) -> Answer {
    let request = link_request(link);
    bed.auth
        .confirm_email_change(who, request, &bed.here)
        .await
        .map(|_| None)
}

pub async fn delete<S: Store + Clone>(bed: &Bed<S>, who: &Authenticated, password: &str) -> Answer {
    let request = DeleteAccount {
        current_password: password.into(),
    };
    bed.auth
        .delete_account(who, request, &bed.here)
        .await
        .map(|()| None)
}

pub async fn confirm_password<S: Store + Clone>(
    bed: &Bed<S>,
    who: &Authenticated,
    password: &str,
) -> Answer {
    let request = Reauthenticate::by_password(password);
    let confirmed = bed.auth.reauthenticate(who, request, &bed.here).await?;
    Ok(Some(confirmed.tokens))
}

fn email_request(email: &str) -> EmailRequest {
    EmailRequest {
        email: email.into(),
    }
}

fn link_request(link: &MailToken) -> LinkRequest {
    LinkRequest {
        token: link.clone(),
    }
}

pub fn change(current: &str, new: &str) -> ChangePassword {
    ChangePassword {
        current_password: current.into(),
        new_password: new.into(),
        confirm_password: new.into(),
    }
}

/// Whether it failed because the link is not good.
pub fn is_dead<T>(answer: &Result<T, AuthError>) -> bool {
    matches!(answer, Err(AuthError::InvalidLink))
}

/// Whether a link that the holder of a session presented is dead. If the session is
/// dead too, the service refuses it before it looks at the link.
pub fn is_dead_for_session<T>(answer: &Result<T, AuthError>) -> bool {
    is_dead(answer) || matches!(answer, Err(AuthError::InvalidToken))
}

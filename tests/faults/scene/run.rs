//! The operations as requests.

use std::sync::Arc;

use admittance::service::{
    ListEvents, ListSessions, PasswordStrengthRequest, RefreshRequest, RequestContext,
    UpdateProfile,
};
use serde_json::json;

use super::{ANN, BOB, EVE, NEW, Op, Scene, WRONG};
use support::asks::{
    Answer, change, change_email, confirm_email, confirm_password, delete, disown, forgot, resend,
    reset, verify, verify_from,
};
use support::bed::{OTHER_PASSWORD, PASSWORD, login, registration};

impl Scene {
    /// Where the operation is asked for from, and in which session's place.
    pub(super) fn here(&self) -> RequestContext {
        let here = self.bed.here.clone();
        if !self.op.replaces() {
            return here;
        }
        let token = &self.asking.refresh_token;
        here.replacing(self.bed.auth.session_of(token).unwrap())
    }

    /// The operation, ready to be run. It borrows nothing, so it may be spawned.
    pub(crate) fn operation(&self) -> impl Future<Output = Answer> + Send + use<> {
        let administration = self.administration();
        let bed = Arc::clone(&self.bed);
        let (op, ann) = (self.op, self.ann.clone());
        let (asking, first) = (self.asking.clone(), self.chain[0].clone());
        let (other, link) = (self.sid(&self.other), self.link.clone());
        let here = self.here();
        async move {
            let (auth, here) = (&bed.auth, &here);
            let refresh = RefreshRequest {
                refresh_token: first.refresh_token,
            };
            match op {
                Op::Register
                | Op::RegisterReplacing
                | Op::RegisterMailing
                | Op::RegisterPending => {
                    let outcome = auth.register(registration(NEW), here).await?;
                    Ok(outcome.opened().map(|answer| answer.tokens))
                }
                Op::RegisterTaken | Op::RegisterTakenMailing | Op::RegisterPendingTaken => {
                    let outcome = auth.register(registration(ANN), here).await?;
                    Ok(outcome.opened().map(|answer| answer.tokens))
                }
                Op::Login | Op::LoginRehash | Op::LoginCapped | Op::LoginReplacing => {
                    Ok(Some(auth.login(login(ANN, PASSWORD), here).await?.tokens))
                }
                Op::LoginWrong => Ok(Some(auth.login(login(ANN, WRONG), here).await?.tokens)),
                Op::Validate => {
                    let token = asking.token.expose_secret();
                    let who = auth.validate_token(token, here).await?;
                    assert_eq!(who.user().id, ann.user().id);
                    Ok(None)
                }
                Op::Refresh | Op::RefreshRepeated | Op::RefreshReused => {
                    Ok(Some(auth.refresh(refresh, here).await?.tokens))
                }
                Op::Logout | Op::LogoutCached => auth.logout(&ann, here).await.map(|_| None),
                Op::LogoutByRefresh => {
                    let request = RefreshRequest {
                        refresh_token: asking.refresh_token.clone(),
                    };
                    auth.logout_by_refresh_token(request, here)
                        .await
                        .map(|_| None)
                }
                Op::UpdateProfile => {
                    let profile = auth.update_profile(&ann, new_profile(), here).await?;
                    assert_eq!(profile.name.as_str(), "Ann Lee");
                    Ok(None)
                }
                Op::ChangePassword => {
                    let request = change(PASSWORD, OTHER_PASSWORD);
                    Ok(Some(
                        auth.change_password(&ann, request, here).await?.tokens,
                    ))
                }
                Op::ChangePasswordWrong => {
                    let request = change(WRONG, OTHER_PASSWORD);
                    Ok(Some(
                        auth.change_password(&ann, request, here).await?.tokens,
                    ))
                }
                Op::ConfirmPassword | Op::ConfirmPasswordCached => {
                    confirm_password(&bed, &ann, PASSWORD).await
                }
                Op::ConfirmPasswordWrong => confirm_password(&bed, &ann, WRONG).await,
                Op::PasswordStrength => {
                    let typed = PasswordStrengthRequest::default();
                    let told = auth.password_strength(typed, here).await?;
                    assert!(!told.acceptable);
                    Ok(None)
                }
                Op::ListSessions => {
                    let list = auth
                        .list_sessions(&ann, ListSessions::default(), here)
                        .await?;
                    assert_eq!(list.sessions.len(), 3);
                    Ok(None)
                }
                Op::EndSession => auth.end_session(&ann, other, here).await.map(|()| None),
                Op::EndAllSessions => auth.end_all_sessions(&ann, here).await.map(|_| None),
                Op::VerifyBySession => verify(&bed, &link, None, Some(&ann)).await,
                Op::VerifyByPassword
                | Op::VerifyReplacing
                | Op::VerifyCapped
                | Op::Complete
                | Op::CompleteReplacing => {
                    verify_from(here, &bed, &link, Some(PASSWORD), None).await
                }
                Op::VerifyWrong | Op::CompleteWrong => verify(&bed, &link, Some(WRONG), None).await,
                Op::Resend => resend(&bed, ANN).await,
                Op::ResendUnknown => resend(&bed, EVE).await,
                Op::ResendPending => resend(&bed, NEW).await,
                Op::Disown | Op::DisownPending => disown(&bed, &link).await,
                Op::Forgot => forgot(&bed, ANN).await,
                Op::ForgotUnknown => forgot(&bed, EVE).await,
                Op::Reset => reset(&bed, &link, OTHER_PASSWORD).await,
                Op::ChangeEmail => change_email(&bed, &ann, NEW, PASSWORD).await,
                Op::ChangeEmailTaken => change_email(&bed, &ann, BOB, PASSWORD).await,
                Op::ChangeEmailWrong => change_email(&bed, &ann, NEW, WRONG).await,
                Op::ConfirmEmail | Op::ConfirmEmailTaken => confirm_email(&bed, &ann, &link).await,
                Op::Export => {
                    let export = auth.export_account(&ann, here).await?;
                    assert_eq!((export.sessions.len(), export.links.len()), (3, 1));
                    assert_eq!(export.email_canonical, ANN);
                    // Before the log was there none were kept.
                    assert_eq!(export.events, Some(Vec::new()));
                    Ok(None)
                }
                Op::ListEvents => {
                    let page = ListEvents::default();
                    let list = auth.list_events(&ann, page, here).await?;
                    assert_eq!((list.events, list.next), (Vec::new(), None));
                    Ok(None)
                }
                Op::Delete => delete(&bed, &ann, PASSWORD).await,
                Op::DeleteWrong => delete(&bed, &ann, WRONG).await,
                _ => administration.await,
            }
        }
    }
}

pub(super) fn new_profile() -> UpdateProfile {
    UpdateProfile {
        name: Some("Ann Lee".to_owned()),
        preferences: json!({"level": "B2"}).as_object().cloned(),
    }
}

//! Password reset by mail.

use std::sync::Arc;

use serde::Deserialize;

#[cfg(doc)]
use super::AccountHooks;
use super::mailing::Asked;
use super::operation::{Subject, Trail};
use super::password::NewPassword;
use super::{Accepted, AuthService, EmailRequest, RequestContext};
use crate::clock::Clock;
use crate::error::{AuthError, Field, Violations};
use crate::event::{Notice, Operation, TakenOver};
use crate::mail::{MailKind, Outbox, Post};
use crate::password::Lane;
use crate::preferences::Preferences;
use crate::secret::{MailToken, Password};
use crate::store::{ProfileChange, Store};
use crate::token::TokenPurpose;
use crate::user::{DisplayName, User, UserStatus};

/// Sets a new password by a mailed link.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ResetPassword {
    /// The token of the link.
    pub token: MailToken,
    /// The new password.
    pub new_password: Password,
    /// The new password, repeated.
    pub confirm_password: Password,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Mails a link that sets a new password. The answer, and what the caller
    /// waits for, is the same whether there is such an account or not (ASVS
    /// 6.3.8). The mail goes to the stored address (CVE-2019-19844).
    ///
    /// The five newest links of an account stay good until one of them is used.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`]; [`AuthError::RateLimited`];
    /// [`AuthError::NoMailer`]; [`AuthError::Store`].
    pub async fn forgot_password(
        &self,
        request: EmailRequest,
        context: &RequestContext,
    ) -> Result<Accepted, AuthError> {
        let forgot = async move |service: Self, trail| {
            let outbox = service.outbox()?;
            let (_, user) = service.mailbox_of(&request, Asked::Reset, &trail).await?;
            service.post_reset_link(outbox, user);
            Ok(Accepted::new(
                "If there is an account with this address, a mail with a link is on its way.",
            ))
        };
        let (kind, subject) = (Operation::ForgotPassword, Subject::default());
        self.operation(kind, subject, context, forgot).await
    }

    /// Has a link mailed to `user`, in the background, if there is one who may
    /// use it.
    pub(super) fn post_reset_link(&self, outbox: &Arc<Outbox>, user: Option<User>) {
        let (service, kind) = (self.clone(), MailKind::ResetPassword);
        let id = user.as_ref().map(|user| user.id);
        outbox.post(kind, id, async move {
            let user = user.filter(|user| user.status == UserStatus::Active);
            let Some(user) = user else {
                return Ok(Vec::new());
            };
            Ok(vec![service.reset_mail(&user).await?])
        });
    }

    /// Stores a link that sets a new password, and returns the mail with it.
    pub(super) async fn reset_mail(&self, user: &User) -> Result<Post, AuthError> {
        let (outbox, now, email) = (self.outbox()?, self.now(), user.email.clone());
        let purpose = TokenPurpose::ResetPassword;
        let link = self.new_link(purpose, user.mailbox_state(), email, None, now)?;
        self.store_link(&link).await?;
        Ok(self.link_mail(outbox, &link, Some(user)))
    }

    /// Sets a new password by a mailed link.
    ///
    /// The new hash, the higher epochs and the confirmation of the address are
    /// one write. At that moment every session, token and link made before is
    /// dead, also what somebody else set up who had registered the address
    /// first (arXiv 2205.10174); the owner logs in anew, and gets a mail.
    ///
    /// When nobody had confirmed the address before, the name, the preferences and the
    /// identities may be a stranger's. They are cleared in the same write, and the account is
    /// called by its mailbox. Name and preferences go to the event and to
    /// [`AccountHooks::taken_over`].
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidLink`]; [`AuthError::Validation`], which does not
    /// use up the link; nor does [`AuthError::Unavailable`];
    /// [`AuthError::RateLimited`]; [`AuthError::Overloaded`];
    /// [`AuthError::Store`], after which the link can be used again unless the
    /// new password is set.
    pub async fn reset_password(
        &self,
        request: ResetPassword,
        context: &RequestContext,
    ) -> Result<Accepted, AuthError> {
        let reset = async move |service: Self, trail| service.reset(request, &trail).await;
        let (kind, subject) = (Operation::ResetPassword, Subject::default());
        self.operation(kind, subject, context, reset).await
    }

    async fn reset(&self, request: ResetPassword, trail: &Trail) -> Result<Accepted, AuthError> {
        let counted = self.limit_guesses(trail).await?;
        let link = self
            .link_of(&request.token, TokenPurpose::ResetPassword, trail)
            .await?;
        self.begin_by(&link, counted, trail).await?;
        let store = &self.inner.store;
        let user = trail.unless_gone(store.user(link.account.id)).await?;
        let user = user
            .filter(|user| link.account.is_of(user))
            .ok_or(AuthError::InvalidLink)?;
        trail.about(Some(user.id));

        let mut violations = Violations::default();
        let own_words = [user.email.as_str(), user.name.as_str()];
        let lane = Lane::Known(user.id.to_bytes());
        let new = self
            .check_new_password(
                NewPassword {
                    typed: &request.new_password,
                    confirmation: Some(&request.confirm_password),
                    field: Field::NewPassword,
                    own_words: &own_words,
                    lane,
                },
                &mut violations,
                trail,
            )
            .await?;
        violations.into_result()?;
        let new = new.ok_or(AuthError::InvalidLink)?;
        let hash = self.hash_in(lane, &new, trail).await?;

        // Known from now on, so that strangers cannot keep the owner out.
        let context = trail.context();
        let device = context.device(user.id);
        let hash = &hash;
        let reset = |user: Arc<User>| async move {
            let state = user.exact_state();
            let change = self.cleared_by_reset(&user);
            let reset = store.reset_password(&state, hash, device, &change).await;
            // Also when nobody knows whether it was done.
            if may_be_a_strangers(&user) && !matches!(reset, Ok(false)) {
                trail.taken_over(TakenOver::of(&user));
            }
            Ok(reset?.then_some(()))
        };
        // The check of expiry was a while ago; what counts is when it happens.
        let fits = |user: &User| link.account.is_of(user) && link.is_live(self.now());
        let done = self.on_account(Arc::new(user), fits, reset).await?;
        let (user, ()) = done.ok_or(AuthError::InvalidLink)?;
        self.sweep_up(user.id, user.auth_epoch.saturating_add(1), trail)
            .await;
        self.forgive_others(&user, device).await;
        if may_be_a_strangers(&user) {
            trail.notice(Notice::AccountTakenOver);
        }
        let mut after = User::clone(&user);
        after.apply(&self.cleared_by_reset(&user));
        after.is_verified = true;
        after.version = after.version.saturating_add(1);
        // Before the mail, whose language they may set.
        let user = self.call_due_hooks(Arc::new(after), trail).await;
        self.notify(MailKind::PasswordChanged, &user, &user.email, context);
        Ok(Accepted::new(
            "Your password has been changed. Log in with the new one.",
        ))
    }
}

/// Returns `true` if a stranger may have registered the account: nobody has confirmed its
/// address, and it has a password or an identity. One without was created for its owner.
pub(super) fn may_be_a_strangers(user: &User) -> bool {
    let has_way_in = user.password_hash.is_some() || !user.identities.is_empty();
    !user.is_verified && has_way_in
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// What a reset changes of `user`, besides the password: it clears all that a stranger
    /// may have written who registered the address.
    fn cleared_by_reset(&self, user: &User) -> ProfileChange {
        if !may_be_a_strangers(user) {
            return ProfileChange {
                pending_hook: self.hook_of_verified(user),
                ..ProfileChange::default()
            };
        }
        ProfileChange {
            name: Some(DisplayName::of_mailbox(user.email.canonical())),
            preferences: Some(Preferences::default()),
            // The application wrote it, and decides in its hook what becomes of it.
            metadata: None,
            removes_identities: true,
            pending_hook: self.hook_of_taken_over(user),
        }
    }
}

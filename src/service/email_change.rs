//! Another address for an account.

use std::sync::Arc;

use serde::Deserialize;

use super::fields::typed_password;
use super::mailing::Asked;
use super::operation::{By, Trail};
use super::{Accepted, AuthService, Authenticated, LinkRequest, RequestContext};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::{Notice, Operation};
use crate::mail::MailKind;
use crate::secret::Password;
use crate::store::{self, Store};
use crate::token::TokenPurpose;
use crate::user::User;

/// Requests a change of address.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ChangeEmail {
    /// The new address.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub new_email: String,
    /// The password.
    pub current_password: Password,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Asks for another address: needs the password (ASVS 7.5.1), mails a link
    /// to the new address and word of it to the present one. Nothing changes
    /// before the link is used. An address that has an account gets the same
    /// answer; its owner is told.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`]; [`AuthError::InvalidCredentials`];
    /// [`AuthError::RateLimited`]; [`AuthError::Overloaded`];
    /// [`AuthError::NoMailer`]; [`AuthError::Store`].
    pub async fn change_email(
        &self,
        auth: &Authenticated,
        request: ChangeEmail,
        context: &RequestContext,
    ) -> Result<Accepted, AuthError> {
        let change = async move |service: Self, auth: Authenticated, trail: Trail| {
            service.mail_change(&auth, request, &trail).await
        };
        let (kind, by) = (Operation::ChangeEmail, By::owner(auth).counted());
        self.acting(kind, by, context, change).await
    }

    async fn mail_change(
        &self,
        auth: &Authenticated,
        request: ChangeEmail,
        trail: &Trail,
    ) -> Result<Accepted, AuthError> {
        let outbox = self.outbox()?;
        let user = auth.user();
        let mut violations = Violations::default();
        let new = self.parse_new_email(&request.new_email, Field::NewEmail, &mut violations);
        let current = typed_password(
            &request.current_password,
            Field::CurrentPassword,
            &mut violations,
        );
        if new.as_ref() == Some(&user.email) {
            violations.push(
                Field::NewEmail,
                ViolationCode::Unchanged,
                "This is your address already.",
            );
        }
        violations.into_result()?;
        let (Some(new), Some(current)) = (new, current) else {
            return Err(AuthError::InvalidCredentials);
        };
        drop(self.check_own_password(auth, &current, trail).await?);
        self.ask_to_change_email(user, &new, trail).await?;
        self.limit_mail(Asked::Change, new.canonical(), trail)
            .await?;

        let now = self.now();
        let owner = self.inner.store.user_by_email(new.canonical()).await?;
        let answer =
            Accepted::new("A mail with a link has been sent to the new address, if it is free.");
        let kind = MailKind::ConfirmEmailChange;
        let Some(place) = outbox.reserve(kind, Some(user.id)) else {
            return Ok(answer);
        };
        // Stored for a taken address too, without mailing it: the caller's export must
        // list the same in both cases.
        let purpose = TokenPurpose::ChangeEmail;
        let link = self.new_link(purpose, user.state(), new, None, now)?;
        self.store_link(&link).await?;

        let (service, user, trail) = (self.clone(), auth.shared_user(), trail.clone());
        place.post(async move {
            let outbox = service.outbox()?;
            let mut posts = match owner.filter(|owner| owner.id != user.id) {
                Some(owner) => service.already_registered(&owner, now),
                None => vec![service.link_mail(outbox, &link, Some(&user))],
            };
            let kind = MailKind::EmailChangeRequested;
            let notice = service.notice(kind, &user, &user.email, trail.context());
            posts.extend(notice.await?);
            Ok(posts)
        });
        Ok(answer)
    }

    /// Makes the address that a link was mailed to the address of the account,
    /// for a live session of that account. The address is in the link's own
    /// record, and the account must still have the address that it had when
    /// the link was made; so two changes cannot cross (CVE-2026-32700).
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidLink`]; [`AuthError::ProofRequired`] when the link
    /// is another account's; [`AuthError::EmailTaken`] when the address was
    /// registered meanwhile; [`AuthError::RateLimited`]; [`AuthError::Store`].
    pub async fn confirm_email_change(
        &self,
        auth: &Authenticated,
        request: LinkRequest,
        context: &RequestContext,
    ) -> Result<Accepted, AuthError> {
        let confirm = async move |service: Self, auth: Authenticated, trail: Trail| {
            service.move_to(&auth, request, &trail).await
        };
        let (kind, by) = (Operation::ConfirmEmailChange, By::owner(auth).counted());
        self.acting(kind, by, context, confirm).await
    }

    async fn move_to(
        &self,
        auth: &Authenticated,
        request: LinkRequest,
        trail: &Trail,
    ) -> Result<Accepted, AuthError> {
        let link = self
            .link_of(&request.token, TokenPurpose::ChangeEmail, trail)
            .await?;
        let user = auth.user();
        if link.account.id != user.id {
            return Err(AuthError::ProofRequired);
        }
        if !link.account.is_of(user) {
            return Err(AuthError::InvalidLink);
        }
        self.limit_release(user, trail).await?;
        let to = &link.email;
        let change = |user: Arc<User>| async move {
            let state = user.exact_state();
            match self.inner.store.change_email(&state, to).await? {
                store::EmailChange::Changed => Ok(Some(())),
                store::EmailChange::EmailTaken => Err(AuthError::EmailTaken),
                store::EmailChange::Gone => Ok(None),
            }
        };
        // The check of expiry was a while ago; what counts is when it happens.
        let fits = |user: &User| link.account.is_of(user) && link.is_live(self.now());
        let before = self.expect_verification(auth.shared_user()).await?;
        let changed = self.on_account(before, fits, change).await?;
        let (before, ()) = changed.ok_or(AuthError::InvalidLink)?;
        // They are dead already: the account has another address.
        let (mine, ..) = tokio::join!(
            self.remove_links(user.id, None),
            self.remove_pending(&link.email, trail),
            self.remove_pending(&user.email, trail)
        );
        if !mine {
            trail.notice(Notice::RowsLeftBehind);
        }
        let after = User {
            email: link.email,
            is_verified: true,
            link_epoch: before.link_epoch.saturating_add(1),
            version: before.version.saturating_add(1),
            ..Arc::unwrap_or_clone(before)
        };
        self.call_due_hooks(Arc::new(after), trail).await;
        self.notify(MailKind::EmailChanged, user, &user.email, trail.context());
        Ok(Accepted::new("Your address has been changed."))
    }
}

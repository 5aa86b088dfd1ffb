//! The whole of an account: getting a copy of it, and deleting it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fields::typed_password;
use super::hooks::RemovalReason;
use super::mailing::Asked;
use super::operation::{By, Subject, Trail};
use super::validate::is_usable;
use super::{AuthService, Authenticated, EventView, RequestContext, SessionView};
use crate::clock::Clock;
use crate::error::{AuthError, Field, Violations};
use crate::event::{Notice, Operation};
use crate::id::{IdentityId, UserId};
use crate::identity::Identity;
use crate::mail::MailKind;
use crate::preferences::Metadata;
use crate::profile::Profile;
use crate::secret::Password;
use crate::store::{Removal, Store};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, TokenPurpose};
use crate::user::{HookKind, PasswordHash, User, UserStatus};

/// Deletes one's account.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DeleteAccount {
    /// The password.
    pub current_password: Password,
}

/// Everything that is stored about a user, except secrets: of the password and of links
/// it has only the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AccountExport {
    /// The time of the export.
    pub exported_at: Timestamp,
    /// The profile.
    pub profile: Profile,
    /// What the application keeps of the user, all of it.
    pub metadata: Metadata,
    /// The form of the address under which it is unique.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email_canonical: String,
    /// Whether the account is active.
    pub status: UserStatus,
    /// How the password is hashed, such as `argon2id`; `None` without a password.
    pub password_scheme: Option<String>,
    /// The number of remembered devices. Only digests of them are stored.
    pub remembered_devices: usize,
    /// The accounts at other providers that the user signs in with, the oldest first.
    #[serde(default)]
    pub identities: Vec<IdentityView>,
    /// The live sessions.
    pub sessions: Vec<SessionView>,
    /// The links that are still valid.
    pub links: Vec<LinkView>,
    /// The user's recorded events, the newest first; absent without an audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<EventView>>,
    /// The application's own fields of the registration, while its hook has not yet taken
    /// them; otherwise absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Map<String, Value>>,
    /// The application's own data about the user, from
    /// [`AccountHooks::exporting`](super::AccountHooks::exporting); absent if it adds nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Map<String, Value>>,
}

fn waiting_extra(user: &User) -> Option<Map<String, Value>> {
    let waits = user.pending_hook.as_ref();
    let waits = waits.filter(|hook| hook.kind == HookKind::Registered && !hook.data.is_empty());
    waits.map(|hook| hook.data.clone())
}

/// An account at another provider that the user signs in with, as the user sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct IdentityView {
    /// The id of the identity.
    pub identity_id: IdentityId,
    /// The provider's name in the configuration.
    pub provider: String,
    /// The address that the provider gave last. It is not verified.
    pub email: Option<String>,
    /// When it was linked.
    pub created_at: Timestamp,
    /// When the user signed in with it last, or when it was linked.
    pub last_used_at: Timestamp,
}

impl From<&Identity> for IdentityView {
    fn from(identity: &Identity) -> Self {
        let email = identity.email.as_ref();
        Self {
            identity_id: identity.id,
            provider: identity.provider.as_str().to_owned(),
            email: email.map(|email| email.as_str().to_owned()),
            created_at: identity.created_at,
            last_used_at: identity.last_used_at,
        }
    }
}

/// A mailed link, or a sign-in that waits for its second factor, as the account's owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LinkView {
    /// The purpose of the link.
    pub purpose: TokenPurpose,
    /// The address that it was mailed to; that of the account for a sign-in.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl From<&OneTimeToken> for LinkView {
    fn from(token: &OneTimeToken) -> Self {
        Self {
            purpose: token.purpose,
            email: token.email.as_str().to_owned(),
            created_at: token.created_at,
            expires_at: token.expires_at,
        }
    }
}

/// The epoch under which every session is dead.
pub(super) const GONE: u64 = u64::MAX;

impl<S: Store, C: Clock> AuthService<S, C> {
    /// All that is stored of the user. As long as the account's rooms are: its cap
    /// of sessions, its live links, and what the audit log keeps.
    ///
    /// # Errors
    ///
    /// [`AuthError::RateLimited`]; [`AuthError::Store`].
    pub async fn export_account(
        &self,
        auth: &Authenticated,
        context: &RequestContext,
    ) -> Result<AccountExport, AuthError> {
        let export = async move |service: Self, auth: Authenticated, trail: Trail| {
            let quota = service.config().limits.export_by_account;
            let user = auth.user().id.to_bytes();
            service
                .limit("export:account", &user, quota, &trail)
                .await?;
            trail.unless_gone(service.export(&auth, &trail)).await
        };
        let (kind, by) = (Operation::ExportAccount, By::owner(auth));
        self.acting(kind, by, context, export).await
    }

    async fn export(
        &self,
        auth: &Authenticated,
        trail: &Trail,
    ) -> Result<AccountExport, AuthError> {
        let (store, user, now) = (&self.inner.store, auth.user(), self.now());
        // Not `try_join`: it would drop the one that is still under way.
        let (sessions, tokens, events, application) = tokio::join!(
            self.sessions_where(user.id, now, |session| is_usable(session, user, now)),
            store.tokens_of(user.id, now),
            self.all_events_of(user.id),
            self.export_of_application(user, trail),
        );
        let hash = user.password_hash.as_ref().map(PasswordHash::expose_secret);
        let scheme = hash.map(|hash| hash.split('$').nth(1).unwrap_or("unknown"));
        Ok(AccountExport {
            exported_at: now,
            profile: auth.profile(),
            metadata: user.metadata.clone(),
            email_canonical: user.email.canonical().as_str().to_owned(),
            status: user.status,
            password_scheme: scheme.map(str::to_owned),
            remembered_devices: user.devices.len(),
            identities: user.identities.iter().map(IdentityView::from).collect(),
            sessions: sessions?
                .iter()
                .map(|session| SessionView::of(session, auth.session().id))
                .collect(),
            links: tokens?.iter().map(LinkView::from).collect(),
            events: events?,
            extra: waiting_extra(user),
            application: application?,
        })
    }

    /// Removes the sessions of an account that are dead because its epoch is
    /// `epoch` now, and its links; [`GONE`] is that of an account that is gone.
    /// What fails leaves rows that mean nothing and expire.
    pub(super) async fn sweep_up(&self, user: UserId, epoch: u64, trail: &Trail) {
        let store = &self.inner.store;
        let (sessions, links) = tokio::join!(
            store.end_dead_sessions(user, epoch),
            self.remove_links(user, None)
        );
        if let Err(error) = &sessions {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, user_id = %user, "rows of dead sessions were left behind");
        }
        if sessions.is_err() || !links {
            trail.notice(Notice::RowsLeftBehind);
        }
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Deletes the caller's account and everything that is stored of it. Requires the
    /// password. The owner gets a mail.
    ///
    /// The removal of the user decides, and ends every session and link. Their
    /// rows go next; what fails there is reported, means nothing, and expires.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`], also if
    /// [`AccountHooks::removing`](super::AccountHooks::removing) refuses;
    /// [`AuthError::Unavailable`] if it fails; [`AuthError::InvalidCredentials`];
    /// [`AuthError::LastAdministrator`], unless another one leaves at the same
    /// moment; [`AuthError::RateLimited`]; [`AuthError::Overloaded`];
    /// [`AuthError::Store`]: the account may still be there, and deleting it
    /// again tells.
    pub async fn delete_account(
        &self,
        auth: &Authenticated,
        request: DeleteAccount,
        context: &RequestContext,
    ) -> Result<(), AuthError> {
        let delete = async move |service: Self, auth: Authenticated, trail: Trail| {
            service.delete(&auth, request, &trail).await
        };
        let (kind, by) = (Operation::DeleteAccount, By::owner(auth).counted());
        self.acting(kind, by, context, delete).await
    }

    async fn delete(
        &self,
        auth: &Authenticated,
        request: DeleteAccount,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        let user = auth.user();
        let mut violations = Violations::default();
        let current = typed_password(
            &request.current_password,
            Field::CurrentPassword,
            &mut violations,
        );
        violations.into_result()?;
        let current = current.ok_or(AuthError::InvalidCredentials)?;
        drop(self.check_own_password(auth, &current, trail).await?);
        self.is_not_the_last(user).await?;
        self.limit_release(user, trail).await?;

        // Not if the password or the address was changed, or the account disabled
        // or deleted, since the token was checked.
        let checked = user.state();
        let fits = |user: &User| checked.is_of(user);
        let user = auth.shared_user();
        let reason = RemovalReason::Deleted;
        let removed = self.remove(user, reason, fits, trail).await?;
        removed.ok_or(AuthError::InvalidToken)
    }

    /// Removes the account, if `fits` holds for it, and what is stored of it. `None` if it
    /// does not, or the account is gone.
    async fn remove(
        &self,
        user: Arc<User>,
        reason: RemovalReason,
        fits: impl Fn(&User) -> bool + Send + Sync,
        trail: &Trail,
    ) -> Result<Option<()>, AuthError> {
        let which = match reason {
            RemovalReason::RemovedByApplication => Removal::AnyStatus,
            _ => Removal::Any,
        };
        self.ask_to_remove(&user, reason, trail).await?;
        let remove = |user: Arc<User>| async move {
            self.is_not_the_last(&user).await?;
            let state = user.exact_state();
            let removed = self.inner.store.remove_user(&state, which).await?;
            Ok(removed.then_some(()))
        };
        let Some((user, ())) = self.on_account(user, fits, remove).await? else {
            return Ok(None);
        };
        self.sweep_up(user.id, GONE, trail).await;
        self.remove_pending(&user.email, trail).await;
        self.tell_removed(&user, trail).await;
        if reason == RemovalReason::Deleted {
            let (kind, context) = (MailKind::AccountDeleted, trail.context());
            self.notify(kind, &user, &user.email, context);
        }
        Ok(Some(()))
    }

    /// Removes the account of `user` and everything that is stored of it, as
    /// [`delete_account`](Self::delete_account) does, without a password and whatever the
    /// account's status.
    ///
    /// Intended for the application's own code: accounts that have no password, requests for
    /// erasure, clean-up. The hooks are called. The owner gets no mail: the application knows
    /// why it removes the account. Calls need no permission and are not rate limited.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`]; [`AuthError::LastAdministrator`], unless another one leaves at
    /// the same moment; [`AuthError::Validation`] if
    /// [`AccountHooks::removing`](super::AccountHooks::removing) refuses;
    /// [`AuthError::Unavailable`] if it fails; [`AuthError::Store`]: the account may still
    /// exist; call again to find out.
    pub async fn remove_user(
        &self,
        user: UserId,
        context: &RequestContext,
    ) -> Result<(), AuthError> {
        self.remove_if(user, |_| true, context).await
    }

    /// Removes the account of `user` as [`remove_user`](Self::remove_user) does, unless its
    /// address is verified: for an address that somebody else may have registered.
    ///
    /// # Errors
    ///
    /// [`AuthError::PreconditionFailed`] if the address is verified, also if that happens
    /// meanwhile; otherwise as [`remove_user`](Self::remove_user).
    pub async fn remove_unverified_user(
        &self,
        user: UserId,
        context: &RequestContext,
    ) -> Result<(), AuthError> {
        self.remove_if(user, |user| !user.is_verified, context)
            .await
    }

    async fn remove_if(
        &self,
        user: UserId,
        fits: fn(&User) -> bool,
        context: &RequestContext,
    ) -> Result<(), AuthError> {
        let remove = async move |service: Self, trail: Trail| {
            let user = trail.unless_gone(service.inner.store.user(user)).await?;
            let Some(user) = user.map(Arc::new) else {
                trail.about(None);
                return Err(AuthError::NotFound);
            };
            if !fits(&user) {
                return Err(AuthError::PreconditionFailed);
            }
            service.is_not_the_last(&user).await?;
            let reason = RemovalReason::RemovedByApplication;
            let removed = service.remove(user, reason, fits, &trail).await?;
            removed.ok_or(AuthError::PreconditionFailed)
        };
        let (kind, subject) = (Operation::RemoveUser, Subject::account(user));
        self.operation(kind, subject, context, remove).await
    }

    /// Counts the giving up of an address that nobody has confirmed, with a
    /// budget like that of mails to it: else registering and giving up a
    /// stranger's address in turn would send any number of mails there.
    pub(super) async fn limit_release(&self, user: &User, trail: &Trail) -> Result<(), AuthError> {
        if user.is_verified || self.inner.outbox.is_none() {
            return Ok(());
        }
        self.limit_mailbox(Asked::Release, user.email.canonical(), trail)
            .await
    }
}

//! Accounts that are created for somebody, without a registration.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::admin::refuse_role;
use super::fields::parse_name;
use super::operation::{By, Subject, Trail};
use super::password::NewPassword;
use super::profile::refuse_object;
use super::{AuthService, Authenticated, RequestContext, UserView};
use crate::authz::{AdminPermission, Role};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::extra::Extra;
use crate::id::UserId;
use crate::identity::Identities;
use crate::mail::MailKind;
use crate::password::Lane;
use crate::preferences::{Metadata, Preferences};
use crate::secret::Password;
use crate::store::{InsertUser, Store};
use crate::time::Timestamp;
use crate::token::TokenPurpose;
use crate::user::{PasswordHash, User, UserStatus};

/// An account to create for somebody: seeded, imported, or by an administrator.
///
/// Without a password, the owner sets the first one by the mailed link, which also
/// confirms the address. An account with a password whose address is not verified may
/// have been set up by a stranger: a reset by mail clears its name and preferences.
/// [`AccountHooks::registered`](super::AccountHooks::registered) is called for each account.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewUser {
    /// The address.
    pub email: String,
    /// The name.
    pub name: String,
    /// The roles, besides the initial ones. Each must be one that the
    /// [`RolePolicy`](crate::authz::RolePolicy) names.
    pub roles: BTreeSet<Role>,
    /// The user's preferences.
    pub preferences: Map<String, Value>,
    /// What the application keeps of the user.
    pub metadata: Map<String, Value>,
    /// A password, checked as at a registration; the service hashes it.
    pub password: Option<Password>,
    /// A password hash from another system, in place of `password`. See
    /// [`PasswordHash::import`].
    pub password_hash: Option<PasswordHash>,
    /// `true` if the application knows that the address is the owner's.
    pub is_verified: bool,
    /// `true` to mail a link that sets the first password, if there is a mailer and no
    /// password.
    pub invite: bool,
}

impl NewUser {
    /// An account of `email` with the initial roles. Unless it gets a password, its owner is
    /// mailed a link that sets one.
    pub fn new(email: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            email: email.into(),
            name: name.into(),
            roles: BTreeSet::new(),
            preferences: Map::new(),
            metadata: Map::new(),
            password: None,
            password_hash: None,
            is_verified: false,
            invite: true,
        }
    }
}

/// Creates an account, as an administrator.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct CreateUser {
    /// The address.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// The name.
    pub name: String,
    /// Names of roles, besides the initial ones. Each must be one that the application's
    /// [`RolePolicy`](crate::authz::RolePolicy) names.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Vec<Role>>"))]
    pub roles: Option<Vec<String>>,
    /// What the application keeps of the user.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Metadata>"))]
    pub metadata: Option<Map<String, Value>>,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Creates an account without a registration. Unless it has a password, its owner is mailed
    /// a link that sets the first one, if [`invite`](NewUser::invite) is `true`. The link expires
    /// like one that confirms an address; the owner then requests another one as for a
    /// forgotten password.
    ///
    /// Intended for the application's own code: it needs no permission and is not rate limited.
    /// [`AccountHooks::registering`](super::AccountHooks::registering) is not called. The
    /// account is created by one act. If the mail is lost, the owner requests another link. Mail to
    /// an address that is not verified contains no name.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`]; [`AuthError::EmailTaken`]; with a password also
    /// [`AuthError::Overloaded`] and the errors of a
    /// [`BreachCheck`](crate::password::breach::BreachCheck); [`AuthError::Store`]: the account
    /// may have been created without a mail. If another call then returns `EmailTaken`, the
    /// owner requests a link as for a forgotten password.
    pub async fn create_user(
        &self,
        user: NewUser,
        context: &RequestContext,
    ) -> Result<UserView, AuthError> {
        let create = async move |service: Self, trail: Trail| service.create(user, &trail).await;
        let (kind, subject) = (Operation::CreateUser, Subject::default());
        self.operation(kind, subject, context, create).await
    }

    /// Creates an account, as [`create_user`](Self::create_user) does, for an administrator.
    /// Needs `users:create`, which includes writing the metadata of the new account; for one
    /// with roles also `users:roles`, and all that the roles permit. Counts against the
    /// session of the administrator.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::NoMailer`]; [`AuthError::RateLimited`];
    /// [`AuthError::RecentLoginRequired`] when roles are granted and the settings require a
    /// recent login; [`AuthError::NotVerified`] for a role that allows granting roles, which
    /// only an account with a verified address gets; those of `create_user`.
    pub async fn create_user_as(
        &self,
        auth: &Authenticated,
        request: CreateUser,
        context: &RequestContext,
    ) -> Result<UserView, AuthError> {
        let create = async move |service: Self, auth: Authenticated, trail: Trail| {
            auth.require_permission(&AdminPermission::CreateUsers.into())?;
            service.outbox()?;
            let mut violations = Violations::default();
            let names = request.roles.unwrap_or_default();
            let roles = service.known_roles(&names, Field::Roles, &mut violations);
            violations.into_result()?;
            if !roles.is_empty() {
                service.may_grant(&auth, &roles)?;
            }
            let user = NewUser {
                roles,
                metadata: request.metadata.unwrap_or_default(),
                ..NewUser::new(request.email, request.name)
            };
            service.create(user, &trail).await
        };
        let (kind, by) = (
            Operation::CreateUser,
            By::administrator(auth, None).counted(),
        );
        self.acting(kind, by, context, create).await
    }

    async fn create(&self, new: NewUser, trail: &Trail) -> Result<UserView, AuthError> {
        let now = self.now();
        let user = self.created(&new, now, trail).await?;
        let inserted = self.inner.store.insert_user(&user).await?;
        match inserted {
            InsertUser::Inserted => trail.about(Some(user.id)),
            InsertUser::EmailTaken => return Err(AuthError::EmailTaken),
            // The user has no identity.
            InsertUser::IdTaken | InsertUser::IdentityTaken => return Err(AuthError::id_taken()),
        }
        let user = self.call_due_hooks(Arc::new(user), trail).await;
        if let (true, None, Some(outbox)) = (new.invite, &user.password_hash, &self.inner.outbox)
            && let Some(place) = outbox.reserve(MailKind::Invitation, Some(user.id))
        {
            // Not in the background: the caller is told if it fails.
            let (purpose, state) = (TokenPurpose::ResetPassword, user.mailbox_state());
            let mut link = self.new_link(purpose, state, user.email.clone(), None, now)?;
            link.invites(now.saturating_add(self.config().links.verify_email_ttl));
            self.store_link(&link).await?;
            let mail = self.link_mail(outbox, &link, Some(&user));
            place.post(async { Ok(vec![mail]) });
        }
        Ok(UserView::from(&*user))
    }

    /// The user that `new` describes, created at `now`.
    async fn created(
        &self,
        new: &NewUser,
        now: Timestamp,
        trail: &Trail,
    ) -> Result<User, AuthError> {
        let mut violations = Violations::default();
        let email = self.parse_new_email(&new.email, Field::Email, &mut violations);
        let name = parse_name(&new.name, &mut violations);
        let preferences = Preferences::new(new.preferences.clone());
        let preferences = preferences.map_err(|error| {
            refuse_object(Field::Preferences, "preferences", error, &mut violations);
        });
        let metadata = Metadata::new(new.metadata.clone()).map_err(|error| {
            refuse_object(Field::Metadata, "metadata", error, &mut violations);
        });
        let hash = new.password_hash.as_ref().map(PasswordHash::expose_secret);
        let hash = hash.map(PasswordHash::import).transpose().map_err(|_| {
            let message = "A password hash has 1 to 1,024 bytes and no control characters.";
            violations.push(Field::Password, ViolationCode::InvalidFormat, message);
        });
        for role in &new.roles {
            if !self.config().roles.knows(role) {
                refuse_role(Field::Roles, &mut violations);
            }
        }
        if new.password.is_some() && new.password_hash.is_some() {
            let message = "Give a password or a password hash.";
            violations.push(Field::Password, ViolationCode::InvalidFormat, message);
        }
        let password = match &new.password {
            Some(typed) => {
                let own_words = [new.email.as_str(), new.name.as_str()];
                let typed = NewPassword {
                    typed,
                    confirmation: None,
                    field: Field::Password,
                    own_words: &own_words,
                    lane: Lane::Host,
                };
                self.check_new_password(typed, &mut violations, trail)
                    .await?
            }
            None => None,
        };
        violations.into_result()?;
        let (Some(email), Some(name), Ok(preferences), Ok(metadata), Ok(imported)) =
            (email, name, preferences, metadata, hash)
        else {
            return Err(AuthError::Internal(
                "a field was refused without a reason".into(),
            ));
        };
        let password_hash = match &password {
            Some(password) => Some(self.hash_in(Lane::Host, password, trail).await?),
            None => imported,
        };
        let initial = self.config().roles.initial_roles();
        Ok(User {
            id: UserId::generate(now, self.random())?,
            email,
            name,
            password_hash,
            created_at: now,
            last_login: None,
            is_verified: new.is_verified,
            roles: initial.union(&new.roles).cloned().collect(),
            preferences,
            metadata,
            pending_hook: self.first_hook(Extra::default()),
            status: UserStatus::Active,
            auth_epoch: 0,
            link_epoch: 0,
            version: 0,
            devices: Vec::new(),
            identities: Identities::default(),
        })
    }
}

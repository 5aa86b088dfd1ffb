//! People for tests.

use std::time::Duration;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::authz::Role;
use crate::clock::{Clock, ManualClock};
use crate::config::AuthConfig;
use crate::email::Email;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::id::{SessionId, UserId};
use crate::identity::Identities;
use crate::password::{NormalizedPassword, cheap_hash};
use crate::preferences::{Metadata, Preferences};
use crate::proof::{Method, Proof, Proofs};
use crate::secret::Password;
use crate::service::{
    AuthService, Authenticated, LoginRequest, NewUser, RequestContext, Tokens, UserView,
};
use crate::session::{Session, SessionLength};
use crate::store::Store;
use crate::time::Timestamp;
use crate::user::{DisplayName, User, UserStatus};

/// A person with an account: the same every time, and valid unless a test says otherwise.
///
/// The account is active, not verified, has no roles, and its password is
/// [`Person::PASSWORD`]. Ids follow from the address, and every time is that of
/// [`ManualClock::default`], 2026-01-01T00:00:00Z.
///
/// ```
/// use admittance::AuthConfig;
/// use admittance::authz::{Permission, Role, RolePolicy};
/// use admittance::test_util::Person;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (examiner, grade) = (Role::new("examiner")?, Permission::new("exam:grade")?);
/// let mut config = AuthConfig::for_tests("Exam simulator");
/// config.roles = RolePolicy::new().grant(examiner, [grade.clone()]);
///
/// // What `CurrentUser` derefs to, for a handler under test.
/// let ann = Person::new("ann@example.org").name("Ann").role("examiner").verified();
/// let user = ann.authenticated(&config)?;
/// assert!(user.has_permission(&grade) && user.user().is_verified);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Person {
    email: String,
    name: Option<String>,
    password: Option<Password>,
    roles: Vec<String>,
    preferences: Map<String, Value>,
    metadata: Map<String, Value>,
    is_verified: bool,
    status: UserStatus,
    proofs: Vec<(Method, Duration)>,
}

impl Person {
    /// The password, unless another is given. The default policy accepts it.
    pub const PASSWORD: &str = "plum-Orbit-47-lantern";

    /// A person with this address, whose name is the part before the `@`.
    #[must_use]
    pub fn new(email: impl Into<String>) -> Self {
        Self {
            email: email.into(),
            name: None,
            password: Some(Password::new(Self::PASSWORD)),
            roles: Vec::new(),
            preferences: Map::new(),
            metadata: Map::new(),
            is_verified: false,
            status: UserStatus::Active,
            proofs: Vec::new(),
        }
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the password. No policy judges it.
    #[must_use]
    pub fn password(mut self, password: impl Into<Password>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Leaves the account without a password.
    #[must_use]
    pub fn without_password(mut self) -> Self {
        self.password = None;
        self
    }

    /// Adds a role. [`AuthConfig::roles`] says what it grants.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Sets a member of the preferences.
    #[must_use]
    pub fn preference(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.preferences.insert(key.into(), value.into());
        self
    }

    /// Sets a member of the metadata.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Verifies the address.
    #[must_use]
    pub fn verified(mut self) -> Self {
        self.is_verified = true;
        self
    }

    /// Disables the account.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.status = UserStatus::Disabled;
        self
    }

    /// What the session of [`authenticated`](Self::authenticated) was opened by, and how long
    /// ago. Without any call, that is the password at this moment. A second factor besides the
    /// password makes the session `aal2`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use admittance::AuthConfig;
    /// use admittance::proof::Method;
    /// use admittance::test_util::Person;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let an_hour = Duration::from_secs(3600);
    /// let ann = Person::new("ann@example.org").proved(Method::Password, an_hour);
    /// let user = ann.authenticated(&AuthConfig::for_tests("Exam simulator"))?;
    /// assert!(user.require_recent_login(an_hour / 2).is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn proved(mut self, method: Method, ago: Duration) -> Self {
        self.proofs.push((method, ago));
        self
    }

    /// The record of the account, with a hash of the password at the lowest cost. It can be
    /// inserted in any store.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] names the fields that are not valid.
    pub fn user(&self) -> Result<User, AuthError> {
        let mut wrong = Violations::default();
        let mut refused = |field, problem: &dyn ToString| {
            wrong.push(field, ViolationCode::InvalidFormat, problem.to_string());
        };
        let email = Email::parse_new(&self.email).map_err(|error| refused(Field::Email, &error));
        let name = match (&self.name, &email) {
            (Some(name), _) => DisplayName::parse(name),
            (None, Ok(email)) => Ok(DisplayName::of_mailbox(email.canonical())),
            (None, Err(())) => DisplayName::parse("-"),
        };
        let name = name.map_err(|error| refused(Field::Name, &error));
        let roles: Result<_, ()> = self
            .roles
            .iter()
            .map(|role| Role::new(role).map_err(|error| refused(Field::Roles, &error)))
            .collect();
        let preferences = Preferences::new(self.preferences.clone());
        let preferences = preferences.map_err(|error| refused(Field::Preferences, &error));
        let metadata = Metadata::new(self.metadata.clone());
        let metadata = metadata.map_err(|error| refused(Field::Metadata, &error));
        let password = self.password.as_ref().map(NormalizedPassword::new);
        let password = password.transpose();
        let password = password.map_err(|error| refused(Field::Password, &error));
        wrong.into_result()?;
        let (Ok(email), Ok(name), Ok(roles), Ok(preferences), Ok(metadata), Ok(password)) =
            (email, name, roles, preferences, metadata, password)
        else {
            return Err(AuthError::Internal(
                "a field was refused without a reason".into(),
            ));
        };
        let seed = email.canonical().as_str().to_owned();
        let hash = password.map(|password| cheap_hash(&password, bytes("salt", &seed)));
        Ok(User {
            id: UserId::from_bytes(bytes("user", &seed)),
            email,
            name,
            password_hash: hash.transpose()?,
            created_at: beginning(),
            last_login: None,
            is_verified: self.is_verified,
            roles,
            preferences,
            metadata,
            pending_hook: None,
            status: self.status,
            auth_epoch: 0,
            link_epoch: 0,
            version: 0,
            devices: Vec::new(),
            identities: Identities::default(),
        })
    }

    /// A live session of the account under the settings `config`, which its proofs opened.
    ///
    /// # Errors
    ///
    /// As of [`user`](Self::user).
    pub fn session(&self, config: &AuthConfig) -> Result<Session, AuthError> {
        let (user, now) = (self.user()?, beginning());
        let mut proofs: Proofs = Proof::by_password(now).into();
        if !self.proofs.is_empty() {
            let proof = |&(method, ago)| Proof {
                method,
                at: now.saturating_sub(ago),
            };
            proofs = self.proofs.iter().map(proof).collect();
        }
        let length = SessionLength::Usual;
        let lifetime = config.session.lifetime(length);
        let absolute_expires_at = now.saturating_add(lifetime.absolute_timeout);
        let expires_at = now.saturating_add(lifetime.idle_timeout);
        Ok(Session {
            id: SessionId::from_bytes(bytes("session", user.email.canonical().as_str())),
            user_id: user.id,
            auth_epoch: user.auth_epoch,
            created_at: now,
            proofs,
            last_seen_at: now,
            expires_at: expires_at.min(absolute_expires_at),
            absolute_expires_at,
            length,
            refresh_counter: 0,
            ip: None,
            user_agent: None,
        })
    }

    /// What a handler gets for a request of this person: `CurrentUser(ann.authenticated(&config)?)`.
    /// Besides the person's roles, the user has the initial ones of `config`.
    ///
    /// No service accepts it, see [`Authenticated::for_test`]: a handler that calls the service
    /// is tested with one, by [`create`](Self::create) and [`log_in`](Self::log_in).
    ///
    /// # Errors
    ///
    /// As of [`user`](Self::user).
    pub fn authenticated(&self, config: &AuthConfig) -> Result<Authenticated, AuthError> {
        let (mut user, session) = (self.user()?, self.session(config)?);
        user.roles.extend(config.roles.initial_roles().clone());
        Ok(Authenticated::for_test(user, session, config, beginning()))
    }

    /// Creates the account in `service`, as [`AuthService::create_user`] does: with an id of the
    /// service's own, the initial roles, and the calls of the hooks. No mail is sent.
    ///
    /// # Errors
    ///
    /// As of [`user`](Self::user), and those of `create_user`.
    pub async fn create<S: Store, C: Clock>(
        &self,
        service: &AuthService<S, C>,
    ) -> Result<UserView, AuthError> {
        let user = self.user()?;
        let new = NewUser {
            roles: user.roles,
            preferences: self.preferences.clone(),
            metadata: self.metadata.clone(),
            password_hash: user.password_hash,
            is_verified: self.is_verified,
            invite: false,
            ..NewUser::new(user.email.as_str(), user.name.as_str())
        };
        let created = service.create_user(new, &RequestContext::default()).await?;
        if self.status == UserStatus::Active {
            return Ok(created);
        }
        let (store, id) = (service.store(), created.user_id);
        let stored = store.user(id).await?.ok_or(AuthError::NotFound)?;
        store.set_status(id, stored.version, self.status).await?;
        let stored = store.user(id).await?.ok_or(AuthError::NotFound)?;
        Ok(UserView::from(&stored))
    }

    /// Logs in to the account that [`create`](Self::create) made. The tokens are those of a
    /// real login: `tokens.token.expose_secret()` goes after `Bearer`.
    ///
    /// # Errors
    ///
    /// Those of [`AuthService::login`].
    pub async fn log_in<S: Store, C: Clock>(
        &self,
        service: &AuthService<S, C>,
    ) -> Result<Tokens, AuthError> {
        let request = LoginRequest {
            email: self.email.clone(),
            password: self.password.clone().unwrap_or_default(),
            ..LoginRequest::default()
        };
        let answer = service.login(request, &RequestContext::default()).await?;
        Ok(answer.tokens)
    }
}

/// When everything is made.
fn beginning() -> Timestamp {
    ManualClock::default().now()
}

/// Bytes that follow from the address and from what they are for.
fn bytes<const N: usize>(purpose: &str, address: &str) -> [u8; N] {
    let digest = Sha256::new_with_prefix(purpose)
        .chain_update([0])
        .chain_update(address)
        .finalize();
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().zip(digest) {
        *to = from;
    }
    bytes
}

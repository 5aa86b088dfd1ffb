//! The service: the operations that an application calls.
//!
//! Every operation takes finished values and a [`RequestContext`], and does not depend on
//! HTTP. An operation that counts, writes or mails runs in a Tokio
//! task of its own: it runs to its end, notifies the owner and reports one
//! event even if its future is dropped. Each write is one atomic act of the
//! store, and the writes before the decisive one grant nothing.

mod accepted;
mod account;
mod admin;
mod application;
mod attempt;
mod audit_log;
mod authenticated;
mod breach;
mod builder;
mod claims;
mod context;
mod create_user;
mod door;
mod email_change;
mod events;
mod expiry;
mod extra;
#[cfg(feature = "federation")]
mod federation;
mod fields;
mod hooks;
mod limits;
mod login;
mod lookup;
mod mailing;
mod metadata;
mod open_session;
mod operation;
mod password;
mod profile;
mod reauthenticate;
mod recovery;
mod register;
mod retry;
mod second_factor;
mod session;
mod session_list;
mod strength;
mod validate;
mod verification;

use std::fmt;
use std::sync::Arc;

pub use crate::event::MAX_USER_AGENT_CHARS;
pub use accepted::Accepted;
pub use account::{AccountExport, DeleteAccount, IdentityView, LinkView};
pub use admin::*;
pub use authenticated::Authenticated;
pub use builder::AuthServiceBuilder;
#[cfg(feature = "test-util")]
pub use claims::MockClaimsSource;
pub use claims::{CLAIMS_TIMEOUT, ClaimsSource};
pub use context::*;
pub use create_user::{CreateUser, NewUser};
#[cfg(feature = "http")]
pub(crate) use door::Keeping;
pub use door::{TokenType, Tokens};
pub use email_change::ChangeEmail;
pub use events::{EventList, EventView, ListEvents};
pub use expiry::ExpiredAccounts;
pub use extra::RegistrationExtra;
#[cfg(feature = "federation")]
pub use federation::{
    FederatedOutcome, FederatedResponse, FinishFederation, IdentityList, LinkIdentity, LinkOutcome,
    PendingAccount, ProviderList, ProviderView, StartFederation, StartedFederation,
};
#[cfg(feature = "test-util")]
pub use hooks::MockAccountHooks;
pub use hooks::{
    AccountData, AccountHooks, HookError, NewAddress, RegistrationAttempt, RemovalReason,
};
pub use login::{LoginRequest, LoginResponse};
pub use open_session::OpenSession;
pub use password::ChangePassword;
pub use profile::{PatchPreferences, PatchProfile, UpdateProfile};
pub use reauthenticate::{ConfirmPassword, Reauthenticate};
pub use recovery::ResetPassword;
pub use register::{RegisterOutcome, RegisterRequest, RegisterResponse};
pub use second_factor::{MAX_CODE_CHARS, ProveSecondFactor, SECOND_FACTOR_TIMEOUT, SecondFactor};
pub use session::{LogoutRequest, LogoutResponse, RefreshRequest};
pub use session_list::{ListSessions, SessionList, SessionView};
pub use strength::{PasswordStrength, PasswordStrengthRequest};
pub use verification::{EmailRequest, LinkRequest, VerifyEmail, VerifyOutcome};

use audit_log::AuditLog;
use extra::ParseExtra;

use crate::clock::{Clock, SystemClock};
use crate::config::AuthConfig;
use crate::error::AuthError;
use crate::event::EventSink;
use crate::id::{SessionId, UserId};
use crate::mail::Outbox;
use crate::password::breach::BreachCheck;
use crate::password::{HashingStats, PasswordHasher};
use crate::proof::{Method, MethodName, Proofs};
use crate::random::SecureRandom;
use crate::secret::{AccessToken, RefreshToken};
use crate::store::{FreshStore, Store};
use crate::time::Timestamp;
use crate::token::{Claims, CustomClaims, Jwks, Keyring, TokenKind};

/// Accounts over a store `S`, by a clock `C`. Cheap to clone; every clone is
/// the same service.
///
/// Its operations need a Tokio runtime.
pub struct AuthService<S, C = SystemClock> {
    inner: Arc<Inner<S, C>>,
}

struct Inner<S, C> {
    store: FreshStore<S>,
    clock: Arc<C>,
    config: Arc<AuthConfig>,
    keyring: Keyring,
    hasher: PasswordHasher,
    random: Arc<dyn SecureRandom>,
    events: Arc<dyn EventSink>,
    outbox: Option<Arc<Outbox>>,
    audit: Option<Arc<AuditLog>>,
    hooks: Option<Arc<dyn AccountHooks>>,
    parse_extra: Option<ParseExtra>,
    breach_check: Option<Arc<dyn BreachCheck>>,
    second_factor: Option<Arc<dyn SecondFactor>>,
    claims: Option<Arc<dyn ClaimsSource>>,
    #[cfg(feature = "federation")]
    federation: Option<crate::federation::Federation>,
    used_up: limits::UsedUp,
}

impl<S, C> Clone for AuthService<S, C> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<S, C> fmt::Debug for AuthService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthService")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

impl<S: Store> AuthService<S> {
    /// Starts to build a service over `store`.
    #[must_use]
    pub fn builder(store: S) -> AuthServiceBuilder<S> {
        AuthServiceBuilder::new(store)
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// The settings.
    #[must_use]
    pub fn config(&self) -> &AuthConfig {
        &self.inner.config
    }

    /// Whether mails are sent; else what would send one is not there.
    #[must_use]
    pub fn sends_mail(&self) -> bool {
        self.inner.outbox.is_some()
    }

    /// Whether an audit log is kept; else what would read it is not there.
    #[must_use]
    pub fn keeps_events(&self) -> bool {
        self.inner.audit.is_some()
    }

    /// Whether the application takes part in the life of accounts.
    #[cfg(feature = "openapi")]
    pub(crate) fn has_hooks(&self) -> bool {
        self.inner.hooks.is_some()
    }

    /// Whether registrations have fields of the application's own.
    #[cfg(feature = "openapi")]
    pub(crate) fn takes_extra(&self) -> bool {
        self.inner.parse_extra.is_some()
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &S {
        self.inner.store.inner()
    }

    /// What the hashing threads have done and are about to do.
    #[must_use]
    pub fn hashing_stats(&self) -> HashingStats {
        self.inner.hasher.stats()
    }

    /// The public keys that verify access tokens (RFC 7517 §5); empty when
    /// they are signed by a shared secret.
    #[must_use]
    pub fn jwks(&self) -> Jwks {
        self.inner.keyring.jwks()
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Checks signature and claims of an access token, and nothing else: it
    /// accepts a token whose session was ended or whose user was disabled, for
    /// as long as the token lasts. Use `validate_token` wherever that
    /// matters; this is for services that cannot reach the store.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`].
    pub fn verify_offline(&self, token: &str) -> Result<Claims, AuthError> {
        let config = self.config();
        self.inner
            .keyring
            .verify(token, &config.issuer, &config.audience, self.now())
    }

    /// Which session a refresh token belongs to, whether that is live or not and
    /// also when the token has been replaced: by its signature, without the store.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`].
    pub fn session_of(&self, token: &RefreshToken) -> Result<HeldSession, AuthError> {
        let (token, config) = (token.expose_secret(), self.config());
        let keyring = &self.inner.keyring;
        let claims = keyring.verify_refresh(token, &config.issuer, &config.audience)?;
        Ok(HeldSession::new(claims.user, claims.session))
    }

    /// Which session an access token belongs to, by
    /// [`verify_offline`](Self::verify_offline): whether that is live is not said.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`].
    pub fn session_of_access_token(&self, token: &AccessToken) -> Result<HeldSession, AuthError> {
        let claims = self.verify_offline(token.expose_secret())?;
        Ok(HeldSession::new(claims.sub, claims.sid))
    }

    /// The maximum length of access tokens with these settings, in bytes: for stores with
    /// limited room, such as cookies (ASVS 3.3.5).
    ///
    /// # Errors
    ///
    /// [`AuthError::Internal`] when none can be signed.
    pub fn longest_token(&self) -> Result<usize, AuthError> {
        let config = self.config();
        let end = u64::try_from(Timestamp::MAX.as_secs()).unwrap_or(u64::MAX);
        let token = self.inner.keyring.sign(&Claims {
            iss: config.issuer.clone(),
            sub: UserId::from_bytes([0; 12]),
            aud: config.audience.clone(),
            exp: end,
            iat: end,
            jti: hex(&[0; 16]),
            sid: SessionId::from_bytes([0; 12]),
            epoch: u64::MAX,
            auth_time: Some(end),
            amr: match self.has_second_factors() {
                true => longest_methods(),
                false => vec![Method::Password],
            },
            typ: TokenKind::Access,
            custom: match self.inner.claims {
                Some(_) => CustomClaims::largest(),
                None => CustomClaims::default(),
            },
        })?;
        Ok(token.expose_secret().len())
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn random(&self) -> &dyn SecureRandom {
        &*self.inner.random
    }
}

/// As many methods as a session can have proofs, each with the longest name.
fn longest_methods() -> Vec<Method> {
    let name = "m".repeat(MethodName::MAX_LEN);
    let longest = MethodName::new(&name).map(Method::SecondFactor);
    vec![longest.unwrap_or(Method::Password); Proofs::MAX]
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

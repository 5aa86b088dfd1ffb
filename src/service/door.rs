//! The one door: here, and nowhere else, proofs become a session.
//!
//! A way in checks credentials and gets a proof. The door checks what holds for every way
//! in. The session is valid only once the store has confirmed that the account has not
//! changed since the proof; each way in does that in the one act of the store that its
//! operation depends on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::operation::Trail;
use super::{AuthService, hex};
use crate::clock::Clock;
use crate::error::AuthError;
use crate::id::SessionId;
use crate::identity::IdentityUse;
use crate::named::named;
use crate::proof::{Proof, Proofs};
use crate::random;
use crate::secret::{AccessToken, RefreshToken};
use crate::session::{Session, SessionLength};
use crate::store::Store;
use crate::time::Timestamp;
use crate::token::{Claims, CustomClaims, PendingSignIn, RefreshClaims, TokenKind};
use crate::user::{User, UserStatus};

/// The tokens of a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Tokens {
    /// Authenticates requests.
    pub token: AccessToken,
    /// Always `Bearer` (RFC 6750).
    pub token_type: TokenType,
    /// The lifetime of `token`, in seconds.
    pub expires_in: u64,
    /// Can be exchanged for new tokens once.
    pub refresh_token: RefreshToken,
    /// How long a client may store them.
    #[serde(skip)]
    #[cfg_attr(
        not(feature = "http"),
        expect(dead_code, reason = "only cookies are kept for a time")
    )]
    pub(crate) keeping: Keeping,
}

/// How long a client stores its tokens if it does not refresh them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Until the client is closed: the session is a short one.
    #[default]
    Short,
    /// For this many seconds, until the session expires unless it is refreshed.
    Seconds(u64),
}

named! {
    /// How a token is presented.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
    pub enum TokenType {
        /// In the `Authorization` header (RFC 6750 §2.1).
        Bearer => "Bearer",
    }
}

/// What a way in has proved, and the session that it requests.
pub(super) struct Entry<'a> {
    user: &'a User,
    proofs: Proofs,
    epoch: u64,
    length: SessionLength,
    at: Timestamp,
    /// The identity that was used, if it was one.
    used: Option<&'a IdentityUse>,
    /// What a missing second factor leads to.
    gate: Gate<'a>,
}

/// What becomes of an entry without the second factor that the account has.
#[derive(Clone, Copy)]
enum Gate<'a> {
    /// The account is new and has none.
    New,
    /// The sign-in waits for it.
    SignIn(&'a Arc<User>),
    /// The owner has to prove it in the present session first.
    Session(&'a Arc<User>),
}

impl<'a> Entry<'a> {
    /// Signs in to the account of `user`.
    pub(super) fn sign_in(user: &'a Arc<User>, proofs: impl Into<Proofs>, now: Timestamp) -> Self {
        Self {
            gate: Gate::SignIn(user),
            ..Self::first(user, proofs, now)
        }
    }

    /// The first session of an account that is about to be created: it has no second factor.
    pub(super) fn first(user: &'a User, proofs: impl Into<Proofs>, now: Timestamp) -> Self {
        Self {
            user,
            proofs: proofs.into(),
            epoch: user.auth_epoch,
            length: SessionLength::Usual,
            at: now,
            used: None,
            gate: Gate::New,
        }
    }

    /// Replaces `session` by one that has its proofs too, and its lifetime.
    pub(super) fn in_place_of(
        session: &Session,
        user: &'a Arc<User>,
        proof: Proof,
        now: Timestamp,
    ) -> Self {
        Self {
            epoch: session.auth_epoch,
            length: session.length,
            gate: Gate::Session(user),
            ..Self::first(user, session.proofs.and(proof), now)
        }
    }

    /// Requests the lifetime of `length`.
    pub(super) fn of_length(mut self, length: SessionLength) -> Self {
        self.length = length;
        self
    }

    /// The proof is by this identity.
    #[cfg(feature = "federation")]
    pub(super) fn by_identity(mut self, used: &'a IdentityUse) -> Self {
        self.used = Some(used);
        self
    }

    /// Requests a session under `epoch` instead of the account's present epoch.
    pub(super) fn under(mut self, epoch: u64) -> Self {
        self.epoch = epoch;
        self
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Returns a session and its tokens. The session is not stored yet.
    ///
    /// # Errors
    ///
    /// Those of [`begin`](Self::begin) and [`issue`](Self::issue).
    pub(super) async fn enter(
        &self,
        entry: Entry<'_>,
        trail: &Trail,
    ) -> Result<(Session, Tokens), AuthError> {
        let (user, at) = (entry.user, entry.at);
        let session = self.begin(entry, trail).await?;
        let tokens = self.issue(&session, user, at, trail).await?;
        Ok((session, tokens))
    }

    /// Returns a session and its tokens, neither of which is stored or handed out yet, for an
    /// account that is about to change: its tokens get their claims
    /// [later](Self::with_claims).
    ///
    /// # Errors
    ///
    /// Those of [`begin`](Self::begin); [`AuthError::Random`]; [`AuthError::Internal`].
    pub(super) async fn enter_early(
        &self,
        entry: Entry<'_>,
        trail: &Trail,
    ) -> Result<(Session, Tokens), AuthError> {
        let at = entry.at;
        let session = self.begin(entry, trail).await?;
        let tokens = self.tokens(&session, CustomClaims::default(), at)?;
        Ok((session, tokens))
    }

    /// The tokens of a session that was opened [early](Self::enter_early), with the claims that
    /// the application has for `user` now.
    ///
    /// # Errors
    ///
    /// Those of [`issue`](Self::issue), if there is a source of claims. The session is removed.
    pub(super) async fn with_claims(
        &self,
        tokens: Tokens,
        session: &Session,
        user: &User,
        trail: &Trail,
    ) -> Result<Tokens, AuthError> {
        if self.inner.claims.is_none() {
            return Ok(tokens);
        }
        let issued = self.issue(session, user, session.created_at, trail).await;
        if issued.is_err() {
            self.discard(session).await;
        }
        issued
    }

    /// Returns a session, which is not stored yet, if every gate lets `entry` pass.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidCredentials`] if the account is disabled;
    /// [`AuthError::SecondFactorRequired`], with a ticket that is stored;
    /// [`AuthError::RecentLoginRequired`] if the present session lacks the second factor;
    /// [`AuthError::Unavailable`]; [`AuthError::Store`]; [`AuthError::Random`];
    /// [`AuthError::Internal`].
    async fn begin(&self, entry: Entry<'_>, trail: &Trail) -> Result<Session, AuthError> {
        let Entry {
            user,
            proofs,
            epoch,
            length,
            at,
            used,
            gate,
        } = entry;
        if user.status != UserStatus::Active {
            return Err(AuthError::InvalidCredentials);
        }
        match gate {
            Gate::New => {}
            Gate::SignIn(user) => {
                let pending = PendingSignIn {
                    proofs: proofs.clone(),
                    length,
                };
                self.require_second_factor(user, pending, used, at, trail)
                    .await?;
            }
            Gate::Session(user) => self.require_proved_factor(user, &proofs, trail).await?,
        }
        let context = trail.context();
        let lifetime = self.config().session.lifetime(length);
        let absolute_expires_at = at.saturating_add(lifetime.absolute_timeout);
        Ok(Session {
            id: SessionId::generate(at, self.random())?,
            user_id: user.id,
            auth_epoch: epoch,
            created_at: at,
            proofs,
            last_seen_at: at,
            expires_at: at
                .saturating_add(lifetime.idle_timeout)
                .min(absolute_expires_at),
            absolute_expires_at,
            length,
            refresh_counter: 0,
            ip: context.ip(),
            user_agent: context.user_agent().map(str::to_owned),
        })
    }

    /// The tokens of `session`, with the claims that the application has for `user` now.
    ///
    /// # Errors
    ///
    /// [`AuthError::Unavailable`]; [`AuthError::Random`]; [`AuthError::Internal`].
    pub(super) async fn issue(
        &self,
        session: &Session,
        user: &User,
        now: Timestamp,
        trail: &Trail,
    ) -> Result<Tokens, AuthError> {
        let claims = self.claims_of(user, trail).await?;
        self.tokens(session, claims, now)
    }

    /// The tokens of a stored session. The access token ends with the session
    /// if that comes first.
    pub(super) fn tokens(
        &self,
        session: &Session,
        custom: CustomClaims,
        now: Timestamp,
    ) -> Result<Tokens, AuthError> {
        let config = self.config();
        let issued_at = seconds(now);
        let left = session.expires_at.saturating_since(now);
        let expires_in = config.access_token_ttl.min(left).as_secs();
        let claims = Claims {
            iss: config.issuer.clone(),
            sub: session.user_id,
            aud: config.audience.clone(),
            exp: issued_at.saturating_add(expires_in),
            iat: issued_at,
            jti: hex(&random::bytes::<16>(self.random())?),
            sid: session.id,
            epoch: session.auth_epoch,
            auth_time: session.proofs.newest().map(seconds),
            amr: session.proofs.methods(),
            typ: TokenKind::Access,
            custom,
        };
        Ok(Tokens {
            token: self.inner.keyring.sign(&claims)?,
            token_type: TokenType::Bearer,
            expires_in,
            refresh_token: self.inner.keyring.issue_refresh(
                &RefreshClaims {
                    user: session.user_id,
                    session: session.id,
                    counter: session.refresh_counter,
                },
                &config.issuer,
                &config.audience,
            ),
            keeping: match session.length {
                SessionLength::Short => Keeping::Short,
                SessionLength::Usual => Keeping::Seconds(left.as_secs()),
            },
        })
    }
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_secs()).unwrap_or(0)
}

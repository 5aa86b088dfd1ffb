//! What the service mails: the links, the notices, and who gets them.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::fields::parse_new_email;
use super::limits::{Counted, by_network};
use super::operation::Trail;
use super::{AuthService, RequestContext};
use crate::clock::Clock;
use crate::email::{CanonicalEmail, Email};
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Notice;
use crate::id::UserId;
use crate::limit::{Hit, LimitKey, Quota};
use crate::mail::{MailContext, MailKind, MailLink, Outbox, Post, link};
use crate::secret::MailToken;
use crate::store::{Insert, Store, StoreError};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, PendingRegistration, TokenDigest, TokenPurpose};
use crate::user::{AccountState, User};

/// How many links of one purpose an account has at most.
const MAX_LINKS: usize = 5;

/// A link that is about to be mailed, and what the store keeps of it.
pub(super) struct NewLink {
    pub(super) record: OneTimeToken,
    kind: MailKind,
    token: MailToken,
}

impl NewLink {
    /// Makes a link that sets a password an invitation, which is valid until `end`.
    pub(super) fn invites(&mut self, end: Timestamp) {
        self.kind = MailKind::Invitation;
        self.record.expires_at = end;
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Waits until no mail is under way any more: for a server that is about
    /// to stop, which should not wait for it without end, and for tests.
    pub async fn flush_mail(&self) {
        if let Some(outbox) = &self.inner.outbox {
            outbox.idle().await;
        }
    }

    /// The address that an account is to have: one that mail can be sent to.
    pub(super) fn parse_new_email(
        &self,
        input: &str,
        field: Field,
        violations: &mut Violations,
    ) -> Option<Email> {
        let email = parse_new_email(input, field, violations)?;
        let outbox = self.inner.outbox.as_ref();
        if outbox.is_some_and(|outbox| !outbox.takes(&email)) {
            let code = ViolationCode::InvalidCharacters;
            let message = "No mail can be sent to this address. Use one with only the letters a to z, digits and common signs before the @.";
            violations.push(field, code, message);
            return None;
        }
        Some(email)
    }

    /// What sends mail.
    pub(super) fn outbox(&self) -> Result<&Arc<Outbox>, AuthError> {
        self.inner.outbox.as_ref().ok_or(AuthError::NoMailer)
    }

    /// Makes a link for `purpose` that is mailed to `email` and bound to
    /// `account`. It counts once its record is stored.
    pub(super) fn new_link(
        &self,
        purpose: TokenPurpose,
        account: AccountState,
        email: Email,
        registration: Option<PendingRegistration>,
        now: Timestamp,
    ) -> Result<NewLink, AuthError> {
        let links = self.config().links;
        let (kind, ttl) = match purpose {
            TokenPurpose::VerifyEmail => (MailKind::VerifyEmail, links.verify_email_ttl),
            TokenPurpose::CompleteRegistration => {
                (MailKind::CompleteRegistration, links.verify_email_ttl)
            }
            TokenPurpose::ResetPassword => (MailKind::ResetPassword, links.reset_password_ttl),
            TokenPurpose::ChangeEmail => (MailKind::ConfirmEmailChange, links.change_email_ttl),
            TokenPurpose::SignIn | TokenPurpose::Federation | TokenPurpose::LinkIdentity => {
                return Err(AuthError::Internal("a ticket is not mailed".into()));
            }
        };
        let token = purpose.new_token(self.random())?;
        Ok(NewLink {
            record: OneTimeToken {
                digest: TokenDigest::of(purpose, &token),
                purpose,
                account,
                email,
                registration,
                sign_in: None,
                federation: None,
                created_at: now,
                expires_at: now.saturating_add(ttl),
            },
            kind,
            token: MailToken::new(token),
        })
    }

    /// The mail that carries `new`, to the address that it is bound to.
    pub(super) fn link_mail(&self, outbox: &Outbox, new: &NewLink, user: Option<&User>) -> Post {
        let (links, record) = (outbox.links(), &new.record);
        let (page, decline) = match new.kind {
            MailKind::ResetPassword | MailKind::Invitation => (&links.reset_password, None),
            MailKind::ConfirmEmailChange => (&links.change_email, None),
            _ => (&links.verify_email, Some(&links.disown_email)),
        };
        let mut post = self.mail(new.kind, record.email.clone(), user, record.created_at);
        // The mailbox that a change goes to is not known to be the owner's. The event of
        // the mail names nobody: in the user's log it would show that the address is
        // free, since no such mail goes to a taken one.
        if record.purpose == TokenPurpose::ChangeEmail {
            post.context.name = None;
            post.user_id = None;
        }
        post.context.link = Some(link(page, &new.token));
        post.context.decline_link = decline.map(|page| link(page, &new.token));
        let valid_for = record.expires_at.saturating_since(record.created_at);
        post.context.valid_for = Some(valid_for.as_secs());
        post
    }

    /// A mail without a link. The name is left out as long as nobody has
    /// confirmed the address: until then a stranger may have written it.
    pub(super) fn mail(
        &self,
        kind: MailKind,
        to: Email,
        user: Option<&User>,
        at: Timestamp,
    ) -> Post {
        let verified = user.filter(|user| user.is_verified);
        // What to do if it was not you.
        let outbox = self.inner.outbox.as_ref().filter(|_| {
            matches!(
                kind,
                MailKind::AlreadyRegistered
                    | MailKind::PasswordChanged
                    | MailKind::EmailChangeRequested
                    | MailKind::NewDevice
                    | MailKind::AccountLocked
                    | MailKind::IdentityLinked
                    | MailKind::IdentityUnlinked
            )
        });
        let forgot = outbox.map(|outbox| outbox.links().forgot_password.to_string());
        let language = user.and_then(|user| user.preferences.as_map().get("language"));
        Post {
            kind,
            to,
            user_id: user.map(|user| user.id),
            language: language.and_then(|value| value.as_str()).map(str::to_owned),
            context: MailContext {
                service: self.config().service_name.clone(),
                name: verified.map(|user| user.name.as_str().to_owned()),
                link: forgot.map(MailLink),
                at: Timestamp::from_secs(at.as_secs()).to_string(),
                ..MailContext::default()
            },
        }
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Stores the first link of an account that is about to be made.
    pub(super) async fn store_first_link(&self, new: &NewLink) -> Result<(), AuthError> {
        self.insert_token(&new.record).await
    }

    pub(super) async fn insert_token(&self, token: &OneTimeToken) -> Result<(), AuthError> {
        match self.inner.store.insert_token(token).await? {
            Insert::Inserted => Ok(()),
            Insert::Taken => Err(AuthError::id_taken()),
        }
    }

    /// Stores a link. The newest [`MAX_LINKS`] of the account for the same purpose
    /// stay valid, and those of the same millisecond as the oldest of them.
    ///
    /// Pending registrations of one address are not capped here: they can be of
    /// different people, who must not end each other's links. The limits of mail
    /// bound their number.
    pub(super) async fn store_link(&self, new: &NewLink) -> Result<(), AuthError> {
        self.store_token(&new.record).await
    }

    /// Stores a token, as [`store_link`](Self::store_link) does.
    pub(super) async fn store_token(&self, token: &OneTimeToken) -> Result<(), AuthError> {
        self.insert_token(token).await?;
        let (account, purpose) = (token.account.id, token.purpose);
        if purpose == TokenPurpose::CompleteRegistration {
            return Ok(());
        }
        if let Err(error) = self.remove_old_links(account, purpose).await {
            // The new link is valid, and the old ones expire.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "old links of an account were not removed");
        }
        Ok(())
    }

    async fn remove_old_links(
        &self,
        account: UserId,
        purpose: TokenPurpose,
    ) -> Result<(), StoreError> {
        let store = &self.inner.store;
        let live = store.tokens_of(account, self.now()).await?;
        let mut newest_first = live.iter().filter(|token| token.purpose == purpose);
        if let Some(oldest) = newest_first.nth(MAX_LINKS - 1) {
            let before = oldest.created_at.saturating_sub(Duration::from_millis(1));
            store.remove_tokens(account, Some(purpose), before).await?;
        }
        Ok(())
    }

    /// The record of a link, if it is good and was made for `purpose`. A request without a
    /// token is not one with a dead link.
    pub(super) async fn link_of(
        &self,
        token: &MailToken,
        purpose: TokenPurpose,
        trail: &Trail,
    ) -> Result<OneTimeToken, AuthError> {
        if token.expose_secret().is_empty() {
            let mut violations = Violations::default();
            let message = "Open the link in the mail.";
            violations.push(Field::Token, ViolationCode::Required, message);
            violations.into_result()?;
        }
        if token.purpose() != Some(purpose) {
            return Err(AuthError::InvalidLink);
        }
        let found = self.find_token(token.expose_secret(), purpose, trail);
        found.await?.ok_or(AuthError::InvalidLink)
    }

    /// The record of the token with this text, if it is live and of `purpose`.
    pub(super) async fn find_token(
        &self,
        text: &str,
        purpose: TokenPurpose,
        trail: &Trail,
    ) -> Result<Option<OneTimeToken>, AuthError> {
        let (now, digest) = (self.now(), TokenDigest::of(purpose, text));
        let found = self.inner.store.token(digest, purpose, now);
        let found = trail.unless_gone(found).await?;
        // A store returns only live tokens of that purpose; one that does not changes
        // nothing.
        let is_valid = |found: &OneTimeToken| {
            found.digest == digest && found.purpose == purpose && found.is_live(now)
        };
        Ok(found.filter(is_valid))
    }

    /// Removes the links of registrations that waited for `email`.
    pub(super) async fn remove_pending(&self, email: &Email, trail: &Trail) {
        if !self.remove_links(pending_account(email).id, None).await {
            trail.notice(Notice::RowsLeftBehind);
        }
    }

    /// Removes links that are dead already, or that nothing needs any more.
    /// Those that are made after this call stay. Returns whether that was done.
    pub(super) async fn remove_links(&self, user: UserId, purpose: Option<TokenPurpose>) -> bool {
        let now = self.now();
        let removed = self.inner.store.remove_tokens(user, purpose, now).await;
        if let Err(error) = &removed {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, user_id = %user, "rows of dead links were left behind");
        }
        removed.is_ok()
    }
}

/// What links are bound to while there is no account. Its id follows from the
/// address, so that the pending registrations of an address can be found.
pub(super) fn pending_account(email: &Email) -> AccountState {
    let digest = Sha256::new()
        .chain_update("pending registration")
        .chain_update([0])
        .chain_update(email.canonical().as_str())
        .finalize();
    let mut id = [0; 12];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    AccountState {
        id: UserId::from_bytes(id),
        email: email.canonical().clone(),
        auth_epoch: None,
        link_epoch: 0,
        version: None,
    }
}

/// What a mail to an address is counted as. Each has a budget of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    /// A link that sets a new password.
    Reset,
    /// Another link that confirms an address.
    Verification,
    /// A link that changes an account's address to this one.
    Change,
    /// Word to an address that nobody has confirmed.
    Notice,
    /// No mail, but the giving up of an address that nobody has confirmed.
    Release,
}

impl Asked {
    const fn scope(self) -> &'static str {
        match self {
            Self::Reset => "mail:reset",
            Self::Verification => "mail:verification",
            Self::Change => "mail:change",
            Self::Notice => "mail:notice",
            Self::Release => "mail:release",
        }
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Counts a requested mail against the caller's networks and against the
    /// recipient's mailbox, whether or not it is sent.
    pub(super) async fn limit_mail(
        &self,
        asked: Asked,
        to: &CanonicalEmail,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        let quota = self.config().limits.mail_by_address;
        self.limit_network("mail:address", quota, trail)
            .await?
            .keep();
        self.limit_mailbox(asked, to, trail).await
    }

    /// Counts a mail against the mailbox that it goes to: the address without its tag, else
    /// one mailbox would get a mail for each tag that somebody thinks of.
    pub(super) async fn limit_mailbox(
        &self,
        asked: Asked,
        to: &CanonicalEmail,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        let quota = self.config().limits.mail_by_account;
        self.limit(asked.scope(), to.without_tag().as_bytes(), quota, trail)
            .await
    }

    /// Counts a registration that is mailed to a mailbox that need not be the
    /// caller's: by networks first, so that a stranger does not keep its owner
    /// from registering, and then for all of them.
    pub(super) async fn limit_registration(
        &self,
        to: &CanonicalEmail,
        context: &RequestContext,
    ) -> Result<(), AuthError> {
        let Some(quota) = self.config().limits.mail_by_account else {
            return Ok(());
        };
        let mailbox = to.without_tag();
        let hits = by_network("mail:registration:network", context.network(), quota);
        // Each mailbox is counted separately.
        let hits = hits.into_iter().map(|hit| Hit {
            key: LimitKey::new(
                "mail:registration:network",
                &[&hit.key.to_bytes(), mailbox.as_bytes()].concat(),
            ),
            ..hit
        });
        self.count(hits.collect()).await?.keep();
        let all = Hit {
            key: LimitKey::new("mail:registration", mailbox.as_bytes()),
            quota: Quota::new(quota.burst().saturating_mul(10), quota.period()),
        };
        self.count(vec![all]).await.map(Counted::keep)
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Tells the owner of an account at `to` what happened to it. As long as
    /// nobody has confirmed the address it may be a stranger's, who gets no
    /// more mail than one may ask for.
    pub(super) fn notify(&self, kind: MailKind, user: &User, to: &Email, context: &RequestContext) {
        self.notify_about(kind, user, to, None, context);
    }

    /// As [`notify`](Self::notify), about an identity at the provider with this name.
    pub(super) fn notify_about(
        &self,
        kind: MailKind,
        user: &User,
        to: &Email,
        provider: Option<String>,
        context: &RequestContext,
    ) {
        let Some(outbox) = &self.inner.outbox else {
            return;
        };
        let (service, user, to) = (self.clone(), user.clone(), to.clone());
        let context = context.clone();
        outbox.post(kind, Some(user.id), async move {
            let mut notice = service.notice(kind, &user, &to, &context).await?;
            if let Some(post) = &mut notice {
                post.context.provider = provider;
            }
            Ok(notice.into_iter().collect())
        });
    }

    /// The mail of [`notify`](Self::notify), unless there were too many.
    pub(super) async fn notice(
        &self,
        kind: MailKind,
        user: &User,
        to: &Email,
        context: &RequestContext,
    ) -> Result<Option<Post>, AuthError> {
        let now = self.now();
        let mut post = self.mail(kind, to.clone(), Some(user), now);
        if user.is_verified {
            post.context.ip = context.ip().map(|ip| ip.to_string());
            post.context.device = context.user_agent().and_then(device_in_words);
            return Ok(Some(post));
        }
        let quota = self.config().limits.mail_by_account;
        let hit = quota.map(|quota| Hit {
            key: LimitKey::new(
                Asked::Notice.scope(),
                to.canonical().without_tag().as_bytes(),
            ),
            quota,
        });
        match self.count(hit.into_iter().collect()).await {
            Ok(counted) => {
                counted.keep();
                Ok(Some(post))
            }
            Err(AuthError::RateLimited { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What a client says it is, in words of our own: what it says itself may be
/// written by somebody who wants its reader to follow it.
fn device_in_words(user_agent: &str) -> Option<String> {
    const PROGRAMS: [(&str, &str); 8] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox", "Firefox"),
        ("FxiOS", "Firefox"),
        ("Chrome", "Chrome"),
        ("CriOS", "Chrome"),
        ("Safari", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let find = |known: &[(&str, &'static str)]| {
        let found = known.iter().find(|(mark, _)| user_agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    match (find(&PROGRAMS), find(&SYSTEMS)) {
        (Some(program), Some(system)) => Some(format!("{program} on {system}")),
        (Some(name), None) | (None, Some(name)) => Some(name.to_owned()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_in_known_words_only() {
        for (agent, words) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0",
                Some("Edge on Windows"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                Some("Safari on iPhone"),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                Some("Firefox on Linux"),
            ),
            ("curl/8.5.0", None),
            (
                "Account locked: 93.184.216.34/login or call 1-900-555-0199",
                None,
            ),
            ("", None),
        ] {
            assert_eq!(device_in_words(agent).as_deref(), words, "{agent}");
        }
    }
}

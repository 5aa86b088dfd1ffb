//! Settings of the service. Each default is the secure choice.

mod session;

use std::time::Duration;

pub use session::{SessionCheck, SessionLifetime, SessionPolicy};

use crate::authz::{AdminPermission, RolePolicy};
use crate::error::ConfigError;
use crate::limit::Quota;
use crate::lockout::LockoutPolicy;
use crate::password::{HashingConfig, PasswordPolicy};
use crate::time::Timestamp;

/// The settings of the service. Start from [`AuthConfig::new`] and change what
/// must be otherwise; all of it is checked when the service is built.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthConfig {
    /// The name of the application, in words. People see it in messages, and
    /// passwords that contain it are weaker for it (ASVS 6.2.11).
    pub service_name: String,
    /// The `iss` of access tokens.
    pub issuer: String,
    /// The `aud` of access tokens.
    pub audience: String,
    /// How long an access token is good: 1 second to 24 hours. Default 15 minutes.
    pub access_token_ttl: Duration,
    /// How long sessions last.
    pub session: SessionPolicy,
    /// What a new password must be like.
    pub password: PasswordPolicy,
    /// What happens when breached passwords cannot be looked up.
    pub breach: BreachPolicy,
    /// How passwords are hashed.
    pub hashing: HashingConfig,
    /// Who may do how much.
    pub limits: LimitPolicy,
    /// Which roles grant what.
    pub roles: RolePolicy,
    /// When an account is made. Default [`RegistrationMode::OpenSession`].
    pub registration: RegistrationMode,
    /// How long links in mails are good.
    pub links: LinkPolicy,
    /// What a new user still has to do.
    pub onboarding: OnboardingPolicy,
    /// The members of a user's [metadata](crate::preferences::Metadata) that `GET /profile`
    /// shows to the user. Default: none.
    pub published_metadata: Vec<String>,
    /// When accounts are removed whose address nobody has confirmed, by
    /// [`AuthService::expire_unverified`](crate::service::AuthService::expire_unverified); needs a mailer.
    /// Default: never.
    pub unverified_expiry: Option<UnverifiedExpiry>,
    /// How recently administrators must have proved who they are to change roles
    /// or to disable and enable accounts, at least a minute. Otherwise the answer is
    /// [`AuthError::RecentLoginRequired`](crate::error::AuthError::RecentLoginRequired),
    /// and [`reauthenticate`](crate::service::AuthService::reauthenticate) is
    /// the way on. Default `None`: the session is enough.
    pub recent_login_for_administration: Option<Duration>,
    insecure: bool,
}

impl AuthConfig {
    /// The defaults for an application called `service_name`. Issuer and
    /// audience are that name, too; give them URIs when tokens leave the
    /// application.
    #[must_use]
    pub fn new(service_name: impl Into<String>) -> Self {
        let service_name = service_name.into();
        Self {
            issuer: service_name.clone(),
            audience: service_name.clone(),
            service_name,
            access_token_ttl: Duration::from_secs(15 * 60),
            session: SessionPolicy::default(),
            password: PasswordPolicy::default(),
            breach: BreachPolicy::default(),
            hashing: HashingConfig::default(),
            limits: LimitPolicy::default(),
            roles: RolePolicy::default(),
            registration: RegistrationMode::default(),
            links: LinkPolicy::default(),
            onboarding: OnboardingPolicy::default(),
            published_metadata: Vec::new(),
            unverified_expiry: None,
            recent_login_for_administration: None,
            insecure: false,
        }
    }

    /// Allows values that are not safe: cheap hashing, short passwords, waits and
    /// time-outs of any length. The service still refuses what cannot work or
    /// contradicts itself.
    ///
    /// For tests and measurements only. It covers every setting that the service
    /// is built with, those of mail and of the audit log included.
    #[must_use]
    pub fn insecure_for_tests(mut self) -> Self {
        self.insecure = true;
        self
    }

    pub(crate) fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// The settings of hashing, insecure if all are.
    pub(crate) fn hashing(&self) -> HashingConfig {
        let hashing = self.hashing.clone();
        if self.insecure {
            hashing.insecure_for_tests()
        } else {
            hashing
        }
    }

    /// Checks every setting. The service does it when it is built.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] names the first setting that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        const DAY: Duration = Duration::from_secs(86_400);
        let invalid = |setting, problem: &str| {
            Err(ConfigError::Invalid {
                setting,
                problem: problem.to_owned(),
            })
        };
        if self.service_name.trim().is_empty() {
            return invalid("service_name", "is empty");
        }
        let is_administrator = |permission: AdminPermission| {
            let roles = self.roles.initial_roles();
            self.roles.allows(roles, &permission.into())
        };
        if AdminPermission::ALL.into_iter().any(is_administrator) {
            return invalid("roles", "let everybody who registers manage the others");
        }
        for (setting, value) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if value.trim().is_empty() {
                return invalid(setting, "is empty");
            }
            // Both stand in every access token, whose size is bounded.
            if value.len() > 512 {
                return invalid(setting, "is longer than 512 bytes");
            }
        }
        if self.access_token_ttl < Duration::from_secs(1) || self.access_token_ttl > DAY {
            return invalid("access_token_ttl", "is not between 1 second and 24 hours");
        }
        let session = &self.session;
        if session.idle_timeout < self.access_token_ttl {
            return invalid("session.idle_timeout", "is shorter than access_token_ttl");
        }
        if session.absolute_timeout < session.idle_timeout {
            return invalid(
                "session.absolute_timeout",
                "is shorter than session.idle_timeout",
            );
        }
        if session.absolute_timeout > 3650 * DAY {
            return invalid("session.absolute_timeout", "is longer than ten years");
        }
        if session.refresh_grace > Duration::from_secs(60) {
            return invalid("session.refresh_grace", "is longer than a minute");
        }
        if session.short.idle_timeout < Duration::from_secs(60) {
            return invalid("session.short.idle_timeout", "is shorter than a minute");
        }
        if session.short.absolute_timeout < session.short.idle_timeout {
            return invalid(
                "session.short.absolute_timeout",
                "is shorter than session.short.idle_timeout",
            );
        }
        let recent = self.recent_login_for_administration;
        if recent.is_some_and(|recent| recent < Duration::from_secs(60)) {
            return invalid(
                "recent_login_for_administration",
                "is shorter than a minute",
            );
        }
        if session.max_per_user == Some(0) {
            return invalid("session.max_per_user", "is 0");
        }
        if let SessionCheck::Cached {
            max_staleness,
            capacity,
        } = session.check
        {
            let longest = Duration::from_secs(5 * 60).min(self.access_token_ttl);
            if max_staleness < Duration::from_millis(1) || max_staleness > longest {
                return invalid(
                    "session.check.max_staleness",
                    "is not between 1 millisecond and 5 minutes, or longer than access_token_ttl",
                );
            }
            if !(1..=1_000_000).contains(&capacity) {
                return invalid("session.check.capacity", "is not between 1 and 1,000,000");
            }
        }
        for (setting, ttl) in [
            ("links.verify_email_ttl", self.links.verify_email_ttl),
            ("links.change_email_ttl", self.links.change_email_ttl),
            ("links.reset_password_ttl", self.links.reset_password_ttl),
        ] {
            if ttl < Duration::from_secs(60) || ttl > 30 * DAY {
                return invalid(setting, "is not between one minute and 30 days");
            }
        }
        if let Some(expiry) = self.unverified_expiry
            && !(DAY..=3650 * DAY).contains(&expiry.after)
        {
            return invalid("unverified_expiry", "is not between 1 day and 10 years");
        }
        for (setting, timeout) in [
            ("onboarding.hook_timeout", self.onboarding.hook_timeout),
            ("breach.timeout", self.breach.timeout),
        ] {
            if timeout.is_zero() || timeout > Duration::from_secs(60) {
                return invalid(setting, "is not between 0 and 60 seconds");
            }
        }
        self.password.is_consistent()?;
        self.hashing().validate()?;
        if self.insecure {
            return Ok(());
        }
        const SHORTEST: Duration = Duration::from_millis(100);
        ConfigError::require([
            (
                "session.short.absolute_timeout",
                session.short.absolute_timeout <= 3650 * DAY,
                "is longer than ten years",
            ),
            (
                "onboarding.hook_timeout",
                self.onboarding.hook_timeout >= SHORTEST,
                "is shorter than 100 milliseconds",
            ),
            (
                "breach.timeout",
                self.breach.timeout >= SHORTEST,
                "is shorter than 100 milliseconds",
            ),
        ])?;
        if let Some(lockout) = &self.limits.login_by_account {
            lockout.is_safe()?;
        }
        self.password.validate()
    }
}

/// When an account is removed whose address nobody has confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnverifiedExpiry {
    /// How long after the last login, or the registration; 1 day to 10 years.
    pub after: Duration,
    /// Accounts that were made before this stay.
    pub registered_since: Timestamp,
}

impl UnverifiedExpiry {
    /// Removes accounts that are made at `registered_since` or later, when they
    /// have not been used for `after`.
    #[must_use]
    pub const fn new(after: Duration, registered_since: Timestamp) -> Self {
        Self {
            after,
            registered_since,
        }
    }
}

/// When an account is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationMode {
    /// At once, with a session; the address can be confirmed later. A client
    /// that registers an address learns whether it has an account.
    #[default]
    OpenSession,
    /// When the mailed link is used together with the password. The answer to
    /// a registration tells nothing about the address; its owner gets a mail.
    /// Needs a mailer.
    VerifyFirst,
}

/// How long links in mails are good; one minute to 30 days each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkPolicy {
    /// The link that confirms an address. Default 24 hours.
    pub verify_email_ttl: Duration,
    /// The link that confirms another address. Default 24 hours.
    pub change_email_ttl: Duration,
    /// The link that sets a new password. Default 30 minutes.
    pub reset_password_ttl: Duration,
}

impl Default for LinkPolicy {
    fn default() -> Self {
        Self {
            verify_email_ttl: Duration::from_secs(86_400),
            change_email_ttl: Duration::from_secs(86_400),
            reset_password_ttl: Duration::from_secs(30 * 60),
        }
    }
}

/// How new passwords are compared with breached ones, when the service has a
/// [`BreachCheck`](crate::password::breach::BreachCheck).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreachPolicy {
    /// What happens when the source fails, panics or takes too long. Default
    /// [`OnBreachFailure::Refuse`].
    pub on_failure: OnBreachFailure,
    /// How long one comparison may take; 100 milliseconds to 60 seconds. Default
    /// 3 seconds.
    pub timeout: Duration,
}

impl Default for BreachPolicy {
    fn default() -> Self {
        Self {
            on_failure: OnBreachFailure::default(),
            timeout: Duration::from_secs(3),
        }
    }
}

/// What happens to a new password that cannot be compared with breached ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnBreachFailure {
    /// It is refused with [`AuthError::Unavailable`], and can be tried again
    /// (ASVS 16.5.3). Nothing is remembered of the failure: the next attempt
    /// asks the source again. Logins are not concerned.
    ///
    /// [`AuthError::Unavailable`]: crate::error::AuthError::Unavailable
    #[default]
    Refuse,
    /// It is accepted on the word of the [`PasswordPolicy`], and the event has
    /// [`Notice::BreachCheckFailed`](crate::event::Notice::BreachCheckFailed).
    Allow,
}

/// What a new user still has to do, for a front end that guides them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnboardingPolicy {
    /// Keys of the preferences that a user should have. Those that are absent
    /// are listed in `missing`, as `preferences.<key>`. Default: none.
    pub required_preferences: Vec<String>,
    /// How long each call of the application's hooks may take; 100 milliseconds to 60
    /// seconds. Default 5 seconds.
    pub hook_timeout: Duration,
}

impl Default for OnboardingPolicy {
    fn default() -> Self {
        Self {
            required_preferences: Vec::new(),
            hook_timeout: Duration::from_secs(5),
        }
    }
}

/// Who may do how much. `None` switches one limit off.
///
/// A limit of one network applies at each level of
/// [`Network`](crate::network::Network): an IPv4 address has the stated budget
/// and its /24 four times as much; an IPv6 /64 has the stated budget, its /56
/// four times and its /48 sixteen times as much. An act counts at all levels
/// or, if one of them has no budget left, at none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitPolicy {
    /// Attempts to register from one network, valid or not, since checking one
    /// takes a while, and sign-ins with a provider by people who have no account
    /// with that identity. Default 60, and one more every 20 seconds; a class that
    /// registers together wants [`class_of`](Self::class_of).
    pub register_by_address: Option<Quota>,
    /// Failed credential checks of one account, whether there is such an account
    /// or not: by all strangers together, by each device that the account is
    /// known to be used with, from each live session, and with each mailed link.
    /// The first wait comes after 100 failures at the latest (NIST SP 800-63B-4
    /// §3.2.2); each is 1 second to 24 hours. Default: the table of [`LockoutPolicy::default`].
    pub login_by_account: Option<LockoutPolicy>,
    /// Failed checks of a credential, including mailed links, by clients of one
    /// network that are not logged in. A correct password or link takes its
    /// count back, so this is also the number of people who can log in at the
    /// same moment from one address. Default 300, and one more every 2 seconds.
    pub login_by_address: Option<Quota>,
    /// Sign-ins from one network with one provider: those that begin, and the answers that come
    /// back, each with a budget of its own. Default 300, and one more every 2 seconds.
    pub federation_by_address: Option<Quota>,
    /// Correct passwords of one account by logins and mailed links, and separately by
    /// its live sessions. Default 10, and one more every 6 seconds.
    pub success_by_account: Option<Quota>,
    /// Requests of one live session, or of the holder of one mailed link, that
    /// check a password, score one or look up a link. Default 60, and one more
    /// every 2 seconds.
    pub checks_by_session: Option<Quota>,
    /// Correct passwords from one network, by clients that are not logged in.
    /// Default 600, and ten more every second: enough for a school that logs in
    /// at once.
    pub success_by_address: Option<Quota>,
    /// Refreshes from one network with tokens that were handed out; others are
    /// refused before anything is counted or looked up. Default 600, and ten
    /// more every second: a network of 9,000 people who are all at work.
    pub refresh_by_address: Option<Quota>,
    /// Questions from one network of what a password is worth, as forms ask
    /// while it is typed. Default 60, and five more every second. They wait
    /// apart from logins.
    pub strength_by_address: Option<Quota>,
    /// Mails of one purpose to one mailbox that somebody asked for who need not
    /// be its owner, whether there is such an account or not. A mailbox is an address without
    /// its tag: `ann+exam@example.org` counts as `ann@example.org`. Each purpose has
    /// a budget of its own, so that one that is used up means that such mails
    /// have come. Giving up an address that nobody has confirmed counts too, by
    /// itself. Registrations of one mailbox count for each
    /// network by itself, and ten times as many for all networks together; by `OpenSession`
    /// an account beyond that is made without a mail, which its owner can ask for.
    /// Default 3, and one more every 5 minutes.
    pub mail_by_account: Option<Quota>,
    /// Mails that were asked for from one network, other than by registering.
    /// Default 20, and one more every minute.
    pub mail_by_address: Option<Quota>,
    /// Exports of one account, the one answer that grows with it. Default 5, and
    /// one more every 12 minutes.
    pub export_by_account: Option<Quota>,
    /// Changes of the profile of one account, each of which writes up to 16 KiB. Default 60,
    /// and one more every 2 seconds.
    pub updates_by_account: Option<Quota>,
    /// Pages of one account's own events, each of which reads up to 200 records.
    /// Default 120, and one more every second.
    pub events_by_account: Option<Quota>,
}

impl Default for LimitPolicy {
    fn default() -> Self {
        Self {
            register_by_address: Some(Quota::new(60, Duration::from_secs(20))),
            login_by_account: Some(LockoutPolicy::default()),
            login_by_address: Some(Quota::new(300, Duration::from_secs(2))),
            federation_by_address: Some(Quota::new(300, Duration::from_secs(2))),
            success_by_account: Some(Quota::new(10, Duration::from_secs(6))),
            checks_by_session: Some(Quota::new(60, Duration::from_secs(2))),
            success_by_address: Some(Quota::new(600, Duration::from_millis(100))),
            refresh_by_address: Some(Quota::new(600, Duration::from_millis(100))),
            strength_by_address: Some(Quota::new(60, Duration::from_millis(200))),
            mail_by_account: Some(Quota::new(3, Duration::from_secs(5 * 60))),
            mail_by_address: Some(Quota::new(20, Duration::from_secs(60))),
            export_by_account: Some(Quota::new(5, Duration::from_secs(12 * 60))),
            updates_by_account: Some(Quota::new(60, Duration::from_secs(2))),
            events_by_account: Some(Quota::new(120, Duration::from_secs(1))),
        }
    }
}

impl LimitPolicy {
    /// The defaults, raised for `people` who register at the same time from one
    /// address: each of them may have two attempts refused, check the strength
    /// of the password while typing, and request one lost mail again. Strangers
    /// in the same network get the same room.
    ///
    /// ```
    /// use admittance::config::{AuthConfig, LimitPolicy};
    ///
    /// let mut config = AuthConfig::new("Exam simulator");
    /// config.limits = LimitPolicy::class_of(300);
    /// ```
    #[must_use]
    pub fn class_of(people: u32) -> Self {
        let at_least = |quota: Option<Quota>, each: u32| {
            let wanted = people.saturating_mul(each);
            quota.map(|quota| Quota::new(quota.burst().max(wanted), quota.period()))
        };
        let usual = Self::default();
        Self {
            register_by_address: at_least(usual.register_by_address, 3),
            login_by_address: at_least(usual.login_by_address, 2),
            federation_by_address: at_least(usual.federation_by_address, 2),
            success_by_address: at_least(usual.success_by_address, 2),
            strength_by_address: at_least(usual.strength_by_address, 20),
            mail_by_address: at_least(usual.mail_by_address, 2),
            ..usual
        }
    }

    /// No limits: for load measurements, and for applications that limit
    /// before they call.
    #[must_use]
    pub fn off() -> Self {
        Self {
            register_by_address: None,
            login_by_account: None,
            login_by_address: None,
            federation_by_address: None,
            success_by_account: None,
            checks_by_session: None,
            success_by_address: None,
            refresh_by_address: None,
            strength_by_address: None,
            mail_by_account: None,
            mail_by_address: None,
            export_by_account: None,
            updates_by_account: None,
            events_by_account: None,
        }
    }
}

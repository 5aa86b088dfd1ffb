//! Two people with accounts, every operation that one of them may ask for, and
//! what must hold whatever became of it.
//!
//! The letters are those of the invariants: I1 no acknowledged write is lost,
//! I2 a user is wholly there or not at all, I3 one user for an email, I4 a link
//! is good once, I5 one live refresh token for a session, I6 an acknowledged
//! end ends every old credential, I7 an error gives no privilege, I8 no failure
//! goes uncounted, I9 no event or error shows a secret, I10 a retry converges:
//! the same again, or what another link is asked for and used for, ends as was
//! wished.

mod access;
mod account;
mod admin;
mod check;
mod late;
mod links;
mod lockout;
mod ops;
mod roles;
mod run;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use admittance::audit::AuditPolicy;
use admittance::authz::Role;
use admittance::clock::Clock as _;
use admittance::config::AuthConfig;
use admittance::error::{AuthError, ErrorCode};
use admittance::id::UserId;
use admittance::mail::{Mail, MailKind};
use admittance::password::Argon2Params;
use admittance::secret::MailToken;
use admittance::service::{Authenticated, Tokens};
use admittance::store::{RoleChange, Store};
use admittance::test_util::Mailbox;
use admittance::time::Timestamp;
use admittance::user::{User, UserStatus};

pub(crate) use self::ops::{OPS, Op, administrator};
use crate::truth::Truth;
use support::asks::{Answer, change_email, forgot};
use support::bed::{Bed, Builder, PASSWORD, config, mail_config, registration};
use support::faulty::FaultyStore;

pub(crate) const ANN: &str = "ann@example.org";
pub(crate) const BOB: &str = "bob@example.org";
pub(crate) const NEW: &str = "new@example.org";
/// Somebody whose password hash takes long to check, where there is one.
pub(crate) const SLOW: &str = "slow@example.org";
/// Nobody.
const EVE: &str = "eve@example.org";
const WRONG: &str = "velvet?Harbour 18 sundial";

pub(crate) type Faulty = FaultyStore<Arc<dyn Store>>;

/// What is known of an operation: `None` when it panicked or was dropped.
pub(crate) type Outcome = Option<Answer>;

/// Whether an operation succeeded, whether with tokens, or how it was refused.
pub(crate) type Shape = Result<bool, ErrorCode>;

pub(crate) fn shape(answer: &Answer) -> Shape {
    answer
        .as_ref()
        .map(Option::is_some)
        .map_err(AuthError::code)
}

pub(crate) struct Scene {
    pub(crate) bed: Arc<Bed<Faulty>>,
    pub(crate) truth: Truth,
    op: Op,
    /// Ann as she was before.
    before: User,
    /// Who had the address `NEW` before.
    new_before: Option<User>,
    ann: Authenticated,
    /// The session that asks.
    asking: Tokens,
    /// Another session of Ann's.
    other: Tokens,
    /// A third one, for refreshes: what it got one after the other.
    chain: Vec<Tokens>,
    bob: Tokens,
    /// Bob, an administrator if the operation needs one.
    admin: Authenticated,
    /// The link that the operation is about, if it is about one.
    link: MailToken,
    /// The link that confirms Ann's address.
    verify_link: MailToken,
    /// All that was mailed from the operation on.
    mails: RefCell<Vec<Mail>>,
    /// The addresses that somebody has confirmed.
    verified: RefCell<Vec<&'static str>>,
    /// The roles that somebody who may has given to Ann.
    roles: RefCell<BTreeSet<Role>>,
}

impl Scene {
    pub(crate) async fn new(op: Op) -> Self {
        Self::with(op, config(), |builder| builder).await
    }

    /// As above, over `truth`.
    pub(crate) async fn on(op: Op, truth: Truth) -> Self {
        Self::built_on(truth, op, config(), |builder, mailbox| {
            match op.has_mailer() {
                true => builder.mail(mailbox, mail_config()),
                false => builder,
            }
        })
        .await
    }

    /// A service of other parts, on the memory store.
    pub(crate) async fn with(
        op: Op,
        config: AuthConfig,
        add: impl FnOnce(Builder<Faulty>) -> Builder<Faulty>,
    ) -> Self {
        let mail = |builder: Builder<Faulty>, mailbox: Mailbox| match op.has_mailer() {
            true => builder.mail(mailbox, mail_config()),
            false => builder,
        };
        Self::built(op, config, |builder, mailbox| add(mail(builder, mailbox))).await
    }

    /// The same, with a mailer only if `add` gives it one.
    pub(crate) async fn built(
        op: Op,
        config: AuthConfig,
        add: impl FnOnce(Builder<Faulty>, Mailbox) -> Builder<Faulty>,
    ) -> Self {
        Self::built_on(Truth::memory(), op, config, add).await
    }

    async fn built_on(
        truth: Truth,
        op: Op,
        mut config: AuthConfig,
        add: impl FnOnce(Builder<Faulty>, Mailbox) -> Builder<Faulty>,
    ) -> Self {
        op.adjust(&mut config);
        let store = FaultyStore::new(truth.store());
        let log = store.clone();
        let bed = Bed::built(store, config, |builder, mailbox| {
            let builder = match op.has_audit_log() {
                true => builder.audit_log(log, audit_policy()),
                false => builder,
            };
            add(builder, mailbox)
        });
        Self::over(op, truth, bed).await
    }

    async fn over(op: Op, truth: Truth, bed: Bed<Faulty>) -> Self {
        // Hashes of older parameters, where the operation is to renew one.
        let mut older = config();
        if op == Op::LoginRehash {
            older.hashing.params = Argon2Params::new(16, 2, 1).unwrap();
        }
        let past = Bed::mailing_over(truth.store(), older);
        for clock in [&bed.clock, &past.clock] {
            // Later than the interval at which a database removes expired rows.
            clock.set(Timestamp::from_secs(4_102_444_800));
        }
        let registered = past.register(ANN).await;
        let verify_link = past.mailed(MailKind::VerifyEmail).await;
        let bob = past.register(BOB).await;
        let other = past.login(ANN, PASSWORD).await.unwrap();
        let third = past.login(ANN, PASSWORD).await.unwrap().tokens;
        let mut chain = vec![third];
        let steps = match op {
            Op::RefreshRepeated => 1,
            Op::RefreshReused => 2,
            _ => 0,
        };
        for _ in 0..steps {
            let next = past.refresh(&chain[chain.len() - 1]).await.unwrap();
            chain.push(next);
        }
        let link = link_for(op, &past, &truth, &registered.tokens)
            .await
            .unwrap_or_else(|| verify_link.clone());
        // One second later, so that the times of new writes differ.
        bed.clock.advance(Duration::from_secs(1));
        let roles: BTreeSet<Role> = op.role_of_ann().into_iter().collect();
        give_roles(&truth, registered.user_id, &roles).await;
        if op.has_administrator() {
            give_roles(&truth, bob.user_id, &[administrator()].into()).await;
        }
        let ann = bed.validate(&registered.tokens).await.unwrap();
        let admin = bed.validate(&bob.tokens).await.unwrap();
        if op == Op::Enable {
            let id = ann.user().id;
            let version = truth.user(id).await.unwrap().unwrap().version;
            let disabled = truth.set_status(id, version, UserStatus::Disabled);
            assert!(disabled.await.unwrap().is_some());
        }
        let before = truth.user(registered.user_id).await.unwrap().unwrap();
        let mut scene = Self {
            bed: Arc::new(bed),
            truth,
            op,
            before,
            new_before: None,
            ann,
            asking: registered.tokens,
            other: other.tokens,
            chain,
            bob: bob.tokens,
            admin,
            link,
            verify_link,
            mails: RefCell::default(),
            verified: RefCell::default(),
            roles: RefCell::new(roles),
        };
        scene.new_before = scene.stored(NEW).await;
        scene
    }

    /// What was mailed since the operation began: kinds and addresses, sorted.
    pub(crate) async fn mails(&self) -> Vec<(MailKind, String)> {
        self.gather().await;
        let mails = self.mails.borrow();
        let mut mails: Vec<_> = mails
            .iter()
            .map(|mail| (mail.kind, mail.to.as_str().to_owned()))
            .collect();
        mails.sort();
        mails
    }

    /// Checks the invariants after the operation ended with `outcome`, and
    /// that a retry converges. Whatever it was given works again.
    pub(crate) async fn check(&self, outcome: &Outcome) {
        self.gather().await;
        if let Some(Err(error)) = outcome {
            self.check_error(error);
        }
        self.check_wrong_was_counted(outcome).await;
        self.check_bystander().await;
        self.check_replaced(outcome).await;
        match self.op {
            Op::Register | Op::RegisterReplacing | Op::RegisterMailing => {
                self.check_register(outcome).await
            }
            Op::RegisterTaken | Op::RegisterTakenMailing => self.check_refused(outcome).await,
            Op::RegisterPending => self.check_register_pending(outcome).await,
            Op::RegisterPendingTaken => self.check_register_pending_taken(outcome).await,
            Op::Login | Op::LoginRehash => self.check_login(outcome).await,
            Op::LoginReplacing => self.check_login_replacing(outcome).await,
            Op::LoginCapped => self.check_login_capped(outcome).await,
            Op::LoginWrong
            | Op::ChangePasswordWrong
            | Op::ConfirmPasswordWrong
            | Op::ChangeEmailWrong
            | Op::DeleteWrong => {
                self.check_refused(outcome).await;
            }
            Op::Validate
            | Op::PasswordStrength
            | Op::ListSessions
            | Op::Export
            | Op::ListEvents => self.check_untouched(true).await,
            Op::Refresh | Op::RefreshRepeated => self.check_refresh(outcome).await,
            Op::RefreshReused => self.check_reused(outcome).await,
            Op::Logout | Op::LogoutCached | Op::LogoutByRefresh => self.check_logout(outcome).await,
            Op::UpdateProfile => self.check_profile(outcome).await,
            Op::ChangePassword => self.check_change(outcome).await,
            Op::ConfirmPassword | Op::ConfirmPasswordCached => {
                self.check_confirm_password(outcome).await;
            }
            Op::EndSession | Op::EndAllSessions => self.check_ended(outcome).await,
            Op::VerifyCapped => self.check_verify_capped(outcome).await,
            Op::VerifyBySession | Op::VerifyByPassword | Op::VerifyReplacing => {
                self.check_verify(outcome).await
            }
            Op::VerifyWrong => self.check_verify_wrong(outcome).await,
            Op::Complete | Op::CompleteReplacing => self.check_complete(outcome).await,
            Op::CompleteWrong => self.check_complete_wrong(outcome).await,
            Op::Resend => self.check_resend().await,
            Op::ResendUnknown | Op::ForgotUnknown => self.check_unknown(outcome).await,
            Op::ResendPending => self.check_resend_pending().await,
            Op::Disown => self.check_disown(outcome).await,
            Op::DisownPending => self.check_disown_pending(outcome).await,
            Op::Forgot => self.check_forgot().await,
            Op::Reset => self.check_reset(outcome).await,
            Op::ChangeEmail => self.check_change_email().await,
            Op::ChangeEmailTaken => self.check_change_email_taken(outcome).await,
            Op::ConfirmEmail => self.check_confirm_email(outcome).await,
            Op::ConfirmEmailTaken => self.check_confirm_email_taken(outcome).await,
            Op::Delete => self.check_delete(outcome).await,
            Op::ViewUser
            | Op::FindUser
            | Op::ListUsers
            | Op::ListUserSessions
            | Op::ListUserEvents => {
                self.check_seen().await;
            }
            Op::EndUserSession => self.check_session_ended(outcome).await,
            Op::EndUserSessions => self.check_sessions_ended(outcome).await,
            Op::SendReset => self.check_forgot().await,
            Op::Disable | Op::DisableAdministrator => self.check_disabled(outcome).await,
            Op::DisableLast => self.check_last_stays(outcome).await,
            Op::Enable => self.check_enabled(outcome).await,
            Op::GrantRole | Op::RevokeAdministrator | Op::Appoint => {
                self.check_roles(outcome).await;
            }
            Op::GrantRoleDenied | Op::GrantRoleAbove | Op::AppointUnverified => {
                self.check_roles_refused(outcome).await;
            }
        }
        self.check_users().await;
        self.check_guesses_end().await;
        self.check_events().await;
    }
}

/// Gives roles without asking anybody, as if they had been given long ago.
async fn give_roles(truth: &Truth, user: UserId, roles: &BTreeSet<Role>) {
    let change = RoleChange {
        grant: roles.clone(),
        ..RoleChange::default()
    };
    let version = truth.user(user).await.unwrap().unwrap().version;
    let given = truth.change_roles(user, version, &change).await.unwrap();
    assert_eq!(given.unwrap().roles, *roles);
}

/// Events that are written again at once when that failed.
pub(crate) fn audit_policy() -> AuditPolicy {
    let mut policy = AuditPolicy::default();
    policy.first_retry = Duration::ZERO;
    policy
}

/// The link that `op` is about, other than the one that confirms Ann's address.
async fn link_for(
    op: Op,
    past: &Bed<Arc<dyn Store>>,
    truth: &Truth,
    ann: &Tokens,
) -> Option<MailToken> {
    let kind = match op {
        Op::Reset | Op::Disable | Op::DisableAdministrator | Op::Enable => {
            forgot(past, ANN).await.unwrap();
            MailKind::ResetPassword
        }
        Op::ConfirmEmail | Op::ConfirmEmailTaken => {
            let who = past.validate(ann).await.unwrap();
            change_email(past, &who, NEW, PASSWORD).await.unwrap();
            past.auth.flush_mail().await;
            if op == Op::ConfirmEmailTaken {
                past.register(NEW).await;
            }
            MailKind::ConfirmEmailChange
        }
        _ if op.has_pending() => {
            let mut pending = config();
            op.adjust(&mut pending);
            let now = past.clock.now();
            let past = Bed::mailing_over(truth.store(), pending);
            past.clock.set(now);
            let asked = past.auth.register(registration(NEW), &past.here).await;
            assert!(asked.unwrap().opened().is_none());
            return Some(past.mailed(MailKind::CompleteRegistration).await);
        }
        _ => return None,
    };
    Some(past.mailed(kind).await)
}

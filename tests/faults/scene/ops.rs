//! The operations that are put to the test.

use std::time::Duration;

use admittance::authz::{AdminPermission, Role, RolePolicy};
use admittance::config::{AuthConfig, RegistrationMode, SessionCheck};
use admittance::limit::Quota;

use super::{ANN, NEW};

/// How many sessions a user may have, where it is as many as Ann has before the
/// operation.
pub(crate) const CAP: u32 = 3;

/// An operation that is put to the test. It is Ann's where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Without a mailer, as the next one.
    Register,
    RegisterTaken,
    /// In place of Ann's session that asks.
    RegisterReplacing,
    RegisterMailing,
    RegisterTakenMailing,
    /// By `VerifyFirst`, as the next one.
    RegisterPending,
    RegisterPendingTaken,
    Login,
    LoginWrong,
    LoginRehash,
    /// Beyond the number of sessions that a user may have.
    LoginCapped,
    /// In place of the session that asks, with as many as a user may have.
    LoginReplacing,
    Validate,
    Refresh,
    /// With a token that was just used, within the grace.
    RefreshRepeated,
    /// With a token whose successor was used.
    RefreshReused,
    Logout,
    /// With what was checked before being kept, as the next one.
    LogoutCached,
    ConfirmPasswordCached,
    /// With the refresh token, and what was checked before being kept.
    LogoutByRefresh,
    UpdateProfile,
    ChangePassword,
    ChangePasswordWrong,
    ConfirmPassword,
    ConfirmPasswordWrong,
    PasswordStrength,
    ListSessions,
    EndSession,
    EndAllSessions,
    VerifyBySession,
    VerifyByPassword,
    /// In place of the session that asks.
    VerifyReplacing,
    /// Beyond the number of sessions that a user may have.
    VerifyCapped,
    VerifyWrong,
    /// The link of a pending registration with its password.
    Complete,
    CompleteWrong,
    /// In place of Ann's session that asks.
    CompleteReplacing,
    Resend,
    ResendUnknown,
    /// For an address with a pending registration.
    ResendPending,
    Disown,
    DisownPending,
    Forgot,
    ForgotUnknown,
    Reset,
    ChangeEmail,
    ChangeEmailTaken,
    ChangeEmailWrong,
    ConfirmEmail,
    /// The new address was registered by somebody else meanwhile.
    ConfirmEmailTaken,
    Export,
    ListEvents,
    Delete,
    DeleteWrong,
    /// Bob is an administrator in this one and all that follow.
    ViewUser,
    FindUser,
    ListUsers,
    ListUserSessions,
    ListUserEvents,
    EndUserSession,
    EndUserSessions,
    SendReset,
    Disable,
    /// Ann is an administrator, too.
    DisableAdministrator,
    /// Bob disables himself, and nobody else is an administrator.
    DisableLast,
    /// Ann was disabled.
    Enable,
    GrantRole,
    /// Ann asks for the role of an administrator, and may not change roles.
    GrantRoleDenied,
    /// She may, but may not do all that the role permits.
    GrantRoleAbove,
    /// Ann is an administrator, too.
    RevokeAdministrator,
    Appoint,
    /// With a mailer, and nobody has confirmed the address.
    AppointUnverified,
}

pub(crate) const OPS: [Op; 72] = [
    Op::Register,
    Op::RegisterTaken,
    Op::RegisterReplacing,
    Op::RegisterMailing,
    Op::RegisterTakenMailing,
    Op::RegisterPending,
    Op::RegisterPendingTaken,
    Op::Login,
    Op::LoginWrong,
    Op::LoginRehash,
    Op::LoginCapped,
    Op::LoginReplacing,
    Op::Validate,
    Op::Refresh,
    Op::RefreshRepeated,
    Op::RefreshReused,
    Op::Logout,
    Op::LogoutCached,
    Op::ConfirmPasswordCached,
    Op::LogoutByRefresh,
    Op::UpdateProfile,
    Op::ChangePassword,
    Op::ChangePasswordWrong,
    Op::ConfirmPassword,
    Op::ConfirmPasswordWrong,
    Op::PasswordStrength,
    Op::ListSessions,
    Op::EndSession,
    Op::EndAllSessions,
    Op::VerifyBySession,
    Op::VerifyByPassword,
    Op::VerifyReplacing,
    Op::VerifyCapped,
    Op::VerifyWrong,
    Op::Complete,
    Op::CompleteWrong,
    Op::CompleteReplacing,
    Op::Resend,
    Op::ResendUnknown,
    Op::ResendPending,
    Op::Disown,
    Op::DisownPending,
    Op::Forgot,
    Op::ForgotUnknown,
    Op::Reset,
    Op::ChangeEmail,
    Op::ChangeEmailTaken,
    Op::ChangeEmailWrong,
    Op::ConfirmEmail,
    Op::ConfirmEmailTaken,
    Op::Export,
    Op::ListEvents,
    Op::Delete,
    Op::DeleteWrong,
    Op::ViewUser,
    Op::FindUser,
    Op::ListUsers,
    Op::ListUserSessions,
    Op::ListUserEvents,
    Op::EndUserSession,
    Op::EndUserSessions,
    Op::SendReset,
    Op::Disable,
    Op::DisableAdministrator,
    Op::DisableLast,
    Op::Enable,
    Op::GrantRole,
    Op::GrantRoleDenied,
    Op::GrantRoleAbove,
    Op::RevokeAdministrator,
    Op::Appoint,
    Op::AppointUnverified,
];

impl Op {
    /// Whose account it tries with a wrong password.
    pub(crate) fn guesses(self) -> Option<&'static str> {
        match self {
            Op::LoginWrong
            | Op::ChangePasswordWrong
            | Op::ConfirmPasswordWrong
            | Op::VerifyWrong
            | Op::ChangeEmailWrong
            | Op::DeleteWrong => Some(ANN),
            Op::CompleteWrong => Some(NEW),
            _ => None,
        }
    }

    /// Whether it is reported when it is refused only.
    pub(crate) fn is_silent(self) -> bool {
        matches!(self, Op::Validate | Op::PasswordStrength)
    }

    /// Whether it hashes or scores passwords.
    pub(crate) fn hashes(self) -> bool {
        self.guesses().is_some()
            || self.is_pending() && !matches!(self, Op::ResendPending | Op::DisownPending)
            || matches!(
                self,
                Op::Register
                    | Op::RegisterTaken
                    | Op::RegisterReplacing
                    | Op::RegisterMailing
                    | Op::RegisterTakenMailing
                    | Op::PasswordStrength
                    | Op::Login
                    | Op::LoginRehash
                    | Op::LoginCapped
                    | Op::LoginReplacing
                    | Op::ChangePassword
                    | Op::ConfirmPassword
                    | Op::ConfirmPasswordCached
                    | Op::VerifyByPassword
                    | Op::VerifyReplacing
                    | Op::VerifyCapped
                    | Op::Reset
                    | Op::ChangeEmail
                    | Op::ChangeEmailTaken
                    | Op::Delete
            )
    }

    /// Whether the service has a mailer.
    pub(crate) fn has_mailer(self) -> bool {
        // Without one, nobody has to confirm an address to get a role.
        !matches!(
            self,
            Op::Register
                | Op::RegisterTaken
                | Op::GrantRole
                | Op::GrantRoleDenied
                | Op::GrantRoleAbove
                | Op::Appoint
        )
    }

    /// Whether Bob is an administrator.
    pub(crate) fn has_administrator(self) -> bool {
        matches!(
            self,
            Op::ViewUser
                | Op::FindUser
                | Op::ListUsers
                | Op::ListUserSessions
                | Op::ListUserEvents
                | Op::EndUserSession
                | Op::EndUserSessions
                | Op::SendReset
                | Op::Disable
                | Op::DisableAdministrator
                | Op::DisableLast
                | Op::Enable
                | Op::GrantRole
                | Op::GrantRoleDenied
                | Op::GrantRoleAbove
                | Op::RevokeAdministrator
                | Op::Appoint
                | Op::AppointUnverified
        )
    }

    /// The role that Ann has before.
    pub(super) fn role_of_ann(self) -> Option<Role> {
        match self {
            Op::DisableAdministrator | Op::RevokeAdministrator => Some(administrator()),
            Op::GrantRoleAbove => Some(deputy()),
            _ => None,
        }
    }

    /// Whether the service keeps events, in the same store.
    pub(crate) fn has_audit_log(self) -> bool {
        matches!(self, Op::Export | Op::ListEvents | Op::ListUserEvents)
    }

    /// Whether accounts are made when their address is confirmed.
    fn is_pending(self) -> bool {
        matches!(self, Op::RegisterPending | Op::RegisterPendingTaken) || self.has_pending()
    }

    /// Whether there is a registration that waits to be confirmed.
    pub(crate) fn has_pending(self) -> bool {
        matches!(
            self,
            Op::Complete
                | Op::CompleteWrong
                | Op::CompleteReplacing
                | Op::ResendPending
                | Op::DisownPending
        )
    }

    /// Whether it creates an account.
    pub(crate) fn makes_account(self) -> bool {
        matches!(
            self,
            Op::Register
                | Op::RegisterReplacing
                | Op::RegisterMailing
                | Op::Complete
                | Op::CompleteReplacing
        )
    }

    /// Whether the number of sessions per user is limited.
    pub(crate) fn is_capped(self) -> bool {
        matches!(
            self,
            Op::LoginCapped | Op::LoginReplacing | Op::VerifyCapped
        )
    }

    /// Whether it takes the place of the session that asks.
    pub(crate) fn replaces(self) -> bool {
        matches!(
            self,
            Op::LoginReplacing
                | Op::RegisterReplacing
                | Op::CompleteReplacing
                | Op::VerifyReplacing
        )
    }

    /// What the service is to be like.
    pub(crate) fn adjust(self, config: &mut AuthConfig) {
        if self.is_pending() {
            config.registration = RegistrationMode::VerifyFirst;
        }
        config.session.max_per_user = self.is_capped().then_some(CAP);
        if matches!(
            self,
            Op::LogoutCached | Op::LogoutByRefresh | Op::ConfirmPasswordCached
        ) {
            config.session.check = SessionCheck::Cached {
                max_staleness: Duration::from_secs(60),
                capacity: 10,
            };
        }
        if self.has_administrator() {
            let read = AdminPermission::ReadUsers;
            let change = AdminPermission::ChangeRoles;
            config.roles = RolePolicy::new()
                .administrator(administrator())
                .grant(clerk(), [read.into()])
                .grant(deputy(), [read.into(), change.into()]);
        }
        // Enough for the retries, which are counted.
        config.limits.mail_by_account = Some(Quota::new(20, Duration::from_secs(300)));
    }
}

/// May do all that an administrator may.
pub(crate) fn administrator() -> Role {
    Role::new("administrator").unwrap()
}

/// May see accounts, and no more.
pub(super) fn clerk() -> Role {
    Role::new("clerk").unwrap()
}

/// May see accounts and change roles, and no more.
fn deputy() -> Role {
    Role::new("deputy").unwrap()
}

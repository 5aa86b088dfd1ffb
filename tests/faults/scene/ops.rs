//! The operations that are put to the test.

use admittance::config::{AuthConfig, RegistrationMode};
use admittance::limit::Quota;
use std::time::Duration;

/// An operation that is put to the test. It is Ann's where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Without a mailer, as the next one.
    Register,
    RegisterTaken,
    RegisterMailing,
    RegisterTakenMailing,
    /// By `VerifyFirst`, as the next one.
    RegisterPending,
    RegisterPendingTaken,
    Login,
    LoginWrong,
    LoginRehash,
    Validate,
    Refresh,
    /// With a token that was just used, within the grace.
    RefreshRepeated,
    /// With a token whose successor was used.
    RefreshReused,
    Logout,
    UpdateProfile,
    ChangePassword,
    ChangePasswordWrong,
    ListSessions,
    EndSession,
    EndAllSessions,
    VerifyBySession,
    VerifyByPassword,
    VerifyWrong,
    /// The link of a pending registration with its password.
    Complete,
    CompleteWrong,
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
}

pub(crate) const OPS: [Op; 42] = [
    Op::Register,
    Op::RegisterTaken,
    Op::RegisterMailing,
    Op::RegisterTakenMailing,
    Op::RegisterPending,
    Op::RegisterPendingTaken,
    Op::Login,
    Op::LoginWrong,
    Op::LoginRehash,
    Op::Validate,
    Op::Refresh,
    Op::RefreshRepeated,
    Op::RefreshReused,
    Op::Logout,
    Op::UpdateProfile,
    Op::ChangePassword,
    Op::ChangePasswordWrong,
    Op::ListSessions,
    Op::EndSession,
    Op::EndAllSessions,
    Op::VerifyBySession,
    Op::VerifyByPassword,
    Op::VerifyWrong,
    Op::Complete,
    Op::CompleteWrong,
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
];

impl Op {
    /// Whether it checks credentials of Ann's.
    pub(crate) fn checks_ann(self) -> bool {
        matches!(
            self,
            Op::Login
                | Op::LoginWrong
                | Op::LoginRehash
                | Op::ChangePassword
                | Op::ChangePasswordWrong
                | Op::VerifyByPassword
                | Op::VerifyWrong
                | Op::ChangeEmail
                | Op::ChangeEmailTaken
                | Op::ChangeEmailWrong
                | Op::Delete
                | Op::DeleteWrong
        )
    }

    /// Whether it hashes or scores passwords.
    pub(crate) fn hashes(self) -> bool {
        self.checks_ann()
            || self.is_pending() && !matches!(self, Op::ResendPending | Op::DisownPending)
            || matches!(
                self,
                Op::Register
                    | Op::RegisterTaken
                    | Op::RegisterMailing
                    | Op::RegisterTakenMailing
                    | Op::Reset
            )
    }

    /// Whether the service has a mailer.
    pub(crate) fn has_mailer(self) -> bool {
        !matches!(self, Op::Register | Op::RegisterTaken)
    }

    /// Whether the service keeps events, in the same store.
    pub(crate) fn has_audit_log(self) -> bool {
        matches!(self, Op::Export | Op::ListEvents)
    }

    /// Whether accounts are made when their address is confirmed.
    fn is_pending(self) -> bool {
        matches!(self, Op::RegisterPending | Op::RegisterPendingTaken) || self.has_pending()
    }

    /// Whether there is a registration that waits to be confirmed.
    pub(crate) fn has_pending(self) -> bool {
        matches!(
            self,
            Op::Complete | Op::CompleteWrong | Op::ResendPending | Op::DisownPending
        )
    }

    /// What the service is to be like.
    pub(crate) fn adjust(self, config: &mut AuthConfig) {
        if self.is_pending() {
            config.registration = RegistrationMode::VerifyFirst;
        }
        // Enough for the retries, and counted all the same.
        config.limits.mail_by_account = Some(Quota::new(20, Duration::from_secs(300)));
    }
}

//! Where the application takes part in the life of an account.

mod call;
mod due;

use std::error::Error;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::RequestContext;
use crate::error::{Cause, Field, ViolationCode, Violations};
use crate::event::TakenOver;
use crate::extra::Extra;
use crate::profile::Profile;

/// The application's part in the life of an account: its own rules at registration, and its
/// own records, which are created, exported and removed with the account.
///
/// Each call may take [`hook_timeout`](crate::config::OnboardingPolicy::hook_timeout). One
/// that fails, panics or takes longer is logged, and shows in the event of the operation as
/// [`Notice::HookFailed`](crate::event::Notice::HookFailed). What it changes, and whether the
/// call is repeated:
///
/// | call | when | if it fails | made |
/// |---|---|---|---|
/// | [`registering`](Self::registering) | before a registration | refused with [`Unavailable`] | for each request |
/// | [`registered`](Self::registered) | the account exists | nothing | until it succeeds |
/// | [`verified`](Self::verified) | the address is verified | nothing | until it succeeds |
/// | [`taken_over`](Self::taken_over) | after a reset, see there | nothing | until it succeeds |
/// | [`changing_email`](Self::changing_email) | before a change of the address | refused with [`Unavailable`] | for each request |
/// | [`removing`](Self::removing) | before an account is removed | the account stays: [`Unavailable`] | for each attempt |
/// | [`removed`](Self::removed) | the account does not exist any more | nothing | at most once |
/// | [`exporting`](Self::exporting) | during an export | refused with [`Unavailable`] | for each request |
///
/// A call that is made until it succeeds is stored with the account before it is made. It is
/// repeated when the owner logs in or refreshes a session: **at least once**, even if the
/// server dies, and in the order of the table. Make such calls idempotent, by the id of the
/// account. The later calls of an account wait for the earlier ones.
///
/// Remove the application's records in [`removing`](Self::removing): no account is removed
/// unless that call has succeeded. An account can be without the application's record if
/// `registered` has failed so far, or if its removal failed after `removing`: create a record
/// where it is missing.
///
/// [`registering`](Self::registering) is not asked for accounts that the application creates,
/// nor for a change of the address: a rule for addresses belongs in
/// [`changing_email`](Self::changing_email) too.
///
/// ```
/// use admittance::error::{Cause, Field, ViolationCode};
/// use admittance::profile::Profile;
/// use admittance::service::{AccountHooks, HookError, RegistrationAttempt};
///
/// struct School;
///
/// # impl School {
/// #     async fn delete_answers(&self, _: &str) -> Result<(), Cause> { Ok(()) }
/// # }
/// #[admittance::async_trait]
/// impl AccountHooks for School {
///     async fn registering(&self, attempt: &RegistrationAttempt) -> Result<(), HookError> {
///         match attempt.email_canonical.ends_with("@school.example") {
///             true => Ok(()),
///             false => Err(HookError::refused(
///                 Field::Email,
///                 ViolationCode::Refused,
///                 "Use your school address.",
///             )),
///         }
///     }
///
///     async fn removing(&self, profile: &Profile) -> Result<(), HookError> {
///         let id = profile.user_id.to_string();
///         self.delete_answers(&id).await.map_err(HookError::failed)
///     }
/// }
/// ```
///
/// [`Unavailable`]: crate::error::AuthError::Unavailable
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait AccountHooks: Send + Sync + 'static {
    /// Decides on a registration that breaks no rule of this crate, before anything of it is
    /// hashed or stored. Accepts it by default. Accounts that
    /// [`create_user`](super::AuthService::create_user) creates are not asked for.
    ///
    /// With [`RegistrationMode::VerifyFirst`](crate::config::RegistrationMode::VerifyFirst)
    /// the answer must not depend on whether the address has an account: it would tell.
    ///
    /// # Errors
    ///
    /// [`HookError::Refused`] refuses the registration, with the errors of its fields.
    async fn registering(&self, attempt: &RegistrationAttempt) -> Result<(), HookError> {
        let _ = attempt;
        Ok(())
    }

    /// Takes a new account, before the registration is answered. `extra` is what the
    /// registration sent along; it is empty for an account that was created otherwise, and if
    /// a stranger's account was taken over before this call had succeeded.
    ///
    /// # Errors
    ///
    /// The call is repeated.
    async fn registered(&self, profile: &Profile, extra: &Extra) -> Result<AccountData, Cause> {
        let _ = (profile, extra);
        Ok(AccountData::default())
    }

    /// Takes an account whose address is verified: by its link, by a reset of the password,
    /// by a change of the address, or from the beginning.
    ///
    /// # Errors
    ///
    /// The call is repeated.
    async fn verified(&self, profile: &Profile) -> Result<(), Cause> {
        let _ = profile;
        Ok(())
    }

    /// Takes an account whose address nobody had confirmed, and which the owner of the
    /// mailbox has taken over by a reset of the password. `profile` is the account as it is
    /// now; `before` is the name and the preferences that it had, which a stranger may have
    /// written. An application that keeps something of its own for the account, such as
    /// uploads, decides here what becomes of it.
    ///
    /// # Errors
    ///
    /// The call is repeated.
    async fn taken_over(
        &self,
        profile: &Profile,
        before: &TakenOver,
    ) -> Result<AccountData, Cause> {
        let _ = (profile, before);
        Ok(AccountData::default())
    }

    /// Decides on another address for an account, before a link is mailed to it. Accepts it
    /// by default. The answer must not depend on whether the address has an account.
    ///
    /// # Errors
    ///
    /// [`HookError::Refused`] refuses the change, with [`Field::NewEmail`] for example.
    async fn changing_email(&self, profile: &Profile, to: &NewAddress) -> Result<(), HookError> {
        let _ = (profile, to);
        Ok(())
    }

    /// Called before an account is removed: its owner deletes or disowns it, or it
    /// [expires](super::AuthService::expire_unverified). The place to remove what the
    /// application keeps of it.
    ///
    /// The account still exists afterwards if its removal then fails, or something else
    /// changes the account at the same moment. The call is repeated with the next attempt.
    ///
    /// # Errors
    ///
    /// The account stays. [`HookError::Refused`] is the answer to its owner, for example
    /// with [`Field::Account`].
    async fn removing(&self, profile: &Profile) -> Result<(), HookError> {
        let _ = profile;
        Ok(())
    }

    /// Takes an account that does not exist any more.
    ///
    /// # Errors
    ///
    /// The account stays removed, and the call is not repeated.
    async fn removed(&self, profile: &Profile) -> Result<(), Cause> {
        let _ = profile;
        Ok(())
    }

    /// Returns what the application keeps of the account, for the
    /// [`application`](super::AccountExport::application) of its export.
    ///
    /// # Errors
    ///
    /// The export is refused: one that lacks something must not look complete.
    async fn exporting(&self, profile: &Profile) -> Result<Option<Map<String, Value>>, Cause> {
        let _ = profile;
        Ok(None)
    }
}

/// A registration that breaks no rule of this crate, for [`AccountHooks::registering`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RegistrationAttempt {
    /// The address as it was given, trimmed.
    pub email: String,
    /// The form of the address under which it is unique.
    pub email_canonical: String,
    /// The name, normalised.
    pub name: String,
    /// What the registration sends along; empty if nothing.
    pub extra: Extra,
    /// The client.
    pub context: RequestContext,
}

/// What a hook gives to an account. By default nothing.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AccountData {
    /// Become the preferences of the account, unless it has some.
    pub preferences: Option<Map<String, Value>>,
    /// Is applied to the metadata of the account as a merge patch (RFC 7396).
    pub metadata: Option<Map<String, Value>>,
}

impl AccountData {
    /// Adds preferences.
    #[must_use]
    pub fn preferences(mut self, preferences: Map<String, Value>) -> Self {
        self.preferences = Some(preferences);
        self
    }

    /// Adds a patch of the metadata.
    #[must_use]
    pub fn metadata(mut self, patch: Map<String, Value>) -> Self {
        self.metadata = Some(patch);
        self
    }
}

/// The address that an account is to have, for [`AccountHooks::changing_email`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewAddress {
    /// As it was given, trimmed.
    pub email: String,
    /// The form under which it is unique.
    pub email_canonical: String,
}

/// Why a hook does not let an operation go on.
///
/// Any error converts into [`Failed`](Self::Failed) by `?`.
#[derive(Debug)]
pub enum HookError {
    /// The application refuses it, for these reasons. Without a reason it counts as failed.
    Refused(Violations),
    /// The application cannot decide. It is logged, and not told to the client.
    Failed(Cause),
}

impl HookError {
    /// Refuses because of one field. `message` tells the user what to do.
    pub fn refused(field: Field, code: ViolationCode, message: impl Into<String>) -> Self {
        let mut violations = Violations::default();
        violations.push(field, code, message);
        Self::Refused(violations)
    }

    /// Fails with `cause`.
    pub fn failed(cause: impl Into<Cause>) -> Self {
        Self::Failed(cause.into())
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for HookError {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<Violations> for HookError {
    fn from(violations: Violations) -> Self {
        Self::Refused(violations)
    }
}

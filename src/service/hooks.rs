//! The application's hooks into the lifecycle of an account.

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

/// Hooks into the lifecycle of an account: for an application that has its own rules at
/// registration, or its own records that are created, exported and removed with the account.
///
/// A call fails if it returns an error, panics, or takes longer than
/// [`hook_timeout`](crate::config::OnboardingPolicy::hook_timeout); then its future is dropped
/// where it waits, so a call that writes in several places may have written in some of them.
/// The failure is logged with the name of the call, and the event of the operation has the notice
/// [`HookFailed`](crate::event::Notice::HookFailed). The table shows what else happens then,
/// and how often a call is made:
///
/// | call | when | after a failure | made |
/// |---|---|---|---|
/// | [`registering`](Self::registering) | before a registration | it is refused with [`Unavailable`] | once a request |
/// | [`registered`](Self::registered) | the account has been created | the operation succeeds | until it succeeds |
/// | [`verified`](Self::verified) | the address has been verified | the operation succeeds | until it succeeds |
/// | [`taken_over`](Self::taken_over) | after a reset, see below | the operation succeeds | until it succeeds |
/// | [`changing_email`](Self::changing_email) | before a change of the address | it is refused with [`Unavailable`] | once a request |
/// | [`removing`](Self::removing) | before an account is removed | the account stays: [`Unavailable`] | once an attempt |
/// | [`removed`](Self::removed) | the account has been removed | the account stays removed | at most once |
/// | [`exporting`](Self::exporting) | during an export | it is refused with [`Unavailable`] | once a request |
///
/// A call that is made until it succeeds is stored with the account first, and repeated when
/// the owner logs in or refreshes a session. It is made **at least once**, even if the server
/// dies, and in the order of the table: later calls wait for earlier ones. Make such calls
/// idempotent, keyed by the id of the account.
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
/// use admittance::service::{AccountHooks, HookError, RegistrationAttempt, RemovalReason};
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
///     async fn removing(&self, profile: &Profile, _: RemovalReason) -> Result<(), HookError> {
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
    /// Called for a valid registration, before the password is hashed and anything is stored.
    /// Accepts it by default. Not called for accounts that
    /// [`create_user`](super::AuthService::create_user) creates.
    ///
    /// With [`RegistrationMode::VerifyFirst`](crate::config::RegistrationMode::VerifyFirst)
    /// the result must not depend on whether the address has an account, because the client
    /// sees it.
    ///
    /// # Errors
    ///
    /// [`HookError::Refused`] refuses the registration, with the errors of its fields.
    async fn registering(&self, attempt: &RegistrationAttempt) -> Result<(), HookError> {
        let _ = attempt;
        Ok(())
    }

    /// Called for a new account, before the registration is answered. `extra` has the fields
    /// of the registration. It is empty for an account that was created in another way, and
    /// for one that its owner took over from a stranger before this call had succeeded.
    ///
    /// The fields may be a stranger's until the address is verified. What is stored of them,
    /// such as metadata that this call returns, must be reset by
    /// [`taken_over`](Self::taken_over).
    ///
    /// # Errors
    ///
    /// The call is repeated.
    async fn registered(&self, profile: &Profile, extra: &Extra) -> Result<AccountData, Cause> {
        let _ = (profile, extra);
        Ok(AccountData::default())
    }

    /// Called when the address of an account has been verified: by its link, by a reset of
    /// the password, by a change of the address, or when the account was created verified.
    ///
    /// # Errors
    ///
    /// The call is repeated.
    async fn verified(&self, profile: &Profile) -> Result<(), Cause> {
        let _ = profile;
        Ok(())
    }

    /// Called when the owner of a mailbox has taken over an unverified account by a reset of
    /// the password. `profile` is the account as it is now; `before` has the name and the
    /// preferences that it had, which a stranger may have written. This is the place to
    /// remove what a stranger may have left in the application's own records, and in the
    /// metadata: name and preferences are cleared, but the metadata stays as it is.
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

    /// Called before a link is mailed to the address that an account is to have. Accepts it
    /// by default. The result must not depend on whether the address has an account.
    ///
    /// # Errors
    ///
    /// [`HookError::Refused`] refuses the change, with [`Field::NewEmail`] for example.
    async fn changing_email(&self, profile: &Profile, to: &NewAddress) -> Result<(), HookError> {
        let _ = (profile, to);
        Ok(())
    }

    /// Called before an account is removed, for any [`RemovalReason`]. This is the place to
    /// remove the application's own records of it. Refuse only
    /// [`Deleted`](RemovalReason::Deleted): the owner of a mailbox who disowns an account has
    /// never used it.
    ///
    /// If the removal then fails, the account still exists, and the next attempt makes the call
    /// again. A change of the account between the call and the removal does not repeat the call.
    ///
    /// # Errors
    ///
    /// The account stays. The owner gets the errors of [`HookError::Refused`], for example
    /// one of [`Field::Account`].
    async fn removing(&self, profile: &Profile, reason: RemovalReason) -> Result<(), HookError> {
        let _ = (profile, reason);
        Ok(())
    }

    /// Called when an account has been removed.
    ///
    /// # Errors
    ///
    /// The account stays removed, and the call is not repeated.
    async fn removed(&self, profile: &Profile) -> Result<(), Cause> {
        let _ = profile;
        Ok(())
    }

    /// Returns the application's own data about the user, for
    /// [`AccountExport::application`](super::AccountExport::application).
    ///
    /// # Errors
    ///
    /// The export is refused, since an incomplete one would look complete.
    async fn exporting(&self, profile: &Profile) -> Result<Option<Map<String, Value>>, Cause> {
        let _ = profile;
        Ok(None)
    }
}

/// A valid registration, for [`AccountHooks::registering`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RegistrationAttempt {
    /// The address as it was given, trimmed.
    pub email: String,
    /// The form of the address under which it is unique.
    pub email_canonical: String,
    /// The name, normalised.
    pub name: String,
    /// The application's own fields; empty if there are none.
    pub extra: Extra,
    /// The client.
    pub context: RequestContext,
}

/// Why an account is to be removed, for [`AccountHooks::removing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemovalReason {
    /// Its owner deletes it, with the password.
    Deleted,
    /// The owner of the mailbox disowns it through a mailed link.
    Disowned,
    /// Nobody has verified or used it for as long as
    /// [`UnverifiedExpiry`](crate::config::UnverifiedExpiry) says.
    Expired,
    /// The application calls [`remove_user`](super::AuthService::remove_user) or
    /// [`remove_unverified_user`](super::AuthService::remove_unverified_user).
    RemovedByApplication,
}

/// What a hook sets in an account. By default nothing.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AccountData {
    /// Preferences, which are set unless the account has some.
    pub preferences: Option<Map<String, Value>>,
    /// A merge patch (RFC 7396) of the metadata. Of a call of
    /// [`registered`](AccountHooks::registered), which may be repeated long after the
    /// registration, members that the account has already stay as they are.
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

/// Why a hook stops an operation.
///
/// Any error converts into [`Failed`](Self::Failed) by `?`.
#[derive(Debug)]
pub enum HookError {
    /// The application refuses it, for these reasons. An empty list counts as a failure.
    Refused(Violations),
    /// The application cannot decide. The cause is logged, and not sent to the client.
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

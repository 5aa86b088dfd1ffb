//! Setting a new password.

use std::sync::Arc;

use serde::Deserialize;

use super::attempt::hashing_failed;
use super::door::Entry;
use super::fields::{TOO_LONG, typed_password};
use super::operation::{By, Trail};
use super::{AuthService, Authenticated, LoginResponse, RequestContext};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::mail::MailKind;
use crate::password::{
    Lane, NormalizedPassword, PasswordAssessment, PasswordTooLong, Work, own_text,
};
use crate::secret::{Password, constant_time_eq};
use crate::store::{EpochChange, Store};
use crate::user::{PasswordHash, User, UserStatus};

/// Changes one's password.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ChangePassword {
    /// The present password.
    pub current_password: Password,
    /// The new password.
    pub new_password: Password,
    /// The new password, repeated.
    pub confirm_password: Password,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Replaces the password. Requires the present one (ASVS 6.2.3).
    ///
    /// The new hash and the higher epoch are one write, so at that moment every
    /// session and token made before is dead, the caller's included (ASVS
    /// 7.2.4, 7.4.3). The caller goes on with the new session in the answer.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`]; [`AuthError::InvalidCredentials`] when the
    /// present password is wrong or was changed meanwhile;
    /// [`AuthError::RecentLoginRequired`] if the account has a second factor that the session
    /// has not proved;
    /// [`AuthError::RateLimited`]; [`AuthError::Overloaded`];
    /// [`AuthError::Unavailable`];
    /// [`AuthError::Store`], after which either password may be the one.
    pub async fn change_password(
        &self,
        auth: &Authenticated,
        request: ChangePassword,
        context: &RequestContext,
    ) -> Result<LoginResponse, AuthError> {
        let change = async move |service: Self, auth: Authenticated, trail: Trail| {
            service.replace(&auth, request, &trail).await
        };
        let (kind, by) = (Operation::ChangePassword, By::owner(auth).counted());
        self.acting(kind, by, context, change).await
    }

    async fn replace(
        &self,
        auth: &Authenticated,
        request: ChangePassword,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let user = auth.user();

        let mut violations = Violations::default();
        let current = typed_password(
            &request.current_password,
            Field::CurrentPassword,
            &mut violations,
        );
        let own_words = [user.email.as_str(), user.name.as_str()];
        let lane = Lane::Known(user.id.to_bytes());
        let new = self
            .check_new_password(
                NewPassword {
                    typed: &request.new_password,
                    confirmation: Some(&request.confirm_password),
                    field: Field::NewPassword,
                    own_words: &own_words,
                    lane,
                },
                &mut violations,
                trail,
            )
            .await?;
        if let (Some(current), Some(new)) = (&current, &new)
            && same(current.expose_secret(), new.expose_secret())
        {
            violations.push(
                Field::NewPassword,
                ViolationCode::Unchanged,
                "Choose a password other than the present one.",
            );
        }
        violations.into_result()?;
        let (Some(current), Some(new)) = (current, new) else {
            return Err(AuthError::InvalidCredentials);
        };

        let settled = self.check_own_password(auth, &current, trail).await?;
        let proof = settled.proof;
        let mut turn = match settled.turn {
            Some(turn) => turn,
            None => self.admit(Work::Hashing, lane, trail).await?,
        };
        let hash = turn.hash(&new, trail.gone()).await;
        let hash = hash.map_err(|error| hashing_failed(error, trail))?;
        drop(turn);
        // The session is stored under the epoch to come and means nothing
        // until the one write below raises the user's to it.
        let (now, context) = (self.now(), trail.context());
        let epoch = user.auth_epoch.saturating_add(1);
        let shared = auth.shared_user();
        let entry = Entry::in_place_of(auth.session(), &shared, proof, now).under(epoch);
        let (session, tokens) = self.enter(entry, trail).await?;
        let store = &self.inner.store;
        // Sessions of the epoch to come, which changes have left behind that came
        // to nothing. They are named before the change, so that none ends that
        // is opened after it.
        let unused = self.sessions_where(user.id, now, |one| one.auth_epoch >= epoch);
        let unused: Vec<_> = unused.await?.iter().map(|one| one.id).collect();
        self.open(&session).await?;
        let hash = &hash;
        let replace = |user: Arc<User>| async move {
            // The password was correct, so the account has one.
            let old = user.password_hash.as_ref();
            let old = old.ok_or(AuthError::InvalidCredentials)?;
            let replaced = store.replace_password(user.id, old, hash, EpochChange::Raise);
            Ok(replaced.await?.then_some(()))
        };
        // A login may have renewed the hash of the same password meanwhile. Another password
        // would have raised the epoch.
        let fits =
            |now: &User| now.status == UserStatus::Active && now.auth_epoch == user.auth_epoch;
        let replaced = self.on_account(Arc::clone(&shared), fits, replace).await;
        if !matches!(replaced, Ok(Some(_))) {
            self.discard(&session).await;
            replaced?;
            return Err(AuthError::InvalidCredentials);
        }
        trail.session(session.id);
        let mut ended = store.end_dead_sessions(user.id, epoch).await;
        if ended.is_ok() && !unused.is_empty() {
            ended = store.end_sessions(user.id, &unused).await;
        }
        if let Err(error) = ended {
            // They are dead by their epoch; only their rows are left.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, user_id = %user.id, "rows of dead sessions were left behind");
        }
        self.notify(MailKind::PasswordChanged, user, &user.email, context);
        Ok(self.login_response(user, tokens, "Your password has been changed."))
    }
}

/// A password that is to be set.
pub(super) struct NewPassword<'a> {
    pub(super) typed: &'a Password,
    /// The password, repeated, if a person has typed it.
    pub(super) confirmation: Option<&'a Password>,
    /// The field of the request that it comes from.
    pub(super) field: Field,
    /// Words of the account, which a password must not rely on.
    pub(super) own_words: &'a [&'a str],
    /// The lane in which it waits to be scored.
    pub(super) lane: Lane,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Checks a password that is to be set: against the policy on a hashing thread,
    /// since scoring it takes a while, and then, unless it is refused already,
    /// against breached ones.
    pub(super) async fn check_new_password(
        &self,
        new: NewPassword<'_>,
        violations: &mut Violations,
        trail: &Trail,
    ) -> Result<Option<NormalizedPassword>, AuthError> {
        let NewPassword {
            typed,
            confirmation,
            field,
            own_words,
            lane,
        } = new;
        let accepted = match NormalizedPassword::new(typed) {
            Err(PasswordTooLong) => {
                violations.push(field, ViolationCode::TooLong, TOO_LONG);
                None
            }
            Ok(password) => {
                let faults = self.assess(&password, own_words, lane, trail);
                let faults = faults.await?.faults;
                let accepted = faults.is_empty();
                for fault in faults {
                    violations.push(field, fault.code, fault.message);
                }
                accepted.then_some(password)
            }
        };
        let confirm = Field::ConfirmPassword;
        if confirmation.is_some_and(|repeated| repeated.expose_secret().is_empty()) {
            violations.push(
                confirm,
                ViolationCode::Required,
                "Enter the password once more.",
            );
        } else if confirmation.is_some_and(|repeated| !are_alike(typed, repeated)) {
            violations.push(
                confirm,
                ViolationCode::Mismatch,
                "The two passwords differ.",
            );
        } else if let Some(password) = &accepted
            && self.is_breached(password, trail).await?
        {
            violations.push(
                field,
                ViolationCode::Breached,
                "This password has appeared in a data breach, so it is among the first to be tried. Choose another.",
            );
            return Ok(None);
        }
        Ok(accepted)
    }

    /// Hashes a new password, in the caller's `lane`.
    pub(super) async fn hash_in(
        &self,
        lane: Lane,
        password: &NormalizedPassword,
        trail: &Trail,
    ) -> Result<PasswordHash, AuthError> {
        let mut turn = self.admit(Work::Hashing, lane, trail).await?;
        let hash = turn.hash(password, trail.gone()).await;
        hash.map_err(|error| hashing_failed(error, trail))
    }

    /// Scores `password` on a hashing thread, in the caller's `lane`.
    pub(super) async fn assess(
        &self,
        password: &NormalizedPassword,
        own_words: &[&str],
        lane: Lane,
        trail: &Trail,
    ) -> Result<PasswordAssessment, AuthError> {
        let config = std::sync::Arc::clone(&self.inner.config);
        let password = password.clone();
        let words: Vec<String> = own_words.iter().map(|word| own_text(word)).collect();
        let work = move || {
            let mut context: Vec<&str> = words.iter().map(String::as_str).collect();
            context.push(&config.service_name);
            config.password.assess(&password, &context)
        };
        let mut turn = self.admit(Work::Scoring, lane, trail).await?;
        Ok(turn.run(work, trail.gone()).await?)
    }
}

/// Whether both are the same password: in the form in which they are hashed, since two
/// devices, or two fields of a form, may write one character as different code points.
fn are_alike(typed: &Password, confirmation: &Password) -> bool {
    let (a, b) = (
        NormalizedPassword::new(typed),
        NormalizedPassword::new(confirmation),
    );
    match (a, b) {
        (Ok(a), Ok(b)) => same(a.expose_secret(), b.expose_secret()),
        (Err(PasswordTooLong), Err(PasswordTooLong)) => {
            same(typed.expose_secret(), confirmation.expose_secret())
        }
        _ => false,
    }
}

fn same(a: &str, b: &str) -> bool {
    constant_time_eq(a.as_bytes(), b.as_bytes())
}

//! Advice on a password while somebody is choosing it.

use serde::{Deserialize, Serialize};

use super::fields::TOO_LONG;
use super::operation::{Subject, Trail};
use super::{AuthService, RequestContext};
use crate::clock::Clock;
use crate::error::{AuthError, Field, Violation, ViolationCode, Violations};
use crate::event::Operation;
use crate::password::{Lane, NormalizedPassword, PasswordTooLong};
use crate::secret::Password;
use crate::store::Store;

/// Requests the strength of a password that is being typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PasswordStrengthRequest {
    /// The password so far.
    #[cfg_attr(
        feature = "openapi",
        schemars(with = "String", extend("format" = "password"))
    )]
    pub password: Password,
    /// The address, if known: a password made of it is weak.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "super::fields::optional")]
    pub email: String,
    /// The name, if known.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "super::fields::optional")]
    pub name: String,
}

/// The strength of a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PasswordStrength {
    /// The score by zxcvbn, from 0 (very weak) to 4 (very strong).
    #[cfg_attr(feature = "openapi", schemars(range(max = 4)))]
    pub score: u8,
    /// Whether it meets the policy. It may still be refused when it is set, if it has
    /// appeared in a data breach.
    pub acceptable: bool,
    /// The rules that it violates.
    pub errors: Vec<Violation>,
    /// Why it is easy to guess.
    pub warning: Option<String>,
    /// How to make it harder to guess.
    pub suggestions: Vec<String>,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// What the policy says of a password that is being typed, for a form to
    /// show. A password that is set is checked again, then also against breached
    /// ones: a password that is still being typed is not sent anywhere.
    ///
    /// Nothing is kept, and only a refusal makes an event.
    ///
    /// # Errors
    ///
    /// [`AuthError::RateLimited`]; [`AuthError::Overloaded`];
    /// [`AuthError::Store`] when the limiter cannot be reached.
    pub async fn password_strength(
        &self,
        request: PasswordStrengthRequest,
        context: &RequestContext,
    ) -> Result<PasswordStrength, AuthError> {
        let assess = async move |service: Self, trail| service.advise(request, &trail).await;
        let (kind, subject) = (Operation::PasswordStrength, Subject::default());
        self.operation(kind, subject, context, assess).await
    }

    async fn advise(
        &self,
        request: PasswordStrengthRequest,
        trail: &Trail,
    ) -> Result<PasswordStrength, AuthError> {
        let quota = self.config().limits.strength_by_address;
        self.limit_network("strength:address", quota, trail)
            .await?
            .keep();
        let mut violations = Violations::default();
        let field = Field::Password;
        let password = match NormalizedPassword::new(&request.password) {
            Ok(password) => password,
            Err(PasswordTooLong) => {
                violations.push(field, ViolationCode::TooLong, TOO_LONG);
                return Ok(PasswordStrength {
                    errors: violations.as_slice().to_vec(),
                    ..PasswordStrength::default()
                });
            }
        };
        let own_words = [request.email.as_str(), request.name.as_str()];
        let assessment = self
            .assess(&password, &own_words, Lane::Stranger, trail)
            .await?;
        for fault in assessment.faults {
            violations.push(field, fault.code, fault.message);
        }
        Ok(PasswordStrength {
            score: assessment.score,
            acceptable: violations.as_slice().is_empty(),
            errors: violations.as_slice().to_vec(),
            warning: assessment.warning,
            suggestions: assessment.suggestions,
        })
    }
}

//! Advice on a password while somebody is choosing it.

use super::fields::TOO_LONG;
use super::operation::{Subject, Trail};
use super::{AuthService, PasswordStrength, PasswordStrengthRequest, RequestContext};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::password::{Lane, NormalizedPassword, PasswordTooLong};
use crate::store::Store;

impl<S: Store, C: Clock> AuthService<S, C> {
    /// What the policy says of a password that is being typed, for a form to
    /// show. A password that is set is checked again, also against breached ones,
    /// too, which are not looked up here: what somebody is still typing is
    /// nobody else's business.
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

//! The application's own fields of a registration.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::AuthService;
use super::profile::refuse_object;
use crate::clock::Clock;
use crate::error::{Field, ViolationCode, Violations};
use crate::extra::{Extra, ExtraError};
use crate::store::Store;

/// The type of the member `extra` of a registration: the application's own fields.
///
/// A registration without `extra` is read as one with an empty object, so required fields
/// make `extra` required. The type's `Deserialize` decides whether unknown members are refused
/// or dropped. The object, as the type serializes it, goes to
/// [`AccountHooks::registering`](super::AccountHooks::registering), and to
/// [`AccountHooks::registered`](super::AccountHooks::registered) once the account exists;
/// until then it is stored. It is no place for secrets.
///
/// ```
/// use admittance::error::{ViolationCode, Violations};
/// use admittance::service::RegistrationExtra;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(deny_unknown_fields, default)]
/// # #[derive(Default)]
/// struct Student {
///     class: String,
/// }
///
/// impl RegistrationExtra for Student {
///     fn validate(&self, violations: &mut Violations) {
///         if self.class.is_empty() {
///             violations.push_extra("class", ViolationCode::Required, "Choose your class.");
///         }
///     }
/// }
/// ```
pub trait RegistrationExtra: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Adds a violation for each field that breaks a rule, by
    /// [`Violations::push_extra`]. Adds none by default.
    ///
    /// Called before anything is looked up or hashed. It must not block.
    fn validate(&self, violations: &mut Violations) {
        let _ = violations;
    }
}

/// Reads an object as the application's type. `None` if `violations` has more than before.
pub(super) type ParseExtra = fn(Map<String, Value>, &mut Violations) -> Option<Extra>;

pub(super) fn parse_as<T: RegistrationExtra>(
    object: Map<String, Value>,
    violations: &mut Violations,
) -> Option<Extra> {
    let mut refuse = |code, message: &str| {
        violations.push(Field::Extra, code, message);
        None
    };
    // Bounds the work of the application's type.
    if let Err(error) = Extra::new(object.clone()) {
        refuse_extra(error, violations);
        return None;
    }
    let Ok(extra) = T::deserialize(Value::Object(object)) else {
        const FORM: &str = "The extra fields do not have the form that this server requires.";
        return refuse(ViolationCode::InvalidFormat, FORM);
    };
    let before = violations.as_slice().len();
    extra.validate(violations);
    if violations.as_slice().len() > before {
        return None;
    }
    let Ok(Value::Object(object)) = serde_json::to_value(&extra) else {
        tracing::error!("the application's extra fields are not serialized as an object");
        return None;
    };
    let accepted = Extra::new(object);
    accepted
        .map_err(|error| refuse_extra(error, violations))
        .ok()
}

fn refuse_extra(error: ExtraError, violations: &mut Violations) {
    const WORDS: &str = "extra fields";
    match error {
        ExtraError::TooLarge => {
            let message = format!("The {WORDS} {error}.");
            violations.push(Field::Extra, ViolationCode::TooLong, message);
        }
        ExtraError::Object(error) => refuse_object(Field::Extra, WORDS, error, violations),
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// The application's fields of a registration; empty without any. `None` if they break
    /// a rule.
    pub(super) fn parse_extra(
        &self,
        extra: Option<Map<String, Value>>,
        violations: &mut Violations,
    ) -> Option<Extra> {
        match (self.inner.parse_extra, extra) {
            (Some(parse), extra) => parse(extra.unwrap_or_default(), violations),
            (None, None) => Some(Extra::default()),
            (None, Some(_)) => {
                let message = "This server takes no extra fields.";
                violations.push(Field::Extra, ViolationCode::Unknown, message);
                None
            }
        }
    }
}

//! The application's own fields of a registration.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::AuthService;
use super::profile::refuse_object;
use crate::clock::Clock;
use crate::error::{Field, ViolationCode, Violations};
use crate::extra::{Extra, ExtraError};
use crate::members::{Refusal, typed};
use crate::store::Store;

/// The type of the member `extra` of a registration: the application's own fields.
///
/// A registration without `extra` is read as one with an empty object, so required fields
/// make `extra` required. The type's `Deserialize` decides whether a field may be `null`, and
/// whether unknown members are refused or dropped. A missing or wrong member of a struct is
/// named, as `extra.class`; a member of a nested or flattened type may be named without its
/// path. Unknown members are an error of `extra`, whose message lists the known ones.
///
/// The object, as the type serializes it, goes to
/// [`AccountHooks::registering`](super::AccountHooks::registering), and to
/// [`AccountHooks::registered`](super::AccountHooks::registered) once the account exists;
/// until then it is stored. It is no place for secrets.
///
/// ```
/// use admittance::error::{ViolationCode, Violations};
/// use admittance::service::RegistrationExtra;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Default, Serialize, Deserialize)]
/// #[serde(deny_unknown_fields, default)]
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
    // Bounds the work of the application's type.
    if let Err(error) = Extra::new(object.clone()) {
        refuse_extra(error, violations);
        return None;
    }
    let extra = match read::<T>(object) {
        Ok(extra) => extra,
        Err(refusal) => {
            refusal.name(violations);
            return None;
        }
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

/// Reads the object as the type does. A refusal names the field, if the type is a struct.
fn read<T: DeserializeOwned>(mut object: Map<String, Value>) -> Result<T, Refusal> {
    if let Ok(read) = T::deserialize(Value::Object(object.clone())) {
        return Ok(read);
    }
    match typed::<T>(object.clone()) {
        Err(Refusal::Unknown(known)) => {
            object.retain(|name, _| known.contains(&name.as_str()));
            let refused = typed::<T>(object).err();
            Err(refused.unwrap_or(Refusal::Unknown(known)))
        }
        Err(refusal) => Err(refusal),
        Ok(_) => Err(Refusal::Other),
    }
}

impl Refusal {
    /// Adds the violation of a field of `extra`, or of all of it.
    fn name(&self, violations: &mut Violations) {
        let code = ViolationCode::InvalidFormat;
        match self {
            Self::Missing(field) => {
                let message = "This field is required.";
                violations.push_extra(*field, ViolationCode::Required, message);
            }
            Self::Value(field) => {
                violations.push_extra(*field, code, "The value has the wrong type or form.");
            }
            Self::Unknown(known) => {
                let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                let message = match names.is_empty() {
                    true => "There are no extra fields.".to_owned(),
                    false => format!("The extra fields are: {}.", names.join(", ")),
                };
                violations.push(Field::Extra, ViolationCode::Unknown, message);
            }
            Self::Other => {
                let message = "The extra fields do not have the form that this server requires.";
                violations.push(Field::Extra, code, message);
            }
        }
    }
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

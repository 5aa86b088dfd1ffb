//! How values that are not plain structs are described in JSON Schema.
//!
//! Each is what its `Serialize` and `Deserialize` write and read, which is not
//! derived either.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::authz::Role;
use crate::error::Field;
use crate::extra::Extra;
use crate::id::{EventId, IdentityId, SessionId, UserId};
use crate::preferences::{MAX_PREFERENCES_VALUES, Metadata, Preferences};
use crate::proof::Method;
use crate::secret::{AccessToken, Code, FlowHandle, MailToken, Password, RefreshToken, Ticket};
use crate::service::MAX_CODE_CHARS;
use crate::time::Timestamp;

/// The text of [`Violation::field`](crate::error::Violation::field) and `within`.
pub(crate) struct FieldPath;

impl JsonSchema for FieldPath {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("FieldPath")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A field of the request, or one of the application's own, as \
                            `extra.<name>`. Later versions may add values.",
            "type": "string",
            "x-extensible-enum": Field::ALL,
        })
    }
}

macro_rules! described {
    ($($name:ident: $schema:tt)*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

described! {
    UserId: {
        "description": "Identifies a user, for good.",
        "type": "string",
        "pattern": "^[0-9a-f]{24}$",
    }
    SessionId: {
        "description": "Identifies a session. It is not a secret.",
        "type": "string",
        "pattern": "^[0-9a-f]{24}$",
    }
    IdentityId: {
        "description": "Identifies an account at another provider among the user's.",
        "type": "string",
        "pattern": "^[0-9a-f]{24}$",
    }
    EventId: {
        "description": "Identifies an event. Later ones have greater ids.",
        "type": "string",
        "pattern": "^[0-9a-f]{24}$",
    }
    Timestamp: {
        "description": "A moment in UTC, in milliseconds (RFC 3339).",
        "type": "string",
        "format": "date-time",
    }
    Password: {
        "description": "A password, as it was typed.",
        "type": "string",
        "format": "password",
        "minLength": 1,
    }
    AccessToken: {
        "description": "A signed JWT that authenticates requests until it expires.",
        "type": "string",
    }
    RefreshToken: {
        "description": "Gets new tokens, once.",
        "type": "string",
    }
    MailToken: {
        "description": "What follows `#token=` in a mailed link. It works once.",
        "type": "string",
    }
    Ticket: {
        "description": "Continues a sign-in, once, for a few minutes.",
        "type": "string",
    }
    FlowHandle: {
        "description": "What a client keeps while a person is at a provider.",
        "type": "string",
    }
    Code: {
        "description": "A code that proves a second factor.",
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_CODE_CHARS,
    }
    Method: {
        "description": "A method of authentication: `pwd` is the password. Applications and later versions \
                        have others.",
        "type": "string",
        "pattern": "^[a-z0-9_-]{1,24}$",
    }
    Extra: {
        "description": "The application's own fields of a registration: at most 2 KiB.",
        "type": "object",
        "additionalProperties": true,
    }
    Metadata: {
        "description": "What the application keeps of a user, and the user cannot write.",
        "type": "object",
        "additionalProperties": true,
    }
    Role: {
        "description": "What a user is. Roles grant permissions.",
        "type": "string",
        "pattern": "^[a-z][a-z0-9.:_-]{0,63}$",
    }
    Preferences: {
        "description": "An object of the application's own: at most 16 KiB, 32 levels deep. Keys \
                        have neither `$` nor `.`, integers have 64 bits, and no text has a NUL.",
        "type": "object",
        "additionalProperties": true,
        "propertyNames": { "pattern": "^[^$.]+$" },
        "maxProperties": MAX_PREFERENCES_VALUES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorCode, ViolationCode};
    use crate::event::{Notice, Operation};
    use crate::mail::MailKind;
    use crate::service::TokenType;
    use crate::user::UserStatus;

    /// The values that the schema of an enum allows.
    fn names<T: JsonSchema>() -> Vec<String> {
        let schema = schemars::schema_for!(T).to_value();
        let plain = schema["enum"].as_array().into_iter().flatten();
        let described = schema["oneOf"].as_array().into_iter().flatten();
        let described = described.map(|one| &one["const"]);
        let names = plain.chain(described).filter_map(|name| name.as_str());
        names.map(str::to_owned).collect()
    }

    #[test]
    fn the_names_in_the_document_are_those_that_are_sent() {
        assert_eq!(names::<ErrorCode>(), ErrorCode::ALL.map(ErrorCode::as_str));
        assert_eq!(names::<Field>(), Field::ALL.map(Field::as_str));
        assert_eq!(
            names::<ViolationCode>(),
            ViolationCode::ALL.map(ViolationCode::as_str)
        );
        assert_eq!(names::<TokenType>(), TokenType::ALL.map(TokenType::as_str));
        assert_eq!(names::<MailKind>(), MailKind::ALL.map(MailKind::as_str));
        assert_eq!(names::<Notice>(), Notice::ALL.map(Notice::as_str));
        assert_eq!(names::<Operation>(), Operation::ALL.map(Operation::as_str));
        assert_eq!(
            names::<UserStatus>(),
            UserStatus::ALL.map(UserStatus::as_str)
        );
    }
}

//! Enums with a stable name for each value, in JSON, stores, events and metrics.

/// The error for a name that no value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no value has this name")]
pub struct UnknownName;

/// Declares an enum with a name for each value: implements `ALL`, `as_str`, `FromStr` and
/// serde by the names. `"new" | "former"` also accepts the name of an earlier version.
///
/// serde is not derived, because a derived enum would also accept `{"name": null}`.
macro_rules! named {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $type:ident {
            $($(#[$doc:meta])* $value:ident => $name:literal $(| $former:literal)*,)+
        }
    ) => {
        $(#[$meta])*
        $visibility enum $type {
            $($(#[$doc])* $value,)+
        }

        impl $type {
            /// Every value, in order.
            $visibility const ALL: [Self; [$($name),+].len()] = [$(Self::$value),+];

            /// The name. It never changes.
            #[must_use]
            $visibility const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::named::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name $(| $former)* => Ok(Self::$value),)+
                    _ => Err($crate::named::UnknownName),
                }
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use named;

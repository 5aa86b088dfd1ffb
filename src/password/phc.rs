//! Argon2 hashes as text: the PHC string format.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as PhcString, Salt};
use argon2::{Algorithm, Argon2, KeyId, ParamsBuilder, Version};

use super::config::{AcceptedCost, HashingConfig};
use super::error::HashError;
use super::memory::Memory;
use super::{Argon2Params, NormalizedPassword, Pepper};
use crate::error::Cause;
use crate::secret::constant_time_eq;
use crate::user::PasswordHash;

/// Length of new salts, in bytes (RFC 9106 §3.1).
pub(super) const SALT_LEN: usize = 16;
/// Length of new hashes, in bytes.
pub(super) const OUTPUT_LEN: usize = 32;

/// Why a stored text is not a hash that can be verified here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It does not name an Argon2 variant.
    OtherScheme,
    /// It names one, and is no such hash.
    Malformed,
    /// It asks for more than [`AcceptedCost`].
    TooCostly,
}

/// A stored Argon2 hash whose cost was accepted.
pub(super) struct StoredHash {
    algorithm: Algorithm,
    version: Version,
    cost: Argon2Params,
    params: ParamsBuilder,
    key_id: KeyId,
    has_data: bool,
    salt: Salt,
    output: Output,
}

impl StoredHash {
    /// Reads `text`. Costs that are out of range are refused before anything
    /// is allocated or computed.
    pub(super) fn read(text: &str, accepted: &AcceptedCost) -> Result<Self, Unreadable> {
        let mut fields = text.split('$');
        let algorithm = match (fields.next(), fields.next().map(Algorithm::new)) {
            (Some(""), Some(Ok(algorithm))) => algorithm,
            _ => return Err(Unreadable::OtherScheme),
        };
        let phc = PhcString::new(text).map_err(|_| Unreadable::Malformed)?;
        // Strings without a version are from before there were two.
        let version = phc.version.unwrap_or(Version::V0x10.into());
        let version = Version::try_from(version).map_err(|_| Unreadable::Malformed)?;
        let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
            return Err(Unreadable::Malformed);
        };
        let fields = Fields::read(&phc.params).ok_or(Unreadable::Malformed)?;
        let (Some(m_kib), Some(t), Some(p)) = (fields.m, fields.t, fields.p) else {
            return Err(Unreadable::Malformed);
        };
        if m_kib > accepted.m_kib || t > accepted.t || p > accepted.p {
            return Err(Unreadable::TooCostly);
        }
        let cost = Argon2Params::new(m_kib, t, p).map_err(|_| Unreadable::Malformed)?;
        let mut params = cost.builder();
        params.output_len(output.len());
        if let Some(data) = fields.data {
            params.data(data.parse().map_err(|_| Unreadable::Malformed)?);
        }
        let key_id = fields.key_id.unwrap_or_default().parse();
        Ok(Self {
            algorithm,
            version,
            cost,
            params,
            key_id: key_id.map_err(|_| Unreadable::Malformed)?,
            has_data: fields.data.is_some(),
            salt,
            output,
        })
    }

    /// The name of the pepper that it was made with; empty when there was none.
    pub(super) fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// Whether a hash made now would be of another kind.
    pub(super) fn is_outdated(&self, config: &HashingConfig) -> bool {
        let key_id = config.pepper.as_ref().map_or(KeyId::EMPTY, Pepper::id);
        self.algorithm != Algorithm::Argon2id
            || self.version != Version::V0x13
            || self.cost != config.params
            || self.key_id != key_id
            || self.has_data
            || self.salt.len() < SALT_LEN
            || self.output.len() != OUTPUT_LEN
    }

    /// Whether it is the hash of `password` under `pepper`. One Argon2 run.
    pub(super) fn verify(
        &self,
        memory: &mut Memory,
        password: &NormalizedPassword,
        pepper: Option<&Pepper>,
    ) -> Result<bool, HashError> {
        let params = self.params.build().map_err(failed)?;
        let secret = pepper.map_or(&[][..], Pepper::secret);
        let argon2 = Argon2::new_with_secret(secret, self.algorithm, self.version, params)
            .map_err(failed)?;
        let mut output = vec![0; self.output.len()];
        memory.argon2(&argon2, password.as_bytes(), &self.salt, &mut output)?;
        Ok(constant_time_eq(&output, self.output.as_bytes()))
    }
}

/// The hash of `password` under `salt`, with the parameters and the pepper of
/// `config`. One Argon2 run.
pub(super) fn hash(
    memory: &mut Memory,
    config: &HashingConfig,
    password: &NormalizedPassword,
    salt: [u8; SALT_LEN],
) -> Result<PasswordHash, HashError> {
    let mut builder = config.params.builder();
    builder.output_len(OUTPUT_LEN);
    if let Some(pepper) = &config.pepper {
        builder.keyid(pepper.id());
    }
    let params = builder.build().map_err(failed)?;
    let described = ParamsString::try_from(&params).map_err(failed)?;
    let secret = config.pepper.as_ref().map_or(&[][..], Pepper::secret);
    let argon2 = Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, params)
        .map_err(failed)?;
    let mut output = [0; OUTPUT_LEN];
    memory.argon2(&argon2, password.as_bytes(), &salt, &mut output)?;
    let phc = PhcString {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: described,
        salt: Some(Salt::new(&salt).map_err(failed)?),
        hash: Some(Output::new(&output).map_err(failed)?),
    };
    Ok(PasswordHash::new(phc.to_string()))
}

fn failed(error: impl Into<Cause>) -> HashError {
    HashError::Failed(error.into())
}

/// The parameters of a PHC string, each at most once.
#[derive(Default)]
struct Fields<'a> {
    m: Option<u32>,
    t: Option<u32>,
    p: Option<u32>,
    key_id: Option<&'a str>,
    data: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn read(params: &'a ParamsString) -> Option<Self> {
        let mut fields = Self::default();
        for (name, value) in params.iter() {
            let seen = match name.as_str() {
                "m" => fields.m.replace(value.decimal().ok()?).is_some(),
                "t" => fields.t.replace(value.decimal().ok()?).is_some(),
                "p" => fields.p.replace(value.decimal().ok()?).is_some(),
                "keyid" => fields.key_id.replace(value.as_str()).is_some(),
                "data" => fields.data.replace(value.as_str()).is_some(),
                _ => return None,
            };
            if seen {
                return None;
            }
        }
        Some(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$\
                        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn read(text: &str) -> Result<(), Unreadable> {
        StoredHash::read(text, &AcceptedCost::default()).map(drop)
    }

    #[test]
    fn ghsa_59_every_truncation_is_an_error_and_none_a_panic() {
        assert_eq!(read(GOOD), Ok(()));
        for end in 0..GOOD.len() {
            let part = GOOD.get(..end).unwrap();
            // A shorter output is a hash of its own; everything else is broken.
            let is_shorter_output = end >= GOOD.len() - 29;
            assert!(is_shorter_output || read(part).is_err(), "{part}");
        }
    }

    #[test]
    fn ghsa_59_costs_over_the_limit_are_refused_and_not_computed() {
        for cost in [
            "m=131073,t=1,p=1",
            "m=4294967295,t=1,p=1",
            "m=64,t=11,p=1",
            "m=64,t=4294967295,p=1",
            "m=1024,t=1,p=17",
            "m=64,t=1,p=4294967295",
        ] {
            let text = GOOD.replace("m=64,t=1,p=1", cost);
            assert_eq!(read(&text), Err(Unreadable::TooCostly), "{cost}");
        }
        let highest = GOOD.replace("m=64,t=1,p=1", "m=131072,t=10,p=16");
        assert_eq!(read(&highest), Ok(()));
    }

    #[test]
    fn ghsa_59_parameters_are_all_there_once_and_in_range() {
        for cost in [
            "m=64,t=1",
            "t=1,p=1",
            "m=64,t=1,p=1,p=1",
            "m=64,m=8,t=1,p=1",
            "m=64,t=1,p=1,x=1",
            "m=7,t=1,p=1",
            "m=64,t=0,p=1",
            "m=64,t=1,p=0",
            "m=15,t=1,p=2",
            "m=064,t=1,p=1",
            "m=-1,t=1,p=1",
            "m=4294967296,t=1,p=1",
            "m=,t=1,p=1",
            "m=64,t=1,p=1,keyid=AAAAAAAAAAAAAA",
            "m=64,t=1,p=1,keyid=-",
            "m=64,t=1,p=1,data=.",
        ] {
            let text = GOOD.replace("m=64,t=1,p=1", cost);
            assert_eq!(read(&text), Err(Unreadable::Malformed), "{cost}");
        }
        for broken in [
            GOOD.replace("v=19", "v=18"),
            GOOD.replace("v=19", "v=x"),
            GOOD.replace("$m=64,t=1,p=1", ""),
            format!("{GOOD}$"),
            format!("{GOOD}=="),
            format!("{GOOD}\n"),
            "$argon2id".to_owned(),
            "$argon2id$".to_owned(),
            "$argon2d$v=19$m=64,t=1,p=1$$".to_owned(),
        ] {
            assert_eq!(read(&broken), Err(Unreadable::Malformed), "{broken:?}");
        }
    }

    #[test]
    fn what_names_no_argon2_variant_is_of_another_scheme() {
        for text in [
            "",
            "$",
            "x",
            "argon2id",
            " $argon2id$v=19",
            "$argon2$v=19",
            "$argon2ID$v=19",
            "argon2$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA",
            "$2b$12$abcdefghijklmnopqrstuvwxyz",
            "pbkdf2_sha256$1000$salt$hash",
        ] {
            assert_eq!(read(text), Err(Unreadable::OtherScheme), "{text:?}");
        }
    }

    #[test]
    fn a_hash_is_outdated_that_a_new_one_would_differ_from() {
        let config = HashingConfig {
            params: Argon2Params::new(64, 1, 1).unwrap(),
            ..HashingConfig::default()
        };
        let is_outdated = |text: &str| {
            let hash = StoredHash::read(text, &AcceptedCost::default());
            hash.map(|hash| hash.is_outdated(&config))
        };
        assert_eq!(is_outdated(GOOD), Ok(false));
        let salt = "c29tZXNhbHRzb21lc2FsdA";
        // A longer salt is as good.
        let longer = GOOD.replace(salt, "c29tZXNhbHRzb21lc2FsdHg");
        assert_eq!(is_outdated(&longer), Ok(false));
        for (part, other) in [
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("m=64", "m=65"),
            ("t=1", "t=2"),
            ("m=64,t=1,p=1", "m=64,t=1,p=2"),
            ("p=1", "p=1,keyid=AAAA"),
            ("p=1", "p=1,data=AAAA"),
            (salt, "c29tZXNhbHRzb21lc2Fs"),
            ("$AAAA", "$AAAAA"),
        ] {
            let text = GOOD.replace(part, other);
            assert_eq!(is_outdated(&text), Ok(true), "{text}");
        }
    }

    proptest! {
        #[test]
        fn ghsa_59_no_text_makes_reading_panic(
            id in "argon2(id|i|d)", rest in "[$=,vmtpkeyida0-9A-Za-z/+.\\PC-]{0,80}"
        ) {
            prop_assert_ne!(read(&format!("${id}{rest}")), Ok(()));
        }

        #[test]
        fn ghsa_59_no_damage_makes_reading_panic(place in 0..GOOD.len(), put in any::<char>()) {
            let mut letters: Vec<char> = GOOD.chars().collect();
            letters[place] = put;
            let text: String = letters.into_iter().collect();
            if let Ok(hash) = StoredHash::read(&text, &AcceptedCost::default()) {
                prop_assert!(AcceptedCost::default().covers(&hash.cost), "{text}");
            }
        }
    }
}

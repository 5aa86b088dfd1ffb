//! A provider's public keys (RFC 7517).

use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::DecodingKey;
use serde_json::Value;

use super::algorithm::SigningAlgorithm;
use super::error::Fault;
use super::members::Members;

/// Most keys of a set. Microsoft has about ten.
const MAX_KEYS: usize = 100;
/// Sizes of an RSA modulus, in bits (RFC 7518 §3.3; the upper bound is the backend's).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Longest public exponent of RSA, in bytes. The usual one has 3.
const MAX_EXPONENT_BYTES: usize = 4;

/// The keys of a provider that can verify ID tokens.
pub(super) struct KeySet(Vec<Key>);

/// One key, and what it may be used for.
pub(super) struct Key {
    kid: Option<String>,
    algorithms: &'static [SigningAlgorithm],
    pub(super) decoding: DecodingKey,
    /// Whose key it is, where a provider issues tokens for many issuers (Microsoft).
    pub(super) issuer: Option<String>,
}

impl KeySet {
    /// Reads a key set. A key that cannot verify ID tokens is left out, as RFC 7517 §5
    /// demands for unknown ones: another type or curve, another use, a symmetric key, parts
    /// of the wrong length.
    pub(super) fn read(answer: &Value) -> Result<Self, Fault> {
        let keys = Members::of(answer)?.list("keys")?;
        if keys.len() > MAX_KEYS {
            return Err(Fault::TooManyKeys);
        }
        Ok(Self(keys.iter().filter_map(Key::read).collect()))
    }

    /// The one key that fits a header: with its `kid`, if it names one, and for its algorithm
    /// (OpenID Connect Core 1.0 §10.1).
    pub(super) fn find(
        &self,
        kid: Option<&str>,
        algorithm: SigningAlgorithm,
    ) -> Result<&Key, Fault> {
        let mut fitting = self.0.iter().filter(|key| {
            let is_named = kid.is_none() || key.kid.as_deref() == kid;
            is_named && key.algorithms.contains(&algorithm)
        });
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None, _) => Err(Fault::UnknownKey),
            (Some(_), Some(_)) => Err(Fault::AmbiguousKey),
        }
    }
}

impl Key {
    fn read(key: &Value) -> Option<Self> {
        let key = Members::of(key).ok()?;
        let is_for_signatures = key
            .some_text("use")
            .ok()?
            .is_none_or(|usage| usage == "sig");
        let verifies = match key.value("key_ops") {
            Some(operations) => operations.as_array()?.iter().any(|name| name == "verify"),
            None => true,
        };
        if !is_for_signatures || !verifies {
            return None;
        }
        let (decoding, fitting) = match (key.text("kty").ok()?, key.some_text("crv").ok()?) {
            ("RSA", _) => rsa(key)?,
            ("EC", Some("P-256")) => p256(key)?,
            ("OKP", Some("Ed25519")) => ed25519(key)?,
            _ => return None,
        };
        // RFC 8725 §3.1: a key that states its algorithm is used with no other.
        let algorithms = match key.some_text("alg").ok()? {
            Some(stated) => only(fitting, stated.parse().ok()?)?,
            None => fitting,
        };
        Some(Self {
            kid: key.some_text("kid").ok()?.map(str::to_owned),
            algorithms,
            decoding,
            issuer: key.some_text("issuer").ok()?.map(str::to_owned),
        })
    }
}

type Fitting = (DecodingKey, &'static [SigningAlgorithm]);

const RSA: &[SigningAlgorithm] = &[SigningAlgorithm::Rs256, SigningAlgorithm::Ps256];

fn rsa(key: Members<'_>) -> Option<Fitting> {
    let modulus = integer(key, "n")?;
    let exponent = integer(key, "e")?;
    let bits = (modulus.len() * 8).checked_sub(leading_zeros(&modulus)?)?;
    let is_odd = exponent.last()? % 2 == 1;
    let is_sound = RSA_BITS.contains(&bits)
        && exponent.len() <= MAX_EXPONENT_BYTES
        && is_odd
        && exponent != [1];
    let decoding = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
    is_sound.then_some((decoding, RSA))
}

fn p256(key: Members<'_>) -> Option<Fitting> {
    let (x, y) = (coordinate(key, "x")?, coordinate(key, "y")?);
    // The name says DER; it is the bare point.
    let point = DecodingKey::from_ec_der(&[&[4], x.as_slice(), &y].concat());
    Some((point, &[SigningAlgorithm::Es256]))
}

fn ed25519(key: Members<'_>) -> Option<Fitting> {
    let x = coordinate(key, "x")?;
    Some((DecodingKey::from_ed_der(&x), &[SigningAlgorithm::EdDsa]))
}

/// A part of exactly 32 bytes: jsonwebtoken panics on a short Ed25519 key.
fn coordinate(key: Members<'_>, name: &'static str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let decoded = Base64UrlUnpadded::decode(key.text(name).ok()?, &mut bytes).ok()?;
    (decoded.len() == 32).then_some(bytes)
}

/// A big-endian number (RFC 7518 §2, `Base64urlUInt`), without leading zeros.
fn integer(key: Members<'_>, name: &'static str) -> Option<Vec<u8>> {
    let bytes = Base64UrlUnpadded::decode_vec(key.text(name).ok()?).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    bytes.get(first..).map(<[u8]>::to_vec)
}

fn leading_zeros(number: &[u8]) -> Option<usize> {
    usize::try_from(number.first()?.leading_zeros()).ok()
}

/// `stated` alone, if it is among `fitting`.
fn only(
    fitting: &'static [SigningAlgorithm],
    stated: SigningAlgorithm,
) -> Option<&'static [SigningAlgorithm]> {
    let place = fitting.iter().position(|fits| *fits == stated)?;
    fitting.get(place..=place)
}

//! Public keys, and how they are written: JWK (RFC 7517), PEM, thumbprint.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ConfigError;

/// The public keys that access tokens are checked with, as other services
/// read them (RFC 7517 §5). Never has a private or a symmetric key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Jwks {
    /// The keys, the active one first. Empty when tokens are signed by HS256.
    pub keys: Vec<Jwk>,
}

/// One public key (RFC 7517 §4, RFC 7518 §6.2, RFC 8037 §2).
///
/// Reading one takes any JSON object with a `kty`, and keeps of it what is
/// public; [`VerifyingKey::from_jwk`](crate::token::VerifyingKey::from_jwk)
/// checks that the key can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Jwk {
    kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
}

/// The `SubjectPublicKeyInfo` of an Ed25519 key up to the key (RFC 8410 §4).
const SPKI_ED25519: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// The same of an uncompressed P-256 point, up to its coordinates (RFC 5480 §2).
const SPKI_P256: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

/// A public key of a kind that signs access tokens.
#[derive(Clone, Copy)]
pub(super) enum PublicKey {
    Ed25519 { x: [u8; 32] },
    P256 { x: [u8; 32], y: [u8; 32] },
}

impl PublicKey {
    /// From a JWK. Every member that is there must fit: a `use`, `alg` or
    /// `kid` that says something else is refused. So is a coordinate that is
    /// not of 32 bytes, on which jsonwebtoken would panic.
    pub(super) fn from_jwk(jwk: &Jwk) -> Result<Self, ConfigError> {
        let key = match (jwk.kty.as_str(), jwk.crv.as_deref(), &jwk.y) {
            ("OKP", Some("Ed25519"), None) => Self::Ed25519 {
                x: coordinate(jwk.x.as_deref())?,
            },
            ("EC", Some("P-256"), Some(y)) => Self::P256 {
                x: coordinate(jwk.x.as_deref())?,
                y: coordinate(Some(y))?,
            },
            _ => return Err(REFUSED),
        };
        let agrees = |stated: &Option<String>, meant: &str| {
            stated.as_deref().is_none_or(|stated| stated == meant)
        };
        let own = key.jwk();
        if agrees(&jwk.usage, "sig")
            && agrees(&jwk.alg, own.alg.as_deref().unwrap_or_default())
            && agrees(&jwk.kid, &key.thumbprint())
        {
            Ok(key)
        } else {
            Err(ConfigError::WeakKey(
                "the JWK is for another use or algorithm, or its `kid` is not its thumbprint",
            ))
        }
    }

    /// From a `PUBLIC KEY` in PEM (RFC 7468 §13). Neither certificates nor
    /// compressed points nor other curves: of a supported key there is one
    /// encoding, so nothing has to be searched for in it.
    pub(super) fn from_pem(pem: &str) -> Result<Self, ConfigError> {
        let body = pem
            .trim()
            .strip_prefix("-----BEGIN PUBLIC KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"))
            .ok_or(REFUSED)?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = Base64::decode_vec(&body).map_err(|_| REFUSED)?;
        if let Some(key) = der.strip_prefix(&SPKI_ED25519) {
            let x = key.try_into().map_err(|_| REFUSED)?;
            Ok(Self::Ed25519 { x })
        } else if let Some(key) = der.strip_prefix(&SPKI_P256) {
            let (x, y) = key.split_first_chunk().ok_or(REFUSED)?;
            let y = y.try_into().map_err(|_| REFUSED)?;
            Ok(Self::P256 { x: *x, y })
        } else {
            Err(REFUSED)
        }
    }

    /// From what a signature backend calls x and y.
    pub(super) fn from_coordinates(x: &[u8], y: Option<&[u8]>) -> Result<Self, ConfigError> {
        let x = x.try_into().map_err(|_| REFUSED)?;
        Ok(match y {
            None => Self::Ed25519 { x },
            Some(y) => Self::P256 {
                x,
                y: y.try_into().map_err(|_| REFUSED)?,
            },
        })
    }

    /// The one algorithm that it is used with.
    pub(super) fn algorithm(self) -> Algorithm {
        match self {
            Self::Ed25519 { .. } => Algorithm::EdDSA,
            Self::P256 { .. } => Algorithm::ES256,
        }
    }

    /// The key in jsonwebtoken's form: for both kinds the bare key, whatever
    /// the "der" in the names says.
    pub(super) fn decoding_key(self) -> DecodingKey {
        match self {
            Self::Ed25519 { x } => DecodingKey::from_ed_der(&x),
            Self::P256 { x, y } => DecodingKey::from_ec_der(&[&[4], x.as_slice(), &y].concat()),
        }
    }

    /// The key as it is published.
    pub(super) fn jwk(self) -> Jwk {
        let (kty, crv, alg, x, y) = match self {
            Self::Ed25519 { x } => ("OKP", "Ed25519", "EdDSA", x, None),
            Self::P256 { x, y } => ("EC", "P-256", "ES256", x, Some(y)),
        };
        Jwk {
            kty: kty.to_owned(),
            crv: Some(crv.to_owned()),
            x: Some(Base64UrlUnpadded::encode_string(&x)),
            y: y.map(|y| Base64UrlUnpadded::encode_string(&y)),
            kid: Some(self.thumbprint()),
            alg: Some(alg.to_owned()),
            usage: Some("sig".to_owned()),
        }
    }

    /// RFC 7638: SHA-256 of the required members in lexicographic order.
    pub(super) fn thumbprint(self) -> String {
        let members = match self {
            Self::Ed25519 { x } => {
                let x = Base64UrlUnpadded::encode_string(&x);
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
            }
            Self::P256 { x, y } => {
                let x = Base64UrlUnpadded::encode_string(&x);
                let y = Base64UrlUnpadded::encode_string(&y);
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
        };
        Base64UrlUnpadded::encode_string(&Sha256::digest(members))
    }
}

const REFUSED: ConfigError =
    ConfigError::WeakKey("it is not a public key for EdDSA (Ed25519) or ES256 (P-256)");

fn coordinate(text: Option<&str>) -> Result<[u8; 32], ConfigError> {
    let mut bytes = [0; 32];
    let decoded = Base64UrlUnpadded::decode(text.unwrap_or_default(), &mut bytes);
    match decoded {
        Ok(all) if all.len() == 32 => Ok(bytes),
        _ => Err(REFUSED),
    }
}

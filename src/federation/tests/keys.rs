//! Keys of the providers in these tests, made for them and used nowhere else.

use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use crate::federation::SigningAlgorithm;
use crate::secret::SecretBytes;
use crate::token::SigningKey;

const RSA_PEM: &str = "\
-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCi4X6qYtadeEOn
nRluwbQ6mLNderlWJ3ozdnelZJ0FbRM07EHZ8K4gLu5bIYTXL5TKr6Eyd4nn4pfH
eJRFCwOH+JnAjMLPDmgIVx2IZ+hfbh3GnNUwuprlq9GuWPBAij2WvMMd5vaO5Ctw
RJGxasVbmGSKOjM0YLWsQFKUnmBg60LQy77DPybUnHf1IA7LNFlJHU6LfgRcLqmN
0k6XbxRuUyksB3XSiytt55OIT5vZQZaiUA3+yTpg8WNViGrRvO67xK+bXz0L7KYN
kIN4LOTdes8gHTG+dC0CVYG1Lx22wZMzjs6k1qtHK3Bdgf04tLSk6hl5Sed4BLZh
1ro/wAB3AgMBAAECggEAR/BjYvrjgkpXS0UCMh5grU67TcrB5/DosqkcwBJ3nalm
xcWhchIwvessgFiGFQqhY4H9ps4QPTghxEqX5gSuyxO8SMSC2DOrNB/R3ejSw69d
fFbRfEO23UCtjB0hA8hq2lRFs0PK2yKgouXOGXeockOVCE4bRoN+SfVg494tgDBD
n3LCD+EcOKq+5gKALyG14HGwq72piEUGVCa+wkAvuBVmVdzil6T4ZwnAj6B4DH0Z
ISFy1JEV55SsfJBYJ8PbfJ3cy/Bf1g6B3SNJlB8pzHpmjgeLD/WFPwKwzbfIKi41
Aktr4OnkNIu1EMovKQgfw9UWDHhyv8eo2cW6ApMpFQKBgQDZ+n78gEBDk+aaTMSl
1LsEn01njNYg8ld88b5FIfF4LQwjfIWKfpvxi7mz2BXrxq8NFkxRvFWcQDrvN9xU
bJOr49380JjhL7WsEyVVjZm3ezeY5aXsFBO5mUcfha22xOR+TDJ0XG0ZM0knjXbR
9Rt3sJpHFZzuWRnQertqD/FxowKBgQC/SrHw3pTYQurWcEJYBCA77dveFbbRwa9j
QairSAyzeRr99la7vur53nsfZO8xBFzmiq/w+I36ZLy7fI8MzXp+MC90v0+tDPck
5LfTZYrpvxt2FGrRlLQLYU8o/+6F4vZVqTjS7r0TmgU2sN/a3SdTlkky1b5t/ZNi
KzzDke1rHQKBgEtjUUvu50r3+gdfiZt46X19wv2PPfeDGTMDQLUUOjlACzSyulTd
2P0/P+itUVeMDbrO/XI/WrSBmmBlx3QDYUdPtdTcKCOppoFu1bizEnjcyqu8sRfn
EbNdCbYjO6M8kXIE1GZeGPVgQWrGiFOxG+DXWWRAW1grxLvP1sWl4fFVAoGBALHH
zdA6TMMgjfh1pHMAgqSvzyN7sskG5OWuY/+rmoJCD1/vzXP3X5KRvoPS3qoDkAOC
6TlfBzSq4uysOpZ/cVRNnA04r+f4oMhc+KszOAM9ZVw8ZXoaZaod6eAE27z6zk2W
VAVVc8v/3NCTWbiiyKXainUASVcX0B3waSypNqnRAoGADm9w7RWcCry4nIcmwAHD
I2Y4x350ODzfbXOwsGWyqRA/GgD4TZ7c7GihEekrWD5Yt87GiKa0Tx9/Ngt9bOSr
oAhKU3fdm3G42jhZ0et8vQZ70xSeQvkp0H8XtfwRumVDIaeHwhVHwCAc6LPjEp0L
iPV5K6H3ekfRQ/cXRPXiM8Q=
-----END PRIVATE KEY-----
";

const P256_PEM: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgsCDzwYFBZGoC9rJ4
O7bx/St4ZHs1Tz9AZ1yGvn3xXIyhRANCAAS5devSbqmxlfu6/vA8eG2tWz7M1ry5
ifguL2B4cIejGk0bylrEOCGvkLw0phl/YJpp8hV82zg7QWmHUot8JXae
-----END PRIVATE KEY-----
";

const ED25519_PEM: &str = "\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ5wbvy/2kvEfPVr0ClI6QSrqdVQhVLPYCD6JAJKN6kP
-----END PRIVATE KEY-----
";

const RSA_N: &str = "ouF-qmLWnXhDp50ZbsG0OpizXXq5Vid6M3Z3pWSdBW0TNOxB2fCuIC7uWyGE1y-Uyq-hMneJ5-KXx3iURQsDh_iZwIzCzw5oCFcdiGfoX24dxpzVMLqa5avRrljwQIo9lrzDHeb2juQrcESRsWrFW5hkijozNGC1rEBSlJ5gYOtC0Mu-wz8m1Jx39SAOyzRZSR1Oi34EXC6pjdJOl28UblMpLAd10osrbeeTiE-b2UGWolAN_sk6YPFjVYhq0bzuu8Svm189C-ymDZCDeCzk3XrPIB0xvnQtAlWBtS8dtsGTM47OpNarRytwXYH9OLS0pOoZeUnneAS2Yda6P8AAdw";
const P256_X: &str = "uXXr0m6psZX7uv7wPHhtrVs-zNa8uYn4Li9geHCHoxo";
const P256_Y: &str = "TRvKWsQ4Ia-QvDSmGX9gmmnyFXzbODtBaYdSi3wldp4";
const ED25519_X: &str = "mKCGZP-wDrOnxEMlmRe7kS3MhamDNKmwSdwSnuL_EfI";

/// The private key that signs by `algorithm`.
pub(super) fn private(algorithm: SigningAlgorithm) -> EncodingKey {
    let key = match algorithm {
        SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => {
            EncodingKey::from_rsa_pem(RSA_PEM.as_bytes())
        }
        SigningAlgorithm::Es256 => EncodingKey::from_ec_pem(P256_PEM.as_bytes()),
        SigningAlgorithm::EdDsa => EncodingKey::from_ed_pem(ED25519_PEM.as_bytes()),
    };
    key.unwrap()
}

/// The public key for `algorithm`, as it is published.
pub(super) fn public(algorithm: SigningAlgorithm) -> Value {
    let mut key = match algorithm {
        SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => {
            json!({"kty": "RSA", "n": RSA_N, "e": "AQAB"})
        }
        SigningAlgorithm::Es256 => {
            json!({"kty": "EC", "crv": "P-256", "x": P256_X, "y": P256_Y})
        }
        SigningAlgorithm::EdDsa => json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519_X}),
    };
    key["kid"] = json!("key-1");
    key["use"] = json!("sig");
    key["alg"] = json!(algorithm.as_str());
    key
}

/// A client's own key, for ES256.
pub(super) fn client() -> SigningKey {
    SigningKey::es256_pem(&SecretBytes::new(P256_PEM)).unwrap()
}

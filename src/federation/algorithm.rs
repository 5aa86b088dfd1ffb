//! The algorithms by which providers sign ID tokens.

use jsonwebtoken::Algorithm;
use sha2::{Digest, Sha256, Sha512};

use crate::named::named;

named! {
    /// How an ID token is signed (RFC 7518 §3.1, RFC 8037 §3.1). There is no other: `none` and
    /// signatures under a shared secret are never accepted.
    ///
    /// `RS256` and `PS256` require the feature `aws-lc-rs`. With `rust-crypto` alone, they are
    /// refused, because RSA there comes from a crate with an open advisory
    /// (RUSTSEC-2023-0071), and no RSA key is given to it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum SigningAlgorithm {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 => "RS256",
        /// RSASSA-PSS with SHA-256.
        Ps256 => "PS256",
        /// ECDSA with P-256 and SHA-256.
        Es256 => "ES256",
        /// EdDSA with Ed25519; also by its name of RFC 9864.
        EdDsa => "EdDSA" | "Ed25519",
    }
}

impl SigningAlgorithm {
    /// Whether this build verifies it.
    #[must_use]
    pub const fn is_supported(self) -> bool {
        match self {
            Self::Rs256 | Self::Ps256 => cfg!(feature = "aws-lc-rs"),
            Self::Es256 | Self::EdDsa => cfg!(any(feature = "aws-lc-rs", feature = "rust-crypto")),
        }
    }

    pub(super) const fn backend(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Ps256 => Algorithm::PS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }

    /// The left half of the hash of `text`, by the hash function of the algorithm (OpenID
    /// Connect Core 1.0 §3.1.3.6). Ed25519 hashes with SHA-512 (RFC 8032 §5.1).
    pub(super) fn half_hash(self, text: &str) -> Vec<u8> {
        let mut hash = match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => Sha256::digest(text).to_vec(),
            Self::EdDsa => Sha512::digest(text).to_vec(),
        };
        hash.truncate(hash.len() / 2);
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_left_half_of_the_hash_is_that_of_the_standard() {
        // OpenID Connect Core 1.0, appendix A.3.
        use base64ct::{Base64UrlUnpadded, Encoding};
        let hash = SigningAlgorithm::Rs256.half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
        assert_eq!(
            Base64UrlUnpadded::encode_string(&hash),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
        assert_eq!(SigningAlgorithm::EdDsa.half_hash("x").len(), 32);
    }

    #[test]
    #[cfg(not(feature = "aws-lc-rs"))]
    fn without_aws_lc_rs_rsa_is_refused_when_a_provider_is_built() {
        use crate::federation::Provider;
        let google = Provider::google("client", "secret").redirect_uri("https://exam.example/");
        assert!(google.build().is_err());
        assert!(!SigningAlgorithm::Rs256.is_supported() && !SigningAlgorithm::Ps256.is_supported());
        assert_eq!(
            SigningAlgorithm::Es256.is_supported(),
            cfg!(feature = "rust-crypto")
        );
    }
}

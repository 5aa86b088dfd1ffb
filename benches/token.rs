//! What a token costs: access tokens under each algorithm, refresh tokens.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot start may panic"
)]

use std::hint::black_box;

use admittance::id::{SessionId, UserId};
use admittance::proof::Method;
use admittance::secret::SecretBytes;
use admittance::time::Timestamp;
use admittance::token::{Claims, Keyring, RefreshClaims, SigningKey, TokenKind};
use base64ct::{Base64, Encoding};
use criterion::{Criterion, criterion_group, criterion_main};

/// The Ed25519 key of RFC 8037, appendix A.1, in PKCS#8.
const ED25519_DER: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
/// The P-256 key of RFC 7515, appendix A.3.1, in PKCS#8.
const P256_DER: &str = "\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIffH1136cspYG6+0iY7X1fCE9+E9LKh\
    RANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt";

fn der(base64: &str) -> SecretBytes {
    SecretBytes::new(Base64::decode_vec(base64).unwrap())
}

fn tokens(criterion: &mut Criterion) {
    let secret = SecretBytes::new((0..32).collect::<Vec<u8>>());
    let claims = Claims {
        iss: "https://accounts.example.org".to_owned(),
        sub: UserId::from_bytes([1; 12]),
        aud: "https://api.example.org".to_owned(),
        exp: 900,
        iat: 0,
        jti: "0f1e2d3c4b5a".to_owned(),
        sid: SessionId::from_bytes([2; 12]),
        epoch: 3,
        auth_time: Some(0),
        amr: vec![Method::Password],
        typ: TokenKind::Access,
        custom: Default::default(),
    };
    let now = Timestamp::from_secs(0);
    let keys = [
        ("HS256", SigningKey::hs256(&secret)),
        ("EdDSA", SigningKey::eddsa_der(&der(ED25519_DER))),
        ("ES256", SigningKey::es256_der(&der(P256_DER))),
    ];
    for (name, key) in keys {
        let keyring = Keyring::builder(secret.clone())
            .sign_with(key.unwrap())
            .build()
            .unwrap();
        criterion.bench_function(&format!("access token, {name}: sign"), |bencher| {
            bencher.iter(|| keyring.sign(black_box(&claims)).unwrap());
        });
        let token = keyring.sign(&claims).unwrap();
        criterion.bench_function(&format!("access token, {name}: verify"), |bencher| {
            bencher.iter(|| {
                keyring
                    .verify(
                        black_box(token.expose_secret()),
                        &claims.iss,
                        &claims.aud,
                        now,
                    )
                    .unwrap()
            });
        });
    }

    let keyring = Keyring::from_secret(secret).unwrap();
    let refresh = RefreshClaims {
        user: claims.sub,
        session: claims.sid,
        counter: 7,
    };
    let issue = || keyring.issue_refresh(black_box(&refresh), &claims.iss, &claims.aud);
    criterion.bench_function("refresh token: issue", |bencher| bencher.iter(issue));
    let token = issue();
    criterion.bench_function("refresh token: verify", |bencher| {
        bencher.iter(|| {
            keyring
                .verify_refresh(black_box(token.expose_secret()), &claims.iss, &claims.aud)
                .unwrap()
        });
    });
}

criterion_group!(benches, tokens);
criterion_main!(benches);

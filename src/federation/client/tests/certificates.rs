//! TLS, with an authority that is made for the tests.

use std::sync::LazyLock;

use base64ct::{Base64, Encoding};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::sign::SigningKey;
use tokio_rustls::rustls::{ServerConfig, SignatureScheme};

use super::server::{Server, ok};
use super::*;

#[tokio::test]
async fn asvs_12_3_2_a_certificate_is_verified() {
    let server = Server::start(async |stream, counts| {
        let Ok(mut stream) = acceptor().accept(stream).await else {
            return;
        };
        while counts.request(&mut stream).await {
            drop(stream.write_all(ok("", "here").as_bytes()).await);
        }
    })
    .await;
    let mut names = Names::new(&[&[PUBLIC]]);
    names.server = Some(server.address);
    let names = Arc::new(names);
    let trusting = over(&names);
    let request = outside(get("https://idp.example/"));
    assert_eq!(*trusting.send(request).await.unwrap().body, b"here");
    let error = refusal(&trusting, outside(get("https://idp2.example/"))).await;
    let expected = "TLS with idp2.example: the certificate is for another name";
    assert_eq!(error, expected);
    let other = Client::over(names, tls::connector("").unwrap(), Bounds::DEFAULT);
    let error = refusal(&other, outside(get("https://idp.example/"))).await;
    assert_eq!(
        error,
        "TLS with idp.example: the certificate is of an issuer that is not trusted"
    );
    assert_eq!(server.counts.requests().len(), 1);
}

#[test]
fn roots_that_are_none_are_refused() {
    Client::with_roots(&authority_pem()).unwrap();
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cut = authority_pem().replace("END", "");
    for text in ["not PEM", no_certificate, &cut] {
        let error = Client::with_roots(text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "federation.client.roots: has something that is not a certificate of a root"
        );
    }
}

/// The certificate of the authority, in PEM.
pub(super) fn authority_pem() -> String {
    let encoded = Base64::encode_string(&AUTHORITY);
    format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n")
}

/// A server for `idp.example`.
pub(super) fn acceptor() -> TlsAcceptor {
    let usable = extension(
        &[0x55, 0x1d, 0x11],
        &der(0x30, &[&der(0x82, &[b"idp.example"])]),
    );
    let certificate = certificate("server", &key(&SERVER), &usable);
    let provider = Arc::new(tls::provider::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate)],
            SERVER.clone_key().into(),
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

static AUTHORITY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let is_authority = der(0x30, &[&[0x01, 0x01, 0xff]]);
    let usable = extension(&[0x55, 0x1d, 0x13], &is_authority);
    certificate("authority", &key(&ISSUER), &usable)
});
static ISSUER: LazyLock<PrivatePkcs8KeyDer<'static>> = LazyLock::new(|| private_key(1));
static SERVER: LazyLock<PrivatePkcs8KeyDer<'static>> = LazyLock::new(|| private_key(2));

/// RFC 8410: a private key of Ed25519, of the same byte 32 times.
fn private_key(seed: u8) -> PrivatePkcs8KeyDer<'static> {
    let inner = der(0x04, &[&der(0x04, &[&[seed; 32]])]);
    let key = der(0x30, &[&[0x02, 0x01, 0x00], &ed25519(), &inner]);
    key.into()
}

fn key(private: &PrivatePkcs8KeyDer<'static>) -> Arc<dyn SigningKey> {
    let provider = tls::provider::default_provider().key_provider;
    provider
        .load_private_key(private.clone_key().into())
        .unwrap()
}

/// RFC 5280: a certificate of the authority for `key`.
fn certificate(name: &str, key: &Arc<dyn SigningKey>, extension: &[u8]) -> Vec<u8> {
    let signed = der(
        0x30,
        &[
            &der(0xa0, &[&[0x02, 0x01, 0x02]]),
            &[0x02, 0x01, 0x01],
            &ed25519(),
            &common_name("authority"),
            &der(
                0x30,
                &[
                    &der(0x17, &[b"200101000000Z"]),
                    &der(0x18, &[b"99991231235959Z"]),
                ],
            ),
            &common_name(name),
            &key.public_key().unwrap(),
            &der(0xa3, &[&der(0x30, &[extension])]),
        ],
    );
    let signer = self::key(&ISSUER);
    let signer = signer.choose_scheme(&[SignatureScheme::ED25519]).unwrap();
    let signature = signer.sign(&signed).unwrap();
    der(
        0x30,
        &[&signed, &ed25519(), &der(0x03, &[&[0], &signature])],
    )
}

fn common_name(name: &str) -> Vec<u8> {
    let kind = der(0x06, &[&[0x55, 0x04, 0x03]]);
    let name = der(0x0c, &[name.as_bytes()]);
    der(0x30, &[&der(0x31, &[&der(0x30, &[&kind, &name])])])
}

fn ed25519() -> Vec<u8> {
    der(0x30, &[&der(0x06, &[&[0x2b, 0x65, 0x70]])])
}

fn extension(id: &[u8], value: &[u8]) -> Vec<u8> {
    der(0x30, &[&der(0x06, &[id]), &der(0x04, &[value])])
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = match content.len() {
        0..0x80 => vec![length[1]],
        0x80..0x100 => vec![0x81, length[1]],
        _ => vec![0x82, length[0], length[1]],
    };
    [vec![tag], length, content].concat()
}

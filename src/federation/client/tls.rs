//! TLS, by the provider of the feature.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
#[cfg(feature = "http-client-aws-lc-rs")]
pub(super) use tokio_rustls::rustls::crypto::aws_lc_rs as provider;
#[cfg(not(feature = "http-client-aws-lc-rs"))]
pub(super) use tokio_rustls::rustls::crypto::ring as provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};
use url::Host;

use crate::error::ConfigError;

/// Trusts Mozilla's roots and those of `certificates`, in PEM.
pub(super) fn connector(certificates: &str) -> Result<TlsConnector, ConfigError> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(certificates.as_bytes()) {
        let certificate = certificate.map_err(|_| not_a_root())?;
        roots.add(certificate).map_err(|_| not_a_root())?;
        count += 1;
    }
    if count == 0 && !certificates.trim().is_empty() {
        return Err(not_a_root());
    }
    let provider = Arc::new(provider::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| invalid("federation.client", error.to_string()))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn not_a_root() -> ConfigError {
    let problem = "has something that is not a certificate of a root";
    invalid("federation.client.roots", problem.to_owned())
}

fn invalid(setting: &'static str, problem: String) -> ConfigError {
    ConfigError::Invalid { setting, problem }
}

/// The name that the server's certificate must have.
pub(super) fn server_name(host: &Host<String>) -> Option<ServerName<'static>> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).ok(),
        Host::Ipv4(ip) => Some(IpAddr::V4(*ip).into()),
        Host::Ipv6(ip) => Some(IpAddr::V6(*ip).into()),
    }
}

/// The text of `error`, without names out of the server's certificate.
pub(super) fn in_words(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            ..
        })) => "the certificate is for another name".to_owned(),
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "the certificate is of an issuer that is not trusted".to_owned()
        }
        _ => error.to_string(),
    }
}

//! The provider that people can sign in with, from the environment.

use std::error::Error;
use std::sync::Arc;

use admittance::federation::{Client, ClientAuthentication, EmailTrust, Federation, Provider};
use admittance::service::AuthServiceBuilder;
use admittance::store::Store;
use url::{Host, Url};

use super::settings::variable;

const REQUIRED: [&str; 4] = [
    "OIDC_ISSUER",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "OIDC_NAME",
];
const OPTIONAL: [&str; 3] = [
    "OIDC_CLIENT_AUTH",
    "OIDC_REDIRECT_URIS",
    "OIDC_TRUSTED_DOMAINS",
];

/// What `OIDC_CLIENT_AUTH` may say, by the names of OpenID Connect Core 1.0 §9.
const BASIC: &str = "client_secret_basic";
const POST: &str = "client_secret_post";

/// An OpenID provider, under the id `oidc`.
pub(crate) struct Oidc(Provider);

impl Oidc {
    /// The provider of the variables `OIDC_…`; `None` if none of them is set.
    pub(crate) fn from_env(base_url: &str) -> Result<Option<Self>, Box<dyn Error>> {
        let (mut given, mut missing) = (None, Vec::new());
        for name in REQUIRED.into_iter().chain(OPTIONAL) {
            match variable(name)? {
                Some(_) => given = given.or(Some(name)),
                None if REQUIRED.contains(&name) => missing.push(name),
                None => {}
            }
        }
        match given {
            None => Ok(None),
            Some(_) if missing.is_empty() => Ok(Some(Self(provider(base_url)?))),
            Some(given) => {
                let missing = missing.join(", ");
                Err(format!("{given} is set, so these must be set, too: {missing}").into())
            }
        }
    }

    /// Lets people sign in with the provider.
    pub(crate) fn add(
        &self,
        builder: AuthServiceBuilder<Arc<dyn Store>>,
    ) -> Result<AuthServiceBuilder<Arc<dyn Store>>, Box<dyn Error>> {
        let federation = Federation::new(Client::new()?).provider(self.0.clone());
        Ok(builder.federation(federation))
    }
}

/// The provider, whose first redirect URI is a page of this example.
fn provider(base_url: &str) -> Result<Provider, Box<dyn Error>> {
    let text = |name| variable(name).map(Option::unwrap_or_default);
    let issuer = text("OIDC_ISSUER")?;
    let secret = text("OIDC_CLIENT_SECRET")?.into();
    let authentication = match variable("OIDC_CLIENT_AUTH")?.as_deref() {
        None | Some(BASIC) => ClientAuthentication::Basic(secret),
        Some(POST) => ClientAuthentication::Post(secret),
        Some(_) => return Err(format!("OIDC_CLIENT_AUTH is neither {BASIC} nor {POST}").into()),
    };
    // By default the provider is not believed when it says that an address is verified.
    let domains = list("OIDC_TRUSTED_DOMAINS")?;
    let trust = match domains.is_empty() {
        true => EmailTrust::Never,
        false => EmailTrust::Domains(domains),
    };
    let own = format!("{}/callback/oidc", base_url.trim_end_matches('/'));
    let mut provider = Provider::oidc("oidc", &issuer, text("OIDC_CLIENT_ID")?)
        .name(text("OIDC_NAME")?)
        .authentication(authentication)
        .email_trust(trust)
        .redirect_uri(own);
    for uri in list("OIDC_REDIRECT_URIS")? {
        provider = provider.redirect_uri(uri);
    }
    if is_loopback(&issuer) {
        tracing::warn!(
            issuer,
            "the provider is on this machine and may name private addresses: for trying out only"
        );
        provider = provider.allow_private_addresses();
    }
    let provider = provider.build();
    Ok(provider.map_err(|error| format!("the variables OIDC_…: {error}"))?)
}

/// A variable that is a list with commas, empty if it is unset.
fn list(name: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let text = variable(name)?.unwrap_or_default();
    let items = text.split(',').map(str::trim);
    let items = items.filter(|item| !item.is_empty());
    Ok(items.map(str::to_owned).collect())
}

/// Whether `issuer` is on this machine, by its address or by name.
fn is_loopback(issuer: &str) -> bool {
    let url = Url::parse(issuer).ok();
    match url.as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

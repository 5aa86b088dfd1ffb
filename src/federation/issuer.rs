//! Whose identities a provider vouches for.

use std::collections::BTreeSet;

use super::error::Fault;
use super::members::Members;

/// What Microsoft's metadata and keys have in place of a tenant.
const TENANT: &str = "{tenantid}";
const MICROSOFT: &str = "https://login.microsoftonline.com/";
/// The tenant of personal Microsoft accounts.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Which issuers ID tokens of a provider may have.
#[derive(Clone, Debug)]
pub(super) enum IssuerRule {
    /// One issuer, and other ways in which the provider writes it.
    One {
        issuer: String,
        aliases: &'static [&'static str],
    },
    /// One issuer a tenant, for these tenants.
    Microsoft { tenants: BTreeSet<String> },
}

impl IssuerRule {
    pub(super) fn one(issuer: impl Into<String>) -> Self {
        Self::One {
            issuer: issuer.into(),
            aliases: &[],
        }
    }

    /// The issuer that the metadata must have, exactly (OpenID Connect Discovery 1.0 §4.3).
    pub(super) fn of_metadata(&self) -> String {
        match self {
            Self::One { issuer, .. } => issuer.clone(),
            Self::Microsoft { tenants } => match sole(tenants) {
                Some(tenant) => microsoft(tenant),
                None => microsoft(TENANT),
            },
        }
    }

    /// Where the metadata is.
    pub(super) fn discovery(&self) -> String {
        let issuer = match self {
            Self::One { issuer, .. } => issuer.trim_end_matches('/').to_owned(),
            Self::Microsoft { tenants } => match sole(tenants) {
                Some(tenant) => microsoft(tenant),
                None if tenants.contains(PERSONAL_ACCOUNTS) => microsoft("common"),
                None => microsoft("organizations"),
            },
        };
        issuer + "/.well-known/openid-configuration"
    }

    /// Whether `iss` of an authorization response (RFC 9207) names this provider.
    pub(super) fn is_of_response(&self, iss: &str) -> bool {
        match self {
            Self::One { issuer, aliases } => iss == issuer || aliases.contains(&iss),
            Self::Microsoft { tenants } => {
                iss == self.of_metadata() || tenants.iter().any(|tenant| iss == microsoft(tenant))
            }
        }
    }

    /// The issuer of an ID token, if it is allowed (OpenID Connect Core 1.0 §3.1.3.7, step
    /// 2). An alias becomes the issuer itself, so that a person has one identity.
    ///
    /// Microsoft signs tokens of all tenants with the same keys, so its tokens must name an
    /// allowed tenant in `tid`, have that tenant's issuer, and be signed by a key of that
    /// issuer or of all.
    pub(super) fn of_token(
        &self,
        claims: Members<'_>,
        key_issuer: Option<&str>,
    ) -> Result<String, Fault> {
        let iss = claims.text("iss")?;
        match self {
            Self::One { issuer, aliases } => match iss == issuer || aliases.contains(&iss) {
                true => Ok(issuer.clone()),
                false => Err(Fault::Issuer),
            },
            Self::Microsoft { tenants } => {
                let tenant = tenants.get(claims.text("tid")?).ok_or(Fault::Tenant)?;
                let issuer = microsoft(tenant);
                if iss != issuer {
                    return Err(Fault::Issuer);
                }
                let key_issuer = key_issuer.map(|text| text.replace(TENANT, tenant));
                match key_issuer.is_none_or(|of_key| of_key == issuer) {
                    true => Ok(issuer),
                    false => Err(Fault::KeyIssuer),
                }
            }
        }
    }
}

fn microsoft(tenant: &str) -> String {
    format!("{MICROSOFT}{tenant}/v2.0")
}

/// The only tenant, if there is only one.
fn sole(tenants: &BTreeSet<String>) -> Option<&String> {
    tenants.first().filter(|_| tenants.len() == 1)
}

/// Whether `text` is a tenant's id: a UUID in lower case, as `tid` has it.
pub(super) fn is_tenant_id(text: &str) -> bool {
    let is_at_place = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_at_place)
}

//! Origins of other pages that an application lists.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;
use url::Url;

/// Origins of other pages that may use the API: their requests are accepted with
/// cookies, and their scripts may read the answers (CORS). `Default` is none, so
/// that only pages of the API's own origin may.
///
/// Cookies have `SameSite=Lax`: a browser sends them for a listed origin only
/// when it is of the same site, such as `https://app.example.org` for an API at
/// `https://api.example.org`.
///
/// ```
/// use admittance::http::AllowedOrigins;
///
/// let origins: AllowedOrigins = "https://app.example.org, http://localhost:5173".parse()?;
/// assert!(origins.contains("https://app.example.org"));
/// assert!(!origins.contains("https://app.example.org.evil.example"));
/// # Ok::<(), admittance::http::ParseOriginsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Vec<HeaderValue>);

/// Why a text is no list of origins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an origin such as https://app.example.org or http://localhost:5173")]
pub struct ParseOriginsError(String);

impl FromStr for AllowedOrigins {
    type Err = ParseOriginsError;

    /// Reads a list separated by commas. Each origin is written as a browser
    /// sends it: scheme, host in lower case, and the port unless it is the
    /// scheme's usual one. There are no patterns.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .map(|origin| {
                let parsed = web_origin(origin).filter(|parsed| parsed == origin);
                let value = parsed.and_then(|parsed| HeaderValue::try_from(parsed).ok());
                value.ok_or_else(|| ParseOriginsError(origin.to_owned()))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl AllowedOrigins {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `origin`, as the header `Origin` has it, is one of them.
    #[must_use]
    pub fn contains(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == origin)
    }

    /// All of them, as the header `Origin` has them: for the list of a CORS
    /// layer over an application's own routes.
    pub fn iter(&self) -> impl Iterator<Item = &HeaderValue> {
        self.0.iter()
    }
}

impl fmt::Display for AllowedOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<&str> = self.0.iter().filter_map(|one| one.to_str().ok()).collect();
        f.write_str(&origins.join(", "))
    }
}

/// The origin of a web page, as browsers write it.
pub(super) fn web_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && !text.contains('*');
    is_web.then(|| url.origin().ascii_serialization())
}

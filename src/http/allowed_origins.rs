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
#[error(
    "`{0}` is not an origin such as https://app.example.org, http://localhost:5173 or \
     capacitor://localhost"
)]
pub struct ParseOriginsError(String);

impl FromStr for AllowedOrigins {
    type Err = ParseOriginsError;

    /// Reads a list separated by commas. Each origin is written as a browser
    /// sends it: scheme, host in lower case, and the port unless it is the
    /// scheme's usual one. There are no patterns, and never `null`.
    ///
    /// Pages of an app or of an extension have a scheme of their own, such as
    /// `capacitor://localhost`, `tauri://localhost` or `moz-extension://…`. These origins are
    /// compared as they are written.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .map(|origin| {
                let is_web = web_origin(origin).is_some_and(|parsed| parsed == origin);
                let value = (is_web || is_app_origin(origin))
                    .then(|| HeaderValue::try_from(origin).ok())
                    .flatten();
                value.ok_or_else(|| ParseOriginsError(origin.to_owned()))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl AllowedOrigins {
    /// The origin of the page at `url`, which has the scheme `http` or `https`: for
    /// [`HttpConfig::own_origins`](super::HttpConfig::own_origins).
    ///
    /// ```
    /// use admittance::http::AllowedOrigins;
    ///
    /// let own = AllowedOrigins::of_url("https://exams.example.org/accounts")?;
    /// assert!(own.contains("https://exams.example.org"));
    /// # Ok::<(), admittance::http::ParseOriginsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ParseOriginsError`] if `url` is none, or has another scheme.
    pub fn of_url(url: &str) -> Result<Self, ParseOriginsError> {
        let origin = web_origin(url).and_then(|origin| HeaderValue::try_from(origin).ok());
        let origin = origin.ok_or_else(|| ParseOriginsError(url.to_owned()))?;
        Ok(Self(vec![origin]))
    }

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

/// Schemes whose URLs have no origin, or that of another URL, or that of a server (URL
/// standard, "origin").
const NOT_OF_APPS: [&str; 11] = [
    "http",
    "https",
    "ws",
    "wss",
    "ftp",
    "file",
    "data",
    "blob",
    "about",
    "javascript",
    "filesystem",
];

/// Whether `text` is the origin of a page that has a scheme of an app's own: the scheme in
/// lower case, a host, and perhaps a port.
fn is_app_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let is_of_scheme = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')
    };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(is_of_scheme)
        && !NOT_OF_APPS.contains(&scheme);
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_port = |port: &str| {
        let is_plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
        is_plain && port.parse::<u16>().is_ok()
    };
    is_scheme && !host.is_empty() && host.bytes().all(is_of_host) && port.is_none_or(is_port)
}

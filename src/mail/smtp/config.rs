//! Settings of the connection to a mail server.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use url::Url;

use crate::email::{is_invisible, is_local_part};
use crate::error::ConfigError;
use crate::secret::Password;

/// Where mail is handed over, and as whom.
///
/// ```
/// use admittance::mail::SmtpConfig;
///
/// let config = SmtpConfig::from_url(
///     "smtp://exam%40example.org:secret@mail.example.org",
///     "Exam simulator <no-reply@example.org>",
/// )?;
/// # Ok::<(), admittance::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SmtpConfig {
    /// The server: a name or an IP address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// Lets mail, and the password, go in plain text to another machine.
    pub allow_plain: bool,
    /// Whom to log in as, if at all.
    pub credentials: Option<SmtpCredentials>,
    /// The sender: `Name <name@example.org>`, or the address alone.
    pub from: String,
    /// Certificates of roots to trust besides Mozilla's, in PEM.
    pub root_certificates: Option<String>,
    /// How long one mail may take, from the connection to the server's last
    /// word; 1 second to 10 minutes. Default 20 seconds.
    pub timeout: Duration,
    insecure: bool,
}

/// How the connection to a mail server is protected. None of these gives way to
/// another: a server that does not offer what is set gets no mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SmtpTls {
    /// TLS from the first byte (RFC 8314 §3.3).
    Implicit,
    /// TLS by STARTTLS before anything else is said (RFC 3207).
    StartTls,
    /// None. To the loopback only, unless `allow_plain` is set.
    Plain,
}

/// Whom to log in as. `Debug` shows neither of the two.
#[derive(Clone)]
#[non_exhaustive]
pub struct SmtpCredentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Password,
}

impl SmtpCredentials {
    /// Credentials out of `user` and `password`.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<Password>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
        }
    }
}

impl fmt::Debug for SmtpCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmtpCredentials([redacted])")
    }
}

impl SmtpConfig {
    /// Reads `smtp://user:password@host:port`. User and password are
    /// percent-encoded, and may be left out.
    ///
    /// `smtps://` is TLS from the first byte, on port 465 where none is given.
    /// `smtp://` is STARTTLS on port 587; it is required, except to the
    /// loopback, where the connection is plain. `?tls=required` and `?tls=none`
    /// say it outright; `none` to another machine needs `allow_plain` too. There
    /// is no opportunistic TLS: an attacker in between could remove the offer.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when `url` or `from` is something else. It repeats
    /// nothing of the URL.
    pub fn from_url(url: &str, from: impl Into<String>) -> Result<Self, ConfigError> {
        let url = Url::parse(url).or_else(|_| invalid("smtp.url", "is not a URL"))?;
        let host = host(&url)?;
        let is_implicit = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return invalid("smtp.url", "is neither smtp:// nor smtps://"),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return invalid("smtp.url", "has a path or a fragment");
        }
        let mut wanted = None;
        for (key, value) in url.query_pairs() {
            wanted = match (&*key, &*value) {
                ("tls", "required") => Some(true),
                ("tls", "none") if !is_implicit => Some(false),
                _ => return invalid("smtp.url", "has a setting that is not known"),
            };
        }
        let tls = match (is_implicit, wanted) {
            (true, _) => SmtpTls::Implicit,
            (false, Some(false)) => SmtpTls::Plain,
            (false, None) if is_loopback(&host) => SmtpTls::Plain,
            (false, _) => SmtpTls::StartTls,
        };
        let config = Self {
            port: url.port().unwrap_or(if is_implicit { 465 } else { 587 }),
            host,
            tls,
            allow_plain: false,
            credentials: credentials(&url)?,
            from: from.into(),
            root_certificates: None,
            timeout: Duration::from_secs(20),
            insecure: false,
        };
        config.sender()?;
        Ok(config)
    }

    /// Allows a time-out of any length. For tests only. It does not allow mail in
    /// plain text; that is [`allow_plain`](Self::allow_plain).
    #[must_use]
    pub fn insecure_for_tests(mut self) -> Self {
        self.insecure = true;
        self
    }

    pub(super) fn check_timeout(&self) -> Result<(), ConfigError> {
        let safe = Duration::from_secs(1)..=Duration::from_secs(600);
        let is_good = match self.insecure {
            true => !self.timeout.is_zero(),
            false => safe.contains(&self.timeout),
        };
        let problem = "is not between 1 second and 10 minutes";
        ConfigError::require([("smtp.timeout", is_good, problem)])
    }

    /// The sender.
    pub(super) fn sender(&self) -> Result<Sender, ConfigError> {
        let setting = "smtp.from";
        let text = self.from.trim();
        if text.contains(|letter: char| letter.is_control() || is_invisible(letter)) {
            return invalid(setting, "has a character in it that is not seen");
        }
        let (name, address) = match text
            .strip_suffix('>')
            .and_then(|text| text.rsplit_once('<'))
        {
            Some((name, address)) => (name.trim(), address),
            None => ("", text),
        };
        let name = match name
            .strip_prefix('"')
            .and_then(|name| name.strip_suffix('"'))
        {
            Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
            None => name.to_owned(),
        };
        let (local, domain) = address.rsplit_once('@').unwrap_or_default();
        match mail_address(local, domain) {
            Some(address) if name.len() <= 200 => Ok(Sender { name, address }),
            Some(_) => invalid(setting, "has a name of more than 200 bytes"),
            None => invalid(setting, "is not `Name <name@example.org>`"),
        }
    }

    /// What TLS goes by; nothing, when there is none.
    pub(super) fn tls_parameters(&self) -> Result<Option<TlsParameters>, ConfigError> {
        if self.tls == SmtpTls::Plain {
            if is_loopback(&self.host) || self.allow_plain {
                return Ok(None);
            }
            return invalid("smtp.tls", "is none to another machine");
        }
        let setting = "smtp.root_certificates";
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(pem) = &self.root_certificates {
            // A text without any certificate is read as none at all.
            if !pem.contains("-----BEGIN CERTIFICATE-----") {
                return invalid(setting, "has no certificate in PEM");
            }
            let Ok(root) = Certificate::from_pem(pem.as_bytes()) else {
                return invalid(setting, "cannot be read");
            };
            builder = builder.add_root_certificate(root);
        }
        match builder.build() {
            Ok(parameters) => Ok(Some(parameters)),
            Err(_) => invalid(setting, "cannot be used"),
        }
    }
}

/// Who a mail is from.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    /// May be empty.
    pub(super) name: String,
    pub(super) address: Address,
}

/// The address with its domain in ASCII, if it is one that can stand between
/// angle brackets as it is.
pub(super) fn mail_address(local: &str, domain: &str) -> Option<Address> {
    let domain = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::URL).ok()?;
    // Lettre's own check of the local part knows no combining marks.
    let checked = Address::new("a", domain).ok()?;
    is_local_part(local).then(|| Address::new_dangerous(local, checked.domain()))
}

pub(super) fn invalid<T>(setting: &'static str, problem: &str) -> Result<T, ConfigError> {
    Err(ConfigError::Invalid {
        setting,
        problem: problem.to_owned(),
    })
}

fn host(url: &Url) -> Result<String, ConfigError> {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !host.is_empty() && host.bytes().all(is_label) {
        return Ok(host.to_ascii_lowercase());
    }
    invalid("smtp.url", "has no host name in ASCII")
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn credentials(url: &Url) -> Result<Option<SmtpCredentials>, ConfigError> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, Some(password)) if !user.is_empty() => {
            match (percent_decode(user), percent_decode(password)) {
                (Some(user), Some(password)) => Ok(Some(SmtpCredentials::new(user, password))),
                _ => invalid(
                    "smtp.url",
                    "has a user or a password that cannot be decoded",
                ),
            }
        }
        _ => invalid("smtp.url", "has a user or a password without the other"),
    }
}

/// The text without percent-encoding; none if it is not UTF-8 or has a control
/// character in it, which would end a field in the exchange (RFC 4616 §2).
fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        });
    }
    let decoded = String::from_utf8(decoded).ok()?;
    (!decoded.contains(char::is_control)).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "Exam simulator <no-reply@localhost>";

    fn config(url: &str) -> SmtpConfig {
        SmtpConfig::from_url(url, FROM).unwrap()
    }

    #[test]
    fn a_time_out_that_is_not_safe_is_refused_by_name_unless_tests_ask_for_it() {
        const MS: Duration = Duration::from_millis(1);
        for (timeout, is_safe) in [
            (999 * MS, false),
            (1000 * MS, true),
            (600_000 * MS, true),
            (600_001 * MS, false),
        ] {
            let mut config = config("smtp://localhost");
            config.timeout = timeout;
            let refused = match config.check_timeout() {
                Ok(()) => None,
                Err(ConfigError::Invalid { setting, .. }) => Some(setting),
                Err(other) => panic!("{other}"),
            };
            let expected = (!is_safe).then_some("smtp.timeout");
            assert_eq!(refused, expected, "{timeout:?}");
            assert_eq!(config.insecure_for_tests().check_timeout(), Ok(()));
        }
        let mut never = config("smtp://localhost").insecure_for_tests();
        never.timeout = Duration::ZERO;
        assert!(never.check_timeout().is_err());
    }

    #[test]
    fn only_the_loopback_gets_mail_without_tls() {
        for (url, tls, port) in [
            ("smtp://localhost", SmtpTls::Plain, 587),
            ("smtp://127.0.0.1:2525", SmtpTls::Plain, 2525),
            ("smtp://[::1]:25/", SmtpTls::Plain, 25),
            ("smtp://127.0.0.1?tls=required", SmtpTls::StartTls, 587),
            ("smtp://mail.example.org", SmtpTls::StartTls, 587),
            ("smtp://127.0.0.1.example.org", SmtpTls::StartTls, 587),
            ("smtp://localhost.example.org", SmtpTls::StartTls, 587),
            ("smtp://10.0.0.1:25", SmtpTls::StartTls, 25),
            (
                "smtp://mail.example.org?tls=required",
                SmtpTls::StartTls,
                587,
            ),
            ("smtps://mail.example.org", SmtpTls::Implicit, 465),
            ("smtps://localhost", SmtpTls::Implicit, 465),
        ] {
            let config = config(url);
            assert_eq!((config.tls, config.port), (tls, port), "{url}");
            let parameters = config.tls_parameters().unwrap();
            assert_eq!(parameters.is_none(), tls == SmtpTls::Plain, "{url}");
        }
        let mut plain = config("smtp://mail.example.org?tls=none");
        assert!(plain.tls_parameters().is_err());
        plain.allow_plain = true;
        assert!(plain.tls_parameters().unwrap().is_none());
    }

    #[test]
    fn a_url_that_is_not_understood_is_refused_and_not_repeated() {
        for url in [
            "",
            "localhost:25",
            "http://canary@localhost",
            "smtp:///canary",
            "smtp://canary@localhost",
            "smtp://:canary@localhost",
            "smtp://a:canary%@localhost",
            "smtp://a:canary%0d%0a@localhost",
            "smtp://a:canary%00b@localhost",
            "smtp://a:canary%ff@localhost",
            "smtp://localhost/canary",
            "smtp://localhost#canary",
            "smtp://localhost?tls=opportunistic&canary",
            "smtp://localhost?canary=1",
            "smtps://localhost?tls=none",
            "smtp://a:canary@b c",
            "smtp://%6d%0a.example.org",
        ] {
            let error = SmtpConfig::from_url(url, FROM).unwrap_err().to_string();
            assert!(error.starts_with("smtp.url"), "{url}: {error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let config = config("smtp://canary%40example.org:canary%3A%2F%c3%a9+@mail.example.org");
        let credentials = config.credentials.as_ref().unwrap();
        assert_eq!(credentials.user, "canary@example.org");
        assert_eq!(credentials.password.expose_secret(), "canary:/\u{e9}+");
        assert!(!format!("{config:?}").contains("canary"));
    }

    #[test]
    fn a_sender_is_a_name_and_an_address() {
        let sender = |from: &str| SmtpConfig::from_url("smtp://localhost", from)?.sender();
        for (from, name, address) in [
            (FROM, "Exam simulator", "no-reply@localhost"),
            ("no-reply@example.org", "", "no-reply@example.org"),
            ("<a@b.org>", "", "a@b.org"),
            (r#""Doe, \"J\"" <a@b.org>"#, "Doe, \"J\"", "a@b.org"),
            (
                "Zo\u{eb} <a@B\u{fc}cher.example>",
                "Zo\u{eb}",
                "a@xn--bcher-kva.example",
            ),
        ] {
            let sender = sender(from).unwrap();
            assert_eq!((&*sender.name, sender.address.as_ref()), (name, address));
        }
        for from in [
            "",
            "Exam simulator",
            "Exam simulator <>",
            "a@b.org\r\nBcc: c@d.org",
            "A\nBcc: c@d.org <a@b.org>",
            "A\u{202e} <a@b.org>",
            "A <a@b.org",
            "A <a b@c.org>",
            "A <a@b.org>, B <c@d.org",
            "a@b.org, c@d.org",
        ] {
            let error = sender(from).unwrap_err().to_string();
            assert!(error.starts_with("smtp.from"), "{from:?}: {error}");
        }
    }

    #[test]
    fn a_root_certificate_that_is_none_is_refused() {
        let mut config = config("smtps://mail.example.org");
        for pem in [
            "",
            "not a certificate",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        ] {
            config.root_certificates = Some(pem.to_owned());
            let error = config.tls_parameters().err().unwrap().to_string();
            assert!(error.starts_with("smtp.root_certificates"), "{error}");
        }
    }
}

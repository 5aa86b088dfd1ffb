//! The parameters of a URL of PostgreSQL.

use super::start_error::StartError;

/// Those that the driver knows, beside `options[…]`.
const KNOWN: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Those of other drivers, which an error may name. Any other text may be a part of a password
/// that is not encoded.
const OTHERS: [&str; 38] = [
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "connection_limit",
    "currentSchema",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "passfile",
    "passwd",
    "pool_max_conns",
    "pool_timeout",
    "pgbouncer",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "schema",
    "search_path",
    "service",
    "ssl",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslnegotiation",
    "sslpassword",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// Refuses a URL with a parameter that the driver does not know: it would log it with its value,
/// which may be a password.
pub(super) fn require_known(url: &str) -> Result<(), StartError> {
    let url = url::Url::parse(url).map_err(|_| StartError::InvalidUrl)?;
    for (name, _) in url.query_pairs() {
        let is_known = KNOWN.contains(&&*name) || name.starts_with("options[");
        if !is_known {
            let other = OTHERS.into_iter().find(|other| *other == name);
            return Err(other.map_or(StartError::InvalidUrl, |name| {
                StartError::UnknownParameter { name }
            }));
        }
    }
    Ok(())
}

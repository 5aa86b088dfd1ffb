//! Which addresses requests may go to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Longest URL of an endpoint, in bytes.
const MAX_URL_BYTES: usize = 2048;

/// Why requests do not go to a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressFault {
    /// It is not an absolute URL with a host, or longer than 2,048 bytes.
    #[error("is not a URL, or too long")]
    Malformed,
    /// It is not `https`, and not `http` to the loopback.
    #[error("is not https")]
    Scheme,
    /// It has a user name or a password.
    #[error("has a user name or a password")]
    Credentials,
    /// It has a fragment.
    #[error("has a fragment")]
    Fragment,
    /// Its host is a loopback, private, link-local or otherwise special address, and those
    /// are not allowed.
    #[error("is inside a private network, which `allow_private_addresses` would permit")]
    Private,
}

/// Reads the URL of an endpoint: `https`, or `http` to the loopback, to a host that is not
/// an inside address unless `allows_private`.
///
/// A host name is not resolved here; see [`HttpClient`](super::HttpClient).
pub(super) fn endpoint(text: &str, allows_private: bool) -> Result<Url, AddressFault> {
    if text.len() > MAX_URL_BYTES {
        return Err(AddressFault::Malformed);
    }
    let url = Url::parse(text).map_err(|_| AddressFault::Malformed)?;
    let host = url.host().ok_or(match url.scheme() {
        "https" | "http" => AddressFault::Malformed,
        _ => AddressFault::Scheme,
    })?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&host) => {}
        _ => return Err(AddressFault::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressFault::Credentials);
    }
    if url.fragment().is_some() {
        return Err(AddressFault::Fragment);
    }
    let is_public = match &host {
        Host::Domain(_) => !is_loopback(&host),
        Host::Ipv4(ip) => is_public_address(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => is_public_address(IpAddr::V6(*ip)),
    };
    match is_public || allows_private {
        true => Ok(url),
        false => Err(AddressFault::Private),
    }
}

/// Returns `true` for a loopback address and for `localhost` (RFC 6761 §6.3).
pub(super) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

/// Returns `true` if `ip` is a unicast address of the public internet, by the IANA
/// special-purpose registries (RFC 6890): not the loopback, a private network, link-local,
/// shared, a documentation or benchmarking range, multicast or reserved. An IPv4 address
/// inside an IPv6 one is judged as that (RFC 4291 §2.5.5.2, RFC 6052 §2.1); 6to4 and Teredo
/// addresses are never public here.
///
/// An [`HttpClient`](super::HttpClient) that resolves names asks
/// [`HttpRequest::may_connect_to`](super::HttpRequest::may_connect_to), which rests on this.
#[must_use]
pub fn is_public_address(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    !matches!(
        ip.octets(),
        [0 | 10 | 127, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..]
    )
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(inner) = ip.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    match ip.segments() {
        // NAT64: an IPv6-only host reaches IPv4 servers so.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            let [.., a, b, c, d] = ip.octets();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] => false,
        [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ghsa_69_requests_go_to_public_https_addresses_only() {
        for (url, fault) in [
            ("", AddressFault::Malformed),
            ("example.org", AddressFault::Malformed),
            ("https://", AddressFault::Malformed),
            ("//example.org", AddressFault::Malformed),
            ("file:///etc/passwd", AddressFault::Scheme),
            ("javascript:alert(1)", AddressFault::Scheme),
            ("data:text/plain,x", AddressFault::Scheme),
            ("ftp://example.org/", AddressFault::Scheme),
            ("gopher://example.org/", AddressFault::Scheme),
            ("http://example.org/", AddressFault::Scheme),
            ("http://192.168.0.1/", AddressFault::Scheme),
            ("http://localhost.example.org/", AddressFault::Scheme),
            ("https://user@example.org/", AddressFault::Credentials),
            ("https://:pass@example.org/", AddressFault::Credentials),
            ("https://example.org/#x", AddressFault::Fragment),
            ("https://localhost/", AddressFault::Private),
            ("https://LOCALHOST./", AddressFault::Private),
            ("https://a.localhost/", AddressFault::Private),
            ("http://127.0.0.1/", AddressFault::Private),
            ("https://127.1/", AddressFault::Private),
            ("https://0x7f000001/", AddressFault::Private),
            ("https://2130706433/", AddressFault::Private),
            ("https://0177.0.0.1/", AddressFault::Private),
            ("https://0/", AddressFault::Private),
            ("https://10.0.0.1/", AddressFault::Private),
            ("https://172.16.0.1/", AddressFault::Private),
            ("https://172.31.255.255/", AddressFault::Private),
            ("https://192.168.0.1/", AddressFault::Private),
            ("https://169.254.169.254/latest", AddressFault::Private),
            ("https://100.64.0.1/", AddressFault::Private),
            ("https://224.0.0.1/", AddressFault::Private),
            ("https://255.255.255.255/", AddressFault::Private),
            ("https://[::1]/", AddressFault::Private),
            ("https://[::]/", AddressFault::Private),
            ("https://[fe80::1]/", AddressFault::Private),
            ("https://[fc00::1]/", AddressFault::Private),
            ("https://[fd00:ec2::254]/", AddressFault::Private),
            ("https://[::ffff:127.0.0.1]/", AddressFault::Private),
            ("https://[::ffff:a9fe:a9fe]/", AddressFault::Private),
            ("https://[64:ff9b::10.0.0.1]/", AddressFault::Private),
            ("https://[2002:7f00:1::]/", AddressFault::Private),
            ("https://[2001::1]/", AddressFault::Private),
            ("https://[2001:db8::1]/", AddressFault::Private),
            ("https://[ff02::1]/", AddressFault::Private),
        ] {
            assert_eq!(endpoint(url, false), Err(fault), "{url}");
        }
        let long = format!("https://example.org/{}", "a".repeat(MAX_URL_BYTES));
        assert_eq!(endpoint(&long, true), Err(AddressFault::Malformed));
        for url in [
            "https://example.org",
            "https://example.org:8443/a?b=c",
            "https://8.8.8.8/",
            "https://172.32.0.1/",
            "https://[2606:4700::1111]/",
            "https://[::ffff:8.8.8.8]/",
            "https://[64:ff9b::8.8.8.8]/",
        ] {
            assert!(endpoint(url, false).is_ok(), "{url}");
        }
    }

    #[test]
    fn inside_addresses_are_a_setting_and_http_is_for_the_loopback() {
        for url in [
            "http://localhost:9000/",
            "http://127.0.0.1:9000/",
            "http://[::1]/",
            "https://10.0.0.1/",
            "https://[fd00::1]/",
        ] {
            assert!(endpoint(url, true).is_ok(), "{url}");
        }
        for url in ["http://10.0.0.1/", "http://example.org/", "file:///x"] {
            assert_eq!(endpoint(url, true), Err(AddressFault::Scheme), "{url}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_https_to_a_public_host(text in "(https?|file|ftp)?:?/{0,3}[\\PC]{0,40}") {
            if let Ok(url) = endpoint(&text, false) {
                prop_assert_eq!(url.scheme(), "https");
                prop_assert!(url.host().is_some_and(|host| !is_loopback(&host)));
            }
        }
    }
}

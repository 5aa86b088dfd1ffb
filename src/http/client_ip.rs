//! The client's address: the peer's, unless the peer is a trusted proxy.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;
use ipnet::IpNet;

/// The networks of the proxies whose `X-Forwarded-For` is believed.
///
/// Parsed from a comma-separated list such as `10.0.0.0/8, 2001:db8::7`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// The text is not a comma-separated list of networks or addresses.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a network or an address: {0}")]
pub struct ParseProxiesError(String);

impl FromStr for TrustedProxies {
    type Err = ParseProxiesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| {
                entry
                    .parse::<IpNet>()
                    .or_else(|_| {
                        entry
                            .parse::<IpAddr>()
                            .map(|ip| IpNet::from(ip.to_canonical()))
                    })
                    .map_err(|_| ParseProxiesError(entry.to_owned()))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl TrustedProxies {
    /// The client behind `peer`.
    ///
    /// A peer that is not trusted is the client, whatever it claims. Behind
    /// trusted ones it is the rightmost address of `X-Forwarded-For` that is
    /// not trusted itself: everything to the left of that is the client's own
    /// invention. A header that cannot be read, or names trusted proxies only,
    /// leaves the peer: it is still counted, under the proxy's address.
    pub(super) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer?.to_canonical();
        if !self.trusts(peer) {
            return Some(peer);
        }
        // As bytes, and from the right: what a client has put before the part
        // that the proxies wrote must not make that part unreadable.
        let lists: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        let lists = lists.into_iter().rev().map(|value| value.as_bytes());
        for hop in lists.flat_map(|list| list.rsplit(|byte| *byte == b',')) {
            match std::str::from_utf8(hop)
                .ok()
                .and_then(|hop| address(hop.trim()))
            {
                None => return Some(peer),
                Some(address) if self.trusts(address) => {}
                Some(address) => return Some(address),
            }
        }
        Some(peer)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>()
        .or_else(|_| {
            text.parse::<std::net::SocketAddr>()
                .map(|with_port| with_port.ip())
        })
        .ok()
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let proxies: TrustedProxies = trusted.parse().unwrap();
        let peer = peer.parse().unwrap();
        proxies.client(Some(peer), &headers).unwrap().to_string()
    }

    #[test]
    fn ghsa_43_the_peer_is_the_client_by_default() {
        assert_eq!(seen("", "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(
            seen("10.0.0.0/8", "192.0.2.1", &["203.0.113.9"]),
            "192.0.2.1"
        );
    }

    #[test]
    fn ghsa_44_the_rightmost_untrusted_address_counts() {
        let trusted = "10.0.0.0/8, 2001:db8::7";
        assert_eq!(seen(trusted, "10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(
            seen(trusted, "10.0.0.1", &["8.8.8.8, 203.0.113.9, 10.1.1.1"]),
            "203.0.113.9"
        );
        assert_eq!(
            seen(trusted, "10.0.0.1", &["8.8.8.8", "203.0.113.9", "10.1.1.1"]),
            "203.0.113.9"
        );
        assert_eq!(
            seen(trusted, "::ffff:10.0.0.1", &["::ffff:203.0.113.9"]),
            "203.0.113.9"
        );
        assert_eq!(
            seen(trusted, "2001:db8::7", &["[2001:db8::9]:443"]),
            "2001:db8::9"
        );
    }

    #[test]
    fn ghsa_45_what_cannot_be_read_counts_for_the_proxy() {
        for forwarded in [
            "",
            "unknown",
            "203.0.113.9, x",
            "999.1.1.1",
            "203.0.113.9,",
            "10.2.2.2",
        ] {
            assert_eq!(
                seen("10.0.0.0/8", "10.0.0.1", &[forwarded]),
                "10.0.0.1",
                "{forwarded}"
            );
        }
    }

    #[test]
    fn ghsa_44_what_a_client_puts_before_the_proxys_part_changes_nothing() {
        let proxies: TrustedProxies = "10.0.0.0/8, ::ffff:192.0.2.1".parse().unwrap();
        let mut headers = HeaderMap::new();
        let forged = http::HeaderValue::from_bytes(b"\xff, x, 203.0.113.9").unwrap();
        headers.insert("x-forwarded-for", forged);
        for peer in ["10.0.0.1", "192.0.2.1", "::ffff:192.0.2.1"] {
            let client = proxies.client(Some(peer.parse().unwrap()), &headers);
            assert_eq!(client, "203.0.113.9".parse().ok(), "{peer}");
        }
    }

    #[test]
    fn a_list_that_is_not_one_of_networks_is_refused() {
        for text in ["10.0.0.0/33", "proxy.example", "10.0.0.0/8;10.1.1.1"] {
            assert!(text.parse::<TrustedProxies>().is_err(), "{text}");
        }
    }
}

//! The client's address: the peer's, unless the peer is a trusted proxy.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;
use ipnet::{IpNet, Ipv4Net};

use super::forwarded;

/// How many bits of an IPv4 address that is mapped into IPv6 are the same for all (RFC 4291,
/// §2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// The header in which trusted proxies name the client.
///
/// Exactly one is believed. A proxy rewrites the header that it knows and
/// passes the other on as the client sent it: with both believed, a client
/// would say who it is in the one that no proxy has touched. For the same
/// reason the default is wrong behind a proxy that only writes `Forwarded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: addresses, separated by commas.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the `for` of each element. An IPv6 address or a
    /// port has to be within quotation marks, as the RFC has it.
    Forwarded,
}

/// The networks of the proxies whose [`ForwardedHeader`] is believed.
///
/// Parsed from a comma-separated list such as `10.0.0.0/8, 2001:db8::7`. A network of IPv4
/// addresses that are mapped into IPv6, such as `::ffff:10.0.0.0/104`, is the network of these
/// IPv4 addresses, as which they are compared.
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
                let network = match entry.parse::<IpNet>() {
                    Ok(network) => canonical(network),
                    Err(_) => entry
                        .parse()
                        .ok()
                        .map(|ip: IpAddr| ip.to_canonical().into()),
                };
                network.ok_or_else(|| ParseProxiesError(entry.to_owned()))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// The network of which canonical addresses are; `None` for one that has some of the IPv4
/// addresses that are mapped into IPv6, and others.
fn canonical(network: IpNet) -> Option<IpNet> {
    let IpNet::V6(mapped) = network else {
        return Some(network);
    };
    let Some(address) = mapped.addr().to_ipv4_mapped() else {
        return Some(network);
    };
    let length = mapped.prefix_len().checked_sub(MAPPED_BITS)?;
    Ipv4Net::new(address, length).ok().map(IpNet::V4)
}

impl TrustedProxies {
    /// The client behind `peer`.
    ///
    /// A peer that is not trusted is the client, whatever it claims. Behind
    /// trusted ones it is the rightmost address of `header` that is not
    /// trusted itself: everything to the left of that is the client's own
    /// invention. A header that cannot be read, hides an address, or names
    /// trusted proxies only, leaves the peer: it is still counted, under the
    /// proxy's address.
    pub(super) fn client(
        &self,
        peer: Option<IpAddr>,
        header: ForwardedHeader,
        headers: &HeaderMap,
    ) -> Option<IpAddr> {
        let peer = peer?.to_canonical();
        if !self.trusts(peer) {
            return Some(peer);
        }
        let named = match header {
            ForwardedHeader::XForwardedFor => {
                let hops = lines_from_the_right(headers, "x-forwarded-for")
                    .flat_map(|line| line.rsplit(|byte| *byte == b','))
                    .map(hop_address);
                self.first_untrusted(hops)
            }
            ForwardedHeader::Forwarded => {
                let hops = lines_from_the_right(headers, "forwarded")
                    .flat_map(forwarded::elements_from_the_right)
                    .map(forwarded::address_of);
                self.first_untrusted(hops)
            }
        };
        Some(named.unwrap_or(peer))
    }

    /// The first of `hops` that is not trusted, unless one before it could not
    /// be read.
    fn first_untrusted(&self, hops: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        hops.take_while(Option::is_some)
            .flatten()
            .find(|address| !self.trusts(*address))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// As bytes, and from the right: what a client has put before the part that the
/// proxies wrote must not make that part unreadable.
fn lines_from_the_right<'h>(
    headers: &'h HeaderMap,
    name: &'static str,
) -> impl Iterator<Item = &'h [u8]> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    lines.into_iter().rev().map(|line| line.as_bytes())
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
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

    use ForwardedHeader::{Forwarded, XForwardedFor};
    use proptest::prelude::*;

    fn named(header: ForwardedHeader) -> &'static str {
        match header {
            XForwardedFor => "x-forwarded-for",
            Forwarded => "forwarded",
        }
    }

    fn seen_in(header: ForwardedHeader, trusted: &str, peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(named(header), line.parse().unwrap());
        }
        let proxies: TrustedProxies = trusted.parse().unwrap();
        let client = proxies.client(peer.parse().ok(), header, &headers);
        client.unwrap().to_string()
    }

    fn seen(trusted: &str, peer: &str, lines: &[&str]) -> String {
        seen_in(XForwardedFor, trusted, peer, lines)
    }

    #[test]
    fn ghsa_43_the_peer_is_the_client_by_default() {
        for (header, line) in [
            (XForwardedFor, "203.0.113.9"),
            (Forwarded, "for=203.0.113.9"),
        ] {
            for trusted in ["", "10.0.0.0/8"] {
                assert_eq!(seen_in(header, trusted, "192.0.2.1", &[line]), "192.0.2.1");
            }
        }
    }

    #[test]
    fn ghsa_43_only_the_configured_header_is_believed() {
        let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
        let peer = "10.0.0.1".parse().ok();
        for (believed, passed_on, forged) in [
            (XForwardedFor, Forwarded, "for=203.0.113.9"),
            (Forwarded, XForwardedFor, "203.0.113.9"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(named(passed_on), forged.parse().unwrap());
            assert_eq!(proxies.client(peer, believed, &headers), peer);
        }
        assert_eq!(ForwardedHeader::default(), XForwardedFor);
    }

    #[test]
    fn ghsa_44_the_rightmost_untrusted_element_of_forwarded_counts() {
        let trusted = "10.0.0.0/8, 2001:db8::7";
        let client = "203.0.113.9";
        for lines in [
            &["for=203.0.113.9"] as &[_],
            &["for=8.8.8.8, for=203.0.113.9, for=10.1.1.1"],
            &["for=8.8.8.8", "for=203.0.113.9;proto=https", "For=10.1.1.1"],
            &["for=\"oops, for=203.0.113.9, for=\"[2001:db8::7]:443\""],
            &["x=\"", "for=203.0.113.9"],
            &["for=unknown, for=\"[::ffff:203.0.113.9]:_p\""],
        ] {
            assert_eq!(
                seen_in(Forwarded, trusted, "10.0.0.1", lines),
                client,
                "{lines:?}"
            );
        }
        let lines = &["for=\"[2001:db8::9]\""];
        assert_eq!(
            seen_in(Forwarded, trusted, "2001:db8::7", lines),
            "2001:db8::9"
        );
    }

    #[test]
    fn ghsa_45_what_cannot_be_read_in_forwarded_counts_for_the_proxy() {
        for lines in [
            &[] as &[_],
            &[""],
            &["for=203.0.113.9, for=unknown"],
            &["for=203.0.113.9, for=_hidden, for=10.2.2.2"],
            &["for=203.0.113.9", "proto=https"],
            &["for=203.0.113.9,"],
            &["for=203.0.113.9;for=203.0.113.8"],
            &["for=2001:db8::9"],
            &["for=10.2.2.2"],
            &["203.0.113.9"],
        ] {
            let seen = seen_in(Forwarded, "10.0.0.0/8", "10.0.0.1", lines);
            assert_eq!(seen, "10.0.0.1", "{lines:?}");
        }
    }

    /// A line as proxies write it, the client's own claims first.
    fn written(header: ForwardedHeader, hops: &[IpAddr]) -> String {
        let hops = hops.iter().map(|hop| match (header, hop) {
            (XForwardedFor, hop) => hop.to_string(),
            (Forwarded, IpAddr::V4(hop)) => format!("for={hop}"),
            (Forwarded, IpAddr::V6(hop)) => format!("for=\"[{hop}]:443\";proto=https"),
        });
        hops.collect::<Vec<_>>().join(", ")
    }

    fn any_header() -> impl Strategy<Value = ForwardedHeader> {
        prop_oneof![Just(XForwardedFor), Just(Forwarded)]
    }

    /// `bytes` without those that no server lets through.
    fn value(bytes: &[u8]) -> http::HeaderValue {
        let is_allowed = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
        let allowed: Vec<_> = bytes.iter().copied().filter(is_allowed).collect();
        http::HeaderValue::from_bytes(&allowed).unwrap()
    }

    proptest! {
        #[test]
        fn ghsa_44_nothing_that_a_client_sends_changes_its_address(
            header in any_header(),
            forged in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 0..3),
            client in any::<IpAddr>(),
            inner in proptest::collection::vec(any::<[u8; 3]>(), 0..3),
            is_appended in any::<bool>(),
        ) {
            let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
            let client = client.to_canonical();
            prop_assume!(!proxies.trusts(client));
            let mut hops = vec![client];
            hops.extend(inner.iter().map(|[a, b, c]| IpAddr::from([10, *a, *b, *c])));
            let mut own = written(header, &hops).into_bytes();
            let mut lines = forged;
            if is_appended {
                own = [lines.pop().unwrap_or_default().as_slice(), b", ", &own].concat();
            }
            lines.push(own);
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append(named(header), value(line));
            }
            let seen = proxies.client("10.0.0.1".parse().ok(), header, &headers);
            prop_assert_eq!(seen, Some(client));
        }

        #[test]
        fn ghsa_45_behind_a_trusted_proxy_there_is_always_an_address_to_count(
            header in any_header(),
            line in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(named(header), value(&line));
            let peer = "10.0.0.1".parse().ok();
            let seen = proxies.client(peer, header, &headers);
            prop_assert!(seen == peer || seen.is_some_and(|seen| !proxies.trusts(seen)));
        }
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
            let client = proxies.client(peer.parse().ok(), XForwardedFor, &headers);
            assert_eq!(client, "203.0.113.9".parse().ok(), "{peer}");
        }
    }

    #[test]
    fn ghsa_43_a_network_of_mapped_addresses_is_the_one_of_ipv4() {
        for trusted in [
            "::ffff:127.0.0.0/104",
            "::ffff:127.9.9.9/104",
            "::ffff:7f00:1/128",
        ] {
            for peer in ["127.0.0.1", "::ffff:127.0.0.1"] {
                let client = seen(trusted, peer, &["203.0.113.9"]);
                assert_eq!(client, "203.0.113.9", "{trusted} {peer}");
            }
            let stranger = seen(trusted, "128.0.0.1", &["203.0.113.9"]);
            assert_eq!(stranger, "128.0.0.1", "{trusted}");
        }
        let all = seen("::ffff:0:0/96", "192.0.2.1", &["203.0.113.9, 198.51.100.1"]);
        assert_eq!(all, "192.0.2.1", "every address is a proxy's");
    }

    #[test]
    fn a_list_that_is_not_one_of_networks_is_refused() {
        for text in [
            "10.0.0.0/33",
            "proxy.example",
            "10.0.0.0/8;10.1.1.1",
            // Some addresses of it are IPv4's, and no one could tell which are meant.
            "::ffff:10.0.0.0/95",
            "::ffff:10.0.0.0/0",
        ] {
            assert!(text.parse::<TrustedProxies>().is_err(), "{text}");
        }
    }
}

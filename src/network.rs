//! Networks of clients, by which requests without a session are counted and queued.
//!
//! A client's address is in several networks, one within the other, and each has its own budget.
//! An IPv6 customer gets a /64, often a /56 and sometimes a /48 (RFC 6177): a limit at only one of
//! these is either evaded or shared by strangers.

use std::net::IpAddr;

/// The networks of one client, the narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    levels: [Level; 3],
    count: usize,
}

/// One network that a client is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Which one.
    pub prefix: Prefix,
    /// How many times the budget of the narrowest network it has.
    pub factor: u32,
}

/// The leading bits of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    octets: [u8; 8],
    /// How many of them count. IPv6 networks are cut at whole octets, and at
    /// more of them than an IPv4 address has.
    len: u8,
}

impl Prefix {
    const NONE: Self = Self {
        octets: [0; 8],
        len: 0,
    };

    fn new(address: &[u8], len: u8) -> Self {
        let mut octets = [0; 8];
        let leading = octets.iter_mut().take(usize::from(len));
        for (to, from) in leading.zip(address) {
            *to = *from;
        }
        Self { octets, len }
    }

    /// The prefix as a key: its length and its octets, so that a network is
    /// never taken for one of another size.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 9] {
        let [a, b, c, d, e, f, g, h] = self.octets;
        [self.len, a, b, c, d, e, f, g, h]
    }
}

impl Network {
    /// The networks of `address`: of an IPv4 address, also one mapped into
    /// IPv6, the address itself and its /24 with 4 times the budget; of an IPv6
    /// address its /64, its /56 with 4 times and its /48 with 16 times the
    /// budget. Clients without an address share one network.
    #[must_use]
    pub fn of(address: Option<IpAddr>) -> Self {
        let level = |octets: &[u8], len, factor| Level {
            prefix: Prefix::new(octets, len),
            factor,
        };
        let unused = Level {
            prefix: Prefix::NONE,
            factor: 1,
        };
        match address.map(|address| address.to_canonical()) {
            None => Self {
                levels: [unused; 3],
                count: 1,
            },
            Some(IpAddr::V4(address)) => {
                let octets = address.octets();
                Self {
                    levels: [level(&octets, 4, 1), level(&octets, 3, 4), unused],
                    count: 2,
                }
            }
            Some(IpAddr::V6(address)) => {
                let octets = address.octets();
                Self {
                    levels: [
                        level(&octets, 8, 1),
                        level(&octets, 7, 4),
                        level(&octets, 6, 16),
                    ],
                    count: 3,
                }
            }
        }
    }

    /// The networks, the narrowest first.
    pub fn levels(&self) -> impl Iterator<Item = Level> + use<> {
        self.levels.into_iter().take(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(address: &str) -> Vec<(Vec<u8>, u32)> {
        let network = Network::of(address.parse().ok());
        let level = |level: Level| {
            let [len, octets @ ..] = level.prefix.to_bytes();
            (octets[..usize::from(len)].to_vec(), level.factor)
        };
        network.levels().map(level).collect()
    }

    #[test]
    fn ghsa_45_ipv6_counts_at_three_levels_and_ipv4_at_two() {
        assert_eq!(
            levels("2001:db8:1:2ff:3::4"),
            [
                (vec![0x20, 1, 0xd, 0xb8, 0, 1, 2, 0xff], 1),
                (vec![0x20, 1, 0xd, 0xb8, 0, 1, 2], 4),
                (vec![0x20, 1, 0xd, 0xb8, 0, 1], 16),
            ]
        );
        let address = [(vec![192, 0, 2, 7], 1), (vec![192, 0, 2], 4)];
        assert_eq!(levels("192.0.2.7"), address);
        assert_eq!(levels("::ffff:192.0.2.7"), address);
        assert_eq!(levels("nowhere"), [(vec![], 1)]);
    }

    #[test]
    fn a_network_is_never_taken_for_one_of_another_size() {
        let keys = |address: &str| {
            let network = Network::of(address.parse().ok());
            network.levels().map(|level| level.prefix.to_bytes())
        };
        // The same leading octets everywhere.
        let all = ["0.0.0.0", "::1:0:0:0:1", "nowhere"].into_iter();
        let all: Vec<_> = all.flat_map(keys).collect();
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}

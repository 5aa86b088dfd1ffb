//! A line in which networks take turns.
//!
//! Start-time fair queueing (Goyal, Vin and Cheng, "Start-time Fair Queueing",
//! SIGCOMM 1996), over the levels of a [`Network`]. Each entry gets a tag, its
//! turn in a virtual time that advances as entries are served. The tag is the
//! latest of the next turns of the entry's networks, and each entry moves its
//! networks' next turns on: the narrowest by one turn, a wider one by a
//! fraction of it. So an entry of a network without others in the line is
//! served next. The entries of a network with many of them wait longest, and
//! are refused first when the line is full.

use std::collections::{BTreeMap, HashMap};

use crate::network::{Level, Network, Prefix};

/// The length of a turn of the narrowest network. A wider network's turn is
/// shorter by its factor. A turn is longer than a line usually is, because the
/// virtual time advances by at least one for each entry that is served; with a
/// shorter turn, a network that returns at once would have no turns to wait
/// for.
const TURN: u64 = 1024;

/// The maximum number of turns by which an entry is postponed beyond the virtual
/// time.
const MOST_POSTPONED: u64 = 16;

/// The place of an entry: when its turn is, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag {
    turn: u64,
    number: u64,
}

#[derive(Debug)]
pub(super) struct Line<T> {
    entries: BTreeMap<Tag, Entry<T>>,
    /// When the next entry of a network has its turn.
    networks: HashMap<Prefix, u64>,
    /// The virtual time.
    now: u64,
    next: u64,
}

#[derive(Debug)]
struct Entry<T> {
    network: Network,
    item: T,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            networks: HashMap::new(),
            now: 0,
            next: 0,
        }
    }
}

impl<T> Line<T> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts `item` in the line, and returns where.
    pub(super) fn push(&mut self, network: Network, item: T) -> Tag {
        let mut turn = self.now;
        for level in network.levels() {
            let next = self.networks.entry(level.prefix).or_default();
            let begins = self.now.max(*next);
            turn = turn.max(begins);
            *next = begins.saturating_add(length(level.factor));
        }
        let tag = Tag {
            turn,
            number: self.next,
        };
        self.next = self.next.wrapping_add(1);
        self.entries.insert(tag, Entry { network, item });
        tag
    }

    /// Moves the entry with this tag back by a turn if it came from the address of
    /// `network`, and returns its tag. The next turns of its networks do not change,
    /// since other clients share them.
    pub(super) fn postpone(&mut self, tag: Tag, network: Network) -> Tag {
        let is_same = |entry: &Entry<T>| narrowest(entry.network) == narrowest(network);
        let turn = tag.turn.max(self.now).saturating_add(TURN);
        let most = self.now.saturating_add(MOST_POSTPONED * TURN);
        if turn > most || !self.entries.get(&tag).is_some_and(is_same) {
            return tag;
        }
        let postponed = Tag { turn, ..tag };
        if let Some(entry) = self.entries.remove(&tag) {
            self.entries.insert(postponed, entry);
        }
        postponed
    }

    /// Returns `true` if an entry of `network` would have the latest turn now.
    pub(super) fn would_be_last(&self, network: Network) -> bool {
        let next = |level: Level| self.networks.get(&level.prefix).copied();
        let turn = network.levels().filter_map(next).max();
        let turn = turn.unwrap_or_default().max(self.now);
        let last = self.entries.last_key_value();
        last.is_none_or(|(last, _)| last.turn <= turn)
    }

    /// Removes and returns the entry with the earliest turn.
    pub(super) fn pop(&mut self) -> Option<T> {
        let (tag, entry) = self.entries.pop_first()?;
        // The time advances by at least one, so that newcomers do not delay an
        // entry for ever.
        self.now = self.now.saturating_add(1).max(tag.turn);
        self.leave(entry.network, false);
        Some(entry.item)
    }

    /// Removes and returns the entry with the latest turn: the newest one of
    /// the network with the most entries, or one that was postponed.
    pub(super) fn pop_last(&mut self) -> Option<T> {
        let (_, entry) = self.entries.pop_last()?;
        self.leave(entry.network, true);
        Some(entry.item)
    }

    /// Removes the entry with this tag.
    pub(super) fn remove(&mut self, tag: Tag) -> Option<T> {
        let entry = self.entries.remove(&tag)?;
        self.leave(entry.network, true);
        Some(entry.item)
    }

    /// Updates the networks of an entry that has left. With `undo`, as if it
    /// had never entered.
    fn leave(&mut self, network: Network, undo: bool) {
        if self.entries.is_empty() {
            // No network has turns to wait for.
            self.networks.clear();
            self.now = 0;
            return;
        }
        for level in network.levels().filter(|_| undo) {
            if let Some(next) = self.networks.get_mut(&level.prefix) {
                *next = next.saturating_sub(length(level.factor));
            }
        }
        // A network whose next turn has passed is like one that has never come. Those
        // are removed when they may be most of the map.
        if self.networks.len() > 8 * self.entries.len() + 1024 {
            let now = self.now;
            self.networks.retain(|_, next| *next > now);
        }
    }
}

fn narrowest(network: Network) -> Option<Prefix> {
    network.levels().next().map(|level| level.prefix)
}

fn length(factor: u32) -> u64 {
    (TURN / u64::from(factor.max(1))).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v6(net: u16, subnet: u16) -> Network {
        let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, net, subnet, 0, 0, 0, 1);
        Network::of(Some(address.into()))
    }

    fn v4(octets: [u8; 4]) -> Network {
        Network::of(Some(octets.into()))
    }

    #[test]
    fn a_lone_network_is_served_in_the_order_in_which_it_came() {
        let mut line = Line::default();
        for number in 0..100 {
            line.push(v4([192, 0, 2, 1]), number);
        }
        let served: Vec<_> = std::iter::from_fn(|| line.pop()).collect();
        assert_eq!(served, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_network_that_comes_seldom_is_served_before_those_that_return_at_once() {
        let mut line = Line::default();
        for net in 0..200 {
            line.push(v6(net, 0), net);
        }
        // Each of them has one entry at a time, and another one at once.
        for _ in 0..1_000 {
            let net = line.pop().unwrap();
            line.push(v6(net, 0), net);
        }
        line.push(v6(999, 0), 999);
        let before = std::iter::from_fn(|| line.pop()).position(|net| net == 999);
        assert!(before.unwrap() <= 2, "{before:?}");
    }

    #[test]
    fn a_postponed_entry_is_served_after_those_with_earlier_turns() {
        let mut line = Line::default();
        let mut tags: Vec<_> = (0..100).map(|net| line.push(v6(net, 0), net)).collect();
        for _ in 0..2 {
            for (net, tag) in (0..50).zip(&mut tags) {
                *tag = line.postpone(*tag, v6(net, 0));
            }
        }
        line.push(v6(100, 0), 100);
        let served: Vec<_> = std::iter::from_fn(|| line.pop()).collect();
        assert_eq!(served[..51], (50..=100).collect::<Vec<_>>());
        assert_eq!(served[51..], (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn only_the_same_address_postpones_an_entry_and_no_neighbour_is_delayed() {
        let places = |times| {
            let mut line = Line::default();
            let mut tag = line.push(v4([192, 0, 2, 1]), "waits");
            assert_eq!(line.postpone(tag, v4([192, 0, 2, 2])), tag);
            for number in 0..50 {
                line.push(v4([198, 51, 100, number]), "other");
            }
            for _ in 0..times {
                tag = line.postpone(tag, v4([192, 0, 2, 1]));
            }
            line.push(v4([192, 0, 2, 2]), "neighbour");
            let served: Vec<_> = std::iter::from_fn(|| line.pop()).collect();
            let place = |of| served.iter().position(|item| *item == of).unwrap();
            (place("waits"), place("neighbour"))
        };
        assert_eq!(places(0), (0, 3));
        assert_eq!(places(300), (51, 2));
    }

    #[test]
    fn an_entry_is_postponed_by_at_most_sixteen_turns() {
        let mut line = Line::default();
        let mut tag = line.push(v6(0, 0), 0);
        for net in 1..20 {
            line.push(v6(net, 0), net);
        }
        for _ in 0..1_000_000 {
            tag = line.postpone(tag, v6(0, 0));
        }
        // The others return at once, but it is served.
        let before = std::iter::from_fn(|| {
            let net = line.pop()?;
            line.push(v6(net, 0), net);
            (net != 0).then_some(net)
        });
        let before = before.count();
        assert!((16 * 19..19 * 19).contains(&before), "{before}");
    }

    #[test]
    fn a_network_without_entries_is_served_next() {
        let mut line = Line::default();
        for number in 0..100 {
            line.push(v4([192, 0, 2, 1]), number);
        }
        assert_eq!(line.pop(), Some(0));
        line.push(v4([198, 51, 100, 1]), 1000);
        // At most one entry of the other has its turn as early.
        let next = [line.pop().unwrap(), line.pop().unwrap()];
        assert!(next.contains(&1000), "{next:?}");
    }

    #[test]
    fn a_flood_from_the_networks_of_one_56_has_the_share_of_four() {
        let mut line = Line::default();
        for subnet in 0..256 {
            line.push(v6(0, subnet), 1000 + subnet);
        }
        for other in 1..=20 {
            line.push(v6(other, 0), other);
        }
        let served: Vec<_> = (0..40).filter_map(|_| line.pop()).collect();
        let others = served.iter().filter(|number| **number <= 20).count();
        // The flood is served four times in each round of the others.
        assert_eq!(others, 20, "{served:?}");
        let place = served.iter().rposition(|number| *number <= 20);
        assert!(place.unwrap() < 25, "{served:?}");
    }

    #[test]
    fn the_newest_entry_of_the_network_with_most_is_refused_first() {
        let mut line = Line::default();
        for number in 0..50 {
            line.push(v4([192, 0, 2, 1]), number);
        }
        line.push(v4([198, 51, 100, 1]), 1000);
        assert_eq!(line.pop_last(), Some(49));
        assert_eq!(line.pop_last(), Some(48));
        // A refused entry does not move its network's next turn.
        let tag = line.push(v4([192, 0, 2, 1]), 50);
        assert_eq!(line.remove(tag), Some(50));
        assert_eq!(line.len(), 49);
    }

    #[test]
    fn would_be_last_agrees_with_pop_last() {
        let mut line = Line::default();
        assert!(line.would_be_last(v4([192, 0, 2, 1])));
        for number in 0..5 {
            line.push(v4([192, 0, 2, 1]), number);
        }
        assert!(line.would_be_last(v4([192, 0, 2, 1])));
        assert!(!line.would_be_last(v4([198, 51, 100, 1])));
        line.push(v4([198, 51, 100, 1]), 5);
        assert_eq!(line.pop_last(), Some(4));
    }

    #[test]
    fn what_is_remembered_is_bounded_by_what_waits() {
        let mut line = Line::default();
        let mut number = 0_u32;
        for _ in 0..100_000 {
            number += 1;
            line.push(v4(number.to_be_bytes()), number);
            number += 1;
            line.push(v4(number.to_be_bytes()), number);
            let _ = line.pop();
            if line.len() > 100 {
                let _ = line.pop_last();
            }
        }
        assert!(line.networks.len() < 3000, "{}", line.networks.len());
    }

    proptest! {
        /// Between two turns of a network that always waits, no other network
        /// of its size has more than two, whatever it sends; so none waits for
        /// ever.
        #[test]
        fn no_network_gets_more_than_its_share(
            arrivals in prop::collection::vec((0u8..6, 1usize..20), 1..60)
        ) {
            let mut line = Line::default();
            let quiet = v4([203, 0, 113, 1]);
            line.push(quiet, 255);
            let mut since: HashMap<u8, usize> = HashMap::new();
            for (who, count) in arrivals {
                for _ in 0..count {
                    line.push(v4([10, who, 0, 1]), who);
                }
                for _ in 0..count {
                    match line.pop() {
                        Some(255) => {
                            since.clear();
                            line.push(quiet, 255);
                        }
                        Some(other) => {
                            let served = since.entry(other).or_default();
                            *served += 1;
                            prop_assert!(*served <= 2, "{other} was served {served} times");
                        }
                        None => prop_assert!(false, "the quiet one always waits"),
                    }
                }
            }
        }
    }
}

//! Who has how many entries of a table.

use std::collections::BTreeSet;

use crate::id::UserId;

/// The owners of the entries of a table, by how many they have.
///
/// In a full table the owner with the most entries gives one up. So no owner is refused
/// because of others as long as the table has room for one entry of each.
#[derive(Default)]
pub(super) struct Shares(BTreeSet<(usize, UserId)>);

impl Shares {
    /// Notes that `owner` has `after` entries in place of `before`.
    pub(super) fn change(&mut self, owner: UserId, before: usize, after: usize) {
        self.0.remove(&(before, owner));
        if after > 0 {
            self.0.insert((after, owner));
        }
    }

    /// Returns the owner with the most entries besides `owner`, if those are at least
    /// `own` and more than one.
    pub(super) fn largest_other(&self, owner: UserId, own: usize) -> Option<UserId> {
        let others = self.0.iter().rev().find(|(_, holder)| *holder != owner);
        others
            .filter(|(most, _)| *most > 1 && *most >= own)
            .map(|(_, holder)| *holder)
    }

    /// Returns the owner who gives up an entry for a new one of `owner`, who has `own`:
    /// the one with the most, possibly `owner`. No owner gives up an only entry to
    /// another.
    pub(super) fn giver(&self, owner: UserId, own: usize) -> Option<UserId> {
        match self.0.last() {
            Some((most, holder)) if *most > own.max(1) => Some(*holder),
            _ => (own > 0).then_some(owner),
        }
    }
}

//! Breached passwords in a file: no network, and never down.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use async_trait::async_trait;
use xorf::Filter;

use super::format::{self, BreachFilterError, Stored};
use super::query::filter_key;
use super::{BreachCheck, BreachQuery};
use crate::error::Cause;

/// A set of breached passwords in memory, two and a quarter bytes for each.
///
/// It is a binary fuse filter (Graf and Lemire, ACM JEA 2022) with fingerprints
/// of 16 bits over SHA-1: every password that was put in is found, and of the
/// others one in 65,536 is taken for breached, whose owner chooses another.
/// The file tells nobody which passwords are in it, but who can write it
/// decides which ones are refused: the checksum is against damage only.
///
/// Make one with [`BreachFilterBuilder`](super::BreachFilterBuilder) or the
/// example `breach_filter`; see `docs/breached-passwords.md`. To share one
/// among services, put it into an [`Arc`](std::sync::Arc).
pub struct BreachFilter(Stored);

impl BreachFilter {
    /// Reads the file at `path` into memory. It blocks the thread: call it
    /// before the server starts.
    ///
    /// Memory taken is the length of the file and 64 KiB.
    ///
    /// # Errors
    ///
    /// [`BreachFilterError`]. A damaged file is always refused: its checksum is
    /// SHA-256.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, BreachFilterError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        format::read(file, length).map(Self)
    }

    /// Reads a file that is in memory already.
    ///
    /// # Errors
    ///
    /// [`BreachFilterError`], as [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BreachFilterError> {
        format::read(bytes, bytes.len() as u64).map(Self)
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// Those of `file`.
    pub fn write_to(&self, file: impl Write) -> io::Result<()> {
        format::write(&self.0, file)
    }

    /// Whether the password whose SHA-1 is `digest` was put in, or is one of
    /// the few that are taken for it.
    #[must_use]
    pub fn contains_sha1(&self, digest: &[u8; 20]) -> bool {
        self.0.filter.contains(&filter_key(digest))
    }

    /// How many different passwords it was built from.
    #[must_use]
    pub fn password_count(&self) -> u32 {
        self.0.count
    }

    /// `stored` must have come from a builder.
    pub(super) fn new(stored: Stored) -> Self {
        Self(stored)
    }
}

#[async_trait]
impl BreachCheck for BreachFilter {
    async fn is_breached(&self, query: &BreachQuery) -> Result<bool, Cause> {
        Ok(self.contains_sha1(query.expose_sha1()))
    }
}

impl fmt::Debug for BreachFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreachFilter")
            .field("password_count", &self.0.count)
            .finish_non_exhaustive()
    }
}

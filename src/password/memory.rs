//! The memory that one hashing thread works in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::{Argon2, Block};
use zeroize::{Zeroize, Zeroizing};

use super::error::HashError;
use crate::metrics;

/// Blocks that are wiped before it is looked whether a job has come: 1 MiB.
const WIPED_AT_ONCE: usize = 1024;

/// Memory for Argon2, allocated once and used again and again.
///
/// What it holds after a run is derived from the password: its first blocks
/// tell whether a guess is right without the run. RFC 9106 §3.1 leaves wiping
/// it to the implementation. Here it is done when there is time for it, and
/// when the memory is freed.
pub(super) struct Memory {
    blocks: Zeroizing<Vec<Block>>,
    is_dirty: bool,
    runs: Arc<AtomicU64>,
}

impl Memory {
    /// `block_count` KiB of memory. Every run is counted in `runs`.
    pub(super) fn new(block_count: usize, runs: Arc<AtomicU64>) -> Result<Self, HashError> {
        Ok(Self {
            blocks: allocate(block_count)?,
            is_dirty: false,
            runs,
        })
    }

    /// One run of `argon2`. When it needs more memory than there is, the run
    /// gets its own, which is freed afterwards.
    pub(super) fn argon2(
        &mut self,
        argon2: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), HashError> {
        let needed = argon2.params().block_count();
        let mut larger;
        let blocks = if needed > self.blocks.len() {
            larger = allocate(needed)?;
            &mut larger
        } else {
            self.is_dirty = true;
            &mut self.blocks
        };
        argon2
            .hash_password_into_with_memory(password, salt, output, blocks.as_mut_slice())
            .map_err(|error| HashError::Failed(error.into()))?;
        self.runs.fetch_add(1, Ordering::Relaxed);
        metrics::hashing_ran();
        Ok(())
    }

    /// Whether something derived from a password may be in it.
    pub(super) fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Wipes it, unless `is_needed` says in between that there is work: the
    /// next run writes over it anyway.
    pub(super) fn wipe(&mut self, is_needed: impl Fn() -> bool) {
        for part in self.blocks.chunks_mut(WIPED_AT_ONCE) {
            if is_needed() {
                return;
            }
            part.iter_mut().zeroize();
        }
        self.is_dirty = false;
    }
}

fn allocate(block_count: usize) -> Result<Zeroizing<Vec<Block>>, HashError> {
    let mut blocks = Vec::new();
    blocks
        .try_reserve_exact(block_count)
        .map_err(|error| HashError::Failed(error.into()))?;
    blocks.resize(block_count, Block::new());
    Ok(Zeroizing::new(blocks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::Params;

    fn is_blank(memory: &Memory) -> bool {
        let mut words = memory.blocks.iter().flat_map(|block| block.as_ref());
        words.all(|word| *word == 0)
    }

    fn used() -> Memory {
        let mut memory = Memory::new(3000, Arc::default()).unwrap();
        let argon2 = Argon2::from(Params::new(3000, 1, 1, None).unwrap());
        memory
            .argon2(&argon2, b"password", b"saltsalt", &mut [0; 32])
            .unwrap();
        memory
    }

    #[test]
    fn wiping_leaves_nothing() {
        let mut memory = used();
        assert!(memory.is_dirty() && !is_blank(&memory));
        memory.wipe(|| false);
        assert!(!memory.is_dirty() && is_blank(&memory));
    }

    #[test]
    fn wiping_makes_way_for_work_and_is_not_taken_for_done() {
        let mut memory = used();
        let asked = std::cell::Cell::new(0);
        memory.wipe(|| asked.replace(asked.get() + 1) == 1);
        assert!(memory.is_dirty() && !is_blank(&memory));
        assert_eq!(asked.get(), 2);
    }

    #[test]
    fn asvs_15_2_2_a_larger_run_leaves_the_own_memory_as_it_is() {
        let mut memory = Memory::new(8, Arc::default()).unwrap();
        let argon2 = Argon2::from(Params::new(64, 1, 1, None).unwrap());
        memory
            .argon2(&argon2, b"password", b"saltsalt", &mut [0; 32])
            .unwrap();
        assert_eq!(memory.blocks.len(), 8);
        assert!(!memory.is_dirty() && is_blank(&memory));
    }

    #[test]
    fn ghsa_59_memory_that_is_not_there_is_an_error() {
        assert!(Memory::new(usize::MAX / 2048, Arc::default()).is_err());
    }
}

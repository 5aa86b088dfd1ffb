//! The filter file, version 1: see `docs/breached-passwords.md`.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};
use xorf::{BinaryFuse16, Descriptor};

/// Longest filter file, in bytes: 4 GiB, for some 1,900 million passwords.
pub const MAX_FILTER_BYTES: u64 = 1 << 32;

const MAGIC: &[u8; 8] = b"\x89BREACH\n";
const VERSION: u16 = 1;
/// A binary fuse filter of three segments with fingerprints of 16 bits, over
/// the first 8 bytes of SHA-1.
const KIND: u16 = 1;
const HEADER_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 32;
/// What is held of the file besides the filter while it is read or written.
const BUFFER_BYTES: usize = 64 * 1024;
/// The longest segment that is ever built.
const MAX_SEGMENT: u32 = 1 << 18;

/// Why a filter file is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BreachFilterError {
    /// It could not be read.
    #[error("the filter file could not be read")]
    Io(#[from] io::Error),
    /// It is some other file.
    #[error("this is not a filter file")]
    NotAFilter,
    /// It is a filter file of another version or kind.
    #[error("filter files of version {version} and kind {kind} are not supported")]
    Unsupported {
        /// The version that it says.
        version: u16,
        /// The kind that it says.
        kind: u16,
    },
    /// Its header contradicts itself.
    #[error("the header of the filter file is malformed")]
    Malformed,
    /// It is shorter or longer than its header says: it was cut off, or is
    /// still being written.
    #[error("the filter file has {actual} bytes instead of {expected}")]
    Length {
        /// The length that follows from the header, in bytes.
        expected: u64,
        /// The length that it has, in bytes.
        actual: u64,
    },
    /// It is longer than [`MAX_FILTER_BYTES`], or than there is memory for.
    #[error("the filter file is too large")]
    TooLarge,
    /// Its checksum does not match: it was damaged.
    #[error("the checksum of the filter file does not match")]
    Checksum,
}

/// A filter, and how many passwords it was built from.
pub(super) struct Stored {
    pub(super) filter: BinaryFuse16,
    pub(super) count: u32,
}

/// The fixed part at the beginning.
struct Header {
    descriptor: Descriptor,
    count: u32,
}

impl Header {
    fn of(stored: &Stored) -> Self {
        Self {
            descriptor: stored.filter.descriptor.clone(),
            count: stored.count,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(KIND.to_le_bytes());
        bytes.extend(self.descriptor.segment_length.to_le_bytes());
        bytes.extend(self.descriptor.segment_count_length.to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(self.descriptor.seed.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Self, BreachFilterError> {
        let mut rest = bytes;
        if take(&mut rest)? != *MAGIC {
            return Err(BreachFilterError::NotAFilter);
        }
        let version = u16::from_le_bytes(take(&mut rest)?);
        let kind = u16::from_le_bytes(take(&mut rest)?);
        if (version, kind) != (VERSION, KIND) {
            return Err(BreachFilterError::Unsupported { version, kind });
        }
        let segment_length = u32::from_le_bytes(take(&mut rest)?);
        let segment_count_length = u32::from_le_bytes(take(&mut rest)?);
        let count = u32::from_le_bytes(take(&mut rest)?);
        let seed = u64::from_le_bytes(take(&mut rest)?);
        // What makes every place that a lookup computes one of the filter's.
        let is_sound = segment_length.is_power_of_two()
            && segment_length <= MAX_SEGMENT
            && segment_count_length > 0
            && segment_count_length.is_multiple_of(segment_length);
        let header = Self {
            descriptor: Descriptor {
                seed,
                segment_length,
                segment_length_mask: segment_length.wrapping_sub(1),
                segment_count_length,
            },
            count,
        };
        if !is_sound || count == 0 || u64::from(count) > header.fingerprints() {
            return Err(BreachFilterError::Malformed);
        }
        Ok(header)
    }

    /// How many fingerprints follow: two segments more than are counted.
    fn fingerprints(&self) -> u64 {
        u64::from(self.descriptor.segment_count_length)
            + 2 * u64::from(self.descriptor.segment_length)
    }

    /// The length of the whole file, in bytes.
    fn file_bytes(&self) -> u64 {
        (HEADER_BYTES + CHECKSUM_BYTES) as u64 + 2 * self.fingerprints()
    }
}

/// Whether a file with `filter` could be read again.
pub(super) fn fits(filter: &BinaryFuse16) -> bool {
    let header = Header {
        descriptor: filter.descriptor.clone(),
        count: 0,
    };
    header.file_bytes() <= MAX_FILTER_BYTES
}

/// Reads a file of `length` bytes. No memory is taken for more than these, and
/// none before the header agrees with them.
pub(super) fn read(mut file: impl Read, length: u64) -> Result<Stored, BreachFilterError> {
    let mut start = Vec::with_capacity(HEADER_BYTES);
    file.by_ref()
        .take(HEADER_BYTES as u64)
        .read_to_end(&mut start)?;
    let header = Header::parse(&start)?;
    let expected = header.file_bytes();
    if expected > MAX_FILTER_BYTES {
        return Err(BreachFilterError::TooLarge);
    }
    if length != expected {
        return Err(BreachFilterError::Length {
            expected,
            actual: length,
        });
    }

    let mut checksum = Sha256::new_with_prefix(&start);
    let fingerprints = read_fingerprints(&mut file, &header, &mut checksum)?;
    let mut end = Vec::with_capacity(CHECKSUM_BYTES + 1);
    // One byte more, to see whether it became longer while it was read.
    file.take(CHECKSUM_BYTES as u64 + 1).read_to_end(&mut end)?;
    if checksum.finalize().as_slice() != end {
        return Err(BreachFilterError::Checksum);
    }
    Ok(Stored {
        filter: BinaryFuse16 {
            descriptor: header.descriptor,
            fingerprints: fingerprints.into_boxed_slice(),
        },
        count: header.count,
    })
}

fn read_fingerprints(
    file: &mut impl Read,
    header: &Header,
    checksum: &mut Sha256,
) -> Result<Vec<u16>, BreachFilterError> {
    let mut left =
        usize::try_from(header.fingerprints()).map_err(|_| BreachFilterError::TooLarge)?;
    let mut fingerprints = Vec::new();
    fingerprints
        .try_reserve_exact(left)
        .map_err(|_| BreachFilterError::TooLarge)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    while left > 0 {
        let now = left.min(BUFFER_BYTES / 2);
        let Some(part) = buffer.get_mut(..2 * now) else {
            return Err(BreachFilterError::Malformed);
        };
        file.read_exact(part)?;
        checksum.update(&*part);
        let (pairs, _) = part.as_chunks::<2>();
        fingerprints.extend(pairs.iter().map(|pair| u16::from_le_bytes(*pair)));
        left -= now;
    }
    Ok(fingerprints)
}

/// Writes the file.
pub(super) fn write(stored: &Stored, mut file: impl Write) -> io::Result<()> {
    let header = Header::of(stored).to_bytes();
    let mut checksum = Sha256::new_with_prefix(&header);
    file.write_all(&header)?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    for part in stored.filter.fingerprints.chunks(BUFFER_BYTES / 2) {
        buffer.clear();
        buffer.extend(
            part.iter()
                .flat_map(|fingerprint| fingerprint.to_le_bytes()),
        );
        checksum.update(&buffer);
        file.write_all(&buffer)?;
    }
    file.write_all(&checksum.finalize())?;
    file.flush()
}

/// The next bytes of the header; a file too short for one is none of ours.
fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], BreachFilterError> {
    let (first, rest) = bytes
        .split_first_chunk()
        .ok_or(BreachFilterError::NotAFilter)?;
    *bytes = rest;
    Ok(*first)
}

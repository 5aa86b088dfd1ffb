//! The filter file: everything put in is found, and nothing damaged is read.

use std::fs;
use std::path::PathBuf;

use admittance::password::breach::{
    BreachFilter, BreachFilterBuilder, BreachFilterError, MAX_FILTER_BYTES,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::source::{filter, query};

const HEADER_BYTES: usize = 32;

/// Digests that look like what SHA-1 gives; each `number` has its own.
fn digest(number: u64) -> [u8; 20] {
    let mut digest = [0; 20];
    let mut state = number;
    for part in digest.chunks_mut(8) {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = state;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^= value >> 31;
        part.copy_from_slice(&value.to_be_bytes()[..part.len()]);
    }
    digest
}

fn of_numbers(numbers: impl IntoIterator<Item = u64>) -> BreachFilter {
    let mut builder = BreachFilterBuilder::new();
    for number in numbers {
        builder.add_sha1(&digest(number));
    }
    builder.build().unwrap()
}

fn bytes(filter: &BreachFilter) -> Vec<u8> {
    let mut file = Vec::new();
    filter.write_to(&mut file).unwrap();
    file
}

fn path(name: &str) -> PathBuf {
    support::folder().join(name)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn everything_put_in_is_found_also_after_a_file(
        digests in vec(any::<[u8; 20]>(), 1..400),
        repeated in 0_usize..400,
    ) {
        let mut builder = BreachFilterBuilder::new();
        for digest in digests.iter().chain(digests.iter().take(repeated)) {
            builder.add_sha1(digest);
        }
        let filter = builder.build().unwrap();
        let read = BreachFilter::from_bytes(&bytes(&filter)).unwrap();
        prop_assert_eq!(read.password_count(), filter.password_count());
        for digest in &digests {
            prop_assert!(filter.contains_sha1(digest));
            prop_assert!(read.contains_sha1(digest));
        }
    }
}

#[test]
fn every_small_number_of_passwords_makes_a_filter() {
    for count in (1..300).chain([1_000, 4_096, 20_000]) {
        let filter = BreachFilter::from_bytes(&bytes(&of_numbers(0..count))).unwrap();
        assert_eq!(u64::from(filter.password_count()), count);
        let missing = (0..count).filter(|number| !filter.contains_sha1(&digest(*number)));
        assert_eq!(missing.count(), 0, "of {count}");
    }
}

#[test]
fn one_clean_password_in_65_536_is_taken_for_breached() {
    const ASKED: u64 = 2_000_000;
    let filter = of_numbers(0..100_000);
    let taken = (1_000_000..1_000_000 + ASKED)
        .filter(|number| filter.contains_sha1(&digest(*number)))
        .count();
    println!("{taken} of {ASKED} are taken for breached");
    // 30.5 are expected, with a standard deviation of 5.5.
    assert!((8..=58).contains(&taken), "{taken}");
}

#[test]
fn a_file_made_by_version_1_is_read_for_ever() {
    let file = FILE_OF_VERSION_1;
    let read = BreachFilter::from_bytes(&file).unwrap();
    assert_eq!(read.password_count(), 3);
    for password in ["zebra", "apple", "mango"] {
        assert!(
            read.contains_sha1(query(password).expose_sha1()),
            "{password}"
        );
    }
    assert!(!read.contains_sha1(query("lemon").expose_sha1()));
    assert_eq!(bytes(&filter(&["mango", "zebra", "apple"])), file);
}

#[test]
fn asvs_6_2_12_a_file_damaged_at_any_byte_is_refused() {
    let file = bytes(&of_numbers(0..300));
    for at in 0..file.len() {
        for bit in [1, 0x80] {
            let mut damaged = file.clone();
            damaged[at] ^= bit;
            assert!(BreachFilter::from_bytes(&damaged).is_err(), "byte {at}");
        }
        assert!(
            BreachFilter::from_bytes(&file[..at]).is_err(),
            "cut at {at}"
        );
    }
    let longer = [file.as_slice(), &[0]].concat();
    assert!(BreachFilter::from_bytes(&longer).is_err());
    let twice = [file.as_slice(), &file].concat();
    assert!(BreachFilter::from_bytes(&twice).is_err());
    assert!(BreachFilter::from_bytes(&file).is_ok());

    let large = bytes(&of_numbers(0..50_000));
    for at in (0..large.len()).step_by(997) {
        let mut damaged = large.clone();
        damaged[at] ^= 4;
        assert!(BreachFilter::from_bytes(&damaged).is_err(), "byte {at}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    let file = bytes(&of_numbers(0..300));
    let with = |at: usize, value: &[u8]| {
        let mut changed = file.clone();
        changed[at..at + value.len()].copy_from_slice(value);
        BreachFilter::from_bytes(&changed).unwrap_err()
    };
    use BreachFilterError as E;
    assert!(matches!(with(0, b"GIF89a"), E::NotAFilter));
    let short = BreachFilter::from_bytes(&file[..HEADER_BYTES - 1]).unwrap_err();
    assert!(matches!(short, E::NotAFilter), "{short:?}");
    let newer = with(8, &[2]);
    assert!(
        matches!(
            newer,
            E::Unsupported {
                version: 2,
                kind: 1
            }
        ),
        "{newer:?}"
    );
    let other = with(10, &[9]);
    assert!(
        matches!(
            other,
            E::Unsupported {
                version: 1,
                kind: 9
            }
        ),
        "{other:?}"
    );
    assert!(matches!(with(HEADER_BYTES, &[0; 64]), E::Checksum));
    let cut = BreachFilter::from_bytes(&file[..file.len() - 1]).unwrap_err();
    let expected = file.len() as u64;
    match cut {
        E::Length {
            expected: says,
            actual,
        } => assert_eq!((says, actual), (expected, expected - 1)),
        other => panic!("{other:?}"),
    }
}

/// A header that says what it likes; the checksum is not reached.
fn with_header(segment: u32, segments: u32, count: u32) -> BreachFilterError {
    let mut file = bytes(&of_numbers(0..300));
    file[12..16].copy_from_slice(&segment.to_le_bytes());
    file[16..20].copy_from_slice(&segments.to_le_bytes());
    file[20..24].copy_from_slice(&count.to_le_bytes());
    BreachFilter::from_bytes(&file).unwrap_err()
}

#[test]
fn asvs_15_2_2_a_header_that_promises_too_much_takes_no_memory() {
    use BreachFilterError as E;
    // A gigabyte that is not there, and more than any file may have.
    let promised = with_header(1 << 18, 1 << 29, 300);
    assert!(matches!(promised, E::Length { .. }), "{promised:?}");
    let huge = with_header(1 << 18, u32::MAX - (1 << 18) + 1, 300);
    assert!(matches!(huge, E::TooLarge), "{huge:?}");
    assert_eq!(MAX_FILTER_BYTES, 1 << 32);
    for (segment, segments, count) in [
        (0, 64, 10),
        (3, 66, 10),
        (64, 65, 10),
        (64, 0, 10),
        (1 << 19, 1 << 20, 10),
        (u32::MAX, u32::MAX, 10),
        (64, 640, 0),
        (64, 640, 769),
    ] {
        let error = with_header(segment, segments, count);
        assert!(
            matches!(error, E::Malformed),
            "{segment} {segments} {count}: {error:?}"
        );
    }
}

#[test]
fn a_file_is_loaded_by_its_path() {
    let path = path("breach.filter");
    fs::write(&path, bytes(&filter(&["zebra"]))).unwrap();
    let loaded = BreachFilter::load(&path).unwrap();
    assert!(loaded.contains_sha1(query("zebra").expose_sha1()));
    assert_eq!(
        format!("{loaded:?}"),
        "BreachFilter { password_count: 1, .. }"
    );

    let missing = BreachFilter::load(path.with_extension("none")).unwrap_err();
    assert!(matches!(missing, BreachFilterError::Io(_)), "{missing:?}");
    assert!(BreachFilter::load(support::folder()).is_err());
    fs::write(&path, b"").unwrap();
    let empty = BreachFilter::load(&path).unwrap_err();
    assert!(matches!(empty, BreachFilterError::NotAFilter), "{empty:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_an_end_is_refused() {
    assert!(BreachFilter::load("/dev/zero").is_err());
    assert!(BreachFilter::load("/dev/null").is_err());
}

/// Of "zebra", "apple" and "mango". A reader that was written after
/// `docs/breached-passwords.md` alone, in another language, finds these three
/// in it.
#[rustfmt::skip]
const FILE_OF_VERSION_1: [u8; 112] = [
    0x89, 0x42, 0x52, 0x45, 0x41, 0x43, 0x48, 0x0a, 0x01, 0x00, 0x01, 0x00, 0x08, 0x00, 0x00, 0x00,
    0x08, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0xc1, 0x5c, 0x02, 0x89, 0xec, 0x2d, 0x0a, 0x91,
    0x71, 0xae, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x6c, 0x17, 0x00, 0x00, 0x00, 0x00, 0xa5, 0xea, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xb1, 0x4d, 0x32, 0x9e, 0xdb, 0x6a, 0x0e, 0x16, 0x8a, 0xd7, 0x07, 0x73, 0xe6, 0x4d, 0x46, 0x6e,
    0x7f, 0x0e, 0xde, 0xc5, 0x58, 0xe8, 0x76, 0x07, 0xd5, 0x79, 0x41, 0xe6, 0x50, 0x36, 0x77, 0x95,
];

//! Filters out of lists.

use std::io::Read;

use admittance::password::breach::{BreachFilter, BreachFilterBuilder, BreachListError};

use crate::source::query;

/// A line as Have I Been Pwned gives it.
fn line(password: &str, count: u64) -> String {
    let query = query(password);
    format!("{}{}:{count}", query.prefix(), query.expose_suffix())
}

fn contains(filter: &BreachFilter, password: &str) -> bool {
    filter.contains_sha1(query(password).expose_sha1())
}

#[test]
fn a_list_of_hashes_is_taken_in_any_order_down_to_a_count() {
    let list = format!(
        "{}\r\n{}\r\n{}\n\n{}",
        line("zebra", 10),
        line("apple", 9),
        line("mango", 11).to_lowercase(),
        line("zebra", 3_000_000_000),
    );
    let mut builder = BreachFilterBuilder::new();
    assert_eq!(builder.add_sha1_list(list.as_bytes(), 10).unwrap(), 3);
    let filter = builder.build().unwrap();
    assert_eq!(filter.password_count(), 2, "zebra is there once");
    assert!(contains(&filter, "zebra") && contains(&filter, "mango"));
    assert!(!contains(&filter, "apple"));

    let mut all = BreachFilterBuilder::new();
    assert_eq!(all.add_sha1_list(list.as_bytes(), 0).unwrap(), 4);
    assert!(contains(&all.build().unwrap(), "apple"));
}

#[test]
fn a_list_with_a_wrong_line_is_refused_with_its_number() {
    let good = line("zebra", 1);
    let long = format!("{good}{}", "0".repeat(10_000));
    for wrong in [
        "zebra",
        &good[..40],
        &good[..41],
        &good[1..],
        &format!("{good} "),
        &good.replace(':', ";"),
        &long,
    ] {
        let list = format!("{good}\n{wrong}\n{good}\n");
        let mut builder = BreachFilterBuilder::new();
        match builder.add_sha1_list(list.as_bytes(), 0) {
            Err(BreachListError::Malformed { line }) => assert_eq!(line, 2, "{wrong}"),
            other => panic!("{wrong}: {other:?}"),
        }
    }
}

#[test]
fn a_list_of_passwords_is_taken_as_people_type_them() {
    let mut list = "zebra\r\nZoe\u{308}\n\n two words \n".as_bytes().to_vec();
    list.extend("a".repeat(128).bytes().chain(*b"\n"));
    list.extend("a".repeat(129).bytes().chain(*b"\n"));
    list.extend(b"\xff\xfe\n");
    list.extend("b".repeat(100_000).bytes().chain(*b"\n"));
    list.extend(b"last");
    let mut builder = BreachFilterBuilder::new();
    let summary = builder.add_password_list(list.as_slice()).unwrap();
    assert_eq!((summary.added, summary.skipped), (5, 4));
    let filter = builder.build().unwrap();
    for password in ["zebra", "Zo\u{eb}", " two words ", &"a".repeat(128), "last"] {
        assert!(contains(&filter, password), "{password}");
    }
    for password in ["two words", "zebra\r", "", &"b".repeat(100)] {
        assert!(!contains(&filter, password), "{password}");
    }
}

#[test]
fn a_filter_of_nothing_is_not_built() {
    let built = BreachFilterBuilder::new().build();
    assert!(matches!(built, Err(BreachListError::Empty)), "{built:?}");
    let mut builder = BreachFilterBuilder::new();
    builder
        .add_sha1_list(line("zebra", 1).as_bytes(), 2)
        .unwrap();
    let built = builder.build();
    assert!(matches!(built, Err(BreachListError::Empty)), "{built:?}");
}

#[test]
fn a_list_that_cannot_be_read_to_its_end_is_an_error() {
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk was told to fail"))
        }
    }

    let start = format!("{}\n", line("zebra", 1));
    let list = || std::io::BufReader::new(start.as_bytes().chain(Broken));
    let mut builder = BreachFilterBuilder::new();
    let outcome = builder.add_sha1_list(list(), 0);
    assert!(
        matches!(outcome, Err(BreachListError::Io(_))),
        "{outcome:?}"
    );
    let outcome = builder.add_password_list(list());
    assert!(
        matches!(outcome, Err(BreachListError::Io(_))),
        "{outcome:?}"
    );
}

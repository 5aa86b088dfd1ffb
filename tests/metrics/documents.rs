//! docs/operations.md and docs/dashboard.json speak of what there is.

use std::collections::{BTreeMap, BTreeSet};

use admittance::metrics::{ALL, Kind, Metric, SECONDS_BUCKETS, STORE_METHODS};
use serde_json::Value;

const OPERATIONS_MD: &str = include_str!("../../docs/operations.md");
const DASHBOARD: &str = include_str!("../../docs/dashboard.json");
/// Where the values of labels are spelled.
const SOURCES: [&str; 5] = [
    include_str!("../../src/error.rs"),
    include_str!("../../src/event.rs"),
    include_str!("../../src/mail/mod.rs"),
    include_str!("../../src/metrics/recording.rs"),
    include_str!("../../src/metrics/store.rs"),
];

/// A metric as a text names it: `base`, and what follows the name.
struct Named<'a> {
    metric: Metric,
    suffix: &'a str,
    rest: &'a str,
}

/// Every metric that `text` names, without the collections of `db.`. Panics at one
/// that does not exist.
fn named(text: &str) -> Vec<Named<'_>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("admittance_") {
        if text[..at].ends_with("db.") {
            continue;
        }
        let from_here = &text[at..];
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let end = from_here.find(|letter| !is_part(letter));
        let (name, rest) = from_here.split_at(end.unwrap_or(from_here.len()));
        let metric = ALL.into_iter().find(|metric| {
            let suffix = name.strip_prefix(metric.name);
            suffix.is_some_and(|suffix| match metric.kind {
                Kind::Histogram => ["", "_bucket", "_count", "_sum"].contains(&suffix),
                _ => suffix.is_empty(),
            })
        });
        let metric = metric.unwrap_or_else(|| panic!("there is no metric {name}"));
        let suffix = &name[metric.name.len()..];
        found.push(Named {
            metric,
            suffix,
            rest,
        });
    }
    found
}

/// Whether each label and value in the braces after a metric is one of its own.
fn check_labels(named: &Named<'_>) {
    let Some((inside, _)) = named
        .rest
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'))
    else {
        return;
    };
    for matcher in inside.split(',') {
        let (label, value) = matcher.trim().split_once('=').unwrap();
        let label = label.trim_end_matches('!');
        if label == "instance" {
            continue;
        }
        assert!(named.metric.labels.contains(&label), "{label} in {inside}");
        let value = value.trim_start_matches('~').trim_matches('"');
        for value in value.split('|') {
            let spelled = format!("\"{value}\"");
            let is_known = SOURCES.iter().any(|source| source.contains(&spelled))
                || STORE_METHODS.contains(&value);
            assert!(is_known, "{label}={value} in {inside}");
        }
    }
}

fn names(text: &str) -> BTreeSet<&'static str> {
    let named = named(text);
    named.iter().for_each(check_labels);
    named.iter().map(|named| named.metric.name).collect()
}

fn all_names() -> BTreeSet<&'static str> {
    ALL.iter().map(|metric| metric.name).collect()
}

#[test]
fn the_page_describes_every_metric_with_its_kind_and_labels_and_no_other() {
    assert_eq!(names(OPERATIONS_MD), all_names());
    let rows: BTreeMap<_, _> = OPERATIONS_MD
        .lines()
        .filter_map(|line| line.strip_prefix("| `admittance_"))
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            (format!("admittance_{}", cells[0].trim_matches('`')), cells)
        })
        .collect();
    assert_eq!(rows.len(), ALL.len());
    for metric in ALL {
        let cells = &rows[metric.name];
        assert_eq!(cells[1], format!("{:?}", metric.kind).to_lowercase());
        let labels: Vec<_> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        assert_eq!(cells[2], labels.join(", "), "{}", metric.name);
    }
}

#[test]
fn every_query_of_the_dashboard_asks_for_what_there_is() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        queries.extend(
            targets
                .iter()
                .map(|target| target["expr"].as_str().unwrap()),
        );
    }
    for query in &queries {
        let named = named(query);
        assert!(!named.is_empty(), "{query}");
        let labels: BTreeSet<_> = named.iter().flat_map(|named| named.metric.labels).collect();
        for (_, after) in query
            .match_indices(" by (")
            .map(|(at, by)| (at, &query[at + by.len()..]))
        {
            for label in after.split(')').next().unwrap().split(',').map(str::trim) {
                assert!(
                    label == "le" || labels.contains(&label),
                    "{label} in {query}"
                );
            }
        }
        for named in named {
            match named.metric.kind {
                Kind::Counter => assert!(
                    query.contains("rate(") || query.contains("increase("),
                    "{query}"
                ),
                Kind::Gauge => assert!(!query.contains("rate("), "{query}"),
                Kind::Histogram => assert!(!named.suffix.is_empty(), "{query}"),
                other => panic!("{other:?}"),
            }
        }
    }
    let asked: BTreeSet<_> = queries.iter().flat_map(|query| names(query)).collect();
    assert_eq!(asked, all_names());
    // Elsewhere in the file, such as in what its variables ask for.
    assert!(named(DASHBOARD).len() > queries.len());
}

#[test]
fn the_bounds_of_buckets_rise() {
    assert!(SECONDS_BUCKETS.is_sorted_by(|a, b| a < b));
}

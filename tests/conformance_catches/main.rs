//! The suite is no formality: each of its properties is failed by a store with
//! one mistake, and passed by the same store without it.

mod administration;
mod conditions;
mod counters;
mod events;
mod handles;
mod identities;
mod sessions;
mod users;
mod values;

use std::sync::Arc;

use admittance::store::Store;
use admittance::store::conformance::{Handles, PROPERTIES, Property};
use support::wrong::{Fault, WrongStore};

/// What the property says of a store with `fault`; `None` when it is content.
async fn complaint(property: Property, fault: Fault) -> Option<String> {
    complaint_of(property, Arc::new(WrongStore::with(fault))).await
}

/// The same of three handles of the store.
async fn complaint_of_handles(property: Property, fault: Fault) -> Option<String> {
    let first = WrongStore::with(fault);
    let handles = [first.again(), first.again(), first];
    complaint_of(property, Arc::new(Handles::new(handles))).await
}

async fn complaint_of(property: Property, store: Arc<dyn Store>) -> Option<String> {
    let task = tokio::spawn(async move { property.check(store).await });
    let error = task.await.err()?;
    assert!(error.is_panic());
    let payload = error.into_panic();
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref().map(|text: &&str| (*text).to_owned()))
}

fn property(name: &str) -> Option<Property> {
    let named = |property: &&Property| property.name() == name;
    PROPERTIES.iter().find(named).copied()
}

fn caught() -> impl Iterator<Item = &'static (Fault, &'static str)> {
    let topics = [
        administration::ADMINISTRATION,
        conditions::CONDITIONS,
        counters::COUNTERS,
        events::EVENTS,
        identities::IDENTITIES,
        sessions::SESSIONS,
        users::USERS,
        values::VALUES,
    ];
    topics.into_iter().flatten()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_mistake_is_noticed() {
    let mut missed = Vec::new();
    for (fault, name) in caught() {
        match complaint(property(name).unwrap(), *fault).await {
            Some(text) if !text.contains("the store failed") => {}
            other => missed.push((fault, name, other)),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn each_mistake_is_in_a_list() {
    let source = support::root().join("tests/support/wrong/fault.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let (_, rest) = source.split_once("pub enum Fault {").unwrap();
    let (mistakes, _) = rest.split_once("\n}").unwrap();
    let names = mistakes
        .lines()
        .filter_map(|line| line.trim().strip_suffix(','));
    let names: Vec<_> = names.filter(|name| *name != "Nothing").collect();
    assert!(names.len() > 100, "{}", names.len());
    for name in names {
        let is_listed = caught()
            .chain(handles::HANDLES)
            .any(|(fault, _)| format!("{fault:?}") == name);
        assert!(is_listed, "no property has to notice {name}");
    }
}

#[test]
fn each_property_is_failed_by_some_mistake() {
    for property in PROPERTIES {
        assert!(
            caught().any(|(_, name)| *name == property.name()),
            "nothing shows that {property:?} can fail"
        );
    }
}

mod without_a_mistake {
    use super::{Fault, WrongStore};

    admittance::store_conformance!(async { WrongStore::with(Fault::Nothing) });
}

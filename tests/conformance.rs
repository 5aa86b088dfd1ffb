//! The memory store passes the suite, as itself and behind `Arc<dyn Store>`.

use std::collections::BTreeSet;

use admittance::store::conformance::PROPERTIES;

mod memory {
    use admittance::store::MemoryStore;

    admittance::store_conformance!(async { MemoryStore::new() });
}

mod dynamic {
    use std::sync::Arc;

    use admittance::store::{MemoryStore, Store};

    async fn fresh() -> Arc<dyn Store> {
        Arc::new(MemoryStore::new())
    }

    admittance::store_conformance!(fresh());
}

#[test]
fn no_property_is_written_and_not_run() {
    let topics = [
        include_str!("../src/store/conformance/account_races.rs"),
        include_str!("../src/store/conformance/accounts.rs"),
        include_str!("../src/store/conformance/administration.rs"),
        include_str!("../src/store/conformance/administration_races.rs"),
        include_str!("../src/store/conformance/attempts.rs"),
        include_str!("../src/store/conformance/budgets.rs"),
        include_str!("../src/store/conformance/event_races.rs"),
        include_str!("../src/store/conformance/events.rs"),
        include_str!("../src/store/conformance/late.rs"),
        include_str!("../src/store/conformance/limits.rs"),
        include_str!("../src/store/conformance/rotation.rs"),
        include_str!("../src/store/conformance/session_races.rs"),
        include_str!("../src/store/conformance/sessions.rs"),
        include_str!("../src/store/conformance/text.rs"),
        include_str!("../src/store/conformance/tokens.rs"),
        include_str!("../src/store/conformance/user_races.rs"),
        include_str!("../src/store/conformance/users.rs"),
    ];
    let written: BTreeSet<&str> = topics
        .iter()
        .flat_map(|topic| topic.lines())
        .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next())
        .collect();
    let run: BTreeSet<&str> = PROPERTIES.iter().map(|property| property.name()).collect();
    assert_eq!(written, run);
    assert_eq!(run.len(), PROPERTIES.len(), "a property is listed twice");
}

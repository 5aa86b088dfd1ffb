//! The memory store passes the suite: as itself, by several clones, and behind `Arc<dyn Store>`.

use std::collections::BTreeSet;
use std::fs;

use admittance::store::conformance::PROPERTIES;

mod memory {
    use admittance::store::MemoryStore;

    admittance::store_conformance!(async { MemoryStore::new() });
}

mod handles {
    use admittance::store::MemoryStore;

    admittance::store_conformance!(handles: async {
        let first = MemoryStore::new();
        [first.clone(), first.clone(), first]
    });
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
    let files = fs::read_dir(support::root().join("src/store/conformance")).unwrap();
    let topics: String = files
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let written: BTreeSet<&str> = topics
        .lines()
        .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next())
        .collect();
    let run: BTreeSet<&str> = PROPERTIES.iter().map(|property| property.name()).collect();
    assert_eq!(written, run);
    assert_eq!(run.len(), PROPERTIES.len(), "a property is listed twice");
}

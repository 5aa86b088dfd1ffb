//! The store of the example `custom_store` passes the suite.

#[expect(dead_code, reason = "the example has a `main` of its own")]
#[path = "../examples/custom_store.rs"]
mod custom_store;

admittance::store_conformance!(async { custom_store::MapStore::default() });

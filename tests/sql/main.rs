//! The SQL stores, on real files and a real server over TCP.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod copy;
mod corrupt;
mod cost;
mod cut;
mod disk;
mod durable;
mod earlier;
mod example;
mod failover;
mod itself;
mod late;
mod model;
mod piled;
mod place;
mod plans;
mod pooler;
mod races;
mod required;
mod rounds;
mod stale;
mod start;
mod sweep;
mod tenants;
mod triggers;
mod waiting;
mod writers;

mod sqlite {
    //! What every store must do, by several stores on one file.

    admittance::store_conformance!(handles: crate::stores::sqlite_handles());
}

mod postgres {
    //! What every store must do, by several stores on one database.

    admittance::store_conformance!(handles: crate::stores::postgres_handles());
}

mod stores;

//! The MongoDB store, against a real server over TCP.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod account;
mod adopt;
mod audit;
mod cost;
mod crash;
mod documents;
mod earlier;
mod example;
mod fail_point;
mod faults;
mod identities;
mod late;
mod limits;
mod names;
mod operations;
mod proxy;
mod runtimes;
mod sample;
mod service;
mod start;
mod waiting;

mod conformance {
    //! What every store must do, by several stores on one database.

    admittance::store_conformance!(handles: crate::sample::handles());
}

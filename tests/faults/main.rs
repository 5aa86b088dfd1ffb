//! What becomes of accounts when things go wrong: faults of the store, of the
//! randomness, of the event sink and of the hashing threads, requests that are
//! dropped, races, clocks that are moved, floods, and strangers who compare
//! answers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests, which print their figures"
)]

mod audit;
mod cancel;
mod clean_up;
mod clock;
mod devices;
mod door;
mod enumeration;
mod enumeration_mail;
mod hook;
mod kept_checks;
mod late;
mod leaving;
mod mailer;
mod overload;
mod parts;
mod races;
mod races_admin;
mod races_links;
mod races_lockout;
mod scene;
mod second_factor;
mod starvation;
mod sweep;
mod truth;

//! The service, as an application calls it: no HTTP, the memory store, a clock
//! that is moved by hand.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod abuse_of_mail;
mod account;
mod addresses;
mod administration;
mod audit;
mod audit_rooms;
mod audit_writing;
mod authorization;
mod belonging;
mod besieged;
mod claims;
mod create_user;
mod crowds;
mod disabling;
mod email_change;
mod events;
mod expiry;
mod extra;
mod federation;
mod federation_github;
mod federation_limits;
mod federation_links;
mod federation_second_factor;
mod federation_settings;
mod federation_squatters;
mod federation_step_up;
mod federation_verify_first;
mod hook_refusals;
mod hooks;
mod limits;
mod lockout;
mod login;
mod mail_at_exit;
mod metadata;
mod nul;
mod office;
mod onboarding;
mod open_session;
mod order_of_defences;
mod own_words;
mod password;
mod profile;
mod recovery;
mod registration;
mod remove_user;
mod room;
mod rows_left_behind;
mod second_factor;
mod session_cap;
mod session_check;
mod session_lifetime;
mod session_pages;
mod sessions;
mod settings;
mod shared_hasher;
mod squatting;
mod squatting_federated;
mod step_up;
mod strength;
mod taken_over;
mod two_clocks;
mod verification;

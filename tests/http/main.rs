//! The HTTP contract: each test on axum and on warp in this process, and all of it
//! together over TCP as well.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod answer;
mod application;
mod client;
mod every_answer;
mod hooks;
mod request;
mod set_cookie;
mod transport;
mod wire;

mod abuse;
mod account;
mod administration;
mod answers;
mod axum;
mod body_layers;
mod browser;
mod contract;
mod cookies;
mod cors;
mod cors_layer;
mod csrf;
mod events;
mod faults;
mod federation;
mod federation_cookies;
mod federation_form;
mod guard;
mod handlers;
mod login_page;
mod openapi;
mod own_login;
mod own_problems;
mod own_routes;
mod preferences;
mod replaced;
mod resolved_once;
mod robustness;
mod second_factor;
mod warp;

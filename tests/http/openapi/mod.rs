//! The OpenAPI document says what the server does, and all of it.

mod answers;
mod examples;
mod limits;
mod page;
mod routes;
mod server;

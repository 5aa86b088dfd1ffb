//! The warp filters.

mod client;
mod rejections;
mod routes;
mod users;

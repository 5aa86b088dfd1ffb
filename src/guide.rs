//! The pages of `docs/`, for reading beside the reference.
//!
//! The first definition of a link counts, so those below lead the links of a page to the pages
//! here. Decisions and screenshots are in the repository only.

/// [cookies]: crate::http::HttpConfig::cookies
#[doc = include_str!("../docs/faults.md")]
pub mod faults {}

/// [fails-closed]: crate::password::breach::BreachCheck
#[doc = include_str!("../docs/breached-passwords.md")]
pub mod breached_passwords {}

#[doc = include_str!("../docs/mongodb.md")]
pub mod mongodb {}

#[doc = include_str!("../docs/mutants.md")]
pub mod mutants {}

/// [audit-log]: crate::service::AuthServiceBuilder::audit_log
/// [backups]: crate::guide::mongodb#backups-and-what-a-dump-reveals
/// [dashboard]: https://docs.rs/crate/admittance/latest/source/docs/dashboard.json
/// [many-services]: crate::guide::performance#many-services
/// [mongodb]: crate::guide::mongodb
/// [who-hashes-next]: crate::guide::performance#floods
#[doc = include_str!("../docs/operations.md")]
pub mod operations {}

/// [mongodb]: crate::guide::mongodb
#[doc = include_str!("../docs/performance.md")]
pub mod performance {}

#[doc = include_str!("../SECURITY.md")]
pub mod security {}

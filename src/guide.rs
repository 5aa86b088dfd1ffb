//! The pages of `docs/`, for reading beside the reference.
//!
//! Decisions and pictures are not part of the reference. The tutorial and the pages on databases
//! and on operation require the features `mongodb`, `postgres`, `sqlite` and `metrics`.

// The first definition of a link counts, so the definitions below redirect links of a page to
// pages of this reference.

#[cfg_attr(feature = "http", doc = "[cookies]: crate::http::HttpConfig::cookies")]
#[cfg_attr(not(feature = "http"), doc = "[cookies]: #")]
#[doc = include_str!("../docs/faults.md")]
pub mod faults {}

#[doc = include_str!("../docs/application.md")]
pub mod application {}

/// [fails-closed]: crate::password::breach::BreachCheck
#[doc = include_str!("../docs/breached-passwords.md")]
pub mod breached_passwords {}

#[doc = include_str!("../docs/browsers.md")]
pub mod browsers {}

/// [status]: crate::guide::status
#[doc = include_str!("../docs/comparison.md")]
pub mod comparison {}

/// [browsers]: crate::guide::browsers
/// [environment]: crate::guide::environment
/// [mail]: crate::guide::mail
/// [mongodb]: crate::guide::mongodb
/// [permissions]: crate::guide::permissions
/// [postgres]: crate::guide::postgres
/// [sqlite]: crate::guide::sqlite
#[doc = include_str!("../docs/configuration.md")]
pub mod configuration {}

#[doc = include_str!("../docs/contract.md")]
pub mod contract {}

#[doc = include_str!("../docs/copy.md")]
pub mod copy {}

/// [environment]: crate::guide::environment
/// [mongodb]: crate::guide::mongodb
/// [operations]: crate::guide::operations
/// [permissions]: crate::guide::permissions
/// [postgres]: crate::guide::postgres
/// [sqlite]: crate::guide::sqlite
/// [stores]: crate::guide::stores
#[doc = include_str!("../docs/deployment.md")]
pub mod deployment {}

#[doc = include_str!("../docs/environment.md")]
pub mod environment {}

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

/// [operations]: crate::guide::operations#who-did-what
#[doc = include_str!("../docs/events.md")]
pub mod events {}

/// [breached-passwords]: crate::guide::breached_passwords
/// [contract]: crate::guide::contract
/// [mongodb]: crate::guide::mongodb
/// [operations]: crate::guide::operations
/// [postgres]: crate::guide::postgres
/// [sqlite]: crate::guide::sqlite
/// [stores]: crate::guide::stores
#[doc = include_str!("../docs/features.md")]
pub mod features {}

/// [application]: crate::guide::application#hooks-and-fields-of-a-registration
/// [decision]: crate::service::AccountHooks
#[doc = include_str!("../docs/hooks.md")]
pub mod hooks {}

/// [act]: crate::store
/// [door]: crate::service::Authenticated
/// [faults]: crate::guide::faults
/// [order]: crate::store
/// [performance]: crate::guide::performance#floods
/// [proofs]: crate::service::AuthService::verify_email
/// [security]: crate::guide::security
/// [turns]: crate::guide::performance#floods
#[doc = include_str!("../docs/how-it-works.md")]
pub mod how_it_works {}

/// [contract]: crate::guide::contract
/// [mails]: crate::guide::events#mails
#[doc = include_str!("../docs/mail.md")]
pub mod mail {}

/// [stores]: crate::guide::stores
#[cfg_attr(
    any(feature = "mongodb", feature = "mongodb-aws-lc-rs"),
    doc = include_str!("../docs/mongodb.md")
)]
#[cfg_attr(
    not(any(feature = "mongodb", feature = "mongodb-aws-lc-rs")),
    doc = "The page needs the feature `mongodb`."
)]
pub mod mongodb {}

#[doc = include_str!("../docs/mutants.md")]
pub mod mutants {}

/// [audit-log]: crate::service::AuthServiceBuilder::audit_log
/// [backups]: crate::guide::mongodb#backups-and-what-a-dump-reveals
/// [many-services]: crate::guide::performance#many-services
/// [mongodb]: crate::guide::mongodb
/// [who-hashes-next]: crate::guide::performance#floods
#[cfg_attr(feature = "metrics", doc = include_str!("../docs/operations.md"))]
#[cfg_attr(
    not(feature = "metrics"),
    doc = "The page needs the feature `metrics`."
)]
pub mod operations {}

/// [browsers]: crate::guide::browsers
/// [contract]: crate::guide::contract
/// [errors]: crate::guide::errors
/// [operations]: crate::guide::operations
#[doc = include_str!("../docs/other-clients.md")]
pub mod other_clients {}

/// [extra]: crate::guide::application#hooks-and-fields-of-a-registration
/// [hooks]: crate::guide::hooks#records-of-the-application
/// [postgres]: crate::guide::postgres
/// [sqlite]: crate::guide::sqlite
#[doc = include_str!("../docs/own-fields.md")]
pub mod own_fields {}

/// [mongodb]: crate::guide::mongodb
#[doc = include_str!("../docs/performance.md")]
pub mod performance {}

/// [administrators]: crate::authz::RolePolicy::administrator
/// [contract]: crate::guide::contract
#[doc = include_str!("../docs/permissions.md")]
pub mod permissions {}

/// [records]: crate::guide::mongodb#records
/// [stores]: crate::guide::stores
#[cfg_attr(
    any(feature = "postgres", feature = "postgres-aws-lc-rs"),
    doc = include_str!("../docs/postgres.md")
)]
#[cfg_attr(
    not(any(feature = "postgres", feature = "postgres-aws-lc-rs")),
    doc = "The page needs the feature `postgres`."
)]
pub mod postgres {}

#[doc = include_str!("../docs/security.md")]
pub mod security {}

#[doc = include_str!("../docs/sign-in-with-others.md")]
pub mod sign_in_with_others {}

/// [records]: crate::guide::mongodb#records
/// [stores]: crate::guide::stores
#[cfg_attr(feature = "sqlite", doc = include_str!("../docs/sqlite.md"))]
#[cfg_attr(not(feature = "sqlite"), doc = "The page needs the feature `sqlite`.")]
pub mod sqlite {}

/// [breached-passwords]: crate::guide::breached_passwords
/// [copy]: crate::guide::copy
/// [faults]: crate::guide::faults
/// [floods]: crate::guide::performance#floods
/// [mongodb]: crate::guide::mongodb
/// [mutants]: crate::guide::mutants
/// [operations]: crate::guide::operations
/// [performance]: crate::guide::performance
/// [postgres]: crate::guide::postgres
/// [security]: crate::guide::security
/// [sqlite]: crate::guide::sqlite
#[doc = include_str!("../docs/status.md")]
pub mod status {}

/// [copy]: crate::guide::copy
/// [mongodb]: crate::guide::mongodb
/// [postgres]: crate::guide::postgres
/// [sqlite]: crate::guide::sqlite
#[doc = include_str!("../docs/stores.md")]
pub mod stores {}

/// [stores]: crate::guide::stores#your-own-store
#[doc = include_str!("../docs/testing.md")]
pub mod testing {}

/// [browsers]: crate::guide::browsers
/// [deployment]: crate::guide::deployment
/// [mail]: crate::guide::mail
/// [permissions]: crate::guide::permissions
#[cfg_attr(feature = "sqlite", doc = include_str!("../docs/tutorial.md"))]
#[cfg_attr(not(feature = "sqlite"), doc = "The page needs the feature `sqlite`.")]
pub mod tutorial {}

/// [mongodb]: crate::guide::mongodb
#[doc = include_str!("../docs/upgrading.md")]
pub mod upgrading {}

//! The proof that all collections are this store's.

use ::mongodb::Database;

use super::config::MongoConfig;

/// The collections of a database, all of which are noted as this store's. Whatever
/// changes a collection as a whole takes it as a proof.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claimed<'a> {
    pub(super) database: &'a Database,
    pub(super) config: &'a MongoConfig,
}

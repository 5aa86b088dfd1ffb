//! Random acts on all four stores at once.

use std::sync::Arc;

use admittance::store::{MemoryStore, Store};
use support::{mongo, postgres, sqlite};

#[test]
fn all_four_stores_give_the_same_answers() {
    support::model::give_the_same_answers(32, async || {
        let folder = sqlite::Folder::fresh().kept();
        let stores: [Arc<dyn Store>; 4] = [
            Arc::new(MemoryStore::new()),
            Arc::new(sqlite::store_at(&folder.url()).await),
            Arc::new(postgres::store_at(&postgres::fresh_url().await).await),
            Arc::new(mongo::store_over(mongo::options().await).await),
        ];
        stores.into()
    });
}

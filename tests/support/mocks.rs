//! Mocks of a store.

use std::sync::{Arc, Mutex};

use admittance::session::Session;
use admittance::test_util::MockStore;
use admittance::user::User;

/// A store that returns this session and this user for any id. Any other call panics, unless
/// the test expects it.
pub fn store_of(session: &Session, user: &User) -> MockStore {
    store_of_both(&Arc::new(Mutex::new((session.clone(), user.clone()))))
}

/// As [`store_of`], with a session and a user that the test can replace.
pub fn store_of_both(both: &Arc<Mutex<(Session, User)>>) -> MockStore {
    let mut store = MockStore::new();
    let shared = Arc::clone(both);
    store
        .expect_session()
        .returning(move |_, _| Ok(Some(shared.lock().unwrap().0.clone())));
    let shared = Arc::clone(both);
    store
        .expect_user()
        .returning(move |_| Ok(Some(shared.lock().unwrap().1.clone())));
    store
}

//! What holds for the acts that a link in a mail allows. Each happens only if
//! the account is still in the state that the link was made for.

use std::sync::Arc;

use super::fixture::*;
use crate::email::{CanonicalEmail, Email};
use crate::preferences::Preferences;
use crate::store::{
    EmailChange, EpochChange, HookChange, InsertUser, ProfileChange, Removal, Store,
};
use crate::user::{AccountState, DisplayName, PasswordHash, User, UserChange, UserStatus};

#[derive(Clone, Copy)]
enum Act {
    Verify,
    ChangeEmail,
    Reset,
    Remove(Removal),
}

impl Act {
    /// Tries it on the account in this state. Returns whether it happened.
    async fn on(self, store: &dyn Store, account: &AccountState) -> bool {
        match self {
            Self::Verify => done(store.verify_email(account).await),
            Self::ChangeEmail => {
                done(store.change_email(account, &new_email()).await) == EmailChange::Changed
            }
            Self::Reset => done(
                store
                    .reset_password(account, &new_hash(), device(9), &ProfileChange::default())
                    .await,
            ),
            Self::Remove(which) => done(store.remove_user(account, which).await),
        }
    }
}

fn new_email() -> Email {
    email("New.Address@Example.org")
}

fn new_hash() -> PasswordHash {
    PasswordHash::new("reset")
}

/// Tries `act` in every state that is wrong in one part, and fails unless it
/// did nothing. Then does it in the right one, on a user who comes back as it
/// was before. Nobody else may be changed by any of it. The users are numbered
/// from `number` on.
async fn done_only_in_its_state(store: &dyn Store, number: u32, act: Act) -> User {
    let subject = rich_user(number);
    // Of the same epoch, so that nothing else keeps a wrong id from fitting.
    let other = User {
        auth_epoch: subject.auth_epoch,
        link_epoch: subject.link_epoch,
        version: subject.version,
        ..user(number + 1)
    };
    let disabled = User {
        status: UserStatus::Disabled,
        ..user(number + 2)
    };
    for user in [&subject, &other, &disabled] {
        insert_user(store, user).await;
    }
    let right = subject.state();
    let of_id = |id| AccountState {
        id,
        ..right.clone()
    };
    let of_email = |given: &str| AccountState {
        email: CanonicalEmail::from_store(given.to_owned()),
        ..right.clone()
    };
    let of_epoch = |auth_epoch| AccountState {
        auth_epoch: Some(auth_epoch),
        ..right.clone()
    };
    let of_link_epoch = |link_epoch| AccountState {
        link_epoch,
        ..subject.mailbox_state()
    };
    let of_version = |version| AccountState {
        version: Some(version),
        ..right.clone()
    };
    let wrong = [
        ("another user's id", of_id(other.id)),
        ("an unused id", of_id(user_id(99))),
        ("another email", of_email(other.email.canonical().as_str())),
        ("the email as given", of_email(subject.email.as_str())),
        ("no email", of_email("")),
        ("an earlier epoch", of_epoch(6)),
        ("no epoch", of_epoch(0)),
        ("a later epoch", of_epoch(8)),
        ("the last epoch", of_epoch(GREATEST)),
        ("an earlier epoch of links", of_link_epoch(3)),
        ("no epoch of links", of_link_epoch(0)),
        ("a later epoch of links", of_link_epoch(5)),
        ("the last epoch of links", of_link_epoch(GREATEST)),
        ("an earlier version", of_version(2)),
        ("no version", of_version(0)),
        ("a later version", of_version(4)),
        ("the last version", of_version(GREATEST)),
        ("a disabled account", disabled.state()),
        ("a disabled mailbox", disabled.mailbox_state()),
    ];
    for (what, state) in &wrong {
        assert!(!act.on(store, state).await, "an act was done for {what}");
        for user in [&subject, &other, &disabled] {
            assert_stored(store, user, "an act that was refused changed a user").await;
        }
    }
    assert!(
        act.on(store, &right).await,
        "an act was refused in the state that it was meant for"
    );
    for user in [&other, &disabled] {
        assert_stored(store, user, "an act changed another user").await;
    }
    subject
}

/// An address is verified if the account is in the state asked for, once, and
/// nothing else changes.
pub async fn an_email_is_verified_once_and_only_in_the_state_asked_for(store: Arc<dyn Store>) {
    let mut expected = done_only_in_its_state(&*store, 1, Act::Verify).await;
    expected.is_verified = true;
    expected.version += 1;
    assert_stored(&*store, &expected, "a verification stored").await;
    assert!(
        !Act::Verify.on(&*store, &expected.state()).await,
        "an address was verified twice"
    );
    assert_stored(&*store, &expected, "a second verification stored").await;
}

/// An address is changed, and verified in the same act, if the account is in
/// the state asked for; nothing else changes.
pub async fn an_email_is_changed_only_in_the_state_asked_for(store: Arc<dyn Store>) {
    let before = done_only_in_its_state(&*store, 1, Act::ChangeEmail).await;
    let expected = User {
        email: new_email(),
        is_verified: true,
        link_epoch: 5,
        version: 4,
        ..before.clone()
    };
    assert_stored(&*store, &expected, "a change of email stored").await;
    let found = done(store.user_by_email(before.email.canonical()).await);
    assert!(found.is_none(), "an address that was changed finds a user");
    assert_eq!(
        done(
            store
                .change_email(&before.state(), &email("third@example.org"))
                .await
        ),
        EmailChange::Gone,
        "an address was changed in the state before the last change"
    );
    assert_stored(&*store, &expected, "a late change of email stored").await;
}

/// An address that another user has, in whatever case, is not taken from
/// them; one's own may be spelled anew; and the old one is free afterwards.
pub async fn an_email_is_changed_only_to_a_free_one(store: Arc<dyn Store>) {
    let mut mine = user(1);
    let theirs = user(2);
    let disabled = User {
        status: UserStatus::Disabled,
        ..user(3)
    };
    for user in [&mine, &theirs, &disabled] {
        insert_user(&*store, user).await;
    }
    for given in [
        "user2@example.org",
        "USER2@EXAMPLE.ORG",
        "user3@example.org",
    ] {
        let changed = store.change_email(&mine.state(), &email(given)).await;
        assert_eq!(done(changed), EmailChange::EmailTaken, "{given} was taken");
        for user in [&mine, &theirs, &disabled] {
            assert_stored(&*store, user, "a refused change of email changed a user").await;
        }
    }
    let old = mine.clone();
    for given in ["USER1@example.org", "Free@example.org", "free@Example.org"] {
        let changed = store.change_email(&mine.state(), &email(given)).await;
        assert_eq!(
            done(changed),
            EmailChange::Changed,
            "{given}, which was free or one's own, was refused"
        );
        mine.email = email(given);
        mine.is_verified = true;
        mine.link_epoch += 1;
        mine.version += 1;
        assert_stored(&*store, &mine, "a change of email stored").await;
    }
    let (late, next) = (
        User {
            email: mine.email.clone(),
            ..user(4)
        },
        User {
            id: user_id(4),
            ..old
        },
    );
    assert_eq!(
        done(store.insert_user(&late).await),
        InsertUser::EmailTaken,
        "an address that was changed to was registered"
    );
    assert_eq!(
        done(store.insert_user(&next).await),
        InsertUser::Inserted,
        "an address that was given up could not be registered"
    );
    for user in [&mine, &next, &theirs, &disabled] {
        assert_stored(&*store, user, "after a change of email").await;
    }
}

/// A reset replaces the hash, raises both epochs and the version by one,
/// verifies the address and forgets all devices but the one that is given, all
/// in one act, if the account is in the state asked for; nothing else changes,
/// and the state allows one reset.
pub async fn a_password_is_reset_only_in_the_state_asked_for(store: Arc<dyn Store>) {
    let before = done_only_in_its_state(&*store, 1, Act::Reset).await;
    let expected = User {
        password_hash: Some(new_hash()),
        auth_epoch: 8,
        link_epoch: 5,
        version: 4,
        is_verified: true,
        devices: vec![device(9)],
        ..before.clone()
    };
    assert_stored(&*store, &expected, "a reset stored").await;
    let second = PasswordHash::new("second");
    let again = store
        .reset_password(
            &before.state(),
            &second,
            device(8),
            &ProfileChange::default(),
        )
        .await;
    assert!(!done(again), "a password was reset twice");
    assert_stored(&*store, &expected, "a second reset stored").await;
}

/// A reset that is to change the profile does so in the same act; one that is not
/// done changes nothing of it.
pub async fn a_reset_changes_the_profile_with_it(store: Arc<dyn Store>) {
    let mut expected = rich_user(1);
    insert_user(&*store, &expected).await;
    let other = user(2);
    insert_user(&*store, &other).await;
    let clearing = ProfileChange {
        name: Some(DisplayName::from_store("Another".to_owned())),
        preferences: Some(Preferences::default()),
        pending_hook: HookChange::Set(pending_hook()),
        ..ProfileChange::default()
    };
    let wrong = AccountState {
        link_epoch: expected.link_epoch + 1,
        ..expected.state()
    };
    let new = new_hash();
    let refused = store.reset_password(&wrong, &new, device(9), &clearing);
    assert!(!done(refused.await), "a reset in another state was done");
    assert_stored(&*store, &expected, "a refused reset").await;

    let state = expected.exact_state();
    let reset = store.reset_password(&state, &new, device(9), &clearing);
    assert!(done(reset.await), "a password was not reset");
    expected.password_hash = Some(new);
    expected.auth_epoch += 1;
    expected.link_epoch += 1;
    expected.version += 1;
    expected.is_verified = true;
    expected.devices = vec![device(9)];
    expected.apply(&clearing);
    assert_stored(&*store, &expected, "a reset with a change of profile").await;
    assert_stored(&*store, &other, "a reset changed another user").await;
}

/// What rests on the mailbox alone is done whatever the sessions' epoch is, as
/// it is after a change of the password.
pub async fn an_act_by_the_mailbox_is_done_in_any_epoch_of_sessions(store: Arc<dyn Store>) {
    let acts = [
        Act::Verify,
        Act::ChangeEmail,
        Act::Reset,
        Act::Remove(Removal::Unverified),
    ];
    for (number, act) in (1..).zip(acts) {
        let subject = rich_user(number);
        insert_user(&*store, &subject).await;
        let state = subject.mailbox_state();
        let (old, new) = (&hash_of(&subject), new_hash());
        let changed = store.replace_password(subject.id, old, &new, EpochChange::Raise);
        assert!(done(changed.await), "a password was not changed");
        assert!(
            act.on(&*store, &state).await,
            "an act by the mailbox was refused after a change of the password"
        );
        // The address is to be free for the next one.
        if let Some(user) = done(store.user(subject.id).await) {
            let _ = done(store.remove_user(&user.state(), Removal::Any).await);
        }
    }
}

/// A user is removed only if the account is in the given state, whichever
/// [`Removal`] is asked for, and no method finds it afterwards.
pub async fn a_user_is_removed_only_in_the_state_asked_for(store: Arc<dyn Store>) {
    for (number, which) in [(1, Removal::Any), (11, Removal::Unverified)] {
        let act = Act::Remove(which);
        let removed = done_only_in_its_state(&*store, number, act).await;
        assert_no_user(&*store, &removed, "a removed user").await;
        assert!(
            !act.on(&*store, &removed.state()).await,
            "a user was removed twice"
        );
    }
}

/// Who may be removed only while unverified is not removed once verified.
pub async fn a_verified_user_is_removed_only_if_any_may_be(store: Arc<dyn Store>) {
    let verified = User {
        is_verified: true,
        ..user(1)
    };
    insert_user(&*store, &verified).await;
    let state = verified.state();
    assert!(
        !done(store.remove_user(&state, Removal::Unverified).await),
        "a verified user was removed as an unverified one"
    );
    assert_stored(&*store, &verified, "a refused removal changed a user").await;
    assert!(
        done(store.remove_user(&state, Removal::Any).await),
        "a verified user could not be removed"
    );
    assert_no_user(&*store, &verified, "a removed user").await;
}

/// A disabled user is removed only if the status does not matter, and only in the state that
/// was read.
pub async fn a_disabled_user_is_removed_only_if_the_status_does_not_matter(store: Arc<dyn Store>) {
    insert_user(&*store, &user(1)).await;
    let disabled = store.set_status(user_id(1), 0, UserStatus::Disabled).await;
    let Some(disabled) = done(disabled) else {
        panic!("a user was not disabled");
    };
    let state = disabled.exact_state();
    assert!(
        !done(store.remove_user(&state, Removal::Any).await),
        "a disabled user was removed as an active one"
    );
    let earlier = user(1).exact_state();
    assert!(
        !done(store.remove_user(&earlier, Removal::AnyStatus).await),
        "a user was removed in another state than the one that was read"
    );
    assert_stored(&*store, &disabled, "a refused removal changed a user").await;
    assert!(
        done(store.remove_user(&state, Removal::AnyStatus).await),
        "a disabled user could not be removed"
    );
    assert_no_user(&*store, &disabled, "a removed user").await;
}

/// `change_user` and `update_user` make each kind of change of the named user alone, and not of
/// the one whose state a change has.
pub async fn a_change_is_made_of_the_user_that_is_named(store: Arc<dyn Store>) {
    let (mut one, other) = (rich_user(1), rich_user(2));
    insert_user(&*store, &one).await;
    insert_user(&*store, &other).await;
    let (epoch, version) = (one.auth_epoch, one.version);
    let of = |user: &User| {
        let account = user.exact_state();
        let reset = UserChange::ResetPassword {
            account: account.clone(),
            new: PasswordHash::new("reset"),
            device: device(1),
            change: ProfileChange::default(),
        };
        [UserChange::VerifyEmail(account), reset]
    };
    for change in of(&other) {
        let changed = done(store.change_user(one.id, &change).await);
        assert!(changed.is_none(), "a change of another user is answered");
        let changed = done(store.update_user(one.id, &change).await);
        assert!(!changed, "a change of another user is made");
    }
    assert_stored(&*store, &one, "a change of another user").await;
    assert_stored(&*store, &other, "a change under the id of another user").await;
    for change in [
        UserChange::RecordLogin {
            epoch,
            new_device: Some(device(2)),
            used: Some(used(1)),
            now: at(1),
        },
        UserChange::SetStatus {
            version,
            status: UserStatus::Active,
        },
        UserChange::UnlinkIdentity {
            version: version + 1,
            identity: identity(1).id,
        },
    ] {
        let is_made = one.change(&change);
        assert_eq!(is_made, Ok(true), "the suite's own change");
        let changed = done(store.change_user(one.id, &change).await);
        assert_user(changed.as_ref(), &one, "the answer of a change");
    }
    let [change, _] = of(&one);
    let is_made = one.change(&change);
    assert_eq!(
        done(store.update_user(one.id, &change).await),
        is_made == Ok(true),
        "what is answered of a change"
    );
    assert_stored(&*store, &one, "after changes").await;
}

/// A login since the account was read keeps a user from being removed as unused,
/// as does a confirmation.
pub async fn a_user_is_removed_as_unused_only_if_the_last_login_is_the_expected_one(
    store: Arc<dyn Store>,
) {
    for (number, last_login) in [(1, None), (2, Some(at(1)))] {
        let unused = User {
            is_verified: false,
            last_login,
            ..user(number)
        };
        insert_user(&*store, &unused).await;
        let expected = Removal::UnverifiedSince(last_login);
        for other in [None, Some(at(0)), Some(at(1)), Some(at(2))] {
            if other == last_login {
                continue;
            }
            let which = Removal::UnverifiedSince(other);
            assert!(
                !done(store.remove_user(&unused.state(), which).await),
                "a user was removed as unused since another login"
            );
        }
        let login = store.record_login(unused.id, unused.auth_epoch, None, None, at(2));
        assert!(done(login.await), "a login was not recorded");
        assert!(
            !done(store.remove_user(&unused.state(), expected).await),
            "a user was removed as unused who had logged in"
        );
        let which = Removal::UnverifiedSince(Some(at(2)));
        assert!(
            done(store.remove_user(&unused.state(), which).await),
            "an unused user was not removed"
        );
    }
    let verified = User {
        is_verified: true,
        ..user(3)
    };
    insert_user(&*store, &verified).await;
    let which = Removal::UnverifiedSince(verified.last_login);
    assert!(
        !done(store.remove_user(&verified.state(), which).await),
        "a verified user was removed as an unused one"
    );
}

/// Once a user is removed, the address can be registered again, and what is
/// registered then is another account: neither the old id nor the old state
/// has anything to do with it.
pub async fn the_address_of_a_removed_user_is_free_at_once(store: Arc<dyn Store>) {
    for number in 1..4 {
        let old = User {
            email: email("Same@Example.org"),
            ..user(number)
        };
        insert_user(&*store, &old).await;
        if number > 1 {
            let before = user_id(number - 1);
            let found = done(store.user(before).await);
            assert!(found.is_none(), "the id of a removed user finds a user");
            let state = AccountState {
                id: before,
                ..old.state()
            };
            let acts = [Act::Verify, Act::ChangeEmail, Act::Reset];
            for act in acts.into_iter().chain([Act::Remove(Removal::Any)]) {
                assert!(
                    !act.on(&*store, &state).await,
                    "an act for a removed user was done on another"
                );
            }
        }
        assert_stored(&*store, &old, "a user who registered again").await;
        let removed = store.remove_user(&old.state(), Removal::Unverified).await;
        assert!(done(removed), "a user was not removed");
        assert_no_user(&*store, &old, "a removed user").await;
    }
}

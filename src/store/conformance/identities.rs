//! What holds for identities, by which users of other providers sign in.

use std::sync::Arc;

use super::fixture::*;
use super::text::HOSTILE;
use crate::email::MAX_EMAIL_BYTES;
use crate::id::IdentityId;
use crate::identity::{
    Identities, Identity, IdentityUse, Issuer, MAX_PROVIDER_CHARS, MAX_SUBJECT_BYTES, ProviderId,
    SubjectId,
};
use crate::store::{IdentityLink, InsertUser, ProfileChange, Removal, Store};
use crate::time::Timestamp;
use crate::user::{PasswordHash, User, UserStatus};

/// A user with the identities of these numbers.
fn user_with<const N: usize>(number: u32, of: [u32; N]) -> User {
    User {
        identities: identities(of),
        ..user(number)
    }
}

/// The identity of the subject, with the id and the times of `number`.
fn identity_of(number: u32, (issuer, subject): (Issuer, SubjectId)) -> Identity {
    Identity {
        issuer,
        subject,
        ..identity(number)
    }
}

/// Links `identity` in the version of `user`; fails unless that is done.
async fn link(store: &dyn Store, user: &mut User, identity: &Identity) {
    let linked = store.link_identity(user.id, user.version, identity).await;
    assert_eq!(done(linked), IdentityLink::Linked, "a free identity");
    let outcome = user.link_identity(user.version, identity, None);
    assert_eq!(outcome, Ok(IdentityLink::Linked), "the suite's own link");
}

/// A user who has an identity of another one, whatever its id, provider and address, is not
/// inserted, and takes neither the address nor the other identities.
pub async fn an_identity_belongs_to_one_user(store: Arc<dyn Store>) {
    let store = &*store;
    let first = user_with(1, [1, 2]);
    insert_user(store, &first).await;
    let other = Identity {
        id: identity(7).id,
        provider: ProviderId::parse("other").unwrap_or_else(|_| identity(1).provider),
        email: None,
        created_at: at(9),
        last_used_at: at(9),
        ..identity(1)
    };
    let second = User {
        identities: [identity(3), other].into_iter().collect(),
        ..user(2)
    };
    let with_email = User {
        email: first.email.clone(),
        ..second.clone()
    };
    let with_id = User {
        id: first.id,
        ..second.clone()
    };
    let with_id_alone = User {
        id: first.id,
        ..user_with(2, [3])
    };
    for (user, expected, what) in [
        (&second, InsertUser::IdentityTaken, "an identity"),
        (&with_email, InsertUser::EmailTaken, "identity and email"),
        (&with_id, InsertUser::IdentityTaken, "identity and id"),
        (&with_id_alone, InsertUser::IdTaken, "an id"),
    ] {
        let inserted = done(store.insert_user(user).await);
        assert_eq!(inserted, expected, "a user of whom {what} is taken");
        assert_stored(store, &first, "a refused user changed the first one").await;
        assert_free(store, &identity(3), "a refused user").await;
    }
    let found = done(store.user(second.id).await);
    assert!(found.is_none(), "a refused user is there");
    insert_user(store, &user_with(2, [3])).await;
    assert_stored(store, &user_with(2, [3]), "a user with a free identity").await;
}

/// Issuer and subject are compared byte by byte: no collation, no folding, no trimming. The same
/// subject at another issuer is another one.
pub async fn identities_that_differ_belong_to_different_users(store: Arc<dyn Store>) {
    const HERE: &str = "https://id.example.org";
    let long = |last: char| "x".repeat(MAX_SUBJECT_BYTES - 1) + &last.to_string();
    let (long_a, long_b) = (long('a'), long('b'));
    let subjects = [
        (HERE, "mike"),
        (HERE, "Mike"),
        (HERE, "mike "),
        (HERE, " mike"),
        (HERE, "m\u{131}ke"),
        (HERE, "m\u{ed}ke"),
        (HERE, "mi\u{301}ke"),
        (HERE, "stra\u{df}e"),
        (HERE, "strasse"),
        (HERE, "0042"),
        (HERE, "42"),
        (HERE, &long_a),
        (HERE, &long_b),
        ("https://id.example.org/", "mike"),
        ("https://ID.example.org", "mike"),
        ("https://id.example.com", "mike"),
        ("https://id.example.orgm", "ike"),
        (&long_a, "mike"),
        (&long_b, "mike"),
    ];
    let users: Vec<User> = (1..)
        .zip(subjects)
        .map(|(number, (issuer, sub))| User {
            identities: [identity_of(number, subject(issuer, sub))]
                .into_iter()
                .collect(),
            ..user(number)
        })
        .collect();
    for user in &users {
        for identity in &user.identities {
            assert_free(&*store, identity, "an identity that nobody has").await;
        }
        let inserted = done(store.insert_user(user).await);
        assert_eq!(
            inserted,
            InsertUser::Inserted,
            "an identity was taken for another one: {:?}",
            user.identities
        );
    }
    for user in &users {
        assert_stored(&*store, user, "one identity gave another's user").await;
    }
}

/// Whatever a provider gives, it comes back as it was, and is neither an operator nor a path:
/// as issuer, subject and address, by insertion, link and login (ASVS 1.2.4).
pub async fn asvs_1_2_4_hostile_text_of_a_provider_matches_only_itself(store: Arc<dyn Store>) {
    let store = &*store;
    let texts = HOSTILE
        .iter()
        .filter(|text| !text.contains(char::is_control));
    for (number, text) in (1..).zip(texts) {
        let hostile = Identity {
            email: Some(provider_email(text)),
            ..identity_of(number, subject(text, text))
        };
        assert_free(store, &hostile, text).await;
        let mut user = user(number);
        if number.is_multiple_of(2) {
            insert_user(store, &user).await;
            link(store, &mut user, &hostile).await;
        } else {
            user.identities = [hostile.clone()].into_iter().collect();
            insert_user(store, &user).await;
        }
        assert_stored(store, &user, "hostile text of a provider").await;
        // An address of hostile text, in place of another one.
        let (plain, now) = (Some(provider_email("plain@example.org")), at(90_000));
        for email in [plain, hostile.email.clone()] {
            let (key, id) = (hostile.key(), user.id);
            let used = IdentityUse { key, email };
            let recorded = store
                .record_login(id, 0, None, Some(used.clone()), now)
                .await;
            assert!(done(recorded), "a login by {text:?} was not recorded");
            let is_recorded = user.record_login(0, None, Some(&used), now);
            assert!(is_recorded, "the suite's own login");
            assert_stored(store, &user, "an address of hostile text").await;
        }
    }
}

/// An identity is linked if the user has the version that is asked for and neither its key nor
/// its id, and nobody else has its key. The version goes up by one in the same act, and nothing
/// else changes.
pub async fn an_identity_is_linked_to_one_user_once(store: Arc<dyn Store>) {
    let store = &*store;
    let (mut mine, theirs) = (rich_user(20), user_with(2, [2]));
    for user in [&mine, &theirs] {
        insert_user(store, user).await;
    }
    let (id, version, new) = (mine.id, mine.version, identity(1));
    for wrong in [0, version - 1, version + 1, GREATEST, u64::MAX] {
        let linked = done(store.link_identity(id, wrong, &new).await);
        assert_eq!(linked, IdentityLink::Refused, "a link in another version");
    }
    let linked = done(store.link_identity(user_id(9), 0, &new).await);
    assert_eq!(linked, IdentityLink::Refused, "an identity of nobody");
    let absent = done(store.user(user_id(9)).await);
    assert!(absent.is_none(), "a link made a user");

    let of_theirs = Identity {
        id: new.id,
        ..identity(2)
    };
    let linked = done(store.link_identity(id, version, &of_theirs).await);
    assert_eq!(linked, IdentityLink::Taken, "an identity of another user");
    let own_key = Identity {
        id: new.id,
        ..identity(20)
    };
    let own_id = Identity {
        id: identity(20).id,
        ..new.clone()
    };
    for own in [identity(20), own_key, own_id] {
        let linked = done(store.link_identity(id, version, &own).await);
        assert_eq!(
            linked,
            IdentityLink::Refused,
            "an identity that the user has"
        );
    }
    for user in [&mine, &theirs] {
        assert_stored(store, user, "a refused link changed a user").await;
    }
    assert_free(store, &new, "a refused link").await;

    // One that is older than the others, one between them, and the youngest.
    for number in [30, 1, 25] {
        link(store, &mut mine, &identity(number)).await;
        assert_stored(store, &mine, "a link stored").await;
    }
    assert_stored(store, &theirs, "a link changed another user").await;
    let mut disabled = User {
        status: UserStatus::Disabled,
        ..user(3)
    };
    insert_user(store, &disabled).await;
    link(store, &mut disabled, &identity(3)).await;
    assert_stored(store, &disabled, "a link to a disabled user").await;
}

/// A user has at most [`Identities::MAX`] identities by links. Each is found, and one that is
/// unlinked makes room for another one.
pub async fn no_more_identities_are_linked_than_allowed(store: Arc<dyn Store>) {
    let store = &*store;
    let mut user = user(1);
    insert_user(store, &user).await;
    let most = u32::try_from(Identities::MAX).unwrap_or(u32::MAX);
    for number in 1..=most {
        link(store, &mut user, &identity(number)).await;
    }
    assert_stored(store, &user, "a user with the most identities").await;
    let beyond = identity(most + 1);
    let linked = done(store.link_identity(user.id, user.version, &beyond).await);
    assert_eq!(linked, IdentityLink::Refused, "one identity too many");
    assert_stored(store, &user, "an identity too many").await;
    assert_free(store, &beyond, "an identity too many").await;
    let unlinked = store.unlink_identity(user.id, user.version, identity(7).id);
    let Some(left) = done(unlinked.await) else {
        panic!("one of many identities was not unlinked")
    };
    user = left;
    link(store, &mut user, &beyond).await;
    assert_stored(store, &user, "an identity in place of another one").await;
}

/// An identity is unlinked if the user has it and the version that is asked for, and has a
/// password or another identity. The version goes up by one in the same act, and nothing else
/// changes; the identity finds nobody then, and another user can link it at once.
pub async fn an_identity_is_unlinked_unless_it_is_the_last_way_in(store: Arc<dyn Store>) {
    let store = &*store;
    let with_password = User {
        version: 3,
        ..user_with(1, [1])
    };
    let without = User {
        password_hash: None,
        version: 5,
        ..user_with(2, [2, 3])
    };
    let mut other = user_with(4, [4]);
    for user in [&with_password, &without, &other] {
        insert_user(store, user).await;
    }
    for (mut user, number, is_left) in [(with_password, 1, true), (without, 2, false)] {
        let (id, version, it) = (user.id, user.version, identity(number));
        for (wrong, what) in [
            (identity(4).id, "another's"),
            (identity(9).id, "an unknown"),
        ] {
            let unlinked = done(store.unlink_identity(id, version, wrong).await);
            assert!(unlinked.is_none(), "{what} identity was unlinked");
        }
        for wrong in [0, version - 1, version + 1, GREATEST, u64::MAX] {
            let unlinked = done(store.unlink_identity(id, wrong, it.id).await);
            assert!(unlinked.is_none(), "unlinked in another version");
        }
        let unlinked = done(store.unlink_identity(user_id(9), 0, it.id).await);
        assert!(unlinked.is_none(), "an identity of nobody was unlinked");
        assert_stored(store, &user, "a refused unlinking changed a user").await;

        let unlinked = done(store.unlink_identity(id, version, it.id).await);
        let outcome = user.unlink_identity(version, it.id);
        assert_eq!(outcome, Ok(true), "the suite's own unlinking");
        assert_user(unlinked.as_ref(), &user, "the answer to an unlinking");
        assert_stored(store, &user, "an unlinking stored").await;
        assert_free(store, &it, "an identity that was unlinked").await;
        link(store, &mut other, &it).await;
        assert_stored(store, &other, "an identity that changed hands").await;
        assert_stored(store, &user, "who had the identity before").await;
        if !is_left {
            let last = store.unlink_identity(id, user.version, identity(3).id);
            assert!(done(last.await).is_none(), "the last way in was removed");
            assert_stored(store, &user, "the last way in").await;
        }
    }
}

/// The identities of a removed user find nobody, and who has them next is another account.
pub async fn the_identities_of_a_removed_user_are_free_at_once(store: Arc<dyn Store>) {
    let store = &*store;
    let old = user_with(1, [1, 2]);
    insert_user(store, &old).await;
    let removed = store.remove_user(&old.exact_state(), Removal::Any).await;
    assert!(done(removed), "a user was not removed");
    assert_no_user(store, &old, "a removed user").await;
    let next = User {
        email: old.email.clone(),
        ..user_with(2, [1])
    };
    insert_user(store, &next).await;
    assert_stored(store, &next, "who has an identity of a removed user").await;
    let mut third = user(3);
    insert_user(store, &third).await;
    link(store, &mut third, &identity(2)).await;
    assert_stored(store, &third, "who has linked one").await;
    let found = done(store.user(old.id).await);
    assert!(found.is_none(), "a removed user is there again");
}

/// A login by an identity is recorded if the user has it, is active and has the epoch asked for.
/// Neither its time nor its address goes back, and no other identity changes.
pub async fn a_login_is_recorded_with_the_identity_that_is_used(store: Arc<dyn Store>) {
    let store = &*store;
    let mut user = User {
        password_hash: None,
        auth_epoch: 7,
        version: 2,
        ..user_with(1, [1, 2, 3])
    };
    let other = user_with(4, [4]);
    let disabled = User {
        status: UserStatus::Disabled,
        ..user_with(5, [5])
    };
    for user in [&user, &other, &disabled] {
        insert_user(store, user).await;
    }
    let new = Some(device(1));
    for (id, epoch, number, what) in [
        (user.id, 7, 4, "an identity of another user"),
        (user.id, 7, 9, "an identity of nobody"),
        (user.id, 6, 2, "an earlier epoch"),
        (user.id, u64::MAX, 2, "an epoch that no user has"),
        (disabled.id, 0, 5, "a disabled user"),
        (user_id(9), 0, 9, "nobody"),
    ] {
        let email = Some(provider_email("wrong@example.org"));
        let used = IdentityUse {
            email,
            ..used(number)
        };
        let recorded = store.record_login(id, epoch, new, Some(used), at(90_000));
        assert!(!done(recorded.await), "a login by {what} was recorded");
        for user in [&user, &other, &disabled] {
            assert_stored(store, user, "a refused login changed a user").await;
        }
    }
    for (millis, email, new) in [
        (2000, Some("first@example.org"), Some(device(2))),
        (3000, None, None),
        (1000, Some("late@example.org"), None),
        (4000, Some("Second@Example.org"), Some(device(3))),
    ] {
        let email = email.map(provider_email);
        let used = IdentityUse { email, ..used(2) };
        let (now, by) = (at(millis), Some(used.clone()));
        let recorded = store.record_login(user.id, 7, new, by, now).await;
        assert!(done(recorded), "a good login was not recorded");
        let is_recorded = user.record_login(7, new, Some(&used), now);
        assert!(is_recorded, "the suite's own login");
        assert_stored(store, &user, "a login by an identity").await;
    }
    let plain = store.record_login(user.id, 7, None, None, at(5000)).await;
    assert!(done(plain), "a login without an identity was not recorded");
    user.last_login = Some(at(5000));
    for user in [&user, &other, &disabled] {
        assert_stored(store, user, "a login changed an identity").await;
    }
}

/// A change of the profile and a reset that remove the identities leave none, and each is free
/// for another user.
pub async fn identities_that_are_removed_are_free_again(store: Arc<dyn Store>) {
    let store = &*store;
    let removal = ProfileChange {
        removes_identities: true,
        ..ProfileChange::default()
    };
    let new = PasswordHash::new("$argon2id$reset");
    for (number, is_reset) in [(1, true), (2, false)] {
        let keys = [number * 10, number * 10 + 1];
        let mut user = user_with(number, keys);
        insert_user(store, &user).await;
        let (state, version) = (user.exact_state(), user.version);
        let (changed, by_rule) = match is_reset {
            true => (
                store
                    .reset_password(&state, &new, device(9), &removal)
                    .await,
                user.reset_password(&state, &new, device(9), &removal),
            ),
            false => (
                store
                    .update_profile(user.id, version, &removal)
                    .await
                    .map(|after| after.is_some()),
                user.update_profile(version, &removal),
            ),
        };
        assert!(done(changed), "identities were not removed");
        assert_eq!(by_rule, Ok(true), "the suite's own removal");
        assert_stored(store, &user, "a user whose identities were removed").await;
        for key in keys {
            let found = done(store.user_by_identity(&identity(key).key()).await);
            assert!(found.is_none(), "a removed identity leads to a user");
        }
        let other = user_with(number + 50, keys);
        insert_user(store, &other).await;
        assert_stored(store, &other, "a user with removed identities").await;
    }
}

/// Identities of the longest texts, the earliest and latest times and any id come back, as many
/// as a user can have, from insertion, link, login and list.
pub async fn the_most_and_longest_identities_come_back(store: Arc<dyn Store>) {
    let store = &*store;
    let wide = |length: usize, last: char| {
        let wide = "\u{10400}".repeat((length - 3) / 4);
        let rest = "y".repeat(length - wide.len() - 1);
        wide + &rest + &last.to_string()
    };
    let longest = |number: u32| {
        let last = char::from_u32(u32::from(b'A') + number).unwrap_or('-');
        let provider = ProviderId::parse("z-".repeat(MAX_PROVIDER_CHARS / 2));
        let (issuer, subject) = subject(
            &wide(MAX_SUBJECT_BYTES, 'i'),
            &wide(MAX_SUBJECT_BYTES, last),
        );
        Identity {
            provider: provider.unwrap_or_else(|error| panic!("the suite's own: {error}")),
            issuer,
            subject,
            email: Some(provider_email(&wide(MAX_EMAIL_BYTES, last))),
            ..identity(number)
        }
    };
    let most = u32::try_from(Identities::MAX).unwrap_or(u32::MAX);
    let first = Identity {
        id: IdentityId::from_bytes([0; 12]),
        created_at: Timestamp::MIN,
        last_used_at: Timestamp::MIN,
        email: None,
        ..longest(0)
    };
    let last = Identity {
        id: IdentityId::from_bytes([0xff; 12]),
        created_at: Timestamp::MAX,
        last_used_at: Timestamp::MAX,
        ..longest(1)
    };
    let edges = [first.clone(), last];
    let mut user = User {
        identities: edges.into_iter().chain((2..most).map(longest)).collect(),
        ..user(1)
    };
    assert_eq!(user.identities.len(), Identities::MAX, "the suite's own");
    insert_user(store, &user).await;
    assert_stored(store, &user, "a user with the longest identities").await;
    let listed = done(store.users(None, ALL).await);
    assert_user(listed.first(), &user, "the longest identities, listed");

    let used = IdentityUse {
        key: first.key(),
        email: longest(0).email,
    };
    let by = Some(used.clone());
    let recorded = store.record_login(user.id, 0, None, by, Timestamp::MAX);
    assert!(done(recorded.await), "a login was not recorded");
    let is_recorded = user.record_login(0, None, Some(&used), Timestamp::MAX);
    assert!(is_recorded, "the suite's own login");
    assert_stored(store, &user, "a login by the longest identity").await;

    let mut linking = User {
        version: GREATEST - 1,
        ..super::fixture::user(2)
    };
    insert_user(store, &linking).await;
    link(store, &mut linking, &longest(most)).await;
    assert_stored(store, &linking, "a link of the longest identity").await;
}

//! Keys and peppers are rotated as docs/operations.md says, with two instances
//! at a time as in a rolling deployment: the steps log nobody out, and what was
//! made with an old key is dead when that key is gone.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use admittance::clock::ManualClock;
use admittance::error::AuthError;
use admittance::event::Notice;
use admittance::mail::MailKind;
use admittance::password::Pepper;
use admittance::secret::SecretBytes;
use admittance::service::{EmailRequest, ResetPassword, Tokens};
use admittance::store::{EpochChange, MemoryStore, UserStore};
use admittance::token::{Keyring, SigningKey, Verifier};
use admittance::user::PasswordHash;
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, hash_of, keyring, mail_config};

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";

/// Instances that share a store and the time.
#[derive(Default)]
struct Fleet {
    store: MemoryStore,
    clock: ManualClock,
}

/// The peppers of one step: the one of new hashes, and the others.
type Peppers = (Option<&'static str>, &'static [&'static str]);

impl Fleet {
    fn instance(&self, keyring: Keyring, (pepper, previous): Peppers) -> Bed {
        let mut config = config();
        config.hashing.pepper = pepper.map(self::pepper);
        config.hashing.previous_peppers = previous.iter().copied().map(self::pepper).collect();
        let mut bed = Bed::built(self.store.clone(), config, |builder, mailbox| {
            builder
                .clock(self.clock.clone())
                .keyring(keyring)
                .mail(mailbox, mail_config())
        });
        bed.clock = self.clock.clone();
        bed
    }

    fn with_keys(&self, keyring: Keyring) -> Bed {
        self.instance(keyring, (None, &[]))
    }

    fn with_peppers(&self, peppers: Peppers) -> Bed {
        self.instance(keyring(), peppers)
    }

    /// The name of the pepper in a user's hash, in base64.
    async fn pepper_of(&self, email: &str) -> Option<String> {
        let email = admittance::email::Email::parse(email).unwrap();
        let user = self.store.user_by_email(email.canonical()).await;
        let hash = user.unwrap().unwrap().password_hash.unwrap();
        let (_, rest) = hash.expose_secret().split_once("keyid=")?;
        Some(rest.split('$').next().unwrap().to_owned())
    }
}

fn pepper(id: &str) -> Pepper {
    Pepper::new(id, secret(id.as_bytes()[0])).unwrap()
}

fn secret(first: u8) -> SecretBytes {
    SecretBytes::new((first..).take(32).collect::<Vec<u8>>())
}

fn dead<T>(answer: &Result<T, AuthError>) -> bool {
    matches!(answer, Err(AuthError::InvalidToken))
}

/// Both tokens work; the refresh token is used up and replaced.
async fn goes_on(bed: &Bed, tokens: &mut Tokens) {
    bed.validate(tokens).await.unwrap();
    *tokens = bed.refresh(tokens).await.unwrap();
    bed.validate(tokens).await.unwrap();
}

/// The steps by which one secret takes the place of another.
fn secrets() -> [Keyring; 4] {
    let (old, new) = (secret(1), secret(101));
    let both = |active: &SecretBytes, retired: &SecretBytes| {
        Keyring::builder(active.clone())
            .retire_secret(retired.clone())
            .build()
            .unwrap()
    };
    [
        Keyring::from_secret(old.clone()).unwrap(),
        both(&old, &new),
        both(&new, &old),
        Keyring::from_secret(new).unwrap(),
    ]
}

#[tokio::test]
async fn asvs_11_2_2_and_13_3_4_a_secret_is_rotated_without_logging_anyone_out() {
    let fleet = Fleet::default();
    let mut old_steps = secrets()
        .map(|keyring| fleet.with_keys(keyring))
        .into_iter();
    let mut before = old_steps.next().unwrap();
    let mut since_the_start = before.register(ANN).await.tokens;
    for after in old_steps.by_ref().take(2) {
        // While the step is rolled out, requests reach either instance.
        for (issuer, other) in [(&before, &after), (&after, &before)] {
            let mut tokens = issuer.login(ANN, PASSWORD).await.unwrap().tokens;
            goes_on(other, &mut tokens).await;
            goes_on(issuer, &mut tokens).await;
            goes_on(other, &mut since_the_start).await;
        }
        // An answer that was lost is asked for again, and given by the other one.
        let lost = before.refresh(&since_the_start).await.unwrap();
        let mut again = after.refresh(&since_the_start).await.unwrap();
        before.validate(&lost).await.unwrap();
        goes_on(&before, &mut again).await;
        since_the_start = again;
        before = after;
    }

    // Every instance makes tokens with the new secret. A user who comes back within
    // the idle timeout gets some.
    let last = old_steps.next().unwrap();
    let idle = before.auth.config().session.idle_timeout;
    fleet.clock.advance(idle - Duration::from_secs(1));
    since_the_start = before.refresh(&since_the_start).await.unwrap();
    fleet.clock.advance(Duration::from_secs(1));
    for bed in [&before, &last] {
        goes_on(bed, &mut since_the_start).await;
    }
}

#[tokio::test]
async fn asvs_13_3_4_a_secret_that_is_gone_takes_its_tokens_along_and_no_others() {
    let fleet = Fleet::default();
    let [only_old, _, both, only_new] = secrets().map(|keyring| fleet.with_keys(keyring));
    let old = only_old.register(ANN).await.tokens;
    let mut new = both.login(ANN, PASSWORD).await.unwrap().tokens;
    assert!(both.validate(&old).await.is_ok());
    assert!(dead(&only_new.validate(&old).await));
    assert!(dead(&only_new.refresh(&old).await));
    goes_on(&only_new, &mut new).await;

    // The emergency: the new secret at once, and the password still opens a session.
    let mut again = only_new.login(ANN, PASSWORD).await.unwrap().tokens;
    goes_on(&only_new, &mut again).await;
}

#[tokio::test]
async fn a_step_that_is_left_out_logs_people_out_while_it_is_rolled_out() {
    let fleet = Fleet::default();
    let [only_old, _, both, _] = secrets().map(|keyring| fleet.with_keys(keyring));
    let tokens = both.register(ANN).await.tokens;
    assert!(dead(&only_old.validate(&tokens).await));
    assert!(dead(&only_old.refresh(&tokens).await));
}

/// Two keys for signatures, from RFC 8032, section 7.1, tests 1 and 2.
fn signing_keys() -> [SigningKey; 2] {
    let key = |hex: &str| {
        let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        let digits = hex.as_bytes().chunks(2);
        der.extend(digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()));
        SigningKey::eddsa_der(&SecretBytes::new(der)).unwrap()
    };
    [
        key("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
        key("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
    ]
}

#[tokio::test]
async fn asvs_13_3_4_a_leaked_signing_key_is_dropped_at_once_and_sessions_go_on() {
    let fleet = Fleet::default();
    let [before, after] = signing_keys().map(|key| {
        let keyring = Keyring::builder(secret(1)).sign_with(key).build();
        fleet.with_keys(keyring.unwrap())
    });
    let leaked = before.register(ANN).await.tokens;
    assert!(dead(&after.validate(&leaked).await));
    let mut tokens = after.refresh(&leaked).await.unwrap();
    goes_on(&after, &mut tokens).await;
}

#[tokio::test]
async fn asvs_13_3_4_a_signing_key_is_rotated_without_refusing_a_token_anywhere() {
    let [old, new] = signing_keys();
    let builder = || Keyring::builder(secret(1));
    let steps = [
        builder().sign_with(old.clone()),
        builder()
            .sign_with(old.clone())
            .retire_key(new.verifying_key().clone()),
        builder().sign_with(new.clone()).retire_key(old),
        builder().sign_with(new),
    ];
    let fleet = Fleet::default();
    let steps = steps.map(|keyring| fleet.with_keys(keyring.build().unwrap()));
    let mut tokens = steps[0].register(ANN).await.tokens;
    let first = tokens.clone();
    for pair in steps.windows(2) {
        let [before, after] = pair else {
            unreachable!()
        };
        // Services elsewhere have read the keys of the step before.
        let elsewhere = Verifier::from_jwks(&before.auth.jwks()).unwrap();
        let config = after.auth.config();
        tokens = after.refresh(&tokens).await.unwrap();
        for bed in [before, after] {
            bed.validate(&tokens).await.unwrap();
        }
        let token = tokens.token.expose_secret();
        let now = admittance::clock::Clock::now(&fleet.clock);
        assert!(
            elsewhere
                .verify(token, &config.issuer, &config.audience, now)
                .is_ok()
        );
        assert!(steps[2].validate(&first).await.is_ok());
    }
    // Access tokens of the old key end with it; sessions do not.
    assert!(dead(&steps[3].validate(&first).await));
    goes_on(&steps[3], &mut tokens).await;
}

#[tokio::test]
async fn asvs_13_3_4_a_pepper_is_added_and_replaced_without_refusing_a_password() {
    let fleet = Fleet::default();
    let steps: [Peppers; 6] = [
        (None, &[]),
        (None, &["1"]),
        (Some("1"), &[]),
        (Some("1"), &["2"]),
        (Some("2"), &["1"]),
        (Some("2"), &[]),
    ];
    let steps = steps.map(|peppers| fleet.with_peppers(peppers));
    let mut ann = steps[0].register(ANN).await.tokens;
    let mut bob = steps[2].register(BOB).await.tokens;
    let mut peppers = Vec::new();
    for pair in steps.windows(2) {
        for bed in [&pair[0], &pair[1], &pair[0], &pair[1]] {
            assert!(bed.login(ANN, OTHER_PASSWORD).await.is_err());
            bed.login(ANN, PASSWORD).await.unwrap();
            // A person logs in ten times a minute at most.
            bed.clock.advance(Duration::from_secs(10));
            goes_on(bed, &mut ann).await;
            goes_on(bed, &mut bob).await;
            peppers.push(fleet.pepper_of(ANN).await);
        }
    }
    // "1" and "2" in base64: each login renews the hash for the instance that
    // it reaches, also back while two steps run at once.
    let renewed = peppers.iter().skip(3).step_by(4);
    let renewed: Vec<_> = renewed.map(Option::as_deref).collect();
    assert_eq!(
        renewed,
        [None, Some("MQ"), Some("MQ"), Some("Mg"), Some("Mg")]
    );
    assert_eq!(fleet.pepper_of(BOB).await.as_deref(), Some("MQ"));
}

#[tokio::test]
async fn asvs_13_3_4_a_pepper_that_is_gone_locks_out_who_did_not_come_back_until_a_reset() {
    let fleet = Fleet::default();
    let before = fleet.with_peppers((Some("1"), &[]));
    let mut tokens = before.register(BOB).await.tokens;
    let after = fleet.with_peppers((Some("2"), &[]));

    let refused = after.login(BOB, PASSWORD).await;
    assert!(matches!(refused, Err(AuthError::InvalidCredentials)));
    let event = after.events.last();
    assert_eq!(event.notices.first(), Some(Notice::PasswordHashUnusable));
    assert!(event.user_id.is_some());
    // Sessions do not hang on the pepper.
    goes_on(&after, &mut tokens).await;

    resets(&after, BOB).await;
    assert_eq!(fleet.pepper_of(BOB).await.as_deref(), Some("Mg"));
}

#[tokio::test]
async fn asvs_13_3_4_hashes_that_leaked_are_taken_out_of_use_until_a_reset() {
    let fleet = Fleet::default();
    let bed = fleet.with_peppers((None, &[]));
    let tokens = bed.register(ANN).await.tokens;
    let user = bed.validate(&tokens).await.unwrap().user().clone();
    let unusable = PasswordHash::new("!");
    let replaced =
        fleet
            .store
            .replace_password(user.id, hash_of(&user), &unusable, EpochChange::Raise);
    assert!(replaced.await.unwrap());

    assert!(dead(&bed.validate(&tokens).await));
    assert!(dead(&bed.refresh(&tokens).await));
    for password in [PASSWORD, "!", OTHER_PASSWORD] {
        let refused = bed.login(ANN, password).await;
        assert!(matches!(refused, Err(AuthError::InvalidCredentials)));
        let notice = bed.events.last().notices.first();
        assert_eq!(notice, Some(Notice::PasswordHashUnusable));
    }
    resets(&bed, ANN).await;
}

/// The owner of `email` sets a new password by mail, and gets in with it.
async fn resets(bed: &Bed, email: &str) {
    let asked = EmailRequest {
        email: email.into(),
    };
    bed.auth.forgot_password(asked, &bed.here).await.unwrap();
    let reset = ResetPassword {
        token: bed.mailed(MailKind::ResetPassword).await,
        new_password: OTHER_PASSWORD.into(),
        confirm_password: OTHER_PASSWORD.into(),
    };
    bed.auth.reset_password(reset, &bed.here).await.unwrap();
    bed.login(email, OTHER_PASSWORD).await.unwrap();
}

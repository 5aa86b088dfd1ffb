//! Ways × gates: every way in, with every gate closed at every moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use admittance::config::{LimitPolicy, RegistrationMode};
use admittance::error::AuthError;
use admittance::proof::{ExternalMethod, Method, MethodName};
use admittance::secret::{MailToken, Ticket};
use admittance::service::{
    Authenticated, OpenSession, ProveSecondFactor, Reauthenticate, RegisterOutcome, Tokens,
};
use admittance::session::Session;
use admittance::store::{InsertUser, MemoryStore, ProfileChange, Removal, SessionStore, UserStore};
use admittance::user::{DeviceDigest, PasswordHash, User, UserStatus};

use support::asks::{confirm_password, verify};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, mail_config, registration};
use support::faulty::FaultyStore;
use support::second_factor::{CODE, Cards};

const ANN: &str = "ann@example.org";
const WRONG: &str = "velvet?Harbour 18 sundial";

type Watched = Bed<FaultyStore<MemoryStore>>;

/// An operation that opens a session.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Register,
    CompleteRegistration,
    VerifyEmail,
    Login,
    ChangePassword,
    Reauthenticate,
    /// A login with a second factor, from the password to the session.
    SecondFactor,
    /// A second factor of a session.
    ReauthenticateByCode,
    /// A proof of the application.
    OpenSession,
}

const WAYS: [Way; 9] = [
    Way::Register,
    Way::CompleteRegistration,
    Way::VerifyEmail,
    Way::Login,
    Way::ChangePassword,
    Way::Reauthenticate,
    Way::SecondFactor,
    Way::ReauthenticateByCode,
    Way::OpenSession,
];

/// An act that must keep every way in from opening a session.
#[derive(Clone, Copy, Debug)]
enum Gate {
    Disabled,
    Removed,
    /// The owner has reset the password: the proofs rest on an older epoch.
    Reset,
}

const GATES: [Gate; 3] = [Gate::Disabled, Gate::Removed, Gate::Reset];

impl Gate {
    /// Shuts the account, if it exists.
    async fn shut(self, store: &MemoryStore) -> bool {
        let Some(user) = ann(store).await else {
            return false;
        };
        let state = user.exact_state();
        match self {
            Self::Disabled => {
                let (id, version) = (user.id, user.version);
                let disabled = store.set_status(id, version, UserStatus::Disabled).await;
                disabled.unwrap().is_some()
            }
            Self::Removed => store.remove_user(&state, Removal::Any).await.unwrap(),
            Self::Reset => {
                let (hash, device) = (PasswordHash::new("x"), DeviceDigest::from_bytes([9; 16]));
                let change = ProfileChange::default();
                let reset = store.reset_password(&state, &hash, device, &change);
                reset.await.unwrap()
            }
        }
    }
}

async fn ann(store: &MemoryStore) -> Option<User> {
    let email = admittance::email::Email::parse(ANN).unwrap();
    store.user_by_email(email.canonical()).await.unwrap()
}

/// The sessions that are still valid.
async fn usable(bed: &Watched) -> Vec<Session> {
    let store = bed.store.inner();
    let Some(user) = ann(store).await else {
        return Vec::new();
    };
    let now = admittance::clock::Clock::now(&bed.clock);
    let live = store.sessions_of(user.id, None, 100, now).await.unwrap();
    let is_usable = |session: &Session| {
        user.status == UserStatus::Active && session.auth_epoch == user.auth_epoch
    };
    live.into_iter().filter(is_usable).collect()
}

/// A service in which `way` succeeds, and what that requires.
struct Scene {
    bed: Watched,
    who: Option<Authenticated>,
    link: Option<MailToken>,
    cards: Cards,
    /// The ticket of a sign-in that waits for its second factor.
    ticket: Option<Ticket>,
}

impl Scene {
    async fn of(way: Way, limits: LimitPolicy) -> Self {
        let cards = Cards::default();
        let mut config = config();
        config.limits = limits;
        if way == Way::CompleteRegistration {
            config.registration = RegistrationMode::VerifyFirst;
        }
        let store = FaultyStore::new(MemoryStore::new());
        let bed = Bed::built(store, config, |builder, mailbox| {
            let builder = builder.mail(mailbox, mail_config());
            builder.second_factor(cards.clone())
        });
        let (mut who, mut link) = (None, None);
        if way != Way::Register {
            let registered = bed.auth.register(registration(ANN), &bed.here).await;
            let kind = match registered.unwrap() {
                RegisterOutcome::Opened(opened) => {
                    who = Some(bed.validate(&opened.tokens).await.unwrap());
                    admittance::mail::MailKind::VerifyEmail
                }
                _ => admittance::mail::MailKind::CompleteRegistration,
            };
            link = Some(bed.mailed(kind).await);
        }
        bed.auth.flush_mail().await;
        if matches!(way, Way::SecondFactor | Way::ReauthenticateByCode) {
            cards.set(&["card"]);
        }
        Self {
            bed,
            who,
            link,
            cards,
            ticket: None,
        }
    }

    /// Begins a login, so that guesses at the second factor have one ticket.
    async fn begin(&mut self) {
        self.ticket = Some(match self.bed.login(ANN, PASSWORD).await {
            Err(AuthError::SecondFactorRequired { ticket, .. }) => ticket,
            other => panic!("{other:?}"),
        });
    }

    async fn enter(&self, way: Way, password: &str) -> Result<Tokens, AuthError> {
        let (bed, who) = (&self.bed, self.who.as_ref());
        let code = match password {
            PASSWORD => CODE,
            _ => "000000",
        };
        let card = MethodName::new("card").unwrap();
        match way {
            Way::Register => {
                let registered = bed.auth.register(registration(ANN), &bed.here).await?;
                Ok(registered.opened().unwrap().tokens)
            }
            Way::CompleteRegistration | Way::VerifyEmail => {
                let link = self.link.as_ref().unwrap();
                let verified = verify(bed, link, Some(password), None).await?;
                verified.ok_or(AuthError::InvalidToken)
            }
            Way::Login => Ok(bed.login(ANN, password).await?.tokens),
            Way::ChangePassword => {
                let changed = bed.change_password(who.unwrap(), password, OTHER_PASSWORD);
                Ok(changed.await?.tokens)
            }
            Way::Reauthenticate => {
                let proved = confirm_password(bed, who.unwrap(), password).await?;
                Ok(proved.unwrap())
            }
            Way::SecondFactor => {
                let ticket = match &self.ticket {
                    Some(ticket) => ticket.clone(),
                    None => match bed.login(ANN, PASSWORD).await {
                        Err(AuthError::SecondFactorRequired { ticket, .. }) => ticket,
                        Err(refused) => return Err(refused),
                        Ok(_) => panic!("no second factor was required"),
                    },
                };
                let request = ProveSecondFactor::new(ticket, Method::SecondFactor(card), code);
                let proved = bed.auth.prove_second_factor(request, &bed.here).await?;
                Ok(proved.tokens)
            }
            Way::ReauthenticateByCode => {
                let request = Reauthenticate::by_code(card, code);
                let proved = bed.auth.reauthenticate(who.unwrap(), request, &bed.here);
                Ok(proved.await?.tokens)
            }
            Way::OpenSession => {
                let request =
                    OpenSession::new(ExternalMethod::new("x-saml").unwrap()).accept_unverified();
                let user = who.unwrap().user().id;
                let opened = bed.auth.open_session(user, request, &bed.here);
                Ok(opened.await?.tokens)
            }
        }
    }
}

/// Uses `way`, and closes `gate` before the `call`-th call of the store, or afterwards if
/// there are fewer calls. Returns whether there was an account, and whether there were as
/// many calls.
async fn shut_at(way: Way, gate: Gate, call: usize) -> (bool, bool) {
    let scene = Scene::of(way, LimitPolicy::off()).await;
    let (store, shut) = (&scene.bed.store, Arc::new(AtomicBool::new(false)));
    store.hook(call, {
        let (inner, shut) = (store.inner().clone(), Arc::clone(&shut));
        move || {
            let (inner, shut) = (inner.clone(), Arc::clone(&shut));
            async move { shut.store(gate.shut(&inner).await, Ordering::SeqCst) }
        }
    });
    let entered = scene.enter(way, PASSWORD).await;
    scene.bed.auth.flush_mail().await;
    let is_reached = store.calm().len() >= call;
    let is_shut = match is_reached {
        true => shut.load(Ordering::SeqCst),
        false => gate.shut(store.inner()).await,
    };
    if is_shut {
        let left = usable(&scene.bed).await;
        assert!(left.is_empty(), "{way:?}, {gate:?} at {call}: {left:?}");
        if let Ok(tokens) = entered {
            let checked = scene.bed.validate(&tokens).await;
            assert!(checked.is_err(), "{way:?}, {gate:?} at {call}");
        }
    }
    (is_shut, is_reached)
}

#[tokio::test]
async fn asvs_7_4_2_no_way_in_opens_a_session_through_a_gate_that_shuts_at_any_moment() {
    let (mut pairs, mut moments) = (0, 0);
    for way in WAYS {
        for gate in GATES {
            let before = moments;
            // The application's proof rests on the account as it is read, not on the password:
            // a reset before that does not shut the gate.
            let first = match (way, gate) {
                (Way::OpenSession, Gate::Reset) => 2,
                _ => 1,
            };
            for call in first.. {
                // Before the account is created, there is nothing to close.
                let (is_shut, is_reached) = shut_at(way, gate, call).await;
                moments += usize::from(is_shut);
                if !is_reached {
                    break;
                }
            }
            assert!(moments > before, "{way:?}, {gate:?}: never shut");
            pairs += 1;
        }
    }
    println!("ways x gates: {pairs} pairs at {moments} moments, 0 sessions that should not be");
}

#[tokio::test]
async fn asvs_6_3_1_no_way_in_opens_a_session_without_the_password_or_on_a_locked_account() {
    // The application checks its own proof.
    let checks = |way: &Way| !matches!(way, Way::Register | Way::OpenSession);
    let mut pairs = 0;
    for way in WAYS.into_iter().filter(checks) {
        // Wrong passwords until the way is locked, and then the correct one.
        let mut scene = Scene::of(way, LimitPolicy::default()).await;
        if way == Way::SecondFactor {
            scene.begin().await;
        }
        let before = usable(&scene.bed).await;
        let mut refused = Vec::new();
        for _ in 0..20 {
            let entered = scene.enter(way, WRONG).await;
            refused.push(entered.map(drop).unwrap_err().code());
        }
        let locked = scene.enter(way, PASSWORD).await;
        assert!(
            matches!(locked, Err(AuthError::RateLimited { .. })),
            "{way:?}: {locked:?} after {refused:?}"
        );
        assert_eq!(usable(&scene.bed).await, before, "{way:?}");
        pairs += 2;

        // An account without a password has no way in by one.
        if matches!(way, Way::CompleteRegistration | Way::ReauthenticateByCode) {
            continue;
        }
        let scene = Scene::of(way, LimitPolicy::off()).await;
        let store = scene.bed.store.inner();
        let user = ann(store).await.unwrap();
        assert!(
            store
                .remove_user(&user.exact_state(), Removal::Any)
                .await
                .unwrap()
        );
        let without_password = User {
            password_hash: None,
            ..user
        };
        let inserted = store.insert_user(&without_password).await.unwrap();
        assert_eq!(inserted, InsertUser::Inserted);
        assert_eq!(without_password.methods(), []);
        let before = usable(&scene.bed).await;
        for password in [PASSWORD, WRONG, ""] {
            let entered = scene.enter(way, password).await;
            assert!(entered.is_err(), "{way:?}: {password:?}");
        }
        assert_eq!(usable(&scene.bed).await, before, "{way:?}");
        pairs += 1;
    }
    println!("ways x credentials: {pairs} pairs, 0 sessions that should not be");
}

#[tokio::test]
async fn asvs_6_3_3_no_way_in_opens_a_session_without_the_second_factor_of_the_account() {
    for way in WAYS {
        // A new account has no second factor.
        let is_gated = match way {
            Way::Register | Way::CompleteRegistration => false,
            Way::VerifyEmail
            | Way::Login
            | Way::ChangePassword
            | Way::Reauthenticate
            | Way::OpenSession => true,
            Way::SecondFactor | Way::ReauthenticateByCode => continue,
        };
        let scene = Scene::of(way, LimitPolicy::off()).await;
        let before = usable(&scene.bed).await;
        scene.cards.set(&["card"]);
        let entered = scene.enter(way, PASSWORD).await;
        if is_gated {
            assert!(
                matches!(
                    entered,
                    Err(AuthError::SecondFactorRequired { .. }
                        | AuthError::RecentLoginRequired { .. })
                ),
                "{way:?}: {entered:?}"
            );
            assert_eq!(usable(&scene.bed).await, before, "{way:?}");
        } else {
            assert!(entered.is_ok(), "{way:?}: {entered:?}");
        }
    }
}

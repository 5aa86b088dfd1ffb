//! Ways × gates: every way in, with every gate closed at every moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use admittance::clock::{Clock, ManualClock};
use admittance::config::{LimitPolicy, RegistrationMode};
use admittance::error::AuthError;
use admittance::proof::{ExternalMethod, Method, MethodName};
use admittance::secret::{MailToken, Ticket};
use admittance::service::{
    Authenticated, FederatedOutcome, LinkIdentity, LinkOutcome, OpenSession, ProveSecondFactor,
    Reauthenticate, RegisterOutcome, StartFederation, Tokens, VerifyEmail, VerifyOutcome,
};
use admittance::session::Session;
use admittance::store::{
    IdentityLink, InsertUser, MemoryStore, ProfileChange, Removal, SessionStore, UserStore,
};
use admittance::user::{DeviceDigest, PasswordHash, User, UserStatus};

use support::asks::{confirm_password, verify};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, mail_config, registration};
use support::faulty::FaultyStore;
use support::provider::{self, Pupil, School};
use support::sample;
use support::second_factor::{CODE, Cards};

/// For which the school is believed.
const ANN: &str = "ann@school.example";
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
    /// The first sign-in with a provider.
    FederatedRegister,
    /// Another one.
    FederatedLogin,
    /// One that is completed by the mailed link and the ticket of the sign-in.
    FederatedComplete,
    /// A sign-in with a provider, which the password links to the account.
    Link,
    /// One that removes the account, which nobody has confirmed.
    StartAnew,
    /// A link that a session has begun.
    LinkFromSession,
    /// A proof of a provider in a session.
    ReauthenticateByProvider,
}

const WAYS: [Way; 16] = [
    Way::Register,
    Way::CompleteRegistration,
    Way::VerifyEmail,
    Way::Login,
    Way::ChangePassword,
    Way::Reauthenticate,
    Way::SecondFactor,
    Way::ReauthenticateByCode,
    Way::OpenSession,
    Way::FederatedRegister,
    Way::FederatedLogin,
    Way::FederatedComplete,
    Way::Link,
    Way::StartAnew,
    Way::LinkFromSession,
    Way::ReauthenticateByProvider,
];

/// An act that must keep every way in from opening a session.
#[derive(Clone, Copy, Debug)]
enum Gate {
    Disabled,
    Removed,
    /// The owner has reset the password: the proofs rest on an older epoch.
    Reset,
    /// The owner has disconnected the identity, which ends the sessions of providers.
    Unlinked,
}

const GATES: [Gate; 4] = [Gate::Disabled, Gate::Removed, Gate::Reset, Gate::Unlinked];

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
            Self::Unlinked => unlink(store, &user).await.is_some(),
        }
    }

    /// Whether the way needs what the gate takes away.
    fn is_before(self, way: Way) -> bool {
        let by_identity = matches!(
            way,
            Way::FederatedLogin | Way::LinkFromSession | Way::ReauthenticateByProvider
        );
        by_identity || !matches!(self, Self::Unlinked)
    }

    /// Whether it ends `session`. What a password has opened outlives the identity.
    fn ends(self, session: &Session) -> bool {
        match self {
            Self::Unlinked => session.proofs.methods().contains(&Method::Federation),
            Self::Disabled | Self::Removed | Self::Reset => true,
        }
    }
}

/// Unlinks the identity, as a session with another way in does.
async fn unlink(store: &MemoryStore, user: &User) -> Option<()> {
    let first = user.identities.iter().next()?.id;
    let other = sample::identity(2);
    let other = store.link_identity(user.id, user.version, &other);
    assert!(matches!(other.await.unwrap(), IdentityLink::Linked));
    let unlinked = store.unlink_identity(user.id, user.version + 1, first);
    unlinked.await.unwrap()?;
    let now = ManualClock::default().now();
    let all = store.sessions_of(user.id, None, 100, now).await.unwrap();
    let by_provider = |session: &&Session| session.proofs.methods().contains(&Method::Federation);
    for session in all.iter().filter(by_provider) {
        store.end_session(user.id, session.id).await.unwrap();
    }
    Some(())
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
    let now = bed.clock.now();
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
    /// The ticket of a sign-in that waits for its second factor, or for its mailed link.
    ticket: Option<Ticket>,
    school: School,
}

impl Scene {
    async fn of(way: Way, limits: LimitPolicy) -> Self {
        let cards = Cards::default();
        let mut config = config();
        config.limits = limits;
        if matches!(way, Way::CompleteRegistration | Way::FederatedComplete) {
            config.registration = RegistrationMode::VerifyFirst;
        }
        let store = FaultyStore::new(MemoryStore::new());
        let school = School::new(ManualClock::default());
        let bed = Bed::built(store, config, |builder, mailbox| {
            let builder = builder.mail(mailbox, mail_config());
            let builder = builder.federation(school.federation());
            builder.second_factor(cards.clone())
        });
        let (mut who, mut link, mut ticket) = (None, None, None);
        if matches!(way, Way::FederatedLogin | Way::ReauthenticateByProvider) {
            let tokens = sign_in(&bed, &school).await.unwrap();
            who = Some(bed.validate(&tokens).await.unwrap());
        } else if way == Way::FederatedComplete {
            match finish(&bed, &school, false).await.unwrap() {
                FederatedOutcome::Pending(pending) => ticket = Some(pending.ticket),
                opened => panic!("{opened:?}"),
            }
            let kind = admittance::mail::MailKind::CompleteRegistration;
            link = Some(bed.mailed(kind).await);
        } else if !matches!(way, Way::Register | Way::FederatedRegister) {
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
            ticket,
            school,
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
            Way::FederatedRegister | Way::FederatedLogin => sign_in(bed, &self.school).await,
            Way::Link | Way::StartAnew => {
                let ticket = match sign_in(bed, &self.school).await {
                    Err(AuthError::LinkRequired { ticket, .. }) => ticket,
                    Err(refused) => return Err(refused),
                    // The account is gone, so this is the first one of another.
                    Ok(_) => return Err(AuthError::InvalidFlow),
                };
                let mut request = LinkIdentity::default();
                request.ticket = ticket;
                match way {
                    Way::Link => request.current_password = Some(password.into()),
                    _ => request.start_anew = Some(true),
                }
                match bed.auth.link_identity(request, None, &bed.here).await? {
                    LinkOutcome::Opened(opened) => Ok(opened.login.tokens),
                    LinkOutcome::Linked(_) => panic!("there was no session"),
                }
            }
            Way::FederatedComplete => {
                let request = VerifyEmail {
                    token: self.link.clone().unwrap(),
                    password: None,
                    ticket: self.ticket.clone(),
                };
                match bed.auth.verify_email(request, None, &bed.here).await? {
                    VerifyOutcome::Opened(opened) => Ok(opened.tokens),
                    VerifyOutcome::Verified(_) => panic!("there was no account"),
                }
            }
            Way::LinkFromSession | Way::ReauthenticateByProvider => {
                let (auth, here) = (&bed.auth, &bed.here);
                let (who, request) = (who.unwrap(), StartFederation::default());
                let started = match way {
                    Way::LinkFromSession => {
                        auth.start_linking(who, provider::ID, request, here).await?
                    }
                    _ => {
                        auth.start_reauthentication(who, provider::ID, request, here)
                            .await?
                    }
                };
                let pupil = Pupil::new("7", ANN);
                let mut answer = self.school.answers(&started.authorization_url, &pupil);
                answer.flow = Some(started.flow);
                let done = auth.finish_federation(provider::ID, answer, Some(who), here);
                Ok(done.await?.opened().unwrap().login.tokens)
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

/// Signs in with the school, as the person with the identity.
async fn sign_in(bed: &Watched, school: &School) -> Result<Tokens, AuthError> {
    Ok(finish(bed, school, true)
        .await?
        .opened()
        .unwrap()
        .login
        .tokens)
}

/// Signs in, with an address that the school says is verified or not.
async fn finish(
    bed: &Watched,
    school: &School,
    is_verified: bool,
) -> Result<FederatedOutcome, AuthError> {
    let (auth, here) = (&bed.auth, &bed.here);
    let request = StartFederation::default();
    let started = auth.start_federation(provider::ID, request, here).await?;
    let pupil = Pupil::new("7", ANN).with("email_verified", is_verified.into());
    let mut answer = school.answers(&started.authorization_url, &pupil);
    answer.flow = Some(started.flow);
    auth.finish_federation(provider::ID, answer, None, here)
        .await
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
        let mut left = usable(&scene.bed).await;
        left.retain(|session| gate.ends(session));
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
        for gate in GATES.into_iter().filter(|gate| gate.is_before(way)) {
            let before = moments;
            // The application's proof rests on the account as it is read, not on the password:
            // a reset before that does not shut the gate.
            let first = match (way, gate) {
                (Way::OpenSession, Gate::Reset) => 2,
                // So does a proof by an identity, which a reset of a confirmed account keeps.
                (Way::FederatedLogin, Gate::Reset) => 4,
                // Without an account, the person makes another one.
                (Way::FederatedLogin, Gate::Removed) => 4,
                (Way::Link | Way::StartAnew, Gate::Removed) => 5,
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
    let by_password = |way: &Way| {
        use Way::{
            FederatedComplete, FederatedLogin, FederatedRegister, LinkFromSession, OpenSession,
            ReauthenticateByProvider, Register, StartAnew,
        };
        !matches!(
            way,
            Register
                | OpenSession
                | FederatedRegister
                | FederatedLogin
                | FederatedComplete
                | StartAnew
                | LinkFromSession
                | ReauthenticateByProvider
        )
    };
    let mut pairs = 0;
    for way in WAYS.into_iter().filter(by_password) {
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
            Way::Register
            | Way::CompleteRegistration
            | Way::FederatedRegister
            | Way::FederatedComplete
            | Way::StartAnew => false,
            Way::VerifyEmail
            | Way::FederatedLogin
            | Way::Link
            | Way::LinkFromSession
            | Way::ReauthenticateByProvider
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

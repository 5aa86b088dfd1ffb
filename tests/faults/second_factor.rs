//! A login with a second factor, at each call that it makes of the store, with each fault.

use admittance::error::AuthError;
use admittance::proof::{Assurance, Method, MethodName};
use admittance::secret::Ticket;
use admittance::service::{LoginResponse, ProveSecondFactor};
use admittance::session::Session;
use admittance::store::{MemoryStore, SessionStore, UserStore};

use support::bed::{Bed, PASSWORD, config, mail_config};
use support::faulty::{FAULTS, Fault, FaultyStore};
use support::second_factor::{CODE, Cards};

const ANN: &str = "ann@example.org";

type Watched = Bed<FaultyStore<MemoryStore>>;

/// A service whose users have a card, with an account that has no session.
async fn bed() -> Watched {
    let store = FaultyStore::new(MemoryStore::new());
    let bed = Bed::built(store, config(), |builder, mailbox| {
        let builder = builder.mail(mailbox, mail_config());
        builder.second_factor(Cards::of(&["card"]))
    });
    let tokens = bed.register(ANN).await.tokens;
    bed.auth.flush_mail().await;
    let ann = bed.validate(&tokens).await.unwrap();
    let _ = bed.auth.logout(&ann, &bed.here).await.unwrap();
    bed
}

async fn begin(bed: &Watched) -> Result<Ticket, AuthError> {
    match bed.login(ANN, PASSWORD).await {
        Err(AuthError::SecondFactorRequired { ticket, .. }) => Ok(ticket),
        Err(error) => Err(error),
        Ok(_) => panic!("a session was opened by the password alone"),
    }
}

async fn prove(bed: &Watched, ticket: &Ticket) -> Result<LoginResponse, AuthError> {
    let card = Method::SecondFactor(MethodName::new("card").unwrap());
    let request = ProveSecondFactor::new(ticket.clone(), card, CODE);
    bed.auth.prove_second_factor(request, &bed.here).await
}

async fn sessions(bed: &Watched) -> Vec<Session> {
    let store = bed.store.inner();
    let user = store.users(None, 1).await.unwrap().remove(0);
    let now = admittance::clock::Clock::now(&bed.clock);
    store.sessions_of(user.id, None, 100, now).await.unwrap()
}

/// Returns whether the login makes as many calls.
async fn run(call: usize, fault: Fault) -> bool {
    let bed = bed().await;
    bed.store.inject(call, fault);
    let ticket = begin(&bed).await;
    let opened = match &ticket {
        Ok(ticket) => Some(prove(&bed, ticket).await),
        Err(_) => None,
    };
    let is_reached = bed.store.calm().len() >= call;

    let all = sessions(&bed).await;
    let is_whole = |one: &Session| one.proofs.assurance() == Some(Assurance::Aal2);
    assert!(all.iter().all(is_whole), "{call} {fault:?}: {all:?}");
    if let Some(Ok(opened)) = &opened {
        assert_eq!(all.len(), 1, "{call} {fault:?}");
        bed.validate(&opened.tokens).await.unwrap();
    }
    if fault == Fault::Delay {
        assert!(matches!(opened, Some(Ok(_))), "{call}: {opened:?}");
    }
    // The same ticket opens a session at most once.
    if let Ok(ticket) = &ticket {
        let again = prove(&bed, ticket).await;
        match (&opened, again) {
            (Some(Ok(_)), Ok(_)) => panic!("{call} {fault:?}: a ticket opened two sessions"),
            (_, Ok(_) | Err(AuthError::InvalidFlow)) => {}
            (_, Err(error)) => panic!("{call} {fault:?}: {error:?}"),
        }
    }
    // Whatever happened, the owner gets in.
    let ticket = begin(&bed).await.unwrap();
    let opened = prove(&bed, &ticket).await.unwrap();
    bed.validate(&opened.tokens).await.unwrap();
    is_reached
}

#[tokio::test]
async fn asvs_2_3_3_a_login_with_a_second_factor_under_each_fault_of_the_store() {
    let (mut call, mut is_reached) = (0, true);
    while is_reached {
        call += 1;
        for fault in FAULTS {
            is_reached = run(call, fault).await;
        }
    }
    assert!(call > 12, "{call}");
    println!("{} calls × {} faults; 0 violations", call - 1, FAULTS.len());
}

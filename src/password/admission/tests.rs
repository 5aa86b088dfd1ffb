use std::future::{pending, ready};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::password::config::{Argon2Params, HashingConfig};
use crate::password::pool::Pool;

type Admitting<'a> = Pin<Box<dyn Future<Output = Result<Place, HashError>> + 'a>>;

fn pool(change: impl FnOnce(&mut HashingConfig)) -> Pool {
    let mut config = HashingConfig {
        params: Argon2Params::new(8, 1, 1).unwrap(),
        threads: NonZeroUsize::new(1),
        queue_deadline: Duration::from_secs(3600),
        ..HashingConfig::default()
    };
    change(&mut config);
    Pool::start(&config).unwrap()
}

fn network(subnet: u16) -> Network {
    let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, subnet, 0, 0, 0, 0, 1);
    Network::of(Some(address.into()))
}

fn from(lane: Lane, subnet: u16) -> Claim {
    Claim {
        work: Work::Hashing,
        lane,
        network: network(subnet),
    }
}

fn account(number: u16) -> Lane {
    let [high, low] = number.to_be_bytes();
    Lane::Known([high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// Polls once and returns the output if the future is ready.
fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T> + '_>>) -> Option<T> {
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

fn admit(pool: &Pool, claim: Claim) -> Admitting<'_> {
    Box::pin(pool.admit(claim))
}

/// Takes every place, so that later callers wait.
fn fill(pool: &Pool) -> Vec<Place> {
    let claims = (0..u16::MAX).map(|number| from(Lane::Host, 60_000 + number % 5000));
    let mut places = Vec::new();
    for claim in claims {
        match poll(&mut admit(pool, claim)) {
            Some(place) => places.push(place.unwrap()),
            None => break,
        }
    }
    places
}

/// A caller that waits or was refused.
fn come(pool: &Pool, claim: Claim) -> Admitting<'_> {
    let mut admitting = admit(pool, claim);
    match poll(&mut admitting) {
        Some(answer) => {
            assert!(answer.is_err(), "there was room");
            Box::pin(ready(answer))
        }
        None => admitting,
    }
}

#[test]
fn asvs_15_4_4_a_full_line_refuses_the_flood_and_not_the_newcomer() {
    let pool = pool(|config| config.queue_len = 45);
    let places = fill(&pool);
    assert_eq!(places.len(), 6);
    // 40 may wait, 10 of them known callers only.
    let mut flood: Vec<_> = (0..30)
        .map(|_| come(&pool, from(Lane::Stranger, 0)))
        .collect();
    let mut newcomer = come(&pool, from(Lane::Stranger, 1));
    let refused: Vec<_> = flood
        .iter_mut()
        .enumerate()
        .filter_map(|(number, waits)| Some((number, poll(waits)?)))
        .collect();
    assert!(
        matches!(
            refused.as_slice(),
            [(29, Err(HashError::Overloaded { .. }))]
        ),
        "{refused:?}"
    );
    drop(places);
    assert!(poll(&mut newcomer).is_some_and(|answer| answer.is_ok()));
}

#[test]
fn asvs_15_4_4_known_devices_have_a_reserve_and_go_first() {
    let pool = pool(|config| config.queue_len = 45);
    let mut places = fill(&pool);
    let mut strangers: Vec<_> = (0..100)
        .map(|number| Box::new(come(&pool, from(Lane::Stranger, number))))
        .collect();
    // Their reserve is theirs even when others have filled the rest; beyond it,
    // strangers make room.
    let mut known: Vec<_> = (0..20)
        .map(|number| Box::new(come(&pool, from(account(number), 500))))
        .collect();
    // They have seven of every eight turns.
    let (mut first, mut second) = (0, 0);
    for _ in 0..16 {
        drop(places.pop());
        let mut served = Vec::new();
        for waits in &mut known {
            if let Some(Ok(place)) = poll_once(waits) {
                first += 1;
                served.push(place);
            }
        }
        for waits in &mut strangers {
            if let Some(Ok(place)) = poll_once(waits) {
                second += 1;
                served.push(place);
            }
        }
        places.extend(served);
    }
    assert_eq!((first, second), (14, 2));
}

/// An attacker's accounts ask again while they wait. An owner who asks once is served
/// before them.
#[test]
fn asvs_15_4_4_an_account_that_asks_again_while_it_waits_is_served_later() {
    let pool = pool(|_| {});
    let mut places = fill(&pool);
    let mut waiting: Vec<_> = (0..50)
        .map(|number| come(&pool, from(account(number), number)))
        .collect();
    let again: Vec<_> = (0..50)
        .map(|number| come(&pool, from(account(number), number)))
        .collect();
    let mut owner = come(&pool, from(account(99), 99));
    drop(places.pop());
    assert!(poll(&mut owner).is_some_and(|answer| answer.is_ok()));
    // They are served as well.
    drop(places);
    let served: Vec<_> = waiting.iter_mut().filter_map(poll).collect();
    assert_eq!(served.len(), 5);
    drop((served, again, waiting, owner));
    assert!(poll(&mut admit(&pool, from(account(0), 0))).is_some_and(|answer| answer.is_ok()));
}

/// Like [`poll`], for a future that may have completed earlier.
fn poll_once(future: &mut Admitting<'_>) -> Option<Result<Place, HashError>> {
    let done = poll(future)?;
    *future = Box::pin(pending());
    Some(done)
}

#[test]
fn an_account_has_one_place_in_the_known_lane_at_a_time() {
    let pool = pool(|config| config.queue_len = 45);
    let mut places = fill(&pool);
    let mut one = come(&pool, from(account(1), 1));
    // Its further callers wait with the strangers.
    let mut more: Vec<_> = (0..5).map(|_| come(&pool, from(account(1), 1))).collect();
    let mut other = come(&pool, from(account(2), 2));
    drop(places.pop());
    let second = poll(&mut other).unwrap().unwrap();
    let mut first = None;
    for _ in 0..2 {
        drop(places.pop());
        first = first.or_else(|| poll_once(&mut one));
    }
    let first = first.unwrap().unwrap();
    let served: Vec<_> = more.iter_mut().filter_map(poll_once).collect();
    assert_eq!(served.len(), 1);
    // Once its place is free it may have another one.
    drop((first, one));
    let mut again = come(&pool, from(account(1), 1));
    drop(second);
    drop(places);
    assert!(poll(&mut again).unwrap().is_ok());
}

#[test]
fn asvs_15_4_4_known_devices_leave_a_reserve_to_strangers() {
    let pool = pool(|config| config.queue_len = 45);
    let places = fill(&pool);
    let mut strangers: Vec<_> = (0..30)
        .map(|_| come(&pool, from(Lane::Stranger, 0)))
        .collect();
    // However many accounts the attacker has.
    let mut known: Vec<_> = (0..100)
        .map(|number| come(&pool, from(account(number), 500 + number)))
        .collect();
    let refused = known.iter_mut().filter_map(poll_once).count();
    assert_eq!((refused, pool.waiting()), (70, 40));
    let refused = strangers.iter_mut().filter_map(poll_once).count();
    assert_eq!(refused, 20);
    // The newest one makes room for a caller from another network; a known
    // caller does not.
    let mut newcomer = come(&pool, from(Lane::Stranger, 700));
    assert!(poll(&mut newcomer).is_none());
    assert_eq!(known.iter_mut().filter_map(poll_once).count(), 0);
    drop(places);
}

#[test]
fn scoring_and_hashing_do_not_compete_for_places() {
    let pool = pool(|config| config.queue_len = 45);
    let come = |work, lane: Lane| {
        let claim = |number| Claim {
            work,
            ..from(lane, number)
        };
        let came = (0..100).map(|number| admit(&pool, claim(number)));
        came.collect::<Vec<_>>()
    };
    let count = |came: &mut Vec<Admitting<'_>>| {
        let answers: Vec<_> = came.iter_mut().filter_map(poll_once).collect();
        let refused = answers.iter().filter(|answer| answer.is_err()).count();
        (answers.into_iter().flatten().collect::<Vec<_>>(), refused)
    };
    let mut forms = come(Work::Scoring, Lane::Stranger);
    let (scoring, refused) = count(&mut forms);
    assert_eq!((scoring.len(), refused, pool.waiting()), (2, 65, 33));
    let mut logins = come(Work::Hashing, Lane::Stranger);
    let (hashing, _) = count(&mut logins);
    assert_eq!(hashing.len(), 6);
    // A scored form makes room for the next form, and for no login.
    drop(scoring);
    assert_eq!(count(&mut forms).0.len(), 2);
    assert_eq!(count(&mut logins).0.len(), 0);
}

#[test]
fn live_sessions_and_links_have_a_reserve_when_a_password_is_scored() {
    let pool = pool(|config| config.queue_len = 45);
    let score = |lane, number| Claim {
        work: Work::Scoring,
        ..from(lane, number)
    };
    let mut forms: Vec<_> = (0..100)
        .map(|number| admit(&pool, score(Lane::Stranger, number)))
        .collect();
    let places: Vec<_> = forms.iter_mut().filter_map(poll_once).collect();
    let mut owner = admit(&pool, score(account(1), 500));
    assert!(poll(&mut owner).is_none(), "it was refused");
    drop(places);
    assert!(poll(&mut owner).is_some_and(|answer| answer.is_ok()));
}

#[test]
fn an_account_that_waits_already_would_be_refused_like_a_stranger() {
    let pool = pool(|config| config.queue_len = 45);
    let places = fill(&pool);
    let one = come(&pool, from(account(1), 1));
    let _strangers: Vec<_> = (0..30)
        .map(|_| come(&pool, from(Lane::Stranger, 0)))
        .collect();
    assert!(pool.would_refuse(from(Lane::Stranger, 0)));
    assert!(!pool.would_refuse(from(Lane::Stranger, 2)), "a newcomer");
    assert!(pool.would_refuse(from(account(1), 0)));
    assert!(!pool.would_refuse(from(account(2), 0)), "another account");
    drop(one);
    assert!(!pool.would_refuse(from(account(1), 0)), "it has left");
    drop(places);
    assert!(!pool.would_refuse(from(Lane::Stranger, 0)), "there is room");
}

#[test]
fn a_free_place_is_given_even_if_no_caller_may_wait() {
    let pool = pool(|config| config.queue_len = 5);
    let claim = from(Lane::Stranger, 9);
    assert!(!pool.would_refuse(claim));
    let places: Vec<_> = (0..6)
        .map(|number| poll(&mut admit(&pool, from(Lane::Host, number))).unwrap())
        .collect();
    assert!(places.iter().all(Result::is_ok));
    assert!(pool.would_refuse(claim));
    assert!(poll(&mut admit(&pool, claim)).is_some_and(|answer| answer.is_err()));
    drop(places);
    assert!(!pool.would_refuse(claim));
}

#[test]
fn a_refusal_lasts_until_those_that_wait_are_served() {
    let millis = Duration::from_millis;
    let admission = Admission::new(2, 2, (40, 10), millis(0), Arc::default());
    for (waiting, job, expected) in [
        (0, 3000, 3000),
        (1, 3000, 3000),
        (2, 3000, 6000),
        (5, 3000, 9000),
        (5, 10, 1000),
    ] {
        match admission.overloaded(waiting, millis(job)) {
            HashError::Overloaded { retry_after } => assert_eq!(retry_after, millis(expected)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_caller_is_refused_at_its_deadline_and_not_before() {
    let hour = Duration::from_secs(3600);
    for (deadline, refused) in [(Duration::ZERO, 3), (hour, 0)] {
        let admission = Arc::new(Admission::new(1, 1, (40, 10), deadline, Arc::default()));
        let ask = |claim| -> Admitting<'_> { Box::pin(admission.admit(claim, Duration::ZERO)) };
        let place = poll(&mut ask(from(Lane::Host, 1)));
        let mut waiting: Vec<_> = (0..3)
            .map(|number| ask(from(Lane::Stranger, number)))
            .collect();
        assert_eq!(waiting.iter_mut().filter_map(poll_once).count(), 0);
        let now = Instant::now();
        let next = admission.expire(Duration::ZERO);
        assert_eq!(waiting.iter_mut().filter_map(poll_once).count(), refused);
        assert_eq!(admission.waiting(), 3 - refused);
        let next = next.map(|next| next > now && next <= now + hour);
        assert_eq!(next, (refused == 0).then_some(true));
        drop(place);
    }
}

#[test]
fn nothing_is_remembered_of_callers_that_have_left() {
    let alarm = Arc::<Alarm>::default();
    let deadline = Duration::from_secs(3600);
    let admission = Arc::new(Admission::new(1, 1, (40, 10), deadline, alarm));
    let job = Duration::ZERO;
    let ask = |claim| -> Admitting<'_> { Box::pin(admission.admit(claim, job)) };
    let mut place = poll(&mut ask(from(Lane::Host, 1)));
    for number in 0..100 {
        let mut leaves = ask(from(account(number + 1), number));
        let mut stays = ask(from(account(number), number));
        assert!(poll(&mut leaves).is_none() && poll(&mut stays).is_none());
        drop(leaves);
        drop(place);
        place = poll(&mut stays);
        assert!(matches!(place, Some(Ok(_))), "{place:?}");
    }
    let state = admission.lock();
    assert_eq!((state.arrivals.len(), state.accounts.len()), (0, 1));
}

#[test]
fn a_school_behind_one_address_is_let_in_at_once_by_default() {
    let pool = pool(|config| config.threads = NonZeroUsize::new(2));
    let mut waiting: Vec<_> = (0..300)
        .map(|_| admit(&pool, from(Lane::Stranger, 0)))
        .collect();
    let mut places = Vec::new();
    // Each finished caller makes room for the next one.
    while places.len() < 300 {
        let before = places.len();
        for waits in &mut waiting {
            match poll_once(waits) {
                Some(Ok(place)) => places.push(Some(place)),
                Some(Err(refused)) => panic!("{refused:?}"),
                None => {}
            }
        }
        assert!(places.len() > before, "nobody else was admitted");
        places.iter_mut().for_each(|place| drop(place.take()));
    }
}

#[test]
fn a_disconnected_caller_returns_its_place_at_once() {
    let pool = pool(|config| config.queue_len = 7);
    let places = fill(&pool);
    assert_eq!(places.len(), 6);
    for _ in 0..100 {
        // There is room for two callers, and these disconnect.
        let gone = come(&pool, from(Lane::Stranger, 1));
        assert_eq!(pool.waiting(), 1);
        drop(gone);
        assert_eq!(pool.waiting(), 0);
    }
    let mut stays = come(&pool, from(Lane::Stranger, 2));
    drop(places);
    assert!(poll(&mut stays).is_some_and(|answer| answer.is_ok()));
}

#[test]
fn a_place_that_nobody_takes_goes_to_the_next_one() {
    let pool = pool(|config| config.queue_len = 45);
    let places = fill(&pool);
    let admitted = come(&pool, from(Lane::Stranger, 1));
    drop(places);
    // The place is theirs by now, and they disconnect without having seen it.
    drop(admitted);
    assert_eq!(fill(&pool).len(), 6);
}

#[test]
fn a_caller_that_disconnects_before_its_job_starts_costs_nothing_and_after_that_changes_nothing() {
    let pool = pool(|config| config.queue_len = 45);
    let claim = from(Lane::Stranger, 1);
    let mut busy = poll(&mut admit(&pool, claim)).unwrap().unwrap();
    let mut place = poll(&mut admit(&pool, claim)).unwrap().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let (tell, begun) = mpsc::channel();
    let (leave, left) = tokio::sync::oneshot::channel::<()>();
    let hold = move |_: &mut _| {
        tell.send(()).unwrap();
        released.recv().unwrap_err();
        7
    };
    let gone = async move { drop(left.await) };
    let mut held: Pin<Box<dyn Future<Output = _>>> = Box::pin(pool.perform(&mut busy, hold, gone));
    assert!(poll(&mut held).is_none());
    begun.recv().unwrap();
    // The thread is busy: this job has not started.
    let runs = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&runs);
    let work = move |_: &mut _| *counted.lock().unwrap() += 1;
    let mut waits: Pin<Box<dyn Future<Output = _>>> =
        Box::pin(pool.perform(&mut place, work, async {}));
    let answer = poll(&mut waits);
    assert!(
        matches!(answer, Some(Err(HashError::Abandoned))),
        "{answer:?}"
    );
    assert_eq!(pool.waiting(), 0);
    // That job has started, and runs to its end.
    leave.send(()).unwrap();
    assert!(poll(&mut held).is_none());
    drop(release);
    let answer = loop {
        match poll(&mut held) {
            Some(answer) => break answer.unwrap(),
            None => std::thread::yield_now(),
        }
    };
    assert_eq!((answer, *runs.lock().unwrap()), (7, 0));
}

//! The service over MongoDB: what its operations cost, and what instances share.

use std::mem;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use admittance::authz::{Role, RolePolicy};
use admittance::config::LimitPolicy;
use admittance::error::AuthError;
use admittance::lockout::LockoutPolicy;
use admittance::service::{
    ChangeRoles, FindUser, ListSessions, ListUsers, LoginRequest, Reauthenticate, RequestContext,
    SetStatus, UpdateProfile,
};
use admittance::store::mongodb::MongoStore;
use admittance::user::UserStatus;
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::ClientOptions;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::sample::at;
use support::bed::{self, Bed, OTHER_PASSWORD, PASSWORD};
use support::mongo;

/// When commands started and ended, in order.
#[derive(Clone, Default)]
struct Traffic(Arc<Mutex<Vec<bool>>>);

impl Traffic {
    fn watch(options: &mut ClientOptions) -> Self {
        let traffic = Self::default();
        let seen = traffic.clone();
        options.command_event_handler = Some(EventHandler::callback(move |event| {
            let starts = matches!(event, CommandEvent::Started(_));
            if !starts {
                // What goes out at the same time gets time to be seen doing so.
                thread::sleep(Duration::from_millis(5));
            }
            seen.0.lock().unwrap().push(starts);
        }));
        traffic
    }

    /// Commands since this was last called, and how many round trips they took
    /// one after another: a command that starts after another has ended is in
    /// a later one.
    fn take(&self) -> (usize, usize) {
        let (mut commands, mut rounds, mut ended) = (0, 0, true);
        for starts in mem::take(&mut *self.0.lock().unwrap()) {
            if starts {
                commands += 1;
                rounds += usize::from(mem::take(&mut ended));
            } else {
                ended = true;
            }
        }
        (commands, rounds)
    }
}

fn instance(store: MongoStore) -> Bed<MongoStore> {
    let mut settings = bed::config();
    // Nobody is refused because the machine is slow.
    settings.hashing.queue_deadline = Duration::from_secs(3600);
    settings.limits = LimitPolicy::default();
    settings.roles = RolePolicy::new().administrator(administrator());
    let bed = Bed::over(store, settings);
    // Later than the server's own clock, so that it removes nothing.
    bed.clock.set(at(0));
    bed
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_takes_its_commands_and_round_trips_and_no_more() {
    let mut options = mongo::options().await;
    let traffic = Traffic::watch(&mut options);
    let bed = instance(mongo::store_over(options).await);
    // Connections are made and indexes are read before anything is counted.
    bed.register("warm@example.org").await;
    traffic.take();

    // A busy machine can pull commands apart that go out together, and so add
    // round trips; nothing can take one away. So the least of some runs counts.
    let mut least: Vec<Cost> = Vec::new();
    for run in 0..10 {
        let costs =
            costs_of_every_operation(&bed, &traffic, &format!("ann{run}@example.org")).await;
        if least.is_empty() {
            least = costs;
        } else {
            for (least, cost) in least.iter_mut().zip(costs) {
                least.spent = least.spent.min(cost.spent);
            }
        }
        if least.iter().all(Cost::is_as_expected) {
            break;
        }
    }
    for cost in &least {
        println!(
            "{}: {} commands in {} round trips",
            cost.operation, cost.spent.0, cost.spent.1
        );
    }
    let others: Vec<&Cost> = least.iter().filter(|cost| !cost.is_as_expected()).collect();
    assert!(others.is_empty(), "{others:#?}");
}

/// Commands and round trips that an operation took, and is to take.
#[derive(Debug)]
struct Cost {
    operation: &'static str,
    spent: (usize, usize),
    expected: (usize, usize),
}

impl Cost {
    fn is_as_expected(&self) -> bool {
        self.spent == self.expected
    }
}

async fn costs_of_every_operation(
    bed: &Bed<MongoStore>,
    traffic: &Traffic,
    email: &str,
) -> Vec<Cost> {
    let mut table = Vec::new();
    traffic.take();
    let mut takes = |operation: &'static str, commands: usize, rounds: usize| {
        let spent = traffic.take();
        table.push(Cost {
            operation,
            spent,
            expected: (commands, rounds),
        });
    };
    let (auth, here) = (&bed.auth, &bed.here);
    let tokens = bed.register(email).await.tokens;
    takes("register", 3, 3);
    // The network and the user; the attempt; the session and the budgets that a correct
    // password gives back and uses; the record of the login and the user's sessions, of
    // which there may be too many.
    let other = bed.login(email, PASSWORD).await.unwrap().tokens;
    takes("login", 10, 4);
    bed.login(email, PASSWORD).await.unwrap();
    takes("login, the second", 10, 4);
    let ann = bed.validate(&tokens).await.unwrap();
    takes("validate_token", 2, 1);
    let tokens = bed.refresh(&tokens).await.unwrap();
    takes("refresh", 3, 2);
    let _ = auth.profile(&ann).unwrap();
    takes("profile", 0, 0);
    let change = UpdateProfile {
        name: Some("Ann Lee".to_owned()),
        preferences: None,
    };
    auth.update_profile(&ann, change, here).await.unwrap();
    // The user and the session at once, the account's limit, then the act.
    takes("update_profile", 4, 3);
    auth.export_account(&ann, here).await.unwrap();
    takes("export_account", 5, 3);
    auth.list_sessions(&ann, ListSessions::default(), here)
        .await
        .unwrap();
    takes("list_sessions", 1, 1);
    let other = bed.validate(&other).await.unwrap().session().id;
    traffic.take();
    auth.end_session(&ann, other, here).await.unwrap();
    takes("end_session", 3, 2);
    auth.end_all_sessions(&ann, here).await.unwrap();
    takes("end_all_sessions", 4, 3);
    // The session's limit, the user and the session, the attempt; the budgets that
    // a correct password gives back and uses; the sessions, the new one, the
    // password, the old sessions.
    let fresh = bed
        .change_password(&ann, PASSWORD, OTHER_PASSWORD)
        .await
        .unwrap()
        .tokens;
    takes("change_password", 10, 8);
    let ann = bed.validate(&fresh).await.unwrap();
    traffic.take();
    let request = Reauthenticate::by_password(OTHER_PASSWORD);
    let confirmed = auth.reauthenticate(&ann, request, here).await;
    takes("confirm_password", 8, 6);
    let ann = bed.validate(&confirmed.unwrap().tokens).await.unwrap();
    traffic.take();
    auth.logout(&ann, here).await.unwrap();
    takes("logout", 1, 1);
    drop(tokens);

    table.extend(costs_of_administration(bed, traffic, email).await);
    table
}

/// The same of what an administrator does with the account of `email`.
async fn costs_of_administration(
    bed: &Bed<MongoStore>,
    traffic: &Traffic,
    email: &str,
) -> Vec<Cost> {
    let (auth, here, role) = (&bed.auth, &bed.here, administrator());
    let tokens = bed.register(&format!("admin-{email}")).await;
    auth.appoint_administrator(&tokens.email, &role, here)
        .await
        .unwrap();
    let admin = bed.validate(&tokens.tokens).await.unwrap();
    let ann = bed.login(email, OTHER_PASSWORD).await.unwrap();
    let (id, session) = (ann.user_id, bed.validate(&ann.tokens).await.unwrap());
    let session = session.session().id;
    let mut table = Vec::new();
    traffic.take();
    let mut takes = |operation: &'static str, commands: usize, rounds: usize| {
        let spent = traffic.take();
        table.push(Cost {
            operation,
            spent,
            expected: (commands, rounds),
        });
    };
    let email = || email.to_owned();
    auth.view_user(&admin, id, here).await.unwrap();
    takes("view_user", 1, 1);
    let request = FindUser { email: email() };
    auth.find_user(&admin, request, here).await.unwrap();
    takes("find_user", 1, 1);
    let request = ListUsers::default();
    auth.list_users(&admin, request, here).await.unwrap();
    takes("list_users", 1, 1);
    auth.list_user_sessions(&admin, id, ListSessions::default(), here)
        .await
        .unwrap();
    takes("list_user_sessions", 2, 2);
    auth.end_user_session(&admin, id, session, here)
        .await
        .unwrap();
    takes("end_user_session", 4, 3);
    auth.end_user_sessions(&admin, id, here).await.unwrap();
    takes("end_user_sessions", 4, 3);
    let roles = |grant: bool| {
        let (one, none) = (vec![administrator().to_string()], Vec::new());
        let (grant, revoke) = if grant { (one, none) } else { (none, one) };
        ChangeRoles { grant, revoke }
    };
    let change = |grant| auth.change_user_roles(&admin, id, roles(grant), here);
    change(true).await.unwrap();
    takes("change_user_roles, granting", 4, 3);
    change(true).await.unwrap();
    takes("change_user_roles, nothing to change", 4, 3);
    // Whether there is another administrator, before the act and after it.
    change(false).await.unwrap();
    takes("change_user_roles, of an administrator", 6, 5);
    let set = |status| auth.set_user_status(&admin, id, SetStatus { status }, here);
    // The user, the act, whether there is another administrator; then sessions
    // and links at once.
    set(UserStatus::Disabled).await.unwrap();
    takes("set_user_status, disabling", 7, 5);
    set(UserStatus::Active).await.unwrap();
    takes("set_user_status, enabling", 4, 3);
    auth.appoint_administrator(&email(), &role, here)
        .await
        .unwrap();
    takes("appoint_administrator", 2, 2);
    set(UserStatus::Disabled).await.unwrap();
    takes("set_user_status, disabling an administrator", 8, 6);
    table
}

fn administrator() -> Role {
    Role::new("administrator").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_share_accounts_sessions_revocations_and_limits() {
    let options = mongo::options().await;
    let one = instance(mongo::store_over(options.clone()).await);
    let two = instance(mongo::store_over(options).await);

    let tokens = one.register("ann@example.org").await.tokens;
    assert!(two.validate(&tokens).await.is_ok());
    let taken = two
        .auth
        .register(bed::registration("ANN@example.org"), &two.here)
        .await;
    assert!(matches!(taken, Err(AuthError::EmailTaken)), "{taken:?}");

    let there = two.login("ann@example.org", PASSWORD).await.unwrap().tokens;
    let renewed = one.refresh(&there).await.unwrap();
    two.clock.advance(Duration::from_secs(11));
    assert!(matches!(
        two.refresh(&there).await,
        Err(AuthError::InvalidToken)
    ));
    assert!(matches!(
        one.validate(&renewed).await,
        Err(AuthError::InvalidToken)
    ));

    let ann = one.validate(&tokens).await.unwrap();
    one.auth.logout(&ann, &one.here).await.unwrap();
    assert!(matches!(
        two.validate(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
    assert!(matches!(
        two.refresh(&tokens).await,
        Err(AuthError::InvalidToken)
    ));

    let mut checked = 0;
    for turn in 0..30 {
        let bed = if turn % 2 == 0 { &one } else { &two };
        match bed.login("bob@example.org", PASSWORD).await {
            Err(AuthError::InvalidCredentials) => checked += 1,
            refused => assert!(
                matches!(refused, Err(AuthError::RateLimited { .. })),
                "{refused:?}"
            ),
        }
    }
    let policy = LockoutPolicy::default();
    assert_eq!(checked, policy.steps()[0].failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn ghsa_27_a_replayed_refresh_token_is_seen_across_a_restart() {
    let options = mongo::options().await;
    let before = instance(mongo::store_over(options.clone()).await);
    let first = before.register("ann@example.org").await.tokens;
    let second = before.refresh(&first).await.unwrap();
    drop(before);
    let after = instance(mongo::store_over(options).await);
    after.clock.advance(Duration::from_secs(11));
    assert!(after.validate(&second).await.is_ok());
    assert!(matches!(
        after.refresh(&first).await,
        Err(AuthError::InvalidToken)
    ));
    assert!(matches!(
        after.refresh(&second).await,
        Err(AuthError::InvalidToken)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_logins_through_two_instances_leave_no_more_than_the_cap() {
    const ANN: &str = "ann@example.org";
    for racers in [16_usize, 64] {
        let options = mongo::options().await;
        let mut instances = Vec::new();
        for _ in 0..2 {
            let mut settings = bed::config();
            settings.limits = LimitPolicy::off();
            settings.session.max_per_user = Some(5);
            settings.hashing.queue_deadline = Duration::from_secs(3600);
            let bed = Bed::over(mongo::store_over(options.clone()).await, settings);
            bed.clock.set(at(0));
            instances.push(bed);
        }
        let first = instances[0].register(ANN).await.tokens;
        for bed in &instances {
            bed.clock.advance(Duration::from_secs(1));
        }
        let racing: Vec<_> = (0..racers)
            .map(|racer| {
                let bed = &instances[racer % 2];
                let (auth, here) = (bed.auth.clone(), bed.here.clone());
                tokio::spawn(async move { auth.login(bed::login(ANN, PASSWORD), &here).await })
            })
            .collect();
        let mut live = 0;
        let mut all = Vec::new();
        for racer in racing {
            all.push(racer.await.unwrap().unwrap().tokens);
        }
        for tokens in &all {
            live += usize::from(instances[1].validate(tokens).await.is_ok());
        }
        assert_eq!(live, 5);
        assert!(instances[0].validate(&first).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_3_1_a_session_that_is_not_remembered_stays_so_in_the_database() {
    let bed = instance(mongo::store_over(mongo::options().await).await);
    bed.register("ann@example.org").await;
    let request = LoginRequest {
        remember: Some(false),
        ..bed::login("ann@example.org", PASSWORD)
    };
    let answer = bed.auth.login(request, &bed.here).await;
    let mut tokens = answer.unwrap().tokens;
    let half_a_day = Duration::from_secs(12 * 3600);
    let second = Duration::from_secs(1);
    tokens = bed.refresh(&tokens).await.unwrap();
    bed.clock.advance(half_a_day - second);
    tokens = bed.refresh(&tokens).await.unwrap();
    bed.clock.advance(half_a_day - second);
    tokens = bed.refresh(&tokens).await.unwrap();
    assert_eq!(tokens.expires_in, 2);
    bed.clock.advance(2 * second);
    assert!(matches!(
        bed.refresh(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
    // Idle for half a day it has ended too.
    let request = LoginRequest {
        remember: Some(false),
        ..bed::login("ann@example.org", PASSWORD)
    };
    let answer = bed.auth.login(request, &bed.here).await;
    let tokens = bed.refresh(&answer.unwrap().tokens).await.unwrap();
    bed.clock.advance(half_a_day);
    assert!(matches!(
        bed.refresh(&tokens).await,
        Err(AuthError::InvalidToken)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn ghsa_40_of_guesses_at_two_instances_at_once_five_are_checked() {
    let options = mongo::options().await;
    let one = Arc::new(instance(mongo::store_over(options.clone()).await));
    let two = Arc::new(instance(mongo::store_over(options).await));
    let policy = LockoutPolicy::default();
    let mut raced = 0;
    for (racers, rounds) in [(16_u8, 4), (64, 2)] {
        for round in 0..rounds {
            let email = format!("ann{round}-{racers}@example.org");
            // What has no account is counted like what has one.
            if round % 2 == 0 {
                one.register(&email).await;
            }
            let runs = || one.auth.hashing_stats().runs + two.auth.hashing_stats().runs;
            let mut failures = 0;
            // Each time the wait is over, one more.
            for expected in [policy.steps()[0].failures, 1, 1] {
                for checks in [expected, 0] {
                    let before = runs();
                    let answered = guess_at_once([&one, &two], racers, &email).await;
                    assert_eq!(answered, checks);
                    assert_eq!(
                        runs() - before,
                        u64::from(checks),
                        "a refused guess was hashed"
                    );
                    failures += checks;
                }
                let wait = policy.wait_after(failures);
                assert!(!wait.is_zero());
                one.clock.advance(wait);
                two.clock.advance(wait);
            }
            raced += 1;
        }
    }
    println!("{raced} rounds of guesses at two instances, 0 violations");
}

/// Guesses at one account, each from an address of its own, half of them at
/// each instance. Gives how many were checked; the others have to wait.
async fn guess_at_once(beds: [&Arc<Bed<MongoStore>>; 2], racers: u8, email: &str) -> u32 {
    let line = Arc::new(Barrier::new(racers.into()));
    let mut tasks = JoinSet::new();
    for racer in 0..racers {
        let [one, two] = beds;
        let bed = Arc::clone(if racer % 2 == 0 { one } else { two });
        let (line, request) = (Arc::clone(&line), bed::login(email, OTHER_PASSWORD));
        tasks.spawn(async move {
            let there = RequestContext::from_ip([198, 51, 100, racer].into());
            line.wait().await;
            bed.auth.login(request, &there).await
        });
    }
    let mut checks = 0;
    while let Some(answer) = tasks.join_next().await {
        match answer.unwrap() {
            Err(AuthError::InvalidCredentials) => checks += 1,
            refused => assert!(
                matches!(refused, Err(AuthError::RateLimited { .. })),
                "{refused:?}"
            ),
        }
    }
    checks
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_15_2_2_correct_passwords_of_an_account_share_a_budget_across_networks() {
    let store = mongo::store_over(mongo::options().await).await;
    let bed = Bed::over(store, bed::config());
    bed.register("ann@example.org").await;
    let mut let_in = 0;
    for net in 0..4 {
        for host in 0..11 {
            let there = RequestContext::from_ip([198, 51, net, host].into());
            let login = bed::login("ann@example.org", PASSWORD);
            let_in += usize::from(bed.auth.login(login, &there).await.is_ok());
        }
    }
    assert_eq!(let_in, 10);
}

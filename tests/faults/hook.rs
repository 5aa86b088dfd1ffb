//! The application's hook after a registration: it may fail, hang or panic,
//! the store may fail under it, and the request may be dropped while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use admittance::config::AuthConfig;
use admittance::event::{AuthEvent, Notice, Operation};
use admittance::extra::Extra;
use admittance::profile::Profile;
use admittance::service::{AccountData, AccountHooks};
use admittance::store::Cause;
use admittance::user::User;
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use crate::cancel::poll_at_most;
use crate::scene::{NEW, Op, Scene, shape};
use support::asks::Answer;
use support::bed::{PASSWORD, config, mail_config};
use support::faulty::{FAULTS, Fault};

/// The operations that make an account.
const OPS: [Op; 2] = [Op::RegisterMailing, Op::Complete];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Seeds,
    Leaves,
    Fails,
    Hangs,
    Panics,
    /// Gives what cannot be kept.
    SeedsKeys,
    SeedsTooMuch,
}

#[derive(Clone)]
struct Hook {
    act: Act,
    calls: Arc<AtomicUsize>,
    /// Calls that are under way.
    running: Arc<AtomicUsize>,
    /// Calls that may go on.
    gate: Arc<Semaphore>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Hook {
    fn new(act: Act) -> Self {
        Self {
            act,
            calls: Arc::default(),
            running: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    async fn scene(&self, op: Op, config: AuthConfig) -> Scene {
        Scene::built(op, config, |builder, mailbox| {
            builder.mail(mailbox, mail_config()).hooks(self.clone())
        })
        .await
    }

    /// Waits until it is no longer under way.
    async fn idle(&self) {
        while self.running.load(Ordering::SeqCst) > 0 {
            yield_now().await;
        }
        // What is done with its answer: acts of the memory store.
        for _ in 0..100 {
            yield_now().await;
        }
    }
}

#[async_trait]
impl AccountHooks for Hook {
    async fn registered(&self, profile: &Profile, _: &Extra) -> Result<AccountData, Cause> {
        assert_eq!(profile.email, NEW);
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.running.fetch_add(1, Ordering::SeqCst);
        let _running = Running(Arc::clone(&self.running));
        self.gate.acquire().await?.forget();
        let given = match self.act {
            Act::Leaves => return Ok(AccountData::default()),
            Act::Fails => return Err("the hook was told to fail".into()),
            Act::Hangs => std::future::pending().await,
            Act::Panics => panic!("the hook was told to panic"),
            Act::Seeds => json!({"level": "B1"}),
            Act::SeedsKeys => json!({"$set": {"roles": ["admin"]}}),
            Act::SeedsTooMuch => json!({"text": "x".repeat(20_000)}),
        };
        Ok(support::bed::given(&given))
    }
}

fn event(scene: &Scene) -> AuthEvent {
    let all = scene.bed.events.all();
    let is_meant = |event: &&AuthEvent| {
        matches!(
            event.operation,
            Operation::Register | Operation::VerifyEmail
        )
    };
    all.iter().rfind(is_meant).unwrap().clone()
}

async fn preferences(scene: &Scene) -> Value {
    let user: User = scene.stored(NEW).await.unwrap();
    json!(user.preferences)
}

#[tokio::test]
async fn asvs_16_5_4_a_hook_that_goes_wrong_changes_no_answer_and_no_account() {
    for op in OPS {
        let undisturbed = Scene::new(op).await;
        let usual = shape(&undisturbed.operation().await);
        let usual_mails = undisturbed.mails().await;
        for (act, notice, kept) in [
            (Act::Seeds, None, json!({"level": "B1"})),
            (Act::Leaves, None, json!({})),
            (Act::Fails, Some(Notice::HookFailed), json!({})),
            (Act::Hangs, Some(Notice::HookFailed), json!({})),
            (Act::Panics, Some(Notice::HookFailed), json!({})),
            (Act::SeedsKeys, Some(Notice::HookFailed), json!({})),
            (Act::SeedsTooMuch, Some(Notice::HookFailed), json!({})),
        ] {
            println!("{op:?}: {act:?}");
            let mut config = config();
            if act == Act::Hangs {
                config.onboarding.hook_timeout = Duration::from_millis(1);
            }
            let hook = Hook::new(act);
            let scene = hook.scene(op, config).await;
            let answer = scene.operation().await;
            assert_eq!(hook.calls.load(Ordering::SeqCst), 1);
            assert_eq!(shape(&answer), usual);
            assert_eq!(scene.mails().await, usual_mails);
            assert_eq!(
                (event(&scene).refused, event(&scene).notices.first()),
                (None, notice)
            );
            assert_eq!(preferences(&scene).await, kept);
            scene.check(&Some(answer)).await;
            // Only a call that failed is made again.
            scene.bed.login(NEW, PASSWORD).await.unwrap();
            let is_repeated = hook.calls.load(Ordering::SeqCst) > 1;
            assert_eq!(is_repeated, notice.is_some());
        }
    }
}

#[tokio::test]
async fn asvs_16_5_3_a_store_that_fails_under_the_hook_changes_no_answer() {
    for op in OPS {
        let hook = Hook::new(Act::Seeds);
        let scene = hook.scene(op, config()).await;
        scene.bed.store.watch(0);
        let usual = shape(&scene.operation().await);
        let calls = scene.bed.store.calm();
        // One for each call of the hooks: a verified account has two.
        let updates = (1..).zip(&calls);
        let updates = updates.filter(|(_, call)| **call == "update_profile");
        let updates: Vec<usize> = updates.map(|(position, _)| position).collect();
        assert_eq!(updates.len(), if op == Op::Complete { 2 } else { 1 });
        // They are the last writes to the account: a mail is only counted after them.
        let after = updates.last().map_or(&[][..], |last| &calls[*last..]);
        assert!(after.iter().all(|call| *call == "hit_all"), "{after:?}");
        let faults = updates
            .iter()
            .flat_map(|at| FAULTS.map(|fault| (*at, fault)));
        for (at, fault) in faults {
            println!("{op:?}: {fault:?} at {at}");
            let hook = Hook::new(Act::Seeds);
            let scene = hook.scene(op, config()).await;
            scene.bed.store.inject(at, fault);
            let answer = scene.operation().await;
            scene.bed.store.calm();
            assert_eq!(shape(&answer), usual);
            let failed = !matches!(fault, Fault::Delay | Fault::Twice);
            let notice = failed.then_some(Notice::HookFailed);
            assert_eq!(event(&scene).notices.first(), notice);
            let is_first = updates.first() == Some(&at);
            let is_kept = !is_first || !matches!(fault, Fault::ErrorBefore | Fault::Panic);
            let kept = if is_kept {
                json!({"level": "B1"})
            } else {
                json!({})
            };
            assert_eq!(preferences(&scene).await, kept);
            scene.check(&Some(answer)).await;
            // Nothing is lost: what is not known to have succeeded is done again.
            scene.bed.login(NEW, PASSWORD).await.unwrap();
            assert_eq!(preferences(&scene).await, json!({"level": "B1"}));
            let stored = scene.stored(NEW).await.unwrap();
            let left = stored.pending_hook.map(|hook| hook.kind);
            assert_eq!(left, None);
        }
    }
}

/// Polls `request` until the hook is under way, and drops it then.
async fn drop_in_the_hook(hook: &Hook, request: impl Future<Output = Answer>) {
    let mut request = Box::pin(request);
    while hook.running.load(Ordering::SeqCst) == 0 {
        assert!(poll_at_most(&mut request, 1).await.is_none());
        yield_now().await;
    }
}

#[tokio::test]
async fn asvs_2_3_3_a_registration_that_is_dropped_still_gets_what_its_hook_gives() {
    for op in OPS {
        let hook = Hook::new(Act::Seeds);
        hook.gate.forget_permits(Semaphore::MAX_PERMITS);
        let scene = hook.scene(op, config()).await;
        drop_in_the_hook(&hook, scene.operation()).await;
        assert_eq!(preferences(&scene).await, json!({}));
        hook.gate.add_permits(1);
        hook.idle().await;
        assert_eq!(preferences(&scene).await, json!({"level": "B1"}));
        scene.check(&None).await;
        assert_eq!(hook.calls.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_hook_that_hangs_ends_when_its_time_is_over_even_without_its_request() {
    let hook = Hook::new(Act::Hangs);
    let mut config = config();
    config.onboarding.hook_timeout = Duration::from_secs(60);
    let scene = hook.scene(Op::Complete, config).await;
    drop_in_the_hook(&hook, scene.operation()).await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(hook.running.load(Ordering::SeqCst), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(hook.running.load(Ordering::SeqCst), 0);
    assert!(scene.stored(NEW).await.is_some());
}

//! A store that goes wrong where it is told to, over one that works.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use admittance::audit::AuditRecord;
use admittance::authz::Role;
use admittance::email::{CanonicalEmail, Email};
use admittance::id::{EventId, IdentityId, SessionId, UserId};
use admittance::identity::{Identity, IdentityKey, IdentityUse};
use admittance::limit::{Decision, Hit, LimitKey};
use admittance::lockout::{Attempt, LockoutPolicy};
use admittance::session::{Rotation, RotationPolicy, Session};
use admittance::store::{
    AuditStore, EmailChange, EpochChange, IdentityLink, Insert, InsertUser, LimitStore,
    ProfileChange, Removal, RoleChange, SessionStore, Store, StoreError, TokenStore, UserStore,
};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenDigest, TokenPurpose};
use admittance::user::{AccountState, DeviceDigest, PasswordHash, User, UserChange, UserStatus};
use async_trait::async_trait;
use tokio::task::{Id, yield_now};

use crate::lanes::Gate;

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and nothing was done.
    ErrorBefore,
    /// It is done, but what is heard of it is an error.
    ErrorAfter,
    /// It takes its time.
    Delay,
    /// It is done twice, as by a driver that tries again, and the second
    /// answer is what is heard.
    Twice,
    /// The store panics.
    Panic,
    /// The caller gets an error; the act is done when the test delivers it.
    Late,
}

/// The faults that act at once. [`Fault::Late`] needs a test that delivers.
pub const FAULTS: [Fault; 5] = [
    Fault::ErrorBefore,
    Fault::ErrorAfter,
    Fault::Delay,
    Fault::Twice,
    Fault::Panic,
];

/// The plan for the calls of the store.
type Hook = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;
/// An act that is still to be done.
type Late = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;
type Signal = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
enum Turn {
    Fault(Fault),
    Hook(Hook),
}

#[derive(Default)]
struct Plan {
    /// What happens at which call, counted from 1 since it was set.
    at: Option<(usize, Turn)>,
    calls: Vec<&'static str>,
    /// The task of the first call, and the number of its calls.
    first: Option<Option<Id>>,
    by_first: usize,
    /// Every call gives way this often, before and after it is done.
    yields: usize,
    /// What to do at which point. There is a point before each call and one
    /// after it, counted from 1.
    point: Option<(usize, Signal)>,
    points: usize,
    late: Option<Late>,
}

/// A [`Store`] that injects one [`Fault`]. Clones share the plan.
#[derive(Clone)]
pub struct FaultyStore<S> {
    inner: S,
    plan: Arc<Mutex<Plan>>,
    gate: Arc<Gate>,
}

impl<S: Store + Clone> FaultyStore<S> {
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            plan: Arc::default(),
            gate: Arc::default(),
        }
    }

    /// The gate that makes operations take turns.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The store beneath.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Injects `fault` at the `call`-th call from now on.
    pub fn inject(&self, call: usize, fault: Fault) {
        self.set(Some((call, Turn::Fault(fault))), 0);
    }

    /// Runs the future of `hook` before the `call`-th call from now on.
    pub fn hook<F>(&self, call: usize, hook: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let hook: Hook = Arc::new(move || Box::pin(hook()));
        self.set(Some((call, Turn::Hook(hook))), 0);
    }

    /// Calls `hook` at the `point`-th point from now on, and yields there.
    /// There is a point before each call and one after it.
    pub fn at_point(&self, point: usize, hook: impl Fn() + Send + Sync + 'static) {
        self.set(None, 3);
        self.plan.lock().unwrap().point = Some((point, Arc::new(hook)));
    }

    /// Counts from now on, and gives way `yields` times around each act.
    pub fn watch(&self, yields: usize) {
        self.set(None, yields);
    }

    /// Takes the act that is to be late; awaiting it delivers it.
    pub fn late(&self) -> Option<Late> {
        self.plan.lock().unwrap().late.take()
    }

    /// The number of calls since the plan was set that were made by the task of
    /// the first call: those of the operation, without those in the background.
    pub fn foreground(&self) -> usize {
        self.plan.lock().unwrap().by_first
    }

    /// Works from now on. Returns the calls since the plan was set.
    pub fn calm(&self) -> Vec<&'static str> {
        let calls = std::mem::take(&mut self.plan.lock().unwrap().calls);
        self.set(None, 0);
        calls
    }

    fn set(&self, at: Option<(usize, Turn)>, yields: usize) {
        *self.plan.lock().unwrap() = Plan {
            at,
            calls: Vec::new(),
            first: None,
            by_first: 0,
            yields,
            point: None,
            points: 0,
            late: None,
        };
    }

    async fn call<T, F>(
        &self,
        name: &'static str,
        act: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (turn, yields) = {
            let mut plan = self.plan.lock().unwrap();
            plan.calls.push(name);
            let task = tokio::task::try_id();
            if *plan.first.get_or_insert(task) == task {
                plan.by_first += 1;
            }
            let count = plan.calls.len();
            let turn = plan.at.clone().filter(|(call, _)| *call == count);
            (turn.map(|(_, turn)| turn), plan.yields)
        };
        self.gate.pass().await;
        self.pass();
        give_way(yields).await;
        let answer = match turn {
            None => act().await,
            Some(Turn::Hook(hook)) => {
                hook().await;
                act().await
            }
            Some(Turn::Fault(Fault::ErrorBefore)) => Err(StoreError::Unavailable(
                "the store was told to be down".into(),
            )),
            Some(Turn::Fault(Fault::ErrorAfter)) => {
                act().await?;
                Err(StoreError::Timeout)
            }
            Some(Turn::Fault(Fault::Delay)) => {
                give_way(50).await;
                let answer = act().await;
                give_way(50).await;
                answer
            }
            Some(Turn::Fault(Fault::Twice)) => {
                act().await?;
                act().await
            }
            Some(Turn::Fault(Fault::Late)) => {
                let late: Late = Box::pin(async move { act().await.map(drop) });
                self.plan.lock().unwrap().late = Some(late);
                Err(StoreError::Timeout)
            }
            Some(Turn::Fault(Fault::Panic)) => panic!("the store was told to panic"),
        };
        self.pass();
        give_way(yields).await;
        answer
    }

    /// Passes a point.
    fn pass(&self) {
        let hook = {
            let mut plan = self.plan.lock().unwrap();
            plan.points += 1;
            let points = plan.points;
            plan.point
                .clone()
                .filter(|(point, _)| *point == points)
                .map(|(_, hook)| hook)
        };
        if let Some(hook) = hook {
            hook();
        }
    }
}

async fn give_way(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// Implements each trait by calls of the same method of the wrapped store. An
/// argument is a value (`own`), a reference (`of`) or a slice (`all`); it is
/// kept for a late call.
macro_rules! faulty {
    ($($trait:ident { $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)* })*) => {
        $(
            #[async_trait]
            impl<S: Store + Clone> $trait for FaultyStore<S> {
                $(
                    async fn $method(&self, $($name: $($type)*),*) -> Result<$($answer)*, StoreError> {
                        let store = self.inner.clone();
                        $(let $name = faulty!(keep $kind $name);)*
                        let act = move || {
                            let store = store.clone();
                            $(let $name = $name.clone();)*
                            async move { store.$method($(faulty!(lend $kind $name)),*).await }
                        };
                        self.call(stringify!($method), act).await
                    }
                )*
            }
        )*
    };
    (keep own $name:ident) => { $name };
    (keep of $name:ident) => { $name.clone() };
    (keep all $name:ident) => { $name.to_vec() };
    (lend own $name:ident) => { $name };
    (lend of $name:ident) => { &$name };
    (lend all $name:ident) => { &$name };
}

admittance::__store_methods!(faulty);

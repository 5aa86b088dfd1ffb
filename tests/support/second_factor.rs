//! A second factor that a test controls: cards with a code.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use admittance::error::Cause;
use admittance::proof::{Method, MethodName};
use admittance::secret::Code;
use admittance::service::SecondFactor;
use admittance::user::User;
use async_trait::async_trait;

/// The code of every card.
pub const CODE: &str = "482193";

/// What goes wrong, and in which call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Broken {
    Methods,
    Requested,
    Check,
}

/// How it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    Fails,
    Panics,
    Hangs,
}

/// The users have the cards of the methods in it: all of them, or those whose addresses
/// begin with a prefix.
#[derive(Clone, Default)]
pub struct Cards(Arc<State>);

#[derive(Default)]
struct State {
    methods: Mutex<Vec<MethodName>>,
    holders: Mutex<&'static str>,
    fault: Mutex<Option<(Broken, Fault)>>,
    /// What happens while the methods are asked for.
    meanwhile: Mutex<Option<Act>>,
    calls: AtomicUsize,
    requested: AtomicUsize,
}

type Act = Pin<Box<dyn Future<Output = ()> + Send>>;

pub fn method(name: &str) -> Method {
    Method::SecondFactor(MethodName::new(name).unwrap())
}

impl Cards {
    pub fn of(methods: &[&str]) -> Self {
        let cards = Self::default();
        cards.set(methods);
        cards
    }

    /// Cards of the users whose addresses begin with `holders`.
    pub fn of_holders(holders: &'static str, methods: &[&str]) -> Self {
        let cards = Self::of(methods);
        *cards.0.holders.lock().unwrap() = holders;
        cards
    }

    pub fn set(&self, methods: &[&str]) {
        let names = methods.iter().map(|name| MethodName::new(name).unwrap());
        *self.0.methods.lock().unwrap() = names.collect();
    }

    pub fn breaks(&self, fault: impl Into<Option<(Broken, Fault)>>) {
        *self.0.fault.lock().unwrap() = fault.into();
    }

    /// Does `act` when the methods of a user are asked for next, before the answer.
    pub fn meanwhile(&self, act: impl Future<Output = ()> + Send + 'static) {
        *self.0.meanwhile.lock().unwrap() = Some(Box::pin(act));
    }

    /// The number of calls.
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// The number of codes that were requested.
    pub fn requested(&self) -> usize {
        self.0.requested.load(Ordering::SeqCst)
    }

    async fn called(&self, call: Broken) -> Result<(), Cause> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let fault = *self.0.fault.lock().unwrap();
        match fault {
            Some((broken, fault)) if broken == call => match fault {
                Fault::Fails => Err("the cards are lost: 482193".into()),
                Fault::Panics => panic!("the cards are lost"),
                Fault::Hangs => std::future::pending().await,
            },
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl SecondFactor for Cards {
    async fn methods(&self, user: &User) -> Result<Vec<MethodName>, Cause> {
        self.called(Broken::Methods).await?;
        let act = self.0.meanwhile.lock().unwrap().take();
        if let Some(act) = act {
            act.await;
        }
        let holders = *self.0.holders.lock().unwrap();
        Ok(match user.email.as_str().starts_with(holders) {
            true => self.0.methods.lock().unwrap().clone(),
            false => Vec::new(),
        })
    }

    async fn requested(&self, _: &User) -> Result<(), Cause> {
        self.called(Broken::Requested).await?;
        self.0.requested.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn check(&self, _: &User, _: MethodName, code: &Code) -> Result<bool, Cause> {
        self.called(Broken::Check).await?;
        Ok(code.expose_secret() == CODE)
    }
}

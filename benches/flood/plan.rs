//! What to run, from the command line.

use std::time::Duration;

use crate::people::Flood;

const RATE: u32 = 130;
const SECONDS: u32 = 60;
const QUICK: u32 = 2;
/// Access tokens live for 15 minutes, and one has to outlive the run.
const LONGEST: u32 = 600;
const HIGHEST_RATE: u32 = 2_000;

/// The example that serves.
#[derive(Clone, Copy)]
pub(crate) enum Framework {
    Axum,
    Warp,
}

/// Where it keeps accounts and limits.
#[derive(Clone, Copy)]
pub(crate) enum Store {
    Memory,
    MongoDb,
}

pub(crate) struct Plan {
    frameworks: Vec<Framework>,
    stores: Vec<Store>,
    floods: Vec<Flood>,
    /// Logins a second of the flood.
    pub(crate) rate: u32,
    /// How long the flood lasts.
    pub(crate) length: Duration,
    /// Whether an owner who was kept out makes the run fail.
    pub(crate) check: bool,
}

impl Plan {
    /// The plan that `arguments` describe, or what is wrong with them.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        // Cargo adds `--bench`.
        let mut arguments = arguments
            .filter(|argument| argument != "--bench")
            .peekable();
        let is_bare = arguments.peek().is_none();
        let (mut frameworks, mut stores, mut floods) = (Vec::new(), Vec::new(), Vec::new());
        let (mut rate, mut seconds) = (RATE, if is_bare { QUICK } else { SECONDS });
        let (mut all, mut check) = (false, false);
        while let Some(option) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{option} needs a value"))
            };
            match option.as_str() {
                "--framework" => frameworks.push(Framework::parse(&value()?)?),
                "--store" => stores.push(Store::parse(&value()?)?),
                "--flood" => floods.push(Flood::parse(&value()?)?),
                "--rate" => rate = number(&value()?, HIGHEST_RATE)?,
                "--seconds" => seconds = number(&value()?, LONGEST)?,
                "--quick" => seconds = QUICK,
                "--all" => all = true,
                "--check" => check = true,
                _ => return Err(format!("unknown option: {option}")),
            }
        }
        if frameworks.is_empty() {
            frameworks.push(Framework::Axum);
            frameworks.extend(all.then_some(Framework::Warp));
        }
        if stores.is_empty() {
            stores.push(Store::Memory);
            stores.extend(all.then_some(Store::MongoDb));
        }
        if floods.is_empty() {
            floods = vec![Flood::One56, Flood::Unrelated];
        }
        Ok(Self {
            frameworks,
            stores,
            floods,
            rate,
            length: Duration::from_secs(seconds.into()),
            check,
        })
    }

    /// The combinations, in the order in which they run.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Framework, Store, Flood)> {
        self.frameworks.iter().flat_map(move |framework| {
            self.stores.iter().flat_map(move |store| {
                let floods = self.floods.iter();
                floods.map(move |flood| (*framework, *store, *flood))
            })
        })
    }
}

impl Framework {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "axum" => Ok(Self::Axum),
            "warp" => Ok(Self::Warp),
            _ => Err(format!("unknown framework: {text}")),
        }
    }

    /// The name of the example, too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Warp => "warp",
        }
    }
}

impl Store {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "memory" => Ok(Self::Memory),
            "mongodb" => Ok(Self::MongoDb),
            _ => Err(format!("unknown store: {text}")),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::MongoDb => "mongodb",
        }
    }
}

fn number(text: &str, highest: u32) -> Result<u32, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| (1..=highest).contains(number));
    number.ok_or_else(|| format!("not a number from 1 to {highest}: {text}"))
}

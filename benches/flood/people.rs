//! Who sends requests: owners, one client that stays logged in, the flood.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::json;

use crate::client::{Device, Request};

/// Networks that the flood comes from.
const SOURCES: u32 = 256;
/// Owners who log in from the device that they registered with.
pub(crate) const OWNERS: u32 = 20;
/// Further owners, who log in from a device that is new each time.
pub(crate) const TRAVELLERS: u32 = 5;

const PASSWORD: &str = "plum-Orbit-47-lantern";
const WRONG: &str = "quartz!Meadow 93 ferry";

/// An account, and the device that it is registered from.
#[derive(Clone)]
pub(crate) struct Account {
    email: String,
    device: Device,
}

impl Account {
    /// The owners, the first [`OWNERS`] of whom do not travel, each in an IPv4
    /// /16 of their own.
    pub(crate) fn owner(number: u32) -> Self {
        let [.., low] = number.to_be_bytes();
        Self {
            email: format!("owner{number}@example.org"),
            device: Device::new(Ipv4Addr::new(81, low, 7, 9), "Owner", number),
        }
    }

    /// The client that stays logged in.
    pub(crate) fn reader() -> Self {
        Self {
            email: "reader@example.org".to_owned(),
            device: Device::new(Ipv4Addr::new(82, 0, 0, 1), "Reader", 0),
        }
    }

    pub(crate) fn register(&self) -> Request {
        let body = json!({
            "email": self.email,
            "name": "A Person",
            "password": PASSWORD,
            "confirm_password": PASSWORD,
        });
        Request::post("/register", &self.device, &body)
    }

    /// A login from the device that it was registered from.
    pub(crate) fn login(&self) -> Request {
        login(&self.email, PASSWORD, &self.device)
    }

    /// The same from a new device, another one for each `number`.
    pub(crate) fn login_from_new_device(&self, number: u32) -> Request {
        login(&self.email, PASSWORD, &Device::unknown(number))
    }

    pub(crate) fn profile(&self, token: &str) -> Request {
        Request::get("/profile", &self.device, token)
    }
}

/// Where a flood comes from, and what it tries.
#[derive(Clone, Copy)]
pub(crate) enum Flood {
    None,
    /// Wrong passwords from 256 IPv6 /64s of one /56.
    One56,
    /// From 256 networks that have no /24, /56 or /48 in common. Half of the
    /// logins are right, of 128 accounts of the attacker's own from their known
    /// devices; the others are wrong passwords.
    Unrelated,
}

impl Flood {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "one-56" => Ok(Self::One56),
            "unrelated" => Ok(Self::Unrelated),
            _ => Err(format!("unknown flood: {text}")),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::One56 => "one-56",
            Self::Unrelated => "unrelated",
        }
    }

    /// The accounts that the attacker has registered before.
    pub(crate) fn accounts(self) -> impl Iterator<Item = Account> {
        let sources = match self {
            Self::None | Self::One56 => 0..0,
            Self::Unrelated => 0..SOURCES,
        };
        sources.filter_map(move |source| self.account(source))
    }

    /// Its login with this number. No two wrong ones are at the same address.
    pub(crate) fn login(self, number: u32) -> Request {
        let source = number % SOURCES;
        match self.account(source) {
            Some(account) => account.login(),
            None => {
                // Odd, so that it maps no two numbers to one.
                let random = number.wrapping_mul(0x9e37_79b1);
                let email = format!("guess-{random:08x}@example.org");
                login(&email, WRONG, &self.device(source))
            }
        }
    }

    /// The account that the attacker has for this source: every other one has
    /// one, if the flood uses any.
    fn account(self, source: u32) -> Option<Account> {
        let has_one = matches!(self, Self::Unrelated) && source.is_multiple_of(2);
        has_one.then(|| Account {
            email: format!("attacker{source}@example.org"),
            device: self.device(source),
        })
    }

    fn device(self, source: u32) -> Device {
        let [.., low] = source.to_be_bytes();
        let low = u16::from(low);
        let address: IpAddr = match self {
            Self::None | Self::One56 => {
                Ipv6Addr::new(0x2001, 0xdb8, 0xaaaa, 0xbb00 | low, 0, 0, 0, 1).into()
            }
            Self::Unrelated if source % 4 < 2 => {
                Ipv6Addr::new(0x2a02, low, 0, 0, 0, 0, 0, 1).into()
            }
            Self::Unrelated => Ipv4Addr::new(45, source.to_be_bytes()[3], 3, 5).into(),
        };
        Device::new(address, "Attacker", source)
    }
}

fn login(email: &str, password: &str, device: &Device) -> Request {
    let body = json!({ "email": email, "password": password });
    Request::post("/login", device, &body)
}

//! Settings that are not safe are refused by name when the service is built.

use std::num::NonZeroUsize;
use std::time::Duration;

use admittance::audit::AuditPolicy;
use admittance::config::AuthConfig;
use admittance::error::ConfigError;
use admittance::lockout::{LockoutPolicy, LockoutStep};
use admittance::mail::MailConfig;
use admittance::password::Argon2Params;
use admittance::store::MemoryStore;
use admittance::test_util::Mailbox;

use support::bed::keyring;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// All settings that a service is built with.
struct Settings {
    auth: AuthConfig,
    mail: MailConfig,
    audit: AuditPolicy,
}

impl Settings {
    /// The defaults, on one thread, changed by `change`.
    fn with(change: Change) -> Self {
        let mut settings = Self {
            auth: AuthConfig::new("Exam simulator"),
            mail: MailConfig::new("https://exam.example"),
            audit: AuditPolicy::default(),
        };
        settings.auth.hashing.threads = NonZeroUsize::new(1);
        change(&mut settings);
        settings
    }

    /// The setting that keeps the service from being built.
    fn refused(self) -> Option<&'static str> {
        let built = admittance::AuthService::builder(MemoryStore::new())
            .config(self.auth)
            .keyring(keyring())
            .mail(Mailbox::new(), self.mail)
            .audit_log(MemoryStore::new(), self.audit)
            .build();
        match built {
            Ok(_) => None,
            Err(ConfigError::Invalid { setting, .. }) => Some(setting),
            Err(error) => panic!("{error}"),
        }
    }
}

type Change = fn(&mut Settings);

/// A setting, values that are refused, and values that are just accepted.
struct Bound {
    setting: &'static str,
    refused: &'static [Change],
    accepted: &'static [Change],
}

fn lockout(failures: u32, wait: Duration) -> Option<LockoutPolicy> {
    LockoutPolicy::new([LockoutStep { failures, wait }], 3 * DAY).ok()
}

fn cost(settings: &mut Settings, m_kib: u32, t: u32) {
    settings.auth.hashing.params = Argon2Params::new(m_kib, t, 1).unwrap();
}

/// Bounds that [`AuthConfig::insecure_for_tests`] takes away.
const BOUNDS: [Bound; 19] = [
    Bound {
        setting: "hashing.params",
        refused: &[
            |s| cost(s, 47_103, 1),
            |s| cost(s, 19_455, 2),
            |s| cost(s, 12_287, 3),
            |s| cost(s, 9_215, 4),
            |s| cost(s, 7_167, 5),
            |s| cost(s, 7_167, 10),
            |s| cost(s, 8, 1),
        ],
        accepted: &[
            |s| cost(s, 47_104, 1),
            |s| cost(s, 19_456, 2),
            |s| cost(s, 12_288, 3),
            |s| cost(s, 9_216, 4),
            |s| cost(s, 7_168, 5),
            |s| cost(s, 65_536, 3),
        ],
    },
    Bound {
        setting: "hashing.threads",
        refused: &[|s| s.auth.hashing.threads = NonZeroUsize::new(1025)],
        accepted: &[],
    },
    Bound {
        setting: "hashing.queue_len",
        refused: &[|s| s.auth.hashing.queue_len = 100_001],
        accepted: &[
            |s| s.auth.hashing.queue_len = 100_000,
            |s| {
                s.auth.hashing.queue_len = 1;
            },
        ],
    },
    Bound {
        setting: "hashing.queue_deadline",
        refused: &[
            |s| s.auth.hashing.queue_deadline = 99 * MS,
            |s| s.auth.hashing.queue_deadline = 60_001 * MS,
        ],
        accepted: &[
            |s| s.auth.hashing.queue_deadline = 100 * MS,
            |s| s.auth.hashing.queue_deadline = 60 * SECOND,
        ],
    },
    Bound {
        setting: "hashing.run_deadline",
        refused: &[
            |s| s.auth.hashing.run_deadline = 999 * MS,
            |s| s.auth.hashing.run_deadline = 60_001 * MS,
        ],
        accepted: &[
            |s| s.auth.hashing.run_deadline = SECOND,
            |s| s.auth.hashing.run_deadline = 60 * SECOND,
        ],
    },
    Bound {
        setting: "hashing.accepted",
        refused: &[
            |s| s.auth.hashing.accepted.m_kib = (4 << 20) + 1,
            |s| s.auth.hashing.accepted.t = 101,
            |s| s.auth.hashing.accepted.p = 257,
        ],
        accepted: &[|s| {
            s.auth.hashing.accepted.m_kib = 4 << 20;
            s.auth.hashing.accepted.t = 100;
            s.auth.hashing.accepted.p = 256;
        }],
    },
    Bound {
        setting: "password.min_chars",
        refused: &[
            |s| s.auth.password.min_chars = 7,
            |s| {
                s.auth.password.min_chars = 1;
            },
        ],
        accepted: &[
            |s| s.auth.password.min_chars = 8,
            |s| {
                s.auth.password.min_chars = 128;
            },
        ],
    },
    Bound {
        setting: "session.short.absolute_timeout",
        refused: &[|s| s.auth.session.short.absolute_timeout = 3651 * DAY],
        accepted: &[|s| s.auth.session.short.absolute_timeout = 3650 * DAY],
    },
    Bound {
        setting: "onboarding.hook_timeout",
        refused: &[|s| s.auth.onboarding.hook_timeout = 99 * MS],
        accepted: &[
            |s| s.auth.onboarding.hook_timeout = 100 * MS,
            |s| {
                s.auth.onboarding.hook_timeout = 60 * SECOND;
            },
        ],
    },
    Bound {
        setting: "breach.timeout",
        refused: &[|s| s.auth.breach.timeout = 99 * MS],
        accepted: &[
            |s| s.auth.breach.timeout = 100 * MS,
            |s| {
                s.auth.breach.timeout = 60 * SECOND;
            },
        ],
    },
    Bound {
        setting: "limits.lockout",
        refused: &[
            |s| s.auth.limits.login_by_account = lockout(101, SECOND),
            |s| s.auth.limits.login_by_account = lockout(5, 999 * MS),
            |s| s.auth.limits.login_by_account = lockout(5, DAY + MS),
        ],
        accepted: &[
            |s| s.auth.limits.login_by_account = lockout(100, SECOND),
            |s| s.auth.limits.login_by_account = lockout(1, DAY),
            |s| s.auth.limits.login_by_account = None,
        ],
    },
    Bound {
        setting: "mail.max_pending",
        refused: &[|s| s.mail.max_pending = 100_001],
        accepted: &[|s| s.mail.max_pending = 100_000],
    },
    Bound {
        setting: "mail.concurrency",
        refused: &[|s| s.mail.concurrency = 1001],
        accepted: &[|s| s.mail.concurrency = 1000],
    },
    Bound {
        setting: "mail.attempts",
        refused: &[|s| s.mail.attempts = 21],
        accepted: &[|s| s.mail.attempts = 1],
    },
    Bound {
        setting: "mail.attempt_timeout",
        refused: &[
            |s| s.mail.attempt_timeout = 999 * MS,
            |s| {
                s.mail.attempt_timeout = 601 * SECOND;
            },
        ],
        accepted: &[
            |s| s.mail.attempt_timeout = SECOND,
            |s| {
                s.mail.attempt_timeout = 600 * SECOND;
            },
        ],
    },
    Bound {
        setting: "mail.first_retry",
        refused: &[
            |s| s.mail.first_retry = Duration::ZERO,
            |s| s.mail.first_retry = 99 * MS,
            |s| s.mail.first_retry = 1351 * SECOND,
            |s| s.mail.first_retry = Duration::MAX,
            |s| (s.mail.attempts, s.mail.first_retry) = (20, SECOND),
        ],
        accepted: &[
            |s| s.mail.first_retry = 100 * MS,
            |s| s.mail.first_retry = 1350 * SECOND,
        ],
    },
    Bound {
        setting: "audit.max_pending",
        refused: &[|s| s.audit.max_pending = 1_000_001],
        accepted: &[|s| s.audit.max_pending = 1_000_000],
    },
    Bound {
        setting: "audit.attempt_timeout",
        refused: &[
            |s| s.audit.attempt_timeout = 99 * MS,
            |s| {
                s.audit.attempt_timeout = 60_001 * MS;
            },
        ],
        accepted: &[
            |s| s.audit.attempt_timeout = 100 * MS,
            |s| {
                s.audit.attempt_timeout = 60 * SECOND;
            },
        ],
    },
    Bound {
        setting: "audit.first_retry",
        refused: &[
            |s| s.audit.first_retry = Duration::ZERO,
            |s| s.audit.first_retry = 9 * MS,
            |s| (s.audit.attempts, s.audit.first_retry) = (20, 60 * SECOND),
        ],
        accepted: &[
            |s| s.audit.first_retry = 10 * MS,
            |s| {
                s.audit.first_retry = 60 * SECOND;
            },
        ],
    },
];

#[tokio::test]
async fn a_setting_that_is_not_safe_is_refused_by_name() {
    for bound in &BOUNDS {
        let name = bound.setting;
        for (number, change) in bound.refused.iter().enumerate() {
            let refused = Settings::with(*change).refused();
            assert_eq!(refused, Some(name), "{name}, {number}");
        }
        for (number, change) in bound.accepted.iter().enumerate() {
            let refused = Settings::with(*change).refused();
            assert_eq!(refused, None, "{name}, {number}");
        }
    }
}

#[tokio::test]
async fn tests_say_that_they_want_settings_that_are_not_safe() {
    for bound in &BOUNDS {
        // A thousand threads are too many for a test.
        let changes = bound.refused.iter();
        for change in changes.filter(|_| bound.setting != "hashing.threads") {
            let mut settings = Settings::with(*change);
            settings.auth = settings.auth.insecure_for_tests();
            assert_eq!(settings.refused(), None, "{}", bound.setting);
        }
    }
}

#[tokio::test]
async fn settings_for_tests_are_refused_when_they_contradict_themselves() {
    let changes: [(&str, Change); 4] = [
        ("hashing.queue_len", |s| s.auth.hashing.queue_len = 0),
        ("password.min_chars", |s| s.auth.password.min_chars = 129),
        ("mail.attempts", |s| s.mail.attempts = 0),
        ("audit.max_pending", |s| s.audit.max_pending = 0),
    ];
    for (name, change) in changes {
        let mut settings = Settings::with(change);
        settings.auth = settings.auth.insecure_for_tests();
        assert_eq!(settings.refused(), Some(name));
    }
}

/// Control characters take six times their room in a token.
#[test]
fn settings_whose_tokens_are_too_long_are_refused_at_start_and_not_at_a_login() {
    let settings = Settings::with(|s| s.auth.issuer = "\u{1}".repeat(512));
    assert_eq!(settings.refused(), Some("keyring"));
    let settings = Settings::with(|s| s.auth.issuer = "i".repeat(512));
    assert_eq!(settings.refused(), None);
}

//! What an assessment of a password costs, beside the one estimate by zxcvbn that it
//! includes, and beside the hash that follows. The shortest of many times, by turns, and
//! their ratio.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::env;
use std::hint::black_box;
use std::time::{Duration, Instant};

use admittance::password::{NormalizedPassword, PasswordPolicy};
use admittance::secret::Password;

const ROUNDS: usize = 200;
/// What zxcvbn is given of a longer password, in characters.
const SCORED_CHARS: usize = 48;

/// Typical ones, and such as take longest.
const PASSWORDS: [(&str, &str); 9] = [
    ("random", "x9$kQ2!mZp7@"),
    ("passphrase", "correct horse battery staple"),
    ("Russian word", "пароль123"),
    ("Korean word", "비밀번호1234"),
    ("Russian passphrase", "шла саша по шоссе"),
    ("Latin, 128", "martin-alexander-"),
    ("Russian, 128", "варирлорва"),
    ("Korean, 128", "비밀번호1!4@"),
    ("substitutions, 128", "4434а@4о30е04403"),
];

fn main() {
    // Cargo passes `--bench` when it is to measure, and not when it tests.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let policy = PasswordPolicy::default();
    let password = |text: &str| NormalizedPassword::new(&Password::new(text)).unwrap();
    let first = time(|| drop(policy.assess(&password("пароль123"), &[])));
    println!("first, which sorts the lists: {:.1} ms", millis(first));
    for (name, text) in PASSWORDS {
        let length = if name.ends_with("128") {
            128
        } else {
            text.chars().count()
        };
        let text: String = text.chars().cycle().take(length).collect();
        let scored: String = text.chars().take(SCORED_CHARS).collect();
        let password = password(&text);
        let (mut assess, mut zxcvbn) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            assess = assess.min(time(|| drop(black_box(policy.assess(&password, &[])))));
            zxcvbn = zxcvbn.min(time(|| drop(black_box(zxcvbn::zxcvbn(&scored, &[])))));
        }
        println!(
            "{name:<20} {:.2} ms, by zxcvbn alone {:.2} ms, ratio {:.1}",
            millis(assess),
            millis(zxcvbn),
            assess.as_secs_f64() / zxcvbn.as_secs_f64()
        );
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

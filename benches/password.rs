//! scratch
use std::time::Instant;
fn main() {
    let mut cases: Vec<(String, String)> = vec![];
    for n in [20usize, 32, 48, 64, 72, 80, 100, 128] {
        let mut add = |name: &str, s: String| {
            cases.push((format!("{name} {n}"), s.chars().take(n).collect()))
        };
        add("a", "a".repeat(200));
        add("ab", "ab".repeat(200));
        add("aab", "aab".repeat(200));
        add("leet", "4@8({[<369!1|70$5+%2".repeat(20));
        add("leet4", "4".repeat(200));
        add("p4ssw0rd", "p4$$w0rd".repeat(20));
        add("p@", "p@4s5w0rd$1!7+".repeat(20));
        add("seq", "abcdefghijklmnopqrstuvwxyz".repeat(20));
        add("seqdown", "9876543210".repeat(20));
        add("digits", "1".repeat(200));
        add("dates", "01011990".repeat(20));
        add("dates2", "1.1.19902.2.1991".repeat(20));
        add("qwerty", "qwertyuiopasdfghjklzxcvbnm".repeat(20));
        add("qaz", "qazwsxedcrfvtgbyhnujmikolp".repeat(20));
        add("aAaA", "aAbB".repeat(50));
        add("almost repeat", format!("{}b", "a".repeat(n - 1)));
        add("fib", {
            let (mut a, mut b) = ("a".to_string(), "ab".to_string());
            while b.len() < 300 {
                let c = format!("{b}{a}");
                a = b;
                b = c;
            }
            b
        });
        add(
            "thue",
            (0..256u32)
                .map(|i| if i.count_ones() % 2 == 0 { 'a' } else { 'b' })
                .collect(),
        );
        add("squares", "aabbaabbccddccdd".repeat(20));
        add("emoji", "\u{1f98a}".repeat(200));
        add(
            "words",
            "correcthorsebatterystaplepasswordmonkeydragon".repeat(5),
        );
        add(
            "rnd",
            (0..200u32)
                .map(|i| char::from_u32(33 + (i * 7919 + i * i * 31) % 94).unwrap())
                .collect(),
        );
        add("turkish", "İ".repeat(200));
    }
    let inputs = ["ann.lee@example.org", "ann", "lee", "example", "org"];
    zxcvbn::zxcvbn("warm", &[]);
    let mut rows: Vec<(u128, String, u8)> = cases
        .iter()
        .map(|(name, s)| {
            let mut best = u128::MAX;
            let mut score = 0;
            for _ in 0..2 {
                let t = Instant::now();
                score = u8::from(zxcvbn::zxcvbn(s, &inputs).score());
                best = best.min(t.elapsed().as_micros());
            }
            (best, name.clone(), score)
        })
        .collect();
    rows.sort();
    for (t, name, score) in rows.iter().rev().take(60) {
        println!("{t:>8} us  {name} score {score}");
    }
}

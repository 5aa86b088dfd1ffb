//! Common words of many languages are refused, however they are typed, and strong
//! passwords of the same languages are not.

use unicode_normalization::UnicodeNormalization;

use super::*;
use crate::error::ViolationCode;
use crate::password::{NormalizedPassword, PasswordPolicy};
use crate::secret::Password;

fn codes(policy: &PasswordPolicy, text: &str) -> Vec<ViolationCode> {
    let password = NormalizedPassword::new(&Password::new(text)).unwrap();
    let faults = policy.check(&password, &[]).into_iter();
    faults.map(|fault| fault.code).collect()
}

fn accepted<'a>(passwords: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let policy = PasswordPolicy::default();
    let passwords = passwords.into_iter();
    passwords
        .filter(|password| codes(&policy, password).is_empty())
        .collect()
}

fn spelt(alternatives: &[&str], endings: &[&str]) -> Vec<String> {
    let ends = |word: &&str| {
        let word = (*word).to_owned();
        let ends = endings.iter();
        ends.map(move |end| format!("{word}{end}"))
            .collect::<Vec<_>>()
    };
    alternatives.iter().flat_map(ends).collect()
}

/// A line for each language: words as they are listed, without accents, in Latin letters,
/// and typed with Latin letters set.
const WORDS: [(&str, &[&str]); 22] = [
    (
        "ar",
        &["حبيبي", "كلمةالسر", "أحمد", "mohammed", "7abibi", "pfdfd"],
    ),
    (
        "cs",
        &["miláček", "milacek", "sluníčko", "slunicko", "heslo"],
    ),
    (
        "de",
        &[
            "passwort",
            "schätzchen",
            "nürnberg",
            "nuernberg",
            "nurnberg",
            "krankenhaus",
        ],
    ),
    (
        "el",
        &[
            "κωδικός",
            "κωδικος",
            "kodikos",
            "kvdikow",
            "ολυμπιακός",
            "αγάπημου",
        ],
    ),
    (
        "es",
        &[
            "contraseña",
            "contrasena",
            "corazón",
            "tequiero",
            "estrellita",
        ],
    ),
    (
        "fr",
        &["motdepasse", "chérie", "cherie", "étoile", "coccinelle"],
    ),
    ("hi", &["प्यार", "नमस्ते", "namaste", "jaishriram", "hd/ej"]),
    (
        "hu",
        &["jelszó", "jelszo", "szerelem", "gyönyörű", "gyonyoru"],
    ),
    (
        "id",
        &[
            "rahasia",
            "sayangku",
            "bismillah",
            "katasandi",
            "persibbandung",
        ],
    ),
    (
        "it",
        &[
            "tivogliobene",
            "felicità",
            "felicita",
            "farfalla",
            "forzajuve",
        ],
    ),
    (
        "ja",
        &[
            "さくら",
            "サクラ",
            "sakura",
            "愛してる",
            "aishiteru",
            "パスワード",
        ],
    ),
    (
        "ko",
        &[
            "비밀번호",
            "사랑해요",
            "qlalfqjsgh",
            "saranghae",
            "안녕하세요",
        ],
    ),
    (
        "nl",
        &["wachtwoord", "welkom", "lieverd", "ikhouvanjou", "voetbal"],
    ),
    (
        "pl",
        &[
            "hasło",
            "haslo",
            "kochamciebie",
            "księżniczka",
            "ksiezniczka",
        ],
    ),
    (
        "pt",
        &["coração", "coracao", "flamengo", "senhasecreta", "benfica"],
    ),
    (
        "ro",
        &["parolă", "parola", "teiubesc", "dragoste", "inimioara"],
    ),
    (
        "ru",
        &[
            "пароль",
            "любовь",
            "parol",
            "lyubov",
            "ljubov",
            "gfhjkm",
            "ghbdtn",
            "k.,jdm",
        ],
    ),
    (
        "sv",
        &[
            "lösenord",
            "losenord",
            "älskling",
            "aelskling",
            "jagälskardig",
        ],
    ),
    (
        "tr",
        &[
            "şifre",
            "sifre",
            "aşkım",
            "askim",
            "galatasaray",
            "fenerbahçe",
        ],
    ),
    (
        "uk",
        &[
            "кохання",
            "сонечко",
            "kohannya",
            "sonechko",
            "rj[fyyz",
            "україна",
        ],
    ),
    (
        "vi",
        &["mậtkhẩu", "matkhau", "mật khẩu", "anhyêuem", "anhyeuem"],
    ),
    (
        "zh",
        &["woaini", "wo ai ni", "我爱你", "mima", "5201314", "wangwei"],
    ),
];

#[test]
fn asvs_6_2_4_common_words_of_other_languages_are_refused() {
    let seen = ["пароль123", "йцукен123", "любовь2024", "contraseña1"];
    assert_eq!(accepted(seen), [""; 0]);
    for (language, words) in WORDS {
        let endings = ["12", "123", "1234", "2024", "!", "1!", "2024!", "@1991", ""];
        let lower = spelt(words, &endings);
        let passwords: Vec<String> = lower
            .iter()
            .flat_map(|password| {
                let mut letters = password.chars();
                let first = letters.next().into_iter().flat_map(char::to_uppercase);
                let capitalised = first.chain(letters).collect();
                [password.clone(), capitalised, password.to_uppercase()]
            })
            .collect();
        let passwords = passwords.iter().map(String::as_str);
        assert_eq!(accepted(passwords), [""; 0], "{language}");
    }
}

#[test]
fn asvs_6_2_4_common_words_are_refused_before_between_and_instead_of_other_characters() {
    let passwords = [
        // Before and between.
        "123пароль",
        "123пароль456",
        "!пароль!1",
        "2024contraseña",
        "*любовь*2024*",
        // Repeated, and two of them.
        "парольпароль",
        "парольпарольпароль",
        "contraseñacontraseña1",
        "любимаямама",
        "мамапапа2024",
        // Substituted, reversed, taken apart.
        "п@р0ль2024",
        "пар0ль123",
        "c0ntr4s3ñ4",
        "c0ntr4$3n@1",
        "ьлорап2024",
        "añesartnoc1",
        "па-ро-ль2024",
        "c.o.n.t.r.a.s.e.n.a",
        "pаrоl2024",
        // Inflected.
        "собаки2024",
        "sobaki2024!",
        "contraseñas2024!",
        "farfalle2024",
        // With English words, and with the wrong layout for these.
        "passwordпароль",
        "зфыыцщкв123",
        "Зфыыцщкв2024!",
        "дщмуьу2024",
        // Decomposed.
        "contrasen\u{303}a1",
    ];
    assert_eq!(accepted(passwords), [""; 0]);
}

#[test]
fn asvs_6_2_4_rows_of_other_keyboards_are_refused() {
    let rows = [
        "йцукен",
        "ЙЦУКЕН",
        "йцукенгшщзхъ",
        "фывапролдж",
        "ячсмить",
        "некуцй",
        "1йцукен",
        "йцукенг",
        "1йфя2цыч3увс",
        "йцукфыва",
        "1aqw2zsx3edc",
        "azerqsdfwxcv",
        "фіва",
        "йцукенгшщзхї",
        "явертъ",
        ";ςερτυ",
        "ασδφγη",
        "ζχψωβνμ",
        "azerty",
        "azertyuiop",
        "qsdfghjklm",
        "wxcvbn",
        "qwertz",
        "qwertzuiop",
        "yxcvbnm",
        "qzerty",
        "ضصثقفغ",
        "شسيبل",
        "ㅂㅈㄷㄱㅅ",
        "ㅁㄴㅇㄹ",
        "ㅋㅌㅊㅍ",
        "たていすかん",
        "asdfghjklñ",
        "asdfghjklö",
        "qwertyuıop",
        "fgğıod",
        "ěščřžýáíé",
        "ौैाीूब",
        "ㄅㄆㄇㄈ",
        "קראטוןםפ",
    ];
    let passwords = spelt(&rows, &["12", "123", "2024", "!"]);
    assert_eq!(accepted(passwords.iter().map(String::as_str)), [""; 0]);
}

#[test]
fn strong_passwords_in_every_script_are_accepted() {
    let strong = [
        // Passphrases, also of listed words alone.
        "шла саша по шоссе",
        "зелёный слон жуёт телефон",
        "вчера кот съел три больших яблока",
        "мама мыла раму вечером дома",
        "гарна погода для прогулянки містом",
        "mein hund trinkt gerne kalten kaffee",
        "der montag riecht nach apfelkuchen",
        "le chat noir mange une pomme verte",
        "cinque gatti rossi ballano il tango",
        "mi abuela cocina tacos los domingos",
        "minha avó dança samba na cozinha",
        "siedem zielonych słoni tańczy walca",
        "bunica mea coace placinte duminica",
        "zeven groene olifanten dansen tango",
        "επτά πράσινοι ελέφαντες χορεύουν",
        "sedm zelených slonů tančí tango",
        "hét zöld elefánt táncol a konyhában",
        "sju gröna elefanter dansar tango",
        "yedi yeşil fil tango yapıyor",
        "سبعة افيال خضراء ترقص التانغو",
        "सात हरे हाथी नाचते हैं रात में",
        "七头绿色的大象在厨房里跳探戈",
        "qi tou lvse de daxiang tiao tange",
        "七匹の緑の象が台所で踊っている",
        "초록색 코끼리 일곱 마리가 춤춘다",
        "bảy con voi xanh nhảy trong bếp",
        "tujuh gajah hijau menari di dapur",
        "correct horse battery staple",
        "zebra-violin-lamp-quartz",
        "собака кошка медведь дракон",
        // Random ones.
        "xkqvtzjwpm",
        "шкзъцщэфюж",
        "ψξωθκδβλχφ",
        "q7vR2mXzK9pT",
        "Tz8#kLw2!vQe",
        "жЩ7хЪ2фЮ9ы",
        "g4X-w9Pq-z2Lm",
        "ضظغثقخحجدذزش",
        "क्षत्रज्ञघङझढफभ",
        "뷁쀍끓쐟뛗퀭쫩뷃쮋",
        "鑫龘靐犇骉淼焱垚麤鱻",
        "けれぬをむゆせほろへ",
        // A common word beside enough others.
        "любовьшкзъцщэфюж",
        "шкзъцщ-пароль-эфюжх",
        "contraseña-q7vR2mXz",
    ];
    assert_eq!(accepted(strong), strong);
}

#[test]
fn a_common_word_by_itself_is_common_whatever_the_lowest_score_is() {
    let lax = PasswordPolicy {
        min_chars: 1,
        min_score: 0,
        ..PasswordPolicy::default()
    };
    for common in ["пароль", "Contraseña", "gfhjkm", "йцукен", "密码"] {
        assert_eq!(codes(&lax, common), [ViolationCode::TooCommon], "{common}");
    }
    assert_eq!(codes(&lax, "пароль123"), []);
}

#[test]
fn an_application_can_add_words() {
    let text = [
        "Kirchturmuhr2024",
        "khjghefufl2024",
        "kirchturmuhr",
        "RHUMRUTHCRIK1",
    ];
    let word = ["kirchturmuhr", "лроргуагад", "хоровод"];
    let mut policy = PasswordPolicy::default();
    assert_eq!(codes(&policy, "Kirchturmuhr2024"), []);
    assert_eq!(codes(&policy, "horovod20241"), []);
    policy.common_words = CommonWords::new(word);
    for password in [
        text[0],
        text[2],
        "rhumrutHcrik1",
        "horovod20241",
        "[jhjdjl2024",
    ] {
        assert_eq!(
            codes(&policy, password),
            [ViolationCode::TooWeak],
            "{password}"
        );
    }
    let spellings = format!("{:?}", policy.common_words);
    assert!(spellings.starts_with("CommonWords("), "{spellings}");
    assert_eq!(policy.common_words, CommonWords::new(word));
    assert_ne!(policy.common_words, CommonWords::default());
}

#[test]
fn each_list_is_in_order() {
    for list in LANGUAGES {
        let header: String = list
            .lines()
            .take_while(|line| line.starts_with("# "))
            .collect();
        assert!(header.contains("licence"), "{header}");
        let mut spellings = std::collections::BTreeSet::new();
        for (_, word) in words(list) {
            assert_eq!(word, word.nfc().collect::<String>(), "{header}");
            assert_eq!(word, word.to_lowercase(), "{header}");
            assert!(spellings.insert(word), "{header} {word}");
        }
        let words = words(list).filter(|(rank, word)| Index::of([(*rank, *word)]).len() > 0);
        let ranks: std::collections::BTreeSet<u32> = words.map(|(rank, _)| rank).collect();
        assert!(ranks.len() >= 200, "{header} {}", ranks.len());
    }
}

/// For each character a number of lookups that depends on the lists, not on the length.
#[test]
fn asvs_15_2_2_the_search_for_words_grows_with_the_length_and_no_faster() {
    let lookups = |text: &str, chars: usize| {
        let text: Vec<char> = text.chars().cycle().take(chars).collect();
        let mut lookups = 0;
        BUILT_IN.words_in(&text, &mut lookups);
        lookups
    };
    for text in [
        "1|7!({[<4@69$5+",
        "мама",
        "m4m4",
        "4nn4",
        "0o",
        "aeiou. -_'",
        "а",
        "пароль",
        "anhyeuem",
        "martin alexander",
        "ㅁㄴㅇㄹ",
        "사랑",
        "a-",
        "mа",
    ] {
        let (half, whole) = (lookups(text, 64), lookups(text, 128));
        assert!(whole <= 3 * half, "{text}: {half} and {whole}");
        assert!(whole <= 256 * 128, "{text}: {whole}");
    }
}

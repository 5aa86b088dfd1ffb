//! Where to go on after a login: only to a page of the same origin.

use url::Url;

/// The longest `next`, in bytes.
const MAX_LEN: usize = 2048;

/// Returns `next`, the path and query of a page to go on to after a login, if it leads to a
/// page of the same origin, and `None` if a link could have led anywhere else (ASVS 3.7.2).
///
/// A login page gets it in its query, where anybody can write it, so it must be checked again
/// before it goes into a `Location`. It is accepted if it is at most 2048 bytes of visible
/// ASCII, begins with exactly one `/`, has no backslash, which browsers read as `/`, and names
/// no other host by the rules that browsers parse URLs by (WHATWG URL).
///
/// ```
/// use admittance::http::safe_next;
///
/// assert_eq!(safe_next("/exams/7?page=2"), Some("/exams/7?page=2"));
/// assert_eq!(safe_next("//evil.example"), None);
/// assert_eq!(safe_next("https://evil.example"), None);
/// ```
#[must_use]
#[cfg_attr(
    not(feature = "http"),
    expect(unreachable_pub, reason = "published by the HTTP layer")
)]
pub fn safe_next(next: &str) -> Option<&str> {
    let is_visible = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    if next.len() > MAX_LEN || !next.bytes().all(is_visible) {
        return None;
    }
    let rest = next.strip_prefix('/')?.to_ascii_lowercase();
    // A server or proxy on the way may decode these.
    if ["/", "%2f", "%5c"]
        .iter()
        .any(|slash| rest.starts_with(slash))
    {
        return None;
    }
    let base = Url::parse("https://own.invalid/login").ok()?;
    let target = base.join(next).ok()?;
    // `/.//host` is a path with a leading `//` once its dots are resolved.
    let stays = target.origin() == base.origin() && !target.path().starts_with("//");
    stays.then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_same_origin_are_kept_as_they_are() {
        let longest = format!("/{}", "a".repeat(MAX_LEN - 1));
        for next in [
            "/",
            "/exams",
            "/exams/7?page=2&sort=a//b",
            "/search?q=https%3A%2F%2Fother.example",
            "/go?to=https://other.example",
            "/caf%C3%A9#end",
            "/a/../b",
            "/:80",
            "/@evil.example",
            &longest,
        ] {
            assert_eq!(safe_next(next), Some(next));
        }
    }

    #[test]
    fn asvs_3_7_2_a_next_that_leads_elsewhere_is_refused() {
        let too_long = format!("/{}", "a".repeat(MAX_LEN));
        for next in [
            "",
            " ",
            "exams",
            "?x",
            "#x",
            ".",
            "..",
            "//evil.example",
            "///evil.example",
            "////evil.example",
            "//evil.example/..",
            "//user@evil.example",
            "//evil.example:443",
            "//%65vil.example",
            "//[::1]",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/exams\\..\\..\\evil",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r/evil.example",
            "/\0/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/ /evil.example",
            "/exams\r\nSet-Cookie: a=b",
            "/exams\u{7f}",
            "/\u{2028}/evil.example",
            "/\u{ff0f}evil.example",
            "/\u{2215}evil.example",
            "/\u{e9}",
            "/%2fevil.example",
            "/%2F%2Fevil.example",
            "/%5Cevil.example",
            "/%5c%5cevil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/././/evil.example",
            "/a/..//evil.example",
            "/%2e//evil.example",
            "/%2E%2e//evil.example",
            "http:evil.example",
            "http:/evil.example",
            "http://evil.example",
            "https://evil.example",
            "HTTPS://evil.example",
            "https:\\\\evil.example",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "blob:https://evil.example/x",
            "evil.example",
            "@evil.example",
            ":evil.example",
            "own.invalid.evil.example",
            &too_long,
        ] {
            assert_eq!(safe_next(next), None, "{next:?}");
        }
    }
}

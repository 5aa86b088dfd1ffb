//! Conditional requests (RFC 9110, §13), as far as the profile has them.

use http::{HeaderMap, HeaderValue, Response, header};

use super::problem::{Problem, ProblemCode};
use crate::profile::ProfileTag;

/// The tags in `If-Match`, as the service takes them; `None` if the request has no such
/// header, or `*`, which is any profile. A weak tag never matches (RFC 9110, §13.1.1).
pub(super) fn expected(headers: &HeaderMap) -> Result<Option<Vec<ProfileTag>>, Problem> {
    let mut lines = headers.get_all(header::IF_MATCH).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    let malformed = || {
        Problem::new(ProblemCode::MalformedRequest)
            .detail("If-Match is `*`, or a list of entity tags such as \"a\", \"b\".")
    };
    let mut list = Vec::new();
    for line in lines {
        list.push(line.to_str().map_err(|_| malformed())?);
    }
    let list = list.join(",");
    match list.trim() {
        "*" => Ok(None),
        tags => strong_tags(tags).map(Some).ok_or_else(malformed),
    }
}

/// The strong tags of a list that could be those of a profile; `None` if it is no list of
/// entity tags (RFC 9110, §8.8.3 and §5.6.1).
fn strong_tags(list: &str) -> Option<Vec<ProfileTag>> {
    let mut rest = list;
    let (mut found, mut count) = (Vec::new(), 0);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return (count > 0).then_some(found);
        }
        let (is_strong, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (false, quoted),
            None => (true, rest),
        };
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        // To the next comma there are only blanks.
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') || tag.contains([' ', '\t']) {
            return None;
        }
        found.extend(tag.parse().ok().filter(|_| is_strong));
        count += 1;
    }
}

/// Adds the strong `ETag` of a profile to an answer with it.
pub(super) fn tag<B>(tag: &ProfileTag, mut response: Response<B>) -> Result<Response<B>, Problem> {
    let value = HeaderValue::try_from(format!("\"{tag}\""));
    let value = value.map_err(|_| Problem::new(ProblemCode::Internal))?;
    response.headers_mut().insert(header::ETAG, value);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    const B: &str = "BBBBBBBBBBBBBBBBBBBBBA";

    fn read(lines: &[&str]) -> Result<Option<Vec<String>>, ()> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, line.parse().unwrap());
        }
        let tags = |tags: Vec<ProfileTag>| tags.iter().map(ToString::to_string).collect();
        expected(&headers)
            .map(|found| found.map(tags))
            .map_err(drop)
    }

    #[test]
    fn a_list_of_tags_is_read_and_weak_ones_match_nothing() {
        let (a, b) = (format!("\"{A}\""), format!("\"{B}\""));
        let all = |tags: &[&str]| Ok(Some(tags.iter().map(ToString::to_string).collect()));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["*"]), Ok(None));
        assert_eq!(read(&[" * "]), Ok(None));
        assert_eq!(read(&[&a]), all(&[A]));
        assert_eq!(read(&[&format!("{a},{b}")]), all(&[A, B]));
        assert_eq!(read(&[&format!(" ,\t{a} , ,{b},")]), all(&[A, B]));
        assert_eq!(read(&[&a, &b]), all(&[A, B]));
        assert_eq!(read(&[&format!("W/{a}")]), all(&[]));
        assert_eq!(read(&[&format!("W/{a}, {b}")]), all(&[B]));
        assert_eq!(read(&["\"other\", \"with,comma\", \"\""]), all(&[]));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        let a = format!("\"{A}\"");
        for lines in [
            &[""] as &[&str],
            &[","],
            &[A],
            &["\""],
            &["\"a"],
            &["w/\"a\""],
            &["\"a\" \"b\""],
            &["\"a\"b"],
            &["\"a b\""],
            &["*", &a],
            &["*, *"],
            &["**"],
        ] {
            assert_eq!(read(lines), Err(()), "{lines:?}");
        }
    }
}

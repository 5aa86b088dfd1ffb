//! Makes of schemas for Rust's readers what is for readers of the document.

use serde_json::{Map, Value, json};

/// Tidies up a schema and all within.
pub(super) fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            match members.get("format").and_then(Value::as_str) {
                // Rust's own names, which say nothing beyond the limits.
                Some(format) if format.starts_with("uint") => drop(members.remove("format")),
                // No registered name.
                Some("ip") => list_addresses(members),
                // An address may have letters beyond ASCII (RFC 6531).
                Some("email") => {
                    members.insert("format".to_owned(), "idn-email".into());
                }
                _ => {}
            }
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = prose(text);
            }
            list_names(members);
            list_constant(members);
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Replaces the format of addresses of both kinds by a choice whose branches each have a type.
fn list_addresses(schema: &mut Map<String, Value>) {
    schema.remove("format");
    let kind = schema.remove("type").unwrap_or_default();
    let mut branches = vec![
        json!({ "type": "string", "format": "ipv4" }),
        json!({ "type": "string", "format": "ipv6" }),
    ];
    let mut kinds = kind.as_array().into_iter().flatten();
    if kinds.any(|kind| kind == "null") {
        branches.push(json!({ "type": "null" }));
    }
    schema.insert("anyOf".to_owned(), branches.into());
}

/// Turns a constant text into a list of one name, which more tools understand.
fn list_constant(schema: &mut Map<String, Value>) {
    if let Some(Value::String(only)) = schema.get("const") {
        let names = json!([only]);
        schema.remove("const");
        schema.insert("type".to_owned(), "string".into());
        schema.insert("enum".to_owned(), names);
    }
}

/// Makes of a list of names one to which later versions may add: the known names are in
/// `x-extensible-enum`.
pub(super) fn open(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    let Some(names) = schema.remove("enum") else {
        return;
    };
    schema.insert("x-extensible-enum".to_owned(), names);
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let rest = text
            .split_once('\n')
            .map(|(first, rest)| (first.to_owned(), rest.to_owned()));
        let (first, rest) = rest.unwrap_or((text.clone(), String::new()));
        *text = format!("{first} Later versions may add values.\n{rest}");
        text.truncate(text.trim_end().len());
    }
}

/// Turns a choice between described names into a list of names, which more
/// tools understand, and the description of each into an item of the whole's.
fn list_names(schema: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = schema.get("oneOf") else {
        return;
    };
    let described = |choice: &Value| {
        let name = choice.get("const")?.as_str()?;
        let about = choice.get("description").and_then(Value::as_str);
        Some((name.to_owned(), prose(about.unwrap_or_default())))
    };
    let Some(choices) = choices.iter().map(described).collect::<Option<Vec<_>>>() else {
        return;
    };
    let text = schema.get("description").and_then(Value::as_str);
    let mut text = text.unwrap_or_default().to_owned();
    for (name, about) in &choices {
        // What only points to Rust's documentation says nothing here.
        if !about.starts_with("See `") {
            text.push_str(&format!("\n- `{name}`: {about}"));
        }
    }
    let names: Vec<_> = choices.into_iter().map(|(name, _)| name).collect();
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), names.into());
    // It is tidied up already, and no longer one paragraph.
    schema.insert("description".to_owned(), text.into());
}

/// The first paragraph of `text` as one line, without links into the crate, and
/// with JSON's word for `None`.
fn prose(text: &str) -> String {
    let mut rest = text.split("\n\n").next().unwrap_or_default();
    let mut shown = String::new();
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, after)) = link.split_once("`]") else {
            break;
        };
        shown.push_str(&format!("{before}`{}`", name.replace("::", ".")));
        let target = after
            .strip_prefix('(')
            .and_then(|after| after.split_once(')'));
        rest = target.map_or(after, |(_, after)| after);
    }
    shown.push_str(rest);
    shown.replace('\n', " ").replace("`None`", "`null`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_into_the_crate_are_only_names() {
        for (text, shown) in [
            (
                "As in [`Profile::missing`](crate::profile::Profile::missing).",
                "As in `Profile.missing`.",
            ),
            (
                "1 to [`MAX`](super::MAX);\n`None`: [`MIN`].\n\n[`MIN`]: crate::MIN",
                "1 to `MAX`; `null`: `MIN`.",
            ),
            ("a list [x] and [`", "a list [x] and [`"),
        ] {
            assert_eq!(prose(text), shown);
        }
    }

    #[test]
    fn described_names_become_a_list() {
        let mut schema = json!({
            "description": "Which.",
            "oneOf": [
                { "const": "one", "description": "The\nfirst." },
                { "const": "two", "description": "See [`Other::Two`]." },
            ],
        });
        tidy(&mut schema);
        let tidied = json!({
            "description": "Which.\n- `one`: The first.",
            "type": "string",
            "enum": ["one", "two"],
        });
        assert_eq!(schema, tidied);
        let mut schema = json!({ "oneOf": [{ "const": "one" }, { "type": "null" }] });
        tidy(&mut schema);
        let tidied =
            json!({ "oneOf": [{ "type": "string", "enum": ["one"] }, { "type": "null" }] });
        assert_eq!(schema, tidied);
    }
}

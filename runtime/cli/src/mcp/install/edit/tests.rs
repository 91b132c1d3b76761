//! Documents as clients and people write them. What is not the entry must be what it was.

use super::*;

fn put(text: &str, replace: bool) -> Result<String, String> {
    let entry = json!({"command": "/bin/sandgate", "args": ["mcp"]});
    match with(
        ConfigFormat::Json,
        text,
        "servers",
        "sandgate",
        &entry,
        replace,
    ) {
        Ok(Edit::To(text)) => Ok(text),
        Ok(Edit::None) => Err("unchanged".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn an_entry_is_put_where_it_belongs_and_nothing_else_moves() {
    const ENTRY: &str = "{\n      \"command\": \"/bin/sandgate\",\n      \"args\": [\n        \"mcp\"\n      ]\n    }";
    for (before, after) in [
        ("", "{\n  \"servers\": {\n    \"sandgate\": ENTRY\n  }\n}\n"),
        (
            " \n",
            "{\n  \"servers\": {\n    \"sandgate\": ENTRY\n  }\n}\n",
        ),
        ("{}", "{\n  \"servers\": {\n    \"sandgate\": ENTRY\n  }\n}"),
        (
            "{\n  \"servers\": {}\n}\n",
            "{\n  \"servers\": {\n    \"sandgate\": ENTRY\n  }\n}\n",
        ),
        (
            "{\n  \"z\": 1e400,\n  \"a\": 12345678901234567890123,   \"n\": 1.0\n}",
            "{\n  \"z\": 1e400,\n  \"a\": 12345678901234567890123,   \"n\": 1.0,\n  \"servers\": {\n    \"sandgate\": ENTRY\n  }\n}",
        ),
        (
            "{\n  \"servers\": {\n    \"ü}\\\"\": {\"b\": [1, 2]}  \n  },\n  \"a\": null\n}",
            "{\n  \"servers\": {\n    \"ü}\\\"\": {\"b\": [1, 2]},\n    \"sandgate\": ENTRY  \n  },\n  \"a\": null\n}",
        ),
    ] {
        let after = after.replace("ENTRY", ENTRY);
        assert_eq!(put(before, false), Ok(after.clone()), "{before}");
        assert_eq!(put(&after, false), Err("unchanged".to_owned()), "{before}");
    }
    // Tabs stay tabs, and one line stays one line.
    assert_eq!(
        put("{\n\t\"servers\": {\n\t\t\"a\": 1\n\t}\n}", false),
        Ok("{\n\t\"servers\": {\n\t\t\"a\": 1,\n\t\t\"sandgate\": {\n\t\t\t\"command\": \"/bin/sandgate\",\n\t\t\t\"args\": [\n\t\t\t\t\"mcp\"\n\t\t\t]\n\t\t}\n\t}\n}".to_owned())
    );
    assert_eq!(
        put("{\"servers\":{\"a\":1}}", false),
        Ok("{\"servers\":{\"a\":1,\"sandgate\":{\"command\":\"/bin/sandgate\",\"args\":[\"mcp\"]}}}".to_owned())
    );
}

#[test]
fn another_entry_of_the_name_is_replaced_only_if_that_is_asked_for() {
    let before = "{\n  \"servers\": {\n    \"sandgate\": {\"command\": \"old\"}, \"b\": 2\n  }\n}";
    assert_eq!(
        put(before, false),
        Err("it has another server of the name `sandgate`".to_owned())
    );
    assert_eq!(
        put(before, true),
        Ok("{\n  \"servers\": {\n    \"sandgate\": {\n      \"command\": \"/bin/sandgate\",\n      \"args\": [\n        \"mcp\"\n      ]\n    }, \"b\": 2\n  }\n}".to_owned())
    );
}

#[test]
fn what_is_not_understood_is_left_alone() {
    for (before, why) in [
        (
            "{ // mine\n}",
            "it is not JSON: key must be a string at line 1 column 3",
        ),
        (
            "{\"a\": 1,}",
            "it is not JSON: key must be a string at line 1 column 9",
        ),
        (
            "{} {}",
            "it is not JSON: trailing characters at line 1 column 4",
        ),
        ("[]", "the document is not an object"),
        ("{\"servers\": []}", "\"servers\" is not an object"),
        ("{\"servers\": null}", "\"servers\" is not an object"),
        (
            "{\"servers\": {}, \"servers\": {}}",
            "it has \"servers\" twice",
        ),
        (
            "{\"servers\": {\"sandgate\": 1, \"sandg\\u0061te\": 2}}",
            "it has \"sandgate\" twice",
        ),
    ] {
        assert_eq!(put(before, true), Err(why.to_owned()), "{before}");
    }
}

fn commented(text: &str) -> Result<String, String> {
    match with(
        ConfigFormat::CommentedJson,
        text,
        "servers",
        "s",
        &json!(1),
        true,
    ) {
        Ok(Edit::To(text)) => Ok(text),
        Ok(Edit::None) => Err("unchanged".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn comments_and_the_commas_of_last_members_stay_where_they_are() {
    for (before, after) in [
        (
            "// mine\n",
            "// mine\n{\n  \"servers\": {\n    \"s\": 1\n  }\n}\n",
        ),
        (
            "{ // ü, \"servers\"\n}",
            "{ // ü, \"servers\"\n  \"servers\": {\n    \"s\": 1\n  }\n}",
        ),
        (
            "{\"servers\": {\n  \"a\": \"/* no */ // no,}\\\"\", // yes\n}}",
            "{\"servers\": {\n  \"a\": \"/* no */ // no,}\\\"\", // yes\n  \"s\": 1,\n}}",
        ),
        (
            "{\n  \"servers\": {\n    \"a\": 1 /* one */\n  }\n}",
            "{\n  \"servers\": {\n    \"a\": 1, /* one */\n    \"s\": 1\n  }\n}",
        ),
        (
            "{\"servers\": {\"s\": /* two */ 2,},}",
            "{\"servers\": {\"s\": /* two */ 1,},}",
        ),
    ] {
        assert_eq!(commented(before), Ok(after.to_owned()), "{before}");
        assert_eq!(commented(after), Err("unchanged".to_owned()), "{after}");
    }
    for (text, why) in [
        (
            "{/* ",
            "it is not JSON: EOF while parsing an object at line 1 column 4",
        ),
        (
            "{\"a\": 1,,}",
            "it is not JSON: key must be a string at line 1 column 10",
        ),
        (
            "{\"a",
            "it is not JSON: EOF while parsing a string at line 1 column 3",
        ),
        (
            "{\"a\\",
            "it is not JSON: EOF while parsing a string at line 1 column 4",
        ),
    ] {
        assert_eq!(commented(text), Err(why.to_owned()), "{text}");
    }
}

#[test]
fn an_entry_is_taken_out_with_one_comma() {
    for (before, after) in [
        ("{\"servers\": {\"s\": 1}}", "{\"servers\": {}}"),
        (
            "{\"servers\": {\"s\": 1, \"b\": 2}}",
            "{\"servers\": { \"b\": 2}}",
        ),
        (
            "{\"servers\": {\"a\": 1, \"s\": 2, \"b\": 3}}",
            "{\"servers\": {\"a\": 1, \"b\": 3}}",
        ),
        (
            "{\"servers\": {\n  \"a\": 1, // a, \"a\"\n  \"s\": 2 // s\n}}",
            "{\"servers\": {\n  \"a\": 1 // a, \"a\" // s\n}}",
        ),
        (
            "{\"servers\": {\n  // s\n  \"s\": 2,\n  \"b\": 3\n}}",
            "{\"servers\": {\n  // s\n  \"b\": 3\n}}",
        ),
    ] {
        let edited = without(ConfigFormat::CommentedJson, before, "servers", "s").unwrap();
        assert_eq!(edited, Edit::To(after.to_owned()));
        let again = without(ConfigFormat::CommentedJson, after, "servers", "s").unwrap();
        assert_eq!(again, Edit::None);
    }
}

#[test]
fn toml_keeps_what_is_not_the_entry() {
    let entry = json!({"command": "/bin/sandgate", "args": ["mcp"]});
    let put = |text: &str| with(ConfigFormat::Toml, text, "mcp_servers", "s", &entry, false);
    for (before, after) in [
        (
            "",
            "[mcp_servers.s]\ncommand = \"/bin/sandgate\"\nargs = [\"mcp\"]\n",
        ),
        (
            "a = 1 # one\n[mcp_servers]\n  b = { command = \"x\" }\n[z]\ny = 2\n",
            "a = 1 # one\n[mcp_servers]\n  b = { command = \"x\" }\n\n[mcp_servers.s]\ncommand = \"/bin/sandgate\"\nargs = [\"mcp\"]\n[z]\ny = 2\n",
        ),
    ] {
        assert_eq!(put(before).unwrap(), Edit::To(after.to_owned()));
        assert_eq!(put(after).unwrap(), Edit::None);
    }
    let other = "[mcp_servers.s]\ncommand = \"y\"\n";
    assert_eq!(
        put(other).unwrap_err().to_string(),
        "it has another server of the name `s`"
    );
    let refused = |text: &str| put(text).unwrap_err().to_string();
    assert_eq!(refused("mcp_servers = []"), "`mcp_servers` is not a table");
    assert_eq!(refused("[[mcp_servers]]"), "`mcp_servers` is not a table");
}

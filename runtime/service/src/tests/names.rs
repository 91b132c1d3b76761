//! Names of methods: only the exact ones are there.

use super::*;
use hostile::{methods, read};

#[test]
fn pol_04_methods_that_cannot_be_named_exactly_are_left_out_and_said_to_be() {
    let names = [
        "contact.add",
        "contact-x.add_2",
        "rpc.discover",
        "rpc.modify",
        "RPC.x",
        "",
        ".a",
        "a.",
        "a..b",
        "a b",
        "a/b",
        "a\u{200b}",
        "cоntact.add",
        "ａ",
        "a\n",
        "*",
        "_",
        "-",
        "\u{202e}dda",
    ];
    let document = read(&methods(names.map(ToOwned::to_owned))).unwrap();
    let service = Service::new(
        "s",
        Address::Url(String::new()),
        document,
        &Terms::default(),
    );
    let offered: Vec<&str> = service
        .methods()
        .map(|method| method.method.as_str())
        .collect();
    assert_eq!(offered, ["contact-x.add_2", "contact.add"]);
    let left_out: Vec<String> = service
        .left_out()
        .iter()
        .map(|left_out| format!("{:?}: {}", left_out.name, left_out.reason))
        .collect();
    insta::assert_snapshot!(left_out.join("\n"));
}

/// Names that look or sound like another, or that somebody somewhere takes for it.
fn mutations(name: &str) -> Vec<String> {
    let mut all = Vec::new();
    let odd = [
        " ",
        "\t",
        "\n",
        "\r",
        "\0",
        ".",
        "..",
        "/",
        "\\",
        ":",
        "-",
        "_",
        "*",
        "?",
        "%",
        "%00",
        "%20",
        "%2e",
        "#",
        ";",
        ",",
        "'",
        "\"",
        "`",
        "$",
        "&",
        "|",
        "<",
        ">",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "@",
        "~",
        "\u{a0}",
        "\u{ad}",
        "\u{200b}",
        "\u{200c}",
        "\u{200d}",
        "\u{200e}",
        "\u{202e}",
        "\u{2060}",
        "\u{feff}",
        "\u{301}",
        "\u{fe0f}",
        "\u{e0061}",
        "a",
        "0",
        "__",
        ".list",
        "rpc.",
        "system.",
    ];
    for at in 0..=name.len() {
        for insert in odd {
            let (before, after) = name.split_at(at);
            all.push(format!("{before}{insert}{after}"));
        }
    }
    let like = |c: char| match c {
        'a' => "аɑａ𝐚ªÀ",
        'c' => "сϲｃ𝐜",
        'd' => "ԁｄ𝐝",
        'e' => "еｅ𝐞é",
        'l' => "ӏ1Iｌ𝐥",
        'n' => "ո𝐧ｎ",
        'o' => "оο0ｏ𝐨",
        's' => "ѕｓſ",
        't' => "τｔ𝐭",
        'i' => "іıｉİ",
        '.' => "．․。·‧",
        _ => "",
    };
    for (at, c) in name.char_indices() {
        let (before, rest) = name.split_at(at);
        let after: String = rest.chars().skip(1).collect();
        all.push(format!("{before}{after}"));
        all.push(format!("{before}{}{after}", c.to_ascii_uppercase()));
        all.push(format!("{before}{c}{c}{after}"));
        all.extend(
            like(c)
                .chars()
                .map(|other| format!("{before}{other}{after}")),
        );
    }
    for c in ['/', ':', '_', '-', ' ', '\u{2024}'] {
        all.push(name.replace('.', &c.to_string()));
    }
    all.extend([
        String::new(),
        name.to_uppercase(),
        name.chars().rev().collect(),
        name.repeat(2),
        name.repeat(2_000),
        "rpc.discover".to_owned(),
        "system.multicall".to_owned(),
        format!("crm.{name}"),
        format!("{name}@v1"),
    ]);
    all.retain(|other| other != name);
    all.sort();
    all.dedup();
    all
}

#[test]
fn pol_04_no_mutation_of_a_name_finds_its_method() {
    let names = [
        "contact.list",
        "contact.add",
        "contact.delete",
        "deal_close",
    ]
    .map(ToOwned::to_owned);
    let document = read(&methods(names.clone())).unwrap();
    let service = Service::new(
        "crm",
        Address::Url(String::new()),
        document,
        &Terms::default(),
    );
    for name in &names {
        assert_eq!(&service.method(name).unwrap().method, name);
        let mutations = mutations(name);
        assert!(mutations.len() > 500, "{}", mutations.len());
        for other in mutations {
            assert!(service.method(&other).is_none(), "{other:?} found a method");
        }
    }
}

//! Documents that nobody wrote: made up part by part, or real ones changed at random. A number gives the same one always.

use serde_json::{Map, Value, json};

/// Numbers that look like chance.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap() % most.max(1)
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        of.get(self.below(of.len())).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const NAMES: [&str; 8] = [
    "a",
    "b",
    "name",
    "x-y",
    "class",
    "self",
    "aVeryLongNameOfAFieldThatSaysWhatItIs",
    "Tree",
];

fn schema(dice: &mut Dice, depth: usize) -> Value {
    let schemas = |dice: &mut Dice, most: usize| -> Vec<Value> {
        let count = dice.below(most) + 1;
        (0..count).map(|_| schema(dice, depth + 1)).collect()
    };
    if dice.chance(25) || depth > 5 {
        return json!({"$ref": format!("#/components/schemas/S{}", dice.below(12))});
    }
    match dice.below(14) {
        0 => {
            json!({"type": dice.one(&["string", "integer", "number", "boolean", "null", "object"])})
        }
        1 => json!({"enum": (0..dice.below(40)).collect::<Vec<_>>(), "title": "E"}),
        2 => json!({"anyOf": schemas(dice, 4)}),
        3 => json!({"oneOf": schemas(dice, 4), "description": "One of them."}),
        4 => json!({"allOf": schemas(dice, 10)}),
        5 => json!({"not": schema(dice, depth + 1)}),
        6 => json!({"type": "array", "items": schema(dice, depth + 1)}),
        7 => {
            json!({"type": "string", "pattern": dice.one(&["^0x[0-9a-f]{1,64}$", "^[a-z]+$", "[ab]*a[ab]{30}c", "^.{0,100}$", "(?=x)", "\\w+@\\w+"])})
        }
        8 => {
            json!({"patternProperties": {"^x": schema(dice, depth + 1)}, "additionalProperties": schema(dice, depth + 1)})
        }
        9 => {
            json!({"type": ["string", "null"], "minLength": 1, "maxLength": 200, "default": "x".repeat(dice.below(300))})
        }
        10 => {
            json!({"title": "Titled".repeat(dice.below(12)), "description": "y".repeat(dice.below(500))})
        }
        11 => json!([1, {"a": null}, "text"]),
        _ => {
            let fields: Map<String, Value> = (0..dice.below(12))
                .map(|n| {
                    (
                        format!("{}{}", dice.one(&NAMES), n % 4),
                        schema(dice, depth + 1),
                    )
                })
                .collect();
            let required: Vec<&String> = fields.keys().take(dice.below(3)).collect();
            json!({"type": "object", "title": dice.one(&NAMES), "required": required, "properties": fields})
        }
    }
}

fn parameter(dice: &mut Dice, n: usize) -> Value {
    if dice.chance(20) {
        return json!({"$ref": format!("#/components/contentDescriptors/P{}", dice.below(6))});
    }
    json!({"name": format!("{}{n}", dice.one(&NAMES)), "required": dice.chance(50), "schema": schema(dice, 0), "summary": "z".repeat(dice.below(300))})
}

/// A document made up part by part.
pub(crate) fn written(dice: &mut Dice) -> Value {
    let schemas: Map<String, Value> = (0..12)
        .map(|n| (format!("S{n}"), schema(dice, 0)))
        .collect();
    let parameters: Map<String, Value> = (0..6)
        .map(|n| {
            (
                format!("P{n}"),
                json!({"name": format!("p{n}"), "schema": schema(dice, 0)}),
            )
        })
        .collect();
    let most = if dice.chance(5) { 64 } else { 6 };
    let methods: Vec<Value> = (0..dice.below(30))
        .map(|n| {
            let params: Vec<Value> = (0..dice.below(most)).map(|n| parameter(dice, n)).collect();
            json!({"name": format!("part.m{n}"), "params": params, "result": {"name": "r", "schema": schema(dice, 0)}, "summary": "Does it."})
        })
        .collect();
    json!({"openrpc": "1.3.2", "info": {"title": "made", "version": "1"}, "methods": methods, "components": {"schemas": schemas, "contentDescriptors": parameters}})
}

fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{n}"), all);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(item, &format!("{at}/{key}"), all);
            }
        }
        _ => {}
    }
}

/// A real document, changed in a few places: parts repeated, swapped, taken away, or replaced by references to others.
pub(crate) fn mutated(dice: &mut Dice, real: &[Value]) -> Value {
    // The largest is rare, since it takes as long as twenty others.
    let mut document = loop {
        let document = dice.one(real);
        if document.pointer("/methods/50").is_none() || dice.chance(5) {
            break document.clone();
        }
    };
    for _ in 0..=dice.below(6) {
        let mut all = Vec::new();
        places(&document, "", &mut all);
        let (at, other) = (dice.one(&all).clone(), dice.one(&all).clone());
        let copy = document.pointer(&other).cloned().unwrap();
        let many = dice.below(12) + 1;
        let Some(place) = document.pointer_mut(&at).filter(|_| !at.is_empty()) else {
            continue;
        };
        match dice.below(7) {
            0 => *place = json!({"$ref": format!("#{other}")}),
            1 => *place = json!({"allOf": vec![json!({"$ref": format!("#{other}")}); many]}),
            2 => *place = copy,
            3 => *place = Value::Null,
            4 => *place = "long ".repeat(many * 100).into(),
            5 => {
                if let Value::Array(items) = place {
                    items.extend(std::iter::repeat_n(copy, many));
                }
            }
            _ => {
                if let Value::Array(items) = place {
                    let again: Vec<Value> = items.iter().take(10).cloned().collect();
                    items.extend(std::iter::repeat_n(again, many).flatten());
                }
            }
        }
    }
    // Repeated methods are others.
    if let Some(Value::Array(methods)) = document.get_mut("methods") {
        for (n, method) in methods.iter_mut().enumerate() {
            if let Some(Value::String(name)) = method.get_mut("name") {
                name.push_str(&format!("_{n}"));
            }
        }
    }
    document
}

fn with(methods: Vec<Value>, schemas: Value) -> Value {
    json!({"openrpc": "1.3.2", "methods": methods, "components": {"schemas": schemas}})
}

fn methods(count: usize, params: impl Fn(usize) -> Value) -> Vec<Value> {
    (0..count)
        .map(|n| json!({"name": format!("m{n}"), "params": params(n)}))
        .collect()
}

/// Documents that are as large as they may be, or as large as they can be made to be.
pub(crate) fn largest() -> Vec<(&'static str, Value)> {
    let plain = |count: usize| -> Value {
        (0..count)
            .map(|n| json!({"name": format!("p{n}"), "schema": {"type": "string"}}))
            .collect()
    };
    let shared = |count: usize, to: &str| -> Value {
        (0..count)
            .map(|n| json!({"name": format!("p{n}"), "schema": {"$ref": format!("#/components/schemas/{to}")}}))
            .collect()
    };
    let fields = |count: usize| -> Value {
        let fields: Map<String, Value> = (0..count)
            .map(|n| (format!("field{n}"), json!({"type": "string"})))
            .collect();
        json!({"type": "object", "properties": fields})
    };
    let mut tower = Map::new();
    for n in 0..40 {
        let next = json!({"$ref": format!("#/components/schemas/a{}", n + 1)});
        tower.insert(format!("a{n}"), json!({"allOf": vec![next; 10]}));
    }
    tower.insert("a40".to_owned(), json!({"type": "string"}));
    let chain = (0..30).fold(json!({"type": "string"}), |inner, _| json!({"a": inner}));
    vec![
        (
            "5000 methods",
            with(methods(5_000, |_| json!([])), json!({})),
        ),
        (
            "5000 methods of one parameter",
            with(methods(5_000, |_| plain(1)), json!({})),
        ),
        (
            "5000 methods of 8 parameters",
            with(methods(5_000, |_| plain(8)), json!({})),
        ),
        (
            "500 methods of 40 parameters",
            with(methods(500, |_| plain(40)), json!({})),
        ),
        (
            "500 methods of 64 parameters",
            with(methods(500, |_| plain(64)), json!({})),
        ),
        (
            "1400 methods of 64 parameters",
            with(methods(1_400, |_| plain(64)), json!({})),
        ),
        (
            "shared parameters",
            with(
                methods(
                    5_000,
                    |_| json!([{"$ref": "#/components/schemas/P"}, {"$ref": "#/components/schemas/Q"}, {"$ref": "#/components/schemas/R"}, {"$ref": "#/components/schemas/T"}]),
                ),
                json!({
                    "P": {"name": "p".repeat(128), "summary": "s".repeat(200), "schema": {"enum": ["e".repeat(60), "f".repeat(60), "g".repeat(60)], "default": "d".repeat(190)}},
                    "Q": {"name": "q".repeat(128), "summary": "s".repeat(200), "schema": fields(1)},
                    "R": {"name": "r".repeat(128), "summary": "s".repeat(200), "schema": fields(1)},
                    "T": {"name": "t".repeat(128), "summary": "s".repeat(200), "schema": fields(1)},
                }),
            ),
        ),
        (
            "a record of many fields",
            with(methods(8, |_| shared(1, "R")), json!({"R": fields(1_500)})),
        ),
        (
            "shared records",
            with(methods(200, |_| shared(64, "R")), json!({"R": fields(5)})),
        ),
        (
            "a record of too many fields",
            with(
                methods(1, |_| shared(1, "R")),
                json!({"R": fields(110_000)}),
            ),
        ),
        (
            "references to references",
            with(
                methods(500, |n| {
                    (0..64).map(|j| json!({"name": format!("p{j}"), "schema": {"$ref": format!("#/components/schemas/a{}", (n * 64 + j) % 40)}})).collect()
                }),
                Value::Object(tower),
            ),
        ),
        (
            "numbers",
            with(methods(1, |_| json!([])), json!({"x": vec![0; 249_000]})),
        ),
        (
            "small objects",
            with(
                methods(1, |_| json!([])),
                json!({"x": vec![json!({"a": 0}); 120_000]}),
            ),
        ),
        (
            "deep objects",
            with(methods(1, |_| json!([])), json!({"x": vec![chain; 8_000]})),
        ),
        (
            "a long title, often",
            with(
                methods(1, |_| {
                    (0..60).map(|n| json!({"name": format!("p{n}"), "schema": {"properties": {"a": {"$ref": "#/components/schemas/T"}, "b": {"title": n.to_string()}}}})).collect()
                }),
                json!({"T": {"enum": ["t".repeat(3_900_000)]}}),
            ),
        ),
        (
            "a long default, often",
            with(
                methods(
                    5_000,
                    |_| json!([{"name": "a", "schema": {"$ref": "#/components/schemas/T"}}]),
                ),
                json!({"T": {"default": vec![0; 100_000]}}),
            ),
        ),
        (
            "patterns",
            with(
                methods(
                    180,
                    |n| json!([{"name": "a", "schema": {"pattern": format!("[ab]*a[ab]{{60}}{n}")}}]),
                ),
                json!({}),
            ),
        ),
        (
            "large patterns",
            with(
                methods(
                    180,
                    |n| json!([{"name": "a", "schema": {"pattern": format!("^\\p{{L}}{{40}}[^{n}]{{100}}")}}]),
                ),
                json!({}),
            ),
        ),
        (
            "long names",
            with(
                methods(
                    5_000,
                    |n| json!([{"name": format!("{n:0>128}"), "schema": {}, "summary": "s".repeat(200)}]),
                ),
                json!({}),
            ),
        ),
    ]
}

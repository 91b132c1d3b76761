//! What a service offers, told twice: as text for a model to read, and as the data that a script's proxies are built
//! from. Nobody executes either. A document puts words into them and never a line, a type or a name of its own making.
//! THREAT[SVC-04] THREAT[SVC-05]
//!
//! The text has these lines and no others:
//! ```text
//! SERVICE: hero_biz
//! SUMMARY: Contacts, companies and deals.
//! IMPORT: from services import hero_biz
//! Contact = dict[id: int, name: str]
//! hero_biz.contact_add(name: str, email: str | None = None) -> Contact  # Adds a contact. [asks a person; email: email; errors -32004]
//! MORE: 12 methods are not shown
//! ```

use crate::{
    offer::{Argument, Method, Service, types},
    text,
};
use sandgate_policy::{Effect, Outlook, Verdict};
use sandgate_wire::{Stub, StubEffect, StubMethod, StubParameter};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write};

/// What is said of a method in brackets: ranges, formats, codes of errors. About 25 tokens.
const LONGEST_NOTE: usize = 90;
/// The description of a method; the rest is in its `help()`.
const LONGEST_LINE: usize = 120;
/// A signature with more is cut to names alone.
const LONGEST_SIGNATURE: usize = 1_000;
/// What a model reads of one service. 1 000 methods fit; a hostile document fills no context window.
pub(crate) const LONGEST_TEXT: usize = 200 << 10;
/// A default that is data rather than a value.
const LONGEST_DEFAULT: usize = 200;
/// Types, descriptions and defaults in the stub of one service. Every run that uses the service is sent it; what is
/// behind them has names alone. THREAT[SVC-04]: parameters that share a description cost a few bytes of a document each.
const MOST_WORDS: usize = 1 << 20;

/// How what a service offers is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InterfaceFormat {
    /// In lines for a model.
    #[default]
    Text,
    /// As a stub file of Python, for type checkers and editors.
    Pyi,
}

/// Which methods of a service are shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct InterfaceOf<'a> {
    /// Those that a context may call, with what can become of their calls. THREAT[SEC-05]: without the others.
    pub outlooks: Option<&'a [Outlook]>,
    /// These, as the service calls them.
    pub methods: Option<&'a [String]>,
}

impl<'a> InterfaceOf<'a> {
    /// Of a service, each with what can become of its calls where that is asked.
    pub(crate) fn shown(self, service: &'a Service) -> Vec<(&'a Method, Option<&'a Outlook>)> {
        let known: Option<BTreeMap<&str, &Outlook>> = self.outlooks.map(|all| {
            let of_it = all.iter().filter(|one| one.service == service.name());
            of_it.map(|one| (one.method.as_str(), one)).collect()
        });
        let is_wanted = |method: &Method| {
            self.methods
                .is_none_or(|wanted| wanted.contains(&method.method))
        };
        let shown = service.methods().filter(|method| is_wanted(method));
        shown
            .filter_map(|method| match &known {
                None => Some((&**method, None)),
                Some(known) => {
                    let outlook = known.get(method.method.as_str())?;
                    outlook.is_possible().then_some((&**method, Some(*outlook)))
                }
            })
            .collect()
    }
}

/// What a model reads.
pub(crate) fn text(service: &Service, of: InterfaceOf<'_>) -> String {
    let mut made = format!(
        "SERVICE: {0}\nSUMMARY: {1}\nIMPORT: from services import {0}\n",
        service.name(),
        service.summary()
    );
    let shown = of.shown(service);
    let mut left = shown.len();
    let methods: Vec<String> = shown
        .into_iter()
        .map(|(method, outlook)| line(method, outlook) + "\n")
        .collect();
    let named = match of.methods {
        None => service.named.iter().collect(),
        Some(_) => used(&service.named, &methods),
    };
    let named = named
        .into_iter()
        .map(|(name, annotation)| format!("{name} = {annotation}\n"));
    for (is_method, line) in named
        .map(|line| (false, line))
        .chain(methods.into_iter().map(|line| (true, line)))
    {
        if made.len().saturating_add(line.len()) > LONGEST_TEXT {
            continue;
        }
        made.push_str(&line);
        left = left.saturating_sub(usize::from(is_method));
    }
    if left > 0 {
        // Writing to a string cannot fail.
        let _ = writeln!(made, "MORE: {left} methods are not shown");
    }
    made
}

/// The types that lines speak of, and those that these do.
fn used<'n>(
    named: &'n BTreeMap<String, String>,
    lines: &[String],
) -> Vec<(&'n String, &'n String)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut used: BTreeMap<&String, &String> = BTreeMap::new();
    let mut texts: Vec<&str> = lines.iter().map(String::as_str).collect();
    while let Some(text) = texts.pop() {
        for word in text.split(|character| !is_part(character)) {
            if let Some((name, annotation)) = named.get_key_value(word)
                && used.insert(name, annotation).is_none()
            {
                texts.push(annotation);
            }
        }
    }
    used.into_iter().collect()
}

/// `hero_biz.contact_add(name: str) -> Contact  # Adds a contact. [asks a person]`
pub(crate) fn line(method: &Method, outlook: Option<&Outlook>) -> String {
    let mut line = signature(method);
    let said = said(method, outlook);
    if !said.is_empty() {
        line.push_str("  # ");
        line.push_str(&said);
    }
    line
}

/// What a method is for, with what neither its types nor those words say.
pub(crate) fn said(method: &Method, outlook: Option<&Outlook>) -> String {
    let summary = text::line(&method.summary, LONGEST_LINE);
    let deprecated = if method.deprecated {
        "Deprecated. "
    } else {
        ""
    };
    let notes = notes(method, outlook);
    format!("{deprecated}{summary}{notes}").trim().to_owned()
}

/// ` [asks a person; limit 1..500; errors -32004]`: what neither types nor words say.
fn notes(method: &Method, outlook: Option<&Outlook>) -> String {
    let verdicts = outlook.map(|outlook| outlook.verdicts.as_slice());
    let verdict = match verdicts.unwrap_or_default() {
        [Verdict::Gate] => Some("asks a person"),
        [Verdict::Allow, Verdict::Gate] => Some("may ask a person"),
        [Verdict::Allow, Verdict::Refuse] => Some("may be refused"),
        [Verdict::Gate, Verdict::Refuse] => Some("asks a person, or is refused"),
        [Verdict::Allow, Verdict::Gate, Verdict::Refuse] => Some("may ask a person, or be refused"),
        _ => None,
    };
    let errors: Vec<String> = method.errors.iter().map(ToString::to_string).collect();
    let errors = (!errors.is_empty()).then(|| format!("errors {}", errors.join(", ")));
    let verdict = verdict.map(ToOwned::to_owned);
    let parameters = method.open().filter_map(Argument::note);
    let mut notes = String::new();
    let undoable = method.undo.as_ref().map(|_| "undoable".to_owned());
    let notes_of = [verdict, undoable].into_iter().flatten();
    for note in notes_of.chain(parameters).chain(errors) {
        let length = notes.len().saturating_add(note.len());
        if length <= LONGEST_NOTE {
            notes.push_str(if notes.is_empty() { "" } else { "; " });
            notes.push_str(&note);
        }
    }
    if notes.is_empty() {
        notes
    } else {
        format!(" [{notes}]")
    }
}

/// `hero_biz.contact_add(name: str, email: str | None = None) -> Contact`
pub(crate) fn signature(method: &Method) -> String {
    let full = parameters(method, Argument::shown);
    let parameters = if full.len() > LONGEST_SIGNATURE {
        parameters(method, |argument| {
            let default = if argument.parameter.required {
                ""
            } else {
                "=None"
            };
            format!("{}{default}", argument.python)
        })
    } else {
        full
    };
    let arrow = match &*method.returns {
        "Any" => String::new(),
        returns => format!(" -> {returns}"),
    };
    format!("{}.{}({parameters}){arrow}", method.service, method.python)
}

pub(crate) fn parameters(method: &Method, mut shown: impl FnMut(&Argument) -> String) -> String {
    let mut parts = Vec::with_capacity(method.arguments.len());
    let (mut optional, mut star) = (false, false);
    for argument in method.open() {
        if argument.parameter.required && optional && !star {
            // Python wants parameters with a default last, unless they are given by name.
            parts.push("*".to_owned());
            star = true;
        }
        optional |= !argument.parameter.required;
        parts.push(shown(argument));
    }
    parts.join(", ")
}

impl Argument {
    /// The range or the format of its values: `limit 1..500`, `start: date-time`.
    fn note(&self) -> Option<String> {
        let schema = self.parameter.schema.value();
        let python = &self.python;
        let bound = |key: &str| schema.get(key)?.as_number().map(ToString::to_string);
        match (bound("minimum"), bound("maximum")) {
            (Some(least), Some(most)) => return Some(format!("{python} {least}..{most}")),
            (Some(least), None) => return Some(format!("{python} >= {least}")),
            (None, Some(most)) => return Some(format!("{python} <= {most}")),
            (None, None) => {}
        }
        let format = schema.get("format")?.as_str()?;
        Some(format!("{python}: {format}"))
    }

    /// What the service takes when nothing is given, if it is short.
    fn default(&self) -> Option<Value> {
        let default = self.parameter.default.as_ref()?;
        (default.len() <= LONGEST_DEFAULT)
            .then(|| serde_json::from_str(default).ok())
            .flatten()
    }

    /// As a difference between two documents shows it.
    pub(crate) fn shown_whole(&self) -> String {
        match self.note() {
            Some(note) => format!("{}  [{note}]", self.shown()),
            None => self.shown(),
        }
    }

    fn shown(&self) -> String {
        self.shown_as(&self.annotation)
    }

    /// With this annotation.
    pub(crate) fn shown_as(&self, annotation: &str) -> String {
        let python = &self.python;
        if self.parameter.required {
            return format!("{python}: {annotation}");
        }
        match self.default().as_ref().and_then(types::literal) {
            Some(default) if default != "None" => format!("{python}: {annotation} = {default}"),
            _ if types::takes_none(annotation) => format!("{python}: {annotation} = None"),
            _ => format!("{python}: {annotation} | None = None"),
        }
    }
}

/// What proxies are built from.
pub(crate) fn stub(service: &Service) -> Vec<u8> {
    let mut left = MOST_WORDS;
    let stub = Stub {
        service: service.name(),
        summary: service.summary(),
        types: &service.named,
        methods: service
            .methods()
            .map(|method| StubMethod {
                python: &method.python,
                method: &method.method,
                summary: &method.summary,
                effect: match method.effect {
                    Effect::Read => StubEffect::Read,
                    Effect::Write => StubEffect::Write,
                    Effect::Destroy => StubEffect::Destroy,
                },
                deprecated: method.deprecated,
                returns: &method.returns,
                parameters: method
                    .open()
                    .map(|argument| stub_parameter(argument, &mut left))
                    .collect(),
            })
            .collect(),
    };
    // Strings and numbers: there is nothing in it that JSON cannot say.
    serde_json::to_vec(&stub).unwrap_or_default()
}

fn stub_parameter<'a>(argument: &'a Argument, left: &mut usize) -> StubParameter<'a> {
    let parameter = &argument.parameter;
    let default = parameter
        .default
        .as_deref()
        .filter(|json| is_showable(json));
    let words = [
        &*argument.annotation,
        &parameter.summary,
        default.unwrap_or_default(),
    ];
    let length = words.iter().map(|word| word.len()).sum();
    let (annotation, summary, default) = match left.checked_sub(length) {
        Some(rest) => {
            *left = rest;
            (&*argument.annotation, parameter.summary.as_str(), default)
        }
        None => ("Any", "", None),
    };
    StubParameter {
        python: &argument.python,
        name: (*argument.python != *parameter.name).then_some(parameter.name.as_str()),
        required: parameter.required,
        annotation,
        summary,
        default: default.and_then(|json| serde_json::from_str(json).ok()),
    }
}

fn is_showable(json: &str) -> bool {
    json.len() <= LONGEST_DEFAULT && text::line(json, LONGEST_DEFAULT) == json
}

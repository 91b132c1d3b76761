//! What the guest is told of services, so that it can build proxies: the results of the runtime's own methods. Written by
//! the host's `offer/interface.rs` and `hostcall/builtin.rs`, read by `guest/python/services.py`, which these types are the
//! documentation of. Every text in it is a service's own: a guest must show it and never execute it.

use alloc::{borrow::Cow, collections::BTreeMap, string::String, vec::Vec};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// An item of what `sandgate.services` answers with.
#[derive(Debug, Serialize)]
pub struct Listed<'a> {
    /// The service, by its registered name.
    pub name: &'a str,
    /// What it is for.
    pub summary: &'a str,
}

/// The parameters of `sandgate.interface`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted<'a> {
    /// The service, by its registered name.
    #[serde(borrow)]
    pub service: Cow<'a, str>,
}

/// What `sandgate.interface` answers with: all that proxies are built from. Keys of what there is much of are single
/// letters, because every run that uses the service is sent all of it; and what goes without saying is left out.
#[derive(Debug, Serialize)]
pub struct Stub<'a> {
    /// The service, by its registered name.
    pub service: &'a str,
    /// What it is for.
    pub summary: &'a str,
    /// Records that annotations name, and what each is, as Python writes it.
    pub types: &'a BTreeMap<String, String>,
    /// What it can do.
    pub methods: Vec<StubMethod<'a>>,
}

/// A method. The guest makes a function and a coroutine function of it.
#[derive(Debug, Serialize)]
pub struct StubMethod<'a> {
    /// What scripts call it.
    #[serde(rename = "n")]
    pub python: &'a str,
    /// What the service calls it, and a [`Request`](crate::Request) has to.
    #[serde(rename = "m")]
    pub method: &'a str,
    /// What it is for.
    #[serde(rename = "d", skip_serializing_if = "str::is_empty")]
    pub summary: &'a str,
    /// What it does, for `help()` to say. What is decided does not depend on it.
    #[serde(rename = "e")]
    pub effect: StubEffect,
    /// Whether it is deprecated.
    #[serde(rename = "x", skip_serializing_if = "is_false")]
    pub deprecated: bool,
    /// What it returns, as Python annotates it.
    #[serde(rename = "t", skip_serializing_if = "is_any")]
    pub returns: &'a str,
    /// What it takes and a script may give, in the order of the service's document.
    #[serde(rename = "p")]
    pub parameters: Vec<StubParameter<'a>>,
}

/// What calling a method does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StubEffect {
    /// It changes nothing.
    Read,
    /// It changes something.
    Write,
    /// It loses something.
    Destroy,
}

/// A parameter.
#[derive(Debug, Serialize)]
pub struct StubParameter<'a> {
    /// What scripts call it.
    #[serde(rename = "n")]
    pub python: &'a str,
    /// What the service calls it, where that is another name.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Whether it is required.
    #[serde(rename = "r", skip_serializing_if = "is_false")]
    pub required: bool,
    /// What it takes, as Python annotates it.
    #[serde(rename = "t", skip_serializing_if = "is_any")]
    pub annotation: &'a str,
    /// What it is for.
    #[serde(rename = "d", skip_serializing_if = "str::is_empty")]
    pub summary: &'a str,
    /// What the service takes when nothing is given. Shown, never sent.
    #[serde(rename = "v", skip_serializing_if = "Option::is_none")]
    pub default: Option<&'a RawValue>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_any(annotation: &str) -> bool {
    annotation == "Any"
}

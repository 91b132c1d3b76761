//! Real documents, hostile documents, and calls that are bound to what they describe.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use super::*;
use crate::offer::{document::Document, weight::Weight};
use sandgate_policy::{ContextNumber, Principal};
use std::{num::NonZeroU32, path::Path};

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/specs/openrpc")
        .join(name);
    std::fs::read(path).unwrap()
}

fn service(name: &str, document: &[u8], terms: &Terms) -> Service {
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    Service::new(name, address, Document::read(document).unwrap(), terms)
}

fn real(name: &str) -> Service {
    service("service", &fixture(name), &Terms::default())
}

#[test]
fn real_documents_read_as_they_should() {
    for name in [
        "examples-api-with-examples",
        "examples-link-example",
        "examples-params-by-name-petstore",
        "examples-petstore-expanded",
        "examples-petstore",
        "examples-simple-math",
        "metamask-wallet",
        "metamask-multichain",
        "python-openrpc",
        "chain",
        "notices",
        "empty",
    ] {
        let service = real(&format!("{name}.json"));
        assert_eq!(service.left_out(), [], "{name}");
        insta::assert_snapshot!(name, &*service.text());
    }
}

mod binding;
mod heavy;
mod hostile;
mod names;
mod pyi;

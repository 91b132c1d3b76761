//! Brings RustPython's `_sqlite3` into the guest: its crate leaves that module out on wasm32, where it works as well.
//! It must only take the file of the very version that the guest links.

use std::{env, fs, path::Path, process::Command};

const CRATE: &str = "rustpython-stdlib-0.6.0";
const FILE: &str = "src/_sqlite3.rs";

fn main() {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let metadata = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let ending = format!("/{CRATE}/Cargo.toml");
    let manifest = metadata
        .split('"')
        .find(|text| text.ends_with(&ending))
        .map(Path::new)
        .and_then(Path::parent);
    let (Some(directory), Some(out)) = (manifest, env::var_os("OUT_DIR")) else {
        println!("cargo::error=cargo metadata names no {CRATE}");
        return;
    };
    // SQLite asks for its process id.
    println!("cargo::rustc-link-arg=-lwasi-emulated-getpid");
    let source = directory.join(FILE);
    println!("cargo::rerun-if-changed={}", source.display());
    if let Err(error) = fs::copy(&source, Path::new(&out).join("sqlite3.rs")) {
        println!("cargo::error={}: {error}", source.display());
    }
}

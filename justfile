# `just` lists these.

default:
    @just --list

# What CI does, in its order
ci:
    .ci/run

# All tests
test:
    cargo test --workspace --release

# What a run costs, and how late a kill is
bench:
    cargo bench

# Rebuild the interpreter after a change under guest/ or runtime/wire/
guest:
    guest/build.sh

# Formatting and lints, as CI wants them
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

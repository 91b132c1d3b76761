#!/usr/bin/env bash
# Builds the guest: RustPython and our bridge, as one WebAssembly reactor that was initialised once, compressed, with its
# manifest.
#
#   guest/build.sh            build the artefact that is committed (optimised; about 20 minutes on 2 cores)
#   guest/build.sh --quick    build without link-time optimisation, for work on the guest (never commit its result)
#   guest/build.sh --check    do sources and artefact agree? (seconds, needs no compiler)
#   guest/build.sh --verify   build again from nothing and compare the bytes with the committed artefact
#   guest/build.sh --profile  count what the interpreter does in training.py's scripts, and write profile.profdata
#   guest/build.sh --setup    only install what the build needs
#
# Where rustup has the wasm32-wasip1 target, that is used. Elsewhere (Debian 12) the toolchain comes from Debian's
# packages: rustc-web, cargo-web, rust-web-src, lld-22 and binaryen from the system's own suites, and wasi-libc from a
# later suite, unpacked beside the system because the suite's own is too old for this std.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

ARTEFACT=artefact
TARGET=wasm32-wasip1
STACK=16777216            # the interpreter's shadow stack; it lies first in memory, so that overflowing it traps
# Cargo mixes paths into the names of symbols, and those decide the order of functions. So that every clone gives the
# same bytes, sources, crates, compiled code and wasi-libc all lie below one path that is the same everywhere.
ROOT=/var/tmp/sandgate-guest
WORK=$ROOT/target
PROFILE=profile.profdata  # what the interpreter's own crates are optimised by; written by --profile, committed
WASI_LIBC_SUITE=forky

say() { printf 'guest: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Everything that shapes the artefact, as one digest. Names are relative, so that every clone computes the same.
inputs_digest() {
    { find src python patches snapshot/src ../runtime/wire/src -type f ! -name '*.pyc'
      printf '%s\n' imports.txt build.rs build.sh $PROFILE {,snapshot/}Cargo.{toml,lock} ../runtime/wire/Cargo.toml; } \
        | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum | cut -d' ' -f1
}

manifest_value() { sed -n "s/^$1 = \"\(.*\)\"\$/\1/p" "$ARTEFACT/manifest.toml"; }

check() {
    [ -f "$ARTEFACT/manifest.toml" ] || die "no manifest in guest/$ARTEFACT; run guest/build.sh"
    local bad=0
    [ "$(manifest_value profile)" = release ] || { say "the artefact is a quick build; run guest/build.sh before you commit"; bad=1; }
    [ "$(manifest_value inputs)" = "$(inputs_digest)" ] || { say "the sources have changed since the artefact was built; run guest/build.sh"; bad=1; }
    [ "$(manifest_value compressed)" = "$(sha256sum <"$ARTEFACT/guest.wasm.zst" | cut -d' ' -f1)" ] || { say "guest/$ARTEFACT/guest.wasm.zst is not the file that its manifest describes; run guest/build.sh"; bad=1; }
    [ $bad = 0 ] && say "sources and artefact agree"
    return $bad
}

have_rustup_target() {
    command -v rustup >/dev/null && rustup target list --installed 2>/dev/null | grep -qx "$TARGET"
}

install_debian_packages() {
    local missing=()
    for p in rustc-web cargo-web rust-web-src clang-22 llvm-22 lld-22 binaryen zstd; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        say "installing ${missing[*]}"
        apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null \
            || die "could not install ${missing[*]}; run as root, or install them, or add rustup's target $TARGET"
    fi
}

# wasi-libc of a later suite, by an apt with its own state, so that the system's sources stay as they are.
unpack_wasi_libc() {
    local root=$ROOT/wasi-libc
    [ -f "$root/usr/lib/wasm32-wasi/crt1-reactor.o" ] && return
    say "unpacking wasi-libc of Debian $WASI_LIBC_SUITE"
    mkdir -p "$root/apt/state/lists/partial" "$root/apt/cache/archives/partial"
    local mirror
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m1 '/debian/\?$' || echo http://deb.debian.org/debian)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $WASI_LIBC_SUITE main" >"$root/apt/sources.list"
    local opts=(-o "Dir::Etc::sourcelist=$root/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State=$root/apt/state" -o "Dir::Cache=$root/apt/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root)
    apt-get -qq "${opts[@]}" update
    (cd "$root/apt" && apt-get -qq "${opts[@]}" download wasi-libc >/dev/null)
    dpkg-deb -x "$root"/apt/wasi-libc_*.deb "$root"
    dpkg-deb -f "$root"/apt/wasi-libc_*.deb Version >"$root/version"
}

# Sets RUST_ENV and HOST_ENV (variables, for the guest and for what takes its snapshot), CARGO (program), CARGO_ARGS and TOOLCHAIN (what the manifest says).
choose_toolchain() {
    local libdir headers linker sysroot
    if have_rustup_target; then
        CARGO=cargo; CARGO_ARGS=()
        sysroot=$(rustc --print sysroot)
        libdir=$sysroot/lib/rustlib/$TARGET/lib/self-contained
        headers=${WASI_SYSROOT:-/usr}/include/wasm32-wasi
        [ -f "$headers/stdlib.h" ] || die "SQLite needs WASI's C headers: set WASI_SYSROOT to a sysroot of the WASI SDK"
        linker=rust-lld
        RUST_ENV=("CC_wasm32_wasip1=${WASI_CC:-clang}" "AR_wasm32_wasip1=${WASI_AR:-llvm-ar}")
        HOST_ENV=()
        TOOLCHAIN="$(rustc --version), rustup $TARGET"
    else
        command -v apt-get >/dev/null || die "needs rustup's target: rustup target add $TARGET"
        install_debian_packages
        unpack_wasi_libc
        CARGO=/usr/bin/cargo; CARGO_ARGS=(-Zbuild-std=std,panic_abort)
        sysroot=$(/usr/bin/rustc --print sysroot)
        libdir=$ROOT/wasi-libc/usr/lib/wasm32-wasi
        headers=$ROOT/wasi-libc/usr/include/wasm32-wasi
        linker=wasm-ld-22
        HOST_ENV=(RUSTC=/usr/bin/rustc)
        RUST_ENV=("${HOST_ENV[@]}" RUSTC_BOOTSTRAP=1 CC_wasm32_wasip1=clang-22 AR_wasm32_wasip1=llvm-ar-22)
        TOOLCHAIN="$(/usr/bin/rustc --version), Debian $(dpkg-query -W -f='${Version}' rustc-web), clang $(dpkg-query -W -f='${Version}' clang-22), wasi-libc $(cat "$ROOT/wasi-libc/version")"
    fi
    command -v wasm-opt >/dev/null || die "needs wasm-opt (package binaryen)"
    command -v zstd >/dev/null || die "needs zstd"
    TOOLCHAIN="$TOOLCHAIN, $(wasm-opt --version)"
    local flags=(-Clink-self-contained=no "-Clinker=$linker" "-L$libdir" "-Clink-arg=$libdir/crt1-reactor.o" -Clink-arg=-lc
        -Clink-arg=--stack-first "-Clink-arg=-zstack-size=$STACK" -Clink-arg=--export=_initialize
        "--remap-path-prefix=$ROOT=/sandgate")
    RUST_ENV+=("CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' "${flags[@]}" | sed 's/\x1f$//')" "CARGO_TARGET_DIR=$WORK" "CARGO_HOME=$ROOT/cargo" "RUSTC_WRAPPER=$ROOT/rustc-same-keys" SOURCE_DATE_EPOCH=0)
    # SQLite as CPython has it, for one thread, without extensions, shared memory and temporary files.
    RUST_ENV+=("CFLAGS_wasm32_wasip1=--target=$TARGET -isystem $headers -ffile-prefix-map=$ROOT=/sandgate"
        "LIBSQLITE3_FLAGS=-USQLITE_DEFAULT_FOREIGN_KEYS -USQLITE_ENABLE_LOAD_EXTENSION -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL -USQLITE_ENABLE_API_ARMOR -DSQLITE_MAX_MMAP_SIZE=0 -DSQLITE_TEMP_STORE=3")
    HOST_ENV+=("CARGO_TARGET_DIR=$ROOT/target/snapshot" "CARGO_HOME=$ROOT/cargo")
    same_keys
    # RustPython asks git when it was last changed and, where there is no answer, the clock.
    mkdir -p "$ROOT/bin"
    printf '#!/bin/sh\n[ "$1" = log ] && echo 0\n' >"$ROOT/bin/git"
    chmod +x "$ROOT/bin/git"
    RUST_ENV+=("PATH=$ROOT/bin:$PATH" TZ=UTC)
}

# What the compiler is told about the profile, for the crates that it counts: `use` or `generate`.
by_profile() {
    case $1 in
        use) RUST_ENV+=("SANDGATE_PROFILE=-Cprofile-use=$ROOT/source/guest/$PROFILE") ;;
        # Without the targets of indirect calls; what writes the profile is a crate of the guest's. What is linked is not optimised
        # again as a whole, which would take longer than all the rest and change nothing of what is counted.
        generate) RUST_ENV+=("SANDGATE_PROFILE=-Cprofile-generate=$ROOT/profile.profraw -Cllvm-args=-disable-vp -Zno-profiler-runtime"
            SANDGATE_LINKED=-Copt-level=1 RUSTC_BOOTSTRAP=1) ;;
    esac
    local file=$PROFILE
    [ "$1" = use ] || file=/dev/null
    forget_if_changed "$file" "$WORK/$1.profdata" 'rustpython-*'
}

# forget_if_changed FILE COPY CRATES…: has the crates built again whose build depends on a file in a way that cargo cannot see.
forget_if_changed() {
    local file=$1 copy=$2 crate
    shift 2
    cmp -s "$file" "$copy" && return
    for crate in "$@"; do
        find "$WORK/$TARGET" -path "*/.fingerprint/$crate" -prune -exec rm -rf {} + 2>/dev/null || true
    done
    mkdir -p "$WORK"
    cp "$file" "$copy"
}

# RustPython's macros freeze its library in the order of a hash map, whose keys the compiler draws at random. So the
# compiler (and nothing else: cargo downloads over TLS) is given the same "random" bytes in every build. And the profile, for
# the interpreter's own crates: what cargo itself is told of flags holds for all of them, std included.
same_keys() {
    mkdir -p "$ROOT"
    [ -e "$ROOT/same-keys.so" ] || gcc -shared -fPIC -O1 -x c -o "$ROOT/same-keys.so" - <<'C' || die "needs gcc"
#include <string.h>
#include <sys/types.h>
ssize_t getrandom(void *bytes, size_t length, unsigned flags) { (void)flags; memset(bytes, 0x5a, length); return length; }
C
    cat >"$ROOT/rustc-same-keys" <<SH
#!/bin/sh
case " \$* " in
    *' --crate-name rustpython_'*' --target $TARGET '*) set -- "\$@" \$SANDGATE_PROFILE ;;
    *' --crate-name sandgate_guest '*' --target $TARGET '*) set -- "\$@" \$SANDGATE_LINKED ;;
esac
LD_PRELOAD=$ROOT/same-keys.so exec "\$@"
SH
    chmod +x "$ROOT/rustc-same-keys"
}

# The imports of a module, one `module name` a line, sorted.
imports() {
    python3 - "$1" <<'PYTHON' | LC_ALL=C sort
import sys
wasm = open(sys.argv[1], "rb").read()
def number(at):
    value = shift = 0
    while True:
        byte = wasm[at]; at += 1
        value |= (byte & 127) << shift; shift += 7
        if byte < 128: return value, at
def name(at):
    length, at = number(at)
    return wasm[at:at + length].decode(), at + length
at = 8
while at < len(wasm):
    section = wasm[at]
    size, at = number(at + 1)
    if section == 2:
        count, here = number(at)
        for _ in range(count):
            module, here = name(here)
            field, here = name(here)
            assert wasm[here] == 0, "only functions are imported"
            _, here = number(here + 1)
            print(module, field)
    at += size
PYTHON
}

# To the path that is the same everywhere; what is the same stays untouched, so that cargo need not build it again.
copy_sources() {
    local file target
    (cd .. && find guest/src guest/python guest/snapshot/src guest{,/snapshot}/Cargo.{toml,lock} guest/build.rs guest/$PROFILE runtime/wire -type f) | while read -r file; do
        target=$ROOT/source/$file
        cmp -s "../$file" "$target" || { mkdir -p "$(dirname "$target")" && cp "../$file" "$target"; }
    done
    (cd "$ROOT/source" && find . -type f) | while read -r file; do
        [ -e "../$file" ] || rm "$ROOT/source/$file"
    done
    # Crates that the user's cargo has already fetched need not be fetched again.
    if [ ! -d "$ROOT/cargo/registry" ] && [ -d "${CARGO_HOME:-$HOME/.cargo}/registry/cache" ]; then
        mkdir -p "$ROOT/cargo/registry"
        cp -r "${CARGO_HOME:-$HOME/.cargo}/registry/cache" "${CARGO_HOME:-$HOME/.cargo}/registry/index" "$ROOT/cargo/registry/"
    fi
}

# What RustPython gets wrong and only its own sources can mend: patches/CRATE-VERSION.patch. Crates are unpacked below our
# own directory, so they are changed there; what was compiled from other patches is forgotten.
patch_crates() {
    local patch crate sources
    for patch in patches/*.patch; do
        crate=$(basename "$patch" .patch)
        for sources in "$ROOT"/cargo/registry/src/*/"$crate"; do
            cmp -s "$patch" "$sources/sandgate.patch" && continue
            rm -rf "$sources"
            env -C "$ROOT/source/guest" "${RUST_ENV[@]}" "$CARGO" fetch --locked --quiet
            patch -d "$sources" -p1 -s --no-backup-if-mismatch <"$patch" || die "$patch does not apply"
            cp "$patch" "$sources/sandgate.patch"
            find "$ROOT"/{target,instrumented} -path "*/.fingerprint/${crate%-*}-*" -prune -exec rm -rf {} + 2>/dev/null || true
        done
    done
}

# wasm-opt, for what the guest is built with.
optimise() {
    wasm-opt --enable-bulk-memory --enable-sign-ext --enable-nontrapping-float-to-int --enable-mutable-globals --enable-multivalue \
        --enable-reference-types "$@"
}

build_snapshot_program() {
    env -C "$ROOT/source/guest/snapshot" "${HOST_ENV[@]}" "$CARGO" build --locked --release --quiet
}

# take_snapshot GUEST SNAPSHOT [--once]: has the guest initialised by a program of this machine (snapshot/), and writes the
# module that goes on from there. Without --once that is done with two ways of compiling, and must give the same bytes.
take_snapshot() {
    say "taking the snapshot"
    build_snapshot_program
    "$ROOT/target/snapshot/release/sandgate-snapshot" ${3:-} "$1" "$2"
}

# give_way SNAPSHOT GUEST: has loops count, and the guest give way to the host. Nothing may rewrite the module after that.
give_way() {
    "$ROOT/target/snapshot/release/sandgate-snapshot" --count "$1" "$2"
}

# prepare USE: the toolchain, the sources and the crates, with the profile used or generated.
prepare() {
    mkdir -p "$ROOT"
    exec 9>"$ROOT/lock" && flock 9 # the directory is shared by every clone on this machine
    choose_toolchain
    say "building with $TOOLCHAIN"
    copy_sources
    env -C "$ROOT/source/guest" "${RUST_ENV[@]}" "$CARGO" fetch --locked --quiet
    patch_crates
    by_profile "$1"
}

# Builds a guest that counts, has it run scripts, and keeps what it counted.
profile() {
    WORK=$ROOT/instrumented
    [ -e "$PROFILE" ] || : >"$PROFILE"
    local profdata
    profdata=$(command -v "${LLVM_PROFDATA:-llvm-profdata-22}") || die "needs llvm-profdata, of the compiler's LLVM"
    prepare generate
    ln -sf "$(command -v clang-22 || command -v clang)" "$ROOT/bin/clang" # what minicov calls it
    env -C "$ROOT/source/guest" "${RUST_ENV[@]}" "$CARGO" build --locked "${CARGO_ARGS[@]}" --target "$TARGET" --release --features profile
    build_snapshot_program
    say "training"
    python3 training.py >"$ROOT/scripts"
    "$ROOT/target/snapshot/release/sandgate-snapshot" --train "$WORK/$TARGET/release/sandgate_guest.wasm" "$ROOT/scripts" "$ROOT/profile.profraw"
    # The highest byte of the version says which of LLVM's passes put the counters in. What writes the profile knows of the other, and
    # of a profile that says so the compiler uses nothing, without a word.
    printf '\001' | dd of="$ROOT/profile.profraw" bs=1 seek=15 conv=notrunc status=none
    # What was never called is left as it would be without a profile: nobody knows what scripts will call.
    "$profdata" merge --sparse "$ROOT/profile.profraw" -o "$PROFILE"
    "$profdata" show "$PROFILE" | grep -q 'Instrumentation level: IR ' || die "the compiler would pass over $PROFILE"
    say "$(stat -c %s "$PROFILE") bytes in guest/$PROFILE; now guest/build.sh"
}

# build PROFILE DIRECTORY: leaves guest.wasm.zst and manifest.toml in the directory.
build() {
    local profile=$1 out=$2
    mkdir -p "$out"
    prepare use
    env -C "$ROOT/source/guest" "${RUST_ENV[@]}" "$CARGO" build --locked "${CARGO_ARGS[@]}" --target "$TARGET" --profile "$profile"
    local wasm=$WORK/$TARGET/$profile/sandgate_guest.wasm
    if [ "$profile" = release ]; then
        say "optimising"
        # What is called from one place is inlined there, and functions that differ in constants alone are one: scripts are as
        # fast, and a machine compiles a tenth less (benches/results/2026-11-28.md).
        optimise -O3 --one-caller-inline-max-function-size 400 --strip-debug --strip-producers "$wasm" -o "$WORK/inlined.wasm"
        optimise --merge-similar-functions "$WORK/inlined.wasm" -o "$WORK/linked.wasm"
        take_snapshot "$WORK/linked.wasm" "$WORK/initialised.wasm"
        # What nothing calls but the initialisation is left out. Data stays as it is.
        optimise --remove-unused-module-elements "$WORK/initialised.wasm" -o "$WORK/used.wasm"
        give_way "$WORK/used.wasm" "$WORK/guest.wasm"
        zstd -q -19 --long=24 -f "$WORK/guest.wasm" -o "$out/guest.wasm.zst"
    else
        take_snapshot "$wasm" "$WORK/initialised.wasm" --once
        give_way "$WORK/initialised.wasm" "$WORK/guest.wasm"
        zstd -q -3 --long=24 -f "$WORK/guest.wasm" -o "$out/guest.wasm.zst"
    fi
    imports "$WORK/guest.wasm" | diff imports.txt - || die "the imports differ from guest/imports.txt; each is authority, so change that file knowingly"
    ! grep -aqE "$HOME/|$PWD" "$WORK/guest.wasm" || die "the artefact holds a path of this machine"
    cat >"$out/manifest.toml" <<TOML
# Written by guest/build.sh; do not edit.
profile = "$profile"
toolchain = "$TOOLCHAIN"
inputs = "$(inputs_digest)"
wasm = "$(sha256sum <"$WORK/guest.wasm" | cut -d' ' -f1)"
compressed = "$(sha256sum <"$out/guest.wasm.zst" | cut -d' ' -f1)"
TOML
    say "$(stat -c %s "$WORK/guest.wasm") bytes, $(stat -c %s "$out/guest.wasm.zst") compressed"
}

case ${1:-} in
    "") build release "$ARTEFACT" ;;
    --quick) build quick "$ARTEFACT" ;;
    --check) check ;;
    --profile) profile ;;
    --setup) choose_toolchain ;;
    --verify)
        check
        rm -rf "$WORK" "$ROOT/source"
        build release "$ROOT/verify"
        cmp "$ROOT/verify/guest.wasm.zst" "$ARTEFACT/guest.wasm.zst" && say "the same bytes" ;;
    *) sed -n '2,11p' "${BASH_SOURCE[0]}" | sed 's/^# \?//'; exit 2 ;;
esac

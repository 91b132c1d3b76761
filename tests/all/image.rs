//! The image cache: private, verified, rebuilt when it is not what was stored, shared by processes that start at once.

use crate::support::{cache_dir, command, finished, sandbox};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

/// A cache of its own that holds a copy of the tests' image, so that nothing has to be compiled.
async fn copied() -> (tempfile::TempDir, PathBuf) {
    drop(sandbox().await);
    let directory = tempfile::tempdir().unwrap();
    let images = directory.path().join("images");
    fs::create_dir(&images).unwrap();
    fs::set_permissions(&images, fs::Permissions::from_mode(0o700)).unwrap();
    // Other versions of the artefact may lie beside it.
    let key = sandgate::ImageCache::new(Some(cache_dir()))
        .unwrap()
        .status()
        .unwrap()
        .key;
    for extension in ["cwasm", "seal"] {
        let name = format!("{key}.{extension}");
        fs::copy(cache_dir().join("images").join(&name), images.join(&name)).unwrap();
    }
    let image = images.join(format!("{key}.cwasm"));
    (directory, image)
}

fn run_with(cache: &Path) -> (i32, String, String) {
    let mut command = command(&["run", "-c", "print(1 + 1)"]);
    finished(command.env("SANDGATE_CACHE_DIR", cache).output().unwrap())
}

/// The first line of what was said, with this test's directory left out.
fn warning(stderr: &str, cache: &Path) -> String {
    let line = stderr.lines().next().unwrap_or_default();
    let line = line
        .replace(cache.to_str().unwrap(), "CACHE")
        .trim()
        .to_owned();
    match line
        .split_once("images/")
        .and_then(|(before, after)| Some((before, after.split_once(".cwasm")?.1)))
    {
        Some((before, after)) => format!("{before}images/KEY.cwasm{after}"),
        None => line,
    }
}

#[tokio::test]
async fn an_image_that_is_as_it_was_stored_is_loaded() {
    let (cache, image) = copied().await;
    let before = fs::metadata(&image).unwrap().modified().unwrap();
    assert_eq!(run_with(cache.path()), (0, "2\n".to_owned(), String::new()));
    assert_eq!(fs::metadata(&image).unwrap().modified().unwrap(), before);
}

#[tokio::test]
async fn esc_08_a_tampered_image_is_made_again_with_a_warning_and_never_loaded() {
    let (cache, image) = copied().await;
    let mut bytes = fs::read(&image).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&image, bytes).unwrap();
    let (code, stdout, stderr) = run_with(cache.path());
    assert_eq!((code, stdout.as_str()), (0, "2\n"));
    assert_eq!(
        warning(&stderr, cache.path()),
        "WARN the cached interpreter is made again: `CACHE/images/KEY.cwasm` is not what was stored"
    );
    assert_eq!(run_with(cache.path()), (0, "2\n".to_owned(), String::new()));
}

#[tokio::test]
async fn esc_08_truncated_foreign_and_unsealed_images_are_not_accepted() {
    let (cache, image) = copied().await;
    // `image show` and `verify` share their path; a status is enough to see what would be loaded, without compiling.
    let spoil: [(&str, &dyn Fn()); 4] = [
        ("is not what was stored", &|| {
            let bytes = fs::read(&image).unwrap();
            fs::write(&image, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("has no seal", &|| {
            fs::remove_file(image.with_extension("seal")).unwrap()
        }),
        ("has a damaged seal", &|| {
            fs::write(image.with_extension("seal"), "{}").unwrap()
        }),
        ("is not a private file of this user", &|| {
            fs::set_permissions(&image, fs::Permissions::from_mode(0o666)).unwrap();
        }),
    ];
    let (kept, seal) = (
        fs::read(&image).unwrap(),
        fs::read(image.with_extension("seal")).unwrap(),
    );
    for (reason, spoil) in spoil {
        fs::write(&image, &kept).unwrap();
        fs::set_permissions(&image, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(image.with_extension("seal"), &seal).unwrap();
        spoil();
        let found = sandgate::ImageCache::new(Some(cache.path().to_owned()))
            .unwrap()
            .check()
            .unwrap();
        let found = found
            .unwrap()
            .unwrap_err()
            .replace(cache.path().to_str().unwrap(), "CACHE");
        assert_eq!(found.split_once(".cwasm` ").unwrap().1, reason);
    }
}

#[tokio::test]
async fn esc_08_a_link_in_place_of_an_image_is_not_followed() {
    let (cache, image) = copied().await;
    let elsewhere = cache.path().join("elsewhere");
    fs::rename(&image, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &image).unwrap();
    let found = sandgate::ImageCache::new(Some(cache.path().to_owned()))
        .unwrap()
        .check()
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(
        found.split_once(".cwasm` ").unwrap().1,
        "cannot be opened: Too many levels of symbolic links (os error 40)"
    );
}

#[tokio::test]
async fn the_cache_is_made_private() {
    let (cache, _) = copied().await;
    let images = cache.path().join("images");
    fs::set_permissions(&images, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(run_with(cache.path()).0, 0);
    assert_eq!(
        fs::metadata(&images).unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[tokio::test]
async fn processes_that_start_at_once_share_one_image() {
    let (cache, image) = copied().await;
    fs::write(&image, "spoiled").unwrap();
    let mut running: Vec<_> = (0..3)
        .map(|number| {
            let code = format!("print({number})");
            let mut command = command(&["run", "-q", "-c", &code]);
            command
                .env("SANDGATE_CACHE_DIR", cache.path())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for (number, process) in running.drain(..).enumerate() {
        let output = process.wait_with_output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("{number}\n")
        );
    }
    let left: Vec<_> = fs::read_dir(cache.path().join("images"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(
        left.len(),
        3,
        "image, seal and lock, and nothing half written: {left:?}"
    );
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_explained() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (code, stdout, stderr) = run_with(file.path());
    assert_eq!((code, stdout.as_str()), (70, ""));
    assert_eq!(
        stderr
            .replace(file.path().to_str().unwrap(), "FILE")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        "× the image cache `FILE/images` cannot be used: Not a directory (os error 20) \
         help: make the directory writable for you alone, or name another with --cache-dir"
    );
}

#[tokio::test]
async fn image_shows_and_clears() {
    let (cache, image) = copied().await;
    let at = |arguments: &[&str]| {
        finished(
            command(arguments)
                .env("SANDGATE_CACHE_DIR", cache.path())
                .output()
                .unwrap(),
        )
    };
    let (code, json, _) = at(&["image", "show", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(code, 0);
    assert_eq!(json["size"], fs::metadata(&image).unwrap().len());
    assert_eq!(json["others"], 0);
    assert_eq!(
        at(&["image", "clear"]),
        (0, "removed 1 images\n".to_owned(), String::new())
    );
    assert!(!image.exists() && !image.with_extension("seal").exists());
    let (code, text, _) = at(&["image", "show"]);
    assert_eq!(code, 0);
    assert_eq!(
        text.lines().nth(2).unwrap(),
        "image      not prepared yet; `sandgate image warm` does it"
    );
}

/// What `sandgate image` says with this cache, with the paths of the test left out.
fn image_with(cache: &Path, place: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = command(&["image"]);
    command
        .args(arguments)
        .current_dir(place)
        .env("SANDGATE_CACHE_DIR", cache);
    finished(command.output().unwrap())
}

/// The digest in what `export` prints.
fn digest(said: &str) -> String {
    let line = said.lines().find(|line| line.starts_with("digest"));
    line.unwrap().split_whitespace().nth(1).unwrap().to_owned()
}

fn refused(said: &str) -> String {
    let words: Vec<&str> = said.split_whitespace().collect();
    words.join(" ")
}

#[tokio::test]
async fn an_exported_image_runs_where_it_is_imported() {
    let (there, image) = copied().await;
    let (here, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let export = ["export", "sandgate.image"];
    let (code, said, errors) = image_with(there.path(), place.path(), &export);
    assert_eq!((code, errors.as_str()), (0, ""));
    let digest = digest(&said);
    let sum = std::process::Command::new("sha256sum")
        .arg(place.path().join("sandgate.image"))
        .output();
    let sum = String::from_utf8(sum.unwrap().stdout).unwrap();
    assert_eq!(digest, format!("sha256:{}", sum.split(' ').next().unwrap()));
    let import = ["import", "sandgate.image", "--digest", &digest, "--json"];
    let (code, json, errors) = image_with(here.path(), place.path(), &import);
    assert_eq!((code, errors.as_str()), (0, ""));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "file": "sandgate.image",
            "target": "native",
            "key": image.file_stem().unwrap().to_str().unwrap(),
            "size": fs::metadata(&image).unwrap().len(),
            "digest": digest.strip_prefix("sha256:").unwrap(),
        })
    );
    assert_eq!(run_with(here.path()), (0, "2\n".to_owned(), String::new()));
    // Nothing is written over.
    let (code, _, errors) = image_with(there.path(), place.path(), &export);
    assert_eq!(
        (code, refused(&errors).as_str()),
        (
            64,
            "× the image cannot be written to `sandgate.image`: File exists (os error 17) \
             help: name a file that does not exist yet, where you can write"
        )
    );
}

#[cfg(target_arch = "x86_64")]
#[test]
fn an_image_for_many_processors_is_loaded_where_there_is_no_other() {
    let (cache, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let warm = ["-q", "warm", "--target", "x86-64-v2"];
    let (code, said, errors) = image_with(cache.path(), place.path(), &warm);
    assert_eq!((code, errors.as_str()), (0, ""));
    let lines: Vec<Vec<&str>> = said
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[3..], [["target", "x86-64-v2"], ["others", "0"]]);
    assert_eq!(run_with(cache.path()), (0, "2\n".to_owned(), String::new()));
    // No second one was made for it, and one for another level is another one.
    let images = fs::read_dir(cache.path().join("images")).unwrap().flatten();
    let images = images.filter(|entry| entry.path().extension().is_some_and(|end| end == "cwasm"));
    assert_eq!(images.count(), 1);
    let (code, _, errors) = image_with(
        cache.path(),
        place.path(),
        &["warm", "--target", "x86-64-v9"],
    );
    assert_eq!(
        (code, errors.lines().next().unwrap()),
        (
            64,
            "error: invalid value 'x86-64-v9' for '--target <TARGET>': an image is made for one of: native, x86-64-v4, \
             x86-64-v3, x86-64-v2, x86-64"
        )
    );
}

#[tokio::test]
async fn esc_08_an_image_with_another_digest_or_label_is_never_loaded() {
    let (there, _) = copied().await;
    let (here, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_, said, _) = image_with(there.path(), place.path(), &["export", "whole"]);
    let digest = digest(&said);
    let whole = fs::read(place.path().join("whole")).unwrap();
    let import = |bytes: &[u8], digest: &str| {
        fs::write(place.path().join("file"), bytes).unwrap();
        let arguments = ["import", "file", "--digest", digest];
        let (code, stdout, stderr) = image_with(here.path(), place.path(), &arguments);
        let kept = fs::read_dir(here.path().join("images"))
            .into_iter()
            .flatten()
            .flatten();
        let kept: Vec<_> = kept
            .map(|entry| entry.file_name())
            .filter(|name| name != "lock")
            .collect();
        assert!(stdout.is_empty() && kept.is_empty(), "{stdout} {kept:?}");
        (code, refused(&stderr))
    };
    let sha256 = |bytes: &[u8]| {
        fs::write(place.path().join("sum"), bytes).unwrap();
        let sum = std::process::Command::new("sha256sum")
            .arg(place.path().join("sum"))
            .output();
        let sum = String::from_utf8(sum.unwrap().stdout).unwrap();
        format!("sha256:{}", sum.split(' ').next().unwrap())
    };
    // One bit of its code.
    let mut changed = whole.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let other = sha256(&changed);
    assert_eq!(
        import(&changed, &digest),
        (
            64,
            format!(
                "× `file` is not taken: its digest is {other}, which is not the one that was named help: do not use the \
                 file: take it again, and its digest from whoever made it"
            )
        )
    );
    // Not all of it.
    let no_image = "× `file` is not taken: it is not an exported image, or not all of one help: name a file that `sandgate \
                    image export` wrote";
    let half = &whole[..whole.len() / 2];
    assert_eq!(import(half, &sha256(half)), (64, no_image.to_owned()));
    assert_eq!(import(b"x", &sha256(b"x")), (64, no_image.to_owned()));
    // Another label, and the digest of just that file: it says what it is not for.
    let end = whole
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(1)
        .unwrap()
        .0;
    let label = String::from_utf8(whole[..end].to_vec()).unwrap();
    let with = |from: &str, to: &str| {
        let label = label.replacen(from, to, 1);
        let bytes = [label.as_bytes(), &whole[end..]].concat();
        let sum = sha256(&bytes);
        import(&bytes, &sum)
    };
    assert_eq!(
        with("\"wasmtime\":\"48\"", "\"wasmtime\":\"47\""),
        (
            64,
            "× `file` is not taken: it was compiled by wasmtime 47, and this sandgate has wasmtime 48 help: export it with \
             the same sandgate that is to load it, or let this one prepare its own"
                .to_owned()
        )
    );
    assert_eq!(
        with("\"features\":[", "\"features\":[\"avx1024\","),
        (
            64,
            "× `file` is not taken: it was made for a processor with other features (there alone: avx1024; here alone: \
             nothing) help: prepare one that both can run, as `sandgate image export FILE --target x86-64-v3` does"
                .to_owned()
        )
    );
    // No digest, no import.
    let arguments = ["import", "whole"];
    let (code, _, said) = image_with(here.path(), place.path(), &arguments);
    assert_eq!(
        (code, said.lines().take(2).collect::<Vec<_>>()),
        (
            64,
            vec![
                "error: the following required arguments were not provided:",
                "  --digest <sha256:HEX>"
            ]
        )
    );
}

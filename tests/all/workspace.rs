//! The one directory: what a script can do in it, what it may take, what is left.

use crate::support::{limits, run, run_limited, scratch};
use sandgate::{Files, Limits, Script, Status, Workspace};
use std::sync::Arc;

#[tokio::test]
async fn a_script_works_in_its_directory() {
    let workspace = scratch();
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("input.txt");
    std::fs::write(&input, "one\ntwo\n").unwrap();
    workspace.copy_in(&input).unwrap();
    let source = "import os, pathlib, tempfile, shutil, json\nprint(os.getcwd(), os.listdir('.'), open('input.txt').read().split())\n\
                  pathlib.Path('a/b').mkdir(parents=True)\npathlib.Path('a/b/c.json').write_text(json.dumps([1]))\nos.rename('input.txt', 'a/moved.txt')\n\
                  with tempfile.NamedTemporaryFile('w') as f: f.write('x')\n\
                  with tempfile.TemporaryDirectory() as d: print(d.startswith('/work/'))\n\
                  shutil.copy('a/moved.txt', 'copy.txt')\nprint(sorted(str(p) for p in pathlib.Path('.').rglob('*')))\nunclosed = open('left.txt', 'w')\nunclosed.write('flushed at the end')";
    let outcome = run(Script {
        workspace: Some(workspace),
        ..Script::new(source)
    })
    .await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    assert_eq!(
        outcome.stdout.text,
        "/work ['input.txt'] ['one', 'two']\nTrue\n['a', 'a/b', 'a/b/c.json', 'a/moved.txt', 'copy.txt']\n"
    );
    let files: Vec<(&str, u64)> = outcome
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.size))
        .collect();
    assert_eq!(
        files,
        [
            ("a/b/c.json", 3),
            ("a/moved.txt", 8),
            ("copy.txt", 8),
            ("left.txt", 18)
        ]
    );
}

#[tokio::test]
async fn modules_in_the_workspace_can_be_imported_and_nothing_else_can() {
    let workspace = scratch();
    let source = "open('helper.py', 'w').write('x = 42')\nimport helper\nprint(helper.x)\nimport nothing_there";
    let outcome = run(Script {
        workspace: Some(workspace),
        ..Script::new(source)
    })
    .await;
    assert_eq!(outcome.stdout.text, "42\n");
    assert_eq!(
        outcome.exception.unwrap().message,
        "No module named 'nothing_there': packages cannot be installed in the sandbox; the standard library, files of the \
         workspace and `services` can be imported"
    );
}

#[tokio::test]
async fn the_size_of_a_workspace_is_limited_and_replacing_does_not_add_up() {
    let small = Limits {
        workspace_bytes: 100_000,
        ..limits()
    };
    let source = "for _ in range(20):\n    open('f', 'w').write('x' * 50_000)\nprint('replaced')\n\
                  try:\n    with open('g', 'w') as f: f.write('x' * 60_000)\nexcept OSError as error:\n    print(error)\n\
                  try:\n    open('f', 'r+').truncate(10**12)\nexcept OSError as error:\n    print(error)\nimport os\nos.remove('f')\nopen('h', 'w').write('x' * 60_000)";
    let outcome = run_limited(
        Script {
            workspace: Some(scratch()),
            ..Script::new(source)
        },
        small,
    )
    .await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    assert_eq!(
        outcome.stdout.text,
        "replaced\n[Errno 51] No space left on device: 'g'\n[Errno 51] No space left on device\n"
    );
}

#[tokio::test]
async fn the_number_of_files_is_limited() {
    let few = Limits {
        workspace_files: 10,
        ..limits()
    };
    let source = "import os\nmade = 0\ntry:\n    for i in range(100):\n        (os.mkdir if i % 2 else lambda p: open(p, 'w').close())(f'f{i}')\n        made += 1\nexcept OSError as error:\n    print(made, error.errno)";
    let workspace = scratch();
    let outcome = run_limited(
        Script {
            workspace: Some(Arc::clone(&workspace)),
            ..Script::new(source)
        },
        few,
    )
    .await;
    assert_eq!(outcome.stdout.text, "10 51\n", "{outcome:#?}");
}

#[tokio::test]
async fn every_entry_of_a_large_directory_is_listed_once_however_it_is_read() {
    // More than is listed at once, more than the C library reads at once, and none.
    for (number, length) in [(1_500, 250), (300, 9), (0, 0)] {
        let directory = tempfile::tempdir().unwrap();
        let large = directory.path().join("large");
        std::fs::create_dir(&large).unwrap();
        for at in 0..number {
            std::fs::write(large.join(format!("{at:0length$}")), "").unwrap();
        }
        let source = "import os\nnames = os.listdir('large')\nassert len(names) == len(set(names))\n\
             one, other = os.scandir('large'), os.scandir('large')\n\
             assert [(a.name, b.name) for a, b in zip(one, other)] == [(name, name) for name in names]\n\
             open('large/new', 'w').close()\nassert set(os.listdir('large')) - set(names) == {'new'}\n\
             print(len(names), sum(map(int, names)))";
        let outcome = run_limited(
            Script {
                workspace: Some(Arc::new(Workspace::open(directory.path()).unwrap())),
                ..Script::new(source)
            },
            Limits {
                workspace_files: 10_000,
                ..limits()
            },
        )
        .await;
        let sum: usize = (0..number).sum();
        assert_eq!(
            outcome.stdout.text,
            format!("{number} {sum}\n"),
            "{outcome:#?}"
        );
    }
}

#[tokio::test]
async fn a_workspace_of_one_run_is_not_seen_by_another() {
    let first = scratch();
    run(Script {
        workspace: Some(first),
        ..Script::new("open('x', 'w').write('x')")
    })
    .await;
    let outcome = run(Script {
        workspace: Some(scratch()),
        ..Script::new("import os\nprint(os.listdir('.'))")
    })
    .await;
    assert_eq!(outcome.stdout.text, "[]\n");
}

#[tokio::test]
async fn a_database_in_the_workspace_is_there_for_the_next_run() {
    let workspace = scratch();
    let open = "import sqlite3\ndb = sqlite3.connect('notes.db')\n";
    let write = "db.execute('create table note(text)')\nwith db:\n    db.execute('insert into note values (?)', ['kept'])\n\
                 db.execute('insert into note values (?)', ['not committed'])";
    let read = "print(db.execute('select * from note').fetchall())";
    for (script, printed) in [(write, ""), (read, "[('kept',)]\n")] {
        let outcome = run(Script {
            workspace: Some(Arc::clone(&workspace)),
            ..Script::new(format!("{open}{script}"))
        })
        .await;
        assert_eq!(outcome.stdout.text, printed, "{outcome:#?}");
    }
}

#[tokio::test]
async fn without_files_there_is_no_place_for_a_database() {
    let none = Limits {
        workspace: Files::None,
        ..limits()
    };
    let script = Script::new(
        "import sqlite3\nsqlite3.connect('notes.db').execute('create table note(text)')",
    );
    let outcome = run_limited(script, none).await;
    assert_eq!(
        outcome.exception.unwrap().message,
        "unable to open database file"
    );
}

/// Half of what a workspace may have by default, which fits into memory as well.
fn half() -> Limits {
    Limits {
        workspace_bytes: 32 << 20,
        ..limits()
    }
}

/// Each kind of workspace, and what keeps it.
fn both() -> [(Option<tempfile::TempDir>, Arc<Workspace>); 2] {
    let place = tempfile::tempdir().unwrap();
    let host = Arc::new(Workspace::open(place.path()).unwrap());
    [(Some(place), host), (None, scratch())]
}

/// A script, and what it prints in a workspace.
async fn printed_in(workspace: &Arc<Workspace>, source: &str) -> String {
    let script = Script {
        workspace: Some(Arc::clone(workspace)),
        ..Script::new(source)
    };
    let outcome = run_limited(script, half()).await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    outcome.stdout.text
}

const MEBIBYTE: &str = "import os\nblock = bytes(1 << 20)\ntotal = 0\n";

#[tokio::test]
async fn dos_12_files_count_however_deep_they_lie() {
    let source = format!(
        "{MEBIBYTE}try: os.makedirs('/work' + '/d' * 70)\nexcept OSError as error: print(error.errno)\n\
         deepest = '/work' + '/d' * 63\nprint(os.listdir(deepest), len(os.listdir(deepest + '/d')))\n\
         try:\n    for i in range(20):\n        with open(f'{{deepest}}/{{i}}', 'wb', buffering=0) as f:\n            for _ in range(50): total += f.write(block)\n\
         except OSError as error: print(error.errno)\nprint(total >> 20)"
    );
    for (_place, workspace) in both() {
        assert_eq!(
            printed_in(&workspace, &source).await,
            "37\n['d'] 0\n51\n32\n"
        );
    }
}

#[tokio::test]
async fn dos_12_a_file_without_a_name_counts_until_it_is_closed() {
    let source = format!(
        "{MEBIBYTE}f = open('/work/x', 'wb', buffering=0)\nos.unlink('/work/x')\n\
         try:\n    for _ in range(1000): total += f.write(block)\nexcept OSError as error: print(error.errno)\n\
         print(total >> 20)\nos.fsync(f.fileno())\n\
         try: open('/work/y', 'wb', buffering=0).write(b'x')\nexcept OSError as error: print(error.errno)\n\
         f.close()\nprint(open('/work/y', 'wb', buffering=0).write(b'x'))"
    );
    for (_place, workspace) in both() {
        assert_eq!(printed_in(&workspace, &source).await, "51\n32\n51\n1\n");
    }
}

#[tokio::test]
async fn dos_12_holes_count_as_bytes_and_so_are_not_copied_out() {
    let source = "import os\n\
                  for place in (1 << 40, 3 << 30, 2**63 - 2, 32 << 20):\n    f = open('/work/x', 'wb', buffering=0)\n    f.seek(place)\n    \
                  try: f.write(b'x')\n    except OSError as error: print(error.errno, os.stat('/work/x').st_size)\n\
                  f.seek((32 << 20) - 1)\nprint(f.write(b'x'), os.stat('/work/x').st_size >> 20)\n\
                  for size in (1 << 40, (32 << 20) + 1):\n    try: f.truncate(size)\n    except OSError as error: print(error.errno)\n\
                  f.truncate(5)\nf.close()\nwith open('/work/x', 'ab') as f: f.write(b'x')\nprint(os.stat('/work/x').st_size)";
    for (_place, workspace) in both() {
        assert_eq!(
            printed_in(&workspace, source).await,
            "51 0\n51 0\n51 0\n51 0\n1 32\n51\n51\n6\n"
        );
        let target = tempfile::tempdir().unwrap();
        let copied = workspace.copy_out(target.path()).unwrap();
        assert_eq!((copied.len(), copied[0].size), (1, 6));
    }
}

#[tokio::test]
async fn dos_12_what_is_more_than_a_run_may_leave_is_not_copied_out() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = Arc::new(Workspace::open(directory.path()).unwrap());
    printed_in(&workspace, "open('x', 'w').write('x')").await;
    // As no script could.
    let hole = std::fs::File::create(directory.path().join("hole")).unwrap();
    hole.set_len(32 << 20).unwrap();
    let target = tempfile::tempdir().unwrap();
    let error = workspace.copy_out(target.path()).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        (error.to_string(), cause.as_str()),
        (
            format!(
                "`x` cannot be copied from the workspace to `{}`",
                target.path().display()
            ),
            "the files are more than a run may leave in this workspace"
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_13_a_tree_is_not_hung_below_another() {
    let outcome = tokio::spawn(async {
        let workspace = scratch();
        let source = "import os\ndef chain(p, n):\n    os.mkdir(p)\n    for _ in range(n - 1):\n        p += '/d'; os.mkdir(p)\n    return p\n\
                      top = '/work/a'\nchain(top, 40)\nmade = 40\n\
                      try:\n    for k in range(21):\n        new = f'/work/n{k}'\n        leaf = chain(new, 40)\n        made += 40\n        os.rename(top, leaf + '/a')\n        top = new\n\
                      except OSError as error: print(error.errno, made)\n\
                      os.rename('/work/a', '/work/n0' + '/d' * 23 + '/a')\nprint(os.path.isdir('/work/n0' + '/d' * 23 + '/a' + '/d' * 39))";
        let outcome = run(Script {
            workspace: Some(workspace),
            ..Script::new(source)
        })
        .await;
        (outcome.stdout.text, outcome.unlisted)
    });
    assert_eq!(outcome.await.unwrap(), ("37 80\nTrue\n".to_owned(), None));
}

#[tokio::test]
async fn dos_13_a_path_is_never_longer_than_others_can_use() {
    // Each name is made longer from the deepest on, so that no step of the script itself has a long path.
    let source = "import os\nn = 20\nos.makedirs('/work/' + '/'.join(['d'] * n))\nopen('/work/' + '/'.join(['d'] * n) + '/f', 'w').write('x')\n\
                  for i in range(n, 0, -1):\n    old = '/work/' + '/'.join(['d'] * i)\n    new = '/work/' + '/'.join(['d'] * (i - 1) + ['x' * 250])\n    \
                  try: os.rename(old, new)\n    except OSError as error:\n        print(error.errno, i)\n        break";
    for (_place, workspace) in both() {
        assert_eq!(printed_in(&workspace, source).await, "37 17\n");
        let target = tempfile::tempdir().unwrap();
        let files = workspace.copy_out(target.path()).unwrap();
        assert_eq!(files.len(), 1);
        assert!(files[0].path.len() <= Limits::WORKSPACE_PATH);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_13_a_run_that_takes_all_it_can_has_an_outcome_and_leaves_others_theirs() {
    // It says that it has all by a new name for what it has, since there is room for nothing else, and holds it until
    // it is told to go.
    let greedy = "import os, sys\nopen('x', 'w').close()\nfds = []\n\
                  try:\n    while len(fds) < 100000: fds.append(os.open('x', os.O_RDONLY))\nexcept OSError as error: print(len(fds), error.errno)\n\
                  os.close(fds.pop())\nlarge = os.open('large', os.O_CREAT | os.O_WRONLY)\n\
                  try:\n    while True: os.write(large, bytes(1 << 20))\nexcept OSError as error: print(error.errno)\n\
                  try:\n    for i in range(10**6): os.mkdir(f'd{i}')\nexcept OSError as error: print(i, error.errno)\n\
                  os.rename('x', 'full')\nwhile not os.path.exists('go'): pass";
    let (theirs, ours) = (scratch(), scratch());
    let script = Script {
        workspace: Some(Arc::clone(&theirs)),
        ..Script::new(greedy)
    };
    let hostile = tokio::spawn(run_limited(script, half()));
    let honest = "import os, shutil\nos.mkdir('d')\nopen('d/f', 'w').write('x' * 100_000)\nfiles = [open('d/f') for _ in range(60)]\n\
                  print(len(files), len(files[59].read()))\nshutil.rmtree('d')";
    let is_full = || {
        let files = theirs.files().unwrap();
        files.iter().any(|file| file.path == "full")
    };
    while !is_full() && !hostile.is_finished() {
        assert_eq!(printed_in(&ours, honest).await, "60 100000\n");
    }
    assert_eq!(printed_in(&ours, honest).await, "60 100000\n");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("go"), "").unwrap();
    theirs.copy_in(&directory.path().join("go")).unwrap();
    let outcome = hostile.await.unwrap();
    assert_eq!(
        (outcome.status, outcome.stdout.text.as_str()),
        (Status::Ok, "64 33\n51\n998 51\n"),
        "{outcome:#?}"
    );
    let names: Vec<&str> = outcome
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(
        (names, outcome.unlisted),
        (vec!["full", "go", "large"], None)
    );
}

#[tokio::test]
async fn dos_13_a_workspace_with_more_files_than_are_listed_has_an_outcome_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    for at in 0..10_001 {
        std::fs::write(directory.path().join(format!("{at}")), "").unwrap();
    }
    let workspace = Arc::new(Workspace::open(directory.path()).unwrap());
    let script = |source: &str| Script {
        workspace: Some(Arc::clone(&workspace)),
        ..Script::new(source)
    };
    let outcome = run(script("print(1)")).await;
    assert_eq!(
        (outcome.files.len(), outcome.unlisted.as_deref()),
        (
            10_000,
            Some("the workspace holds more than is listed; the first 10000 files are")
        )
    );
    assert_eq!(
        workspace.files().unwrap_err().to_string(),
        "the workspace cannot be listed"
    );
    let outcome = run(script("import os\nos.remove('7')")).await;
    assert_eq!((outcome.files.len(), outcome.unlisted), (10_000, None));
}

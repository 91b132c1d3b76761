//! The one directory: what a script can do in it, what it may take, what is left.

use crate::support::{limits, run, run_limited, scratch};
use sandgate::{Limits, Script, Status, Workspace};
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
async fn without_a_workspace_there_is_no_place_for_a_database() {
    let outcome = run(Script::new(
        "import sqlite3\nsqlite3.connect('notes.db').execute('create table note(text)')",
    ))
    .await;
    assert_eq!(
        outcome.exception.unwrap().message,
        "unable to open database file"
    );
}

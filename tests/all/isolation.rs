//! Nothing of one run is visible in the next, and runs at the same time do not see each other.

use crate::support::{limits, printed, run, run_limited, sandbox};
use sandgate::{Context, Script, Status};
use std::{collections::HashSet, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn iso_01_variables_modules_and_patches_do_not_survive() {
    let leave = "import sys, builtins, json, math\nmarker = 1\nbuiltins.marker = 1\njson.marker = 1\nsys.marker = 1\n\
                 sys.modules['marker'] = sys\nbuiltins.print = None\nmath.pi = 3\nsys.path.append('/marker')\n\
                 import os\nos.environ['marker'] = '1'";
    assert_eq!(run(Script::new(leave)).await.status, Status::Ok);
    let look = "import sys, builtins, json, math, os\nprint([hasattr(x, 'marker') for x in (builtins, json, sys)], \
                'marker' in globals(), 'marker' in sys.modules, math.pi > 3.1, sys.path, dict(os.environ))";
    assert_eq!(
        printed(look).await,
        "[False, False, False] False False True ['/work'] {}\n"
    );
}

/// Runs a script fifty times that prints so many words each time, of which none may come twice.
async fn no_word_comes_twice(source: &str, each: usize) {
    let mut seen = HashSet::new();
    for _ in 0..50 {
        for word in printed(source).await.split_whitespace() {
            assert!(seen.insert(word.to_owned()), "{word} came twice");
        }
    }
    assert_eq!(seen.len(), 50 * each);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn iso_02_random_numbers_and_ids_differ_between_runs() {
    let source = "import random, uuid, secrets, os, tempfile\nprint(random.random(), uuid.uuid4(), secrets.token_hex(8), os.urandom(8).hex(), random.Random().random(), next(tempfile._get_candidate_names()))";
    no_word_comes_twice(source, 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn iso_02_hashes_of_text_and_bytes_differ_between_runs() {
    let source = "print(hash('a'), hash(b'b'), hash(('c',)), hash(frozenset('d')))";
    no_word_comes_twice(source, 4).await;
}

#[tokio::test]
async fn hashes_obey_pythons_rules_under_every_seed() {
    let source = "class Text(str): pass\n\
                  text = 'a' * 10\n\
                  print(hash(''), hash(b''), hash(5), hash('a' * 10) == hash(text) == hash(Text(text)), \
                  hash(b'ab') == hash(memoryview(b'ab')), hash(bytes(b'ab')) == hash('ab'), \
                  {text: 1}[Text(text)], {b'ab': 2}[memoryview(b'ab')])";
    for _ in 0..10 {
        assert_eq!(printed(source).await, "0 0 5 True True True 1 2\n");
    }
}

/// The snapshot's own tables were made before the seed was drawn; each follows it when it is first asked.
#[tokio::test]
async fn what_the_snapshot_knows_is_found_under_every_seed() {
    let source = "import gc\n\
                  tables = [table for table in gc.get_objects() if type(table) in (dict, set)]\n\
                  lost = [key for table in tables for key in list(table) if key not in table]\n\
                  copies = [key for table in tables for key in dict.fromkeys(table) if key not in set(table)]\n\
                  print(len(tables) > 1000, sum(map(len, tables)) > 20_000, lost, copies)";
    for _ in 0..3 {
        assert_eq!(printed(source).await, "True True [] []\n");
    }
}

#[tokio::test]
async fn looking_things_up_while_a_table_of_the_snapshot_is_walked_does_not_disturb_the_walk() {
    let source = "import sys\n\
                  names = [name for name in sys.modules if name in sys.modules]\n\
                  print(names == list(sys.modules), len(names) > 100)";
    assert_eq!(printed(source).await, "True True\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_runs_at_once_keep_their_own_output() {
    let sandbox = sandbox().await;
    let runs: Vec<_> = (0..300)
        .map(|number| {
            let sandbox = sandbox.clone();
            tokio::spawn(async move {
                let source = format!("import time\nx = {number}\ntime.sleep(0.01)\nprint(x)");
                let context = Context::alone(limits());
                sandbox
                    .run(Script::new(source), &context)
                    .await
                    .unwrap()
                    .stdout
                    .text
            })
        })
        .collect();
    for (number, run) in runs.into_iter().enumerate() {
        assert_eq!(run.await.unwrap(), format!("{number}\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_a_run_frees_its_instance() {
    let builder = sandgate::Sandbox::builder().cache_dir(crate::support::cache_dir());
    let sandbox = builder
        .instances(std::num::NonZeroU32::MIN)
        .build()
        .await
        .unwrap();
    let context = Context::alone(limits());
    for _ in 0..20 {
        let run = sandbox.run(Script::new("while True: pass"), &context);
        assert!(
            tokio::time::timeout(Duration::from_millis(5), run)
                .await
                .is_err()
        );
    }
    assert_eq!(
        sandbox
            .run(Script::new("print(1)"), &context)
            .await
            .unwrap()
            .stdout
            .text,
        "1\n"
    );
}

#[tokio::test]
async fn esc_03_a_panic_in_the_host_costs_one_run() {
    struct Panicking;
    impl sandgate::Sink for Panicking {
        fn write(&self, _: sandgate::Stream, _: &[u8]) {
            panic!("a bug of the host");
        }
    }
    let script = Script {
        sink: Some(std::sync::Arc::new(Panicking)),
        ..Script::new("print(1)")
    };
    let outcome = run_limited(script, limits()).await;
    assert_eq!(outcome.status, Status::Failed);
    assert_eq!(
        outcome.reason.unwrap(),
        "sandgate itself failed; please report it"
    );
    assert_eq!(printed("print(2)").await, "2\n");
}

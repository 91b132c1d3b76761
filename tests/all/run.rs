//! A script that behaves: what it prints, what it is worth, how it ends.

use crate::support::{printed, run};
use sandgate::{Script, Status, Value};

async fn value(source: &str) -> Option<String> {
    let outcome = run(Script::new(source)).await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    outcome.value.map(|value| match value {
        Value::Json(json) => json.get().to_owned(),
        Value::Repr(repr) => format!("repr {repr}"),
    })
}

#[tokio::test]
async fn a_script_prints_and_ends() {
    let outcome = run(Script::new(
        "print('out')\nimport sys\nprint('err', file=sys.stderr)",
    ))
    .await;
    assert_eq!(outcome.status, Status::Ok);
    assert_eq!(
        (outcome.stdout.text.as_str(), outcome.stderr.text.as_str()),
        ("out\n", "err\n")
    );
    assert_eq!(
        (outcome.exit_code, outcome.value, outcome.exception),
        (0, None, None)
    );
}

#[tokio::test]
async fn the_value_of_the_last_expression_is_json_where_json_can_hold_it() {
    assert_eq!(value("1 + 1").await.unwrap(), "2");
    assert_eq!(
        value("{'b': [1.5, True, None, 'ü\\n'], 'a': (1, 2)}")
            .await
            .unwrap(),
        r#"{"b":[1.5,true,null,"ü\n"],"a":[1,2]}"#
    );
}

#[tokio::test]
async fn what_json_has_no_form_for_is_given_one() {
    let forms = [
        (
            "import datetime; datetime.date(2026, 1, 2)",
            r#""2026-01-02""#,
        ),
        (
            "import datetime; datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)",
            r#""2026-01-02T03:04:00+00:00""#,
        ),
        ("import datetime; datetime.timedelta(minutes=1.5)", "90.0"),
        ("import decimal; [decimal.Decimal('1.10')]", r#"["1.10"]"#),
        ("import fractions; fractions.Fraction(1, 3)", r#""1/3""#),
        (
            "import uuid; uuid.UUID(int=1)",
            r#""00000000-0000-0000-0000-000000000001""#,
        ),
        ("import pathlib; pathlib.Path('a') / 'b'", r#""a/b""#),
        ("{3, 1, 2}", "[1,2,3]"),
        ("frozenset({'b', 'a'})", r#"["a","b"]"#),
        ("[b'abc', bytearray(b'd')]", r#"["YWJj","ZA=="]"#),
        (
            "{1: 'a', 2.5: 'b', None: 'c', True: 'd'}",
            r#"{"1":"d","2.5":"b","null":"c"}"#,
        ),
        (
            "import collections; collections.Counter('aab')",
            r#"{"a":2,"b":1}"#,
        ),
        (
            "import collections; collections.namedtuple('P', 'x y')(1, 2)",
            r#"{"x":1,"y":2}"#,
        ),
        (
            "import enum\nclass C(enum.Enum):\n    RED = 'red'\n[C.RED]",
            r#"["red"]"#,
        ),
        (
            "import dataclasses, datetime\n@dataclasses.dataclass\nclass A:\n    n: int\n    on: object\nA(1, datetime.date(2026, 1, 2))",
            r#"{"n":1,"on":"2026-01-02"}"#,
        ),
        ("class N(int): pass\nN(7)", "7"),
    ];
    for (source, json) in forms {
        assert_eq!(value(source).await.unwrap(), json, "{source}");
    }
}

#[tokio::test]
async fn a_value_without_any_form_is_its_repr_as_a_whole() {
    assert_eq!(
        value("[range(3), 1]").await.unwrap(),
        "repr [range(0, 3), 1]"
    );
    assert_eq!(value("{'at': 1j}").await.unwrap(), "repr {'at': 1j}");
}

#[tokio::test]
async fn the_value_of_the_last_expression_is_its_repr_where_json_cannot_hold_it() {
    assert_eq!(value("{(1, 2): 3}").await.unwrap(), "repr {(1, 2): 3}");
    assert_eq!(value("2**64").await.unwrap(), "repr 18446744073709551616");
    assert_eq!(value("float('inf')").await.unwrap(), "repr inf");
    assert_eq!(value("'\\ud800'").await.unwrap(), "repr '\\ud800'");
    assert_eq!(
        value("x = []\nx.append(x)\nx").await.unwrap(),
        "repr [[...]]"
    );
    assert_eq!(
        value("class A:\n    def __repr__(self): raise ValueError('no')\nA()")
            .await
            .unwrap(),
        "repr <A object, whose repr() raised ValueError>"
    );
}

#[tokio::test]
async fn a_last_statement_that_is_no_expression_has_no_value() {
    assert_eq!(value("x = 1").await, None);
    assert_eq!(value("print(1)").await, None);
    assert_eq!(value("def f(): pass").await, None);
    assert_eq!(value("class A: pass").await, None);
    assert_eq!(value("").await, None);
}

#[tokio::test]
async fn a_long_value_is_shortened() {
    let shown = value("'x' * 300_000").await.unwrap();
    assert_eq!(shown, format!("repr '{}…", "x".repeat(16 * 1024 - 1)));
}

#[tokio::test]
async fn an_uncaught_exception_has_the_scripts_own_lines() {
    let outcome = run(Script {
        name: Some("job.py".to_owned()),
        ..Script::new("def f(n):\n    return 1 / n\n\nf(0)\n")
    })
    .await;
    assert_eq!(outcome.status, Status::Raised);
    assert_eq!(outcome.exit_code, 1);
    assert_eq!(outcome.stderr.text, "");
    let exception = outcome.exception.unwrap();
    assert_eq!(
        (exception.kind.as_str(), exception.message.as_str()),
        ("ZeroDivisionError", "division by zero")
    );
    assert_eq!(
        exception.traceback,
        "Traceback (most recent call last):\n  File \"job.py\", line 4, in <module>\n    f(0)\n    ~^^^\n  \
         File \"job.py\", line 2, in f\n    return 1 / n\n           ~~^~~\nZeroDivisionError: division by zero\n"
    );
}

#[tokio::test]
async fn a_syntax_error_shows_its_line() {
    let exception = run(Script::new("x = 1\nif x\n    pass\n"))
        .await
        .exception
        .unwrap();
    assert_eq!(exception.kind, "SyntaxError");
    assert_eq!(
        exception.traceback,
        "  File \"script.py\", line 2\n    if x\n        ^\nSyntaxError: expected ':'\n"
    );
}

#[tokio::test]
async fn exceptions_of_modules_carry_the_module() {
    let exception = run(Script::new("import json\njson.loads('{')"))
        .await
        .exception
        .unwrap();
    assert_eq!(exception.kind, "json.decoder.JSONDecodeError");
}

#[tokio::test]
async fn sys_exit_is_honoured() {
    for (source, code, stderr) in [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit()", 0, ""),
        ("raise SystemExit('good bye')", 1, "good bye\n"),
        ("import os; os._exit(4)", 4, ""),
    ] {
        let outcome = run(Script::new(source)).await;
        assert_eq!(
            (
                outcome.status,
                outcome.exit_code,
                outcome.stderr.text.as_str()
            ),
            (Status::Exited, code, stderr),
            "{source}"
        );
    }
}

#[tokio::test]
async fn input_and_stdin_read_what_was_given_and_then_end() {
    let source = "import sys\nprint(repr(input('? ')), sys.stdin.read().split())\ntry:\n    input()\nexcept EOFError:\n    print('end')";
    let outcome = run(Script {
        stdin: b"one\ntwo three\n".to_vec(),
        ..Script::new(source)
    })
    .await;
    assert_eq!(outcome.stdout.text, "? 'one' ['two', 'three']\nend\n");
}

#[tokio::test]
async fn without_input_there_is_none() {
    assert_eq!(
        crate::support::raised("input()").await,
        "EOFError: EOF when reading a line"
    );
}

#[tokio::test]
async fn arguments_are_what_was_passed() {
    let script = Script {
        arguments: vec!["-v".into(), "ü x".into()],
        ..Script::new("import sys\nprint(sys.argv)")
    };
    assert_eq!(
        run(script).await.stdout.text,
        "['script.py', '-v', 'ü x']\n"
    );
}

#[tokio::test]
async fn the_script_is_the_main_module() {
    let source = "import sys, dataclasses, pickle\n@dataclasses.dataclass\nclass A:\n    x: int\n\
                  print(__name__, sys.modules['__main__'].A is A, pickle.loads(pickle.dumps(A(1))))";
    assert_eq!(printed(source).await, "__main__ True A(x=1)\n");
}

#[tokio::test]
async fn exit_handlers_run_and_what_they_print_is_kept() {
    assert_eq!(
        printed("import atexit\natexit.register(print, 'last')\nprint('first')").await,
        "first\nlast\n"
    );
}

#[tokio::test]
async fn usage_is_measured() {
    let outcome = run(Script::new(
        "x = 0\nfor i in range(200_000):\n    x += i\nprint(x)",
    ))
    .await;
    assert_eq!(outcome.stdout.text, "19999900000\n");
    let usage = outcome.usage;
    assert!(!usage.cpu.is_zero() && usage.wall >= usage.cpu, "{usage:?}");
    assert!(
        (50 << 20..96 << 20).contains(&usage.peak_memory),
        "{usage:?}"
    );
    assert_eq!((usage.output_bytes, usage.calls), (12, 0));
}

#[tokio::test]
async fn the_outcome_is_one_json_form() {
    let outcome = run(Script::new("print('x')\n[1]")).await;
    let mut json = serde_json::to_value(&outcome).unwrap();
    let usage = json["usage"].as_object_mut().unwrap();
    let names: Vec<String> = usage.keys().cloned().collect();
    assert_eq!(
        names,
        ["wall_us", "cpu_us", "peak_memory", "output_bytes", "calls"]
    );
    usage.clear();
    insta::assert_json_snapshot!(json, @r#"
    {
      "status": "ok",
      "exit_code": 0,
      "reason": null,
      "stdout": "x\n",
      "stderr": "",
      "stdout_dropped": 0,
      "stderr_dropped": 0,
      "value": {
        "json": [
          1
        ]
      },
      "exception": null,
      "files": [],
      "usage": {}
    }
    "#);
}

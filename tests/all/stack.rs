//! THREAT DOS-07: forty ways to recurse, at depths up to a million. Each ends in a clean status, the process survives,
//! and the next run is right. The host's own stack is never in play: guests run on fibers of their own.

use crate::support::{limits, printed, run_limited};
use sandgate::{Limits, Script, Status};
use std::time::Duration;

/// `D` is the depth.
const CONSTRUCTS: &[&str] = &[
    "eval('(' * D + ')' * D)",
    "eval('[' * D + ']' * D)",
    "eval('{' * D + '}' * D)",
    "eval('-' * D + '1')",
    "eval('not ' * D + '1')",
    "eval('~' * D + '1')",
    "eval('1' + '+1' * D)",
    "eval('1' + '**1' * D)",
    "eval('x' + '.a' * D, {'x': 1})",
    "eval('x' + '[0]' * D, {'x': 1})",
    "eval('x' + '()' * D, {'x': 1})",
    "eval('lambda: ' * D + '1')",
    "eval('1 if 1 else ' * D + '1')",
    "eval('1' + ' and 1' * D)",
    "eval('1' + ' < 1' * D)",
    "exec('if 1: pass\\n' + 'elif 1: pass\\n' * D)",
    "exec('@f\\n' * D + 'def g(): pass', {'f': lambda x: x})",
    "exec('x = ' * D + '1')",
    "exec(''.join(' ' * i + 'if 1:\\n' for i in range(min(D, 2000))) + ' ' * 2001 + 'pass')",
    "eval(\"f'{\" * min(D, 1000) + '1' + \"}'\" * min(D, 1000))",
    "eval('*' * D + 'x')",
    "eval('[x for x in ' * D + '[]' + ']' * D)",
    "exec('match 1:\\n case ' + '[' * D + ']' * D + ': pass')",
    "__import__('ast').literal_eval('[' * D + ']' * D)",
    "__import__('ast').literal_eval('-' * D + '1')",
    "__import__('json').loads('[' * D + ']' * D)",
    "__import__('json').loads('{\"a\":' * D + '1' + '}' * D)",
    "__import__('re').compile('(' * D + ')' * D)",
    "__import__('re').compile('a|' * D)",
    "repr(nest(D))",
    "__import__('json').dumps(nest(D))",
    "__import__('copy').deepcopy(nest(D))",
    "__import__('pickle').dumps(nest(D))",
    "nest(D) == nest(D)",
    "str(chain(D))",
    "hash(tuples(D))",
    "isinstance(1, tuples(D))",
    "__import__('functools').reduce(lambda f, _: __import__('functools').partial(f), range(D), len)([])",
    "recurse(D)",
    "sum_of(generator(D))",
    "getattr(Asking(), 'a')",
    "Comparing() < Comparing()",
    "sorted([Comparing(), Comparing()])",
    "[*Iterating()]",
];

const HELPERS: &str = "
import sys
sys.setrecursionlimit(10**6)
def nest(depth):
    x = []
    for _ in range(depth): x = [x]
    return x
def tuples(depth):
    x = ()
    for _ in range(depth): x = (x,)
    return x
def chain(depth):
    x = ValueError()
    for _ in range(depth):
        y = ValueError(x)
        y.__cause__ = x
        x = y
    return x
def recurse(depth):
    return 0 if depth == 0 else 1 + recurse(depth - 1)
def generator(depth):
    yield depth
    if depth: yield from generator(depth - 1)
def sum_of(g):
    return sum(g) if D <= 1000 else sum(x for x, _ in zip(g, range(2000)))
class Asking:
    def __getattr__(self, name): return getattr(self, name)
class Comparing:
    def __lt__(self, other): return self < other
class Iterating:
    def __iter__(self): return iter([*self])
";

async fn survives(depth: u32) {
    let limits = Limits {
        wall: Duration::from_millis(2000),
        ..limits()
    };
    for construct in CONSTRUCTS {
        let source = format!(
            "D = {depth}\n{HELPERS}\ntry:\n    {construct}\nexcept (RecursionError, SyntaxError, MemoryError, TypeError, ValueError, AttributeError, OverflowError) as e:\n    print(type(e).__name__)\nprint('alive')"
        );
        let outcome = run_limited(Script::new(source), limits).await;
        let clean = match outcome.status {
            Status::Ok => outcome.stdout.text.ends_with("alive\n"),
            Status::Stack | Status::Timeout | Status::Memory => true,
            _ => false,
        };
        assert!(
            clean,
            "{construct} at {depth}: {:?} {:?} {:?}",
            outcome.status, outcome.reason, outcome.exception
        );
    }
    assert_eq!(printed("print(6 * 7)").await, "42\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_07_a_hundred_deep() {
    survives(100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_07_a_thousand_deep() {
    survives(1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_07_five_thousand_deep() {
    survives(5_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_07_fifty_thousand_deep() {
    survives(50_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_07_a_million_deep() {
    survives(1_000_000).await;
}

#[tokio::test]
async fn dos_07_ordinary_recursion_ends_in_a_recursion_error_that_can_be_caught() {
    let source = "def f(n):\n    return f(n + 1)\ntry:\n    f(0)\nexcept RecursionError as error:\n    print(str(error).strip())";
    assert_eq!(printed(source).await, "maximum recursion depth exceeded\n");
}

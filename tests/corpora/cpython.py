"""Runs CPython's own tests in sandgate, and writes `cpython.md`: of each module how many ran, and what failed.

The tests are a directory `test` of CPython 3.14's `Lib` (Debian has it as libpython3.14-testsuite and
libpython3.14-stdlib). Only modules of pure Python that a sandbox can have are asked about; a test that needs what is
absent on purpose (processes, sockets, real threads) is skipped by itself or counted as failed.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
CONTEXT = "cpython"
LIMITS = """hero_context = 1
timeout = "{seconds}s"
memory = "1GiB"
output = "16MiB"
workspace_bytes = "1GiB"
workspace_files = 10000
approvals = false
"""
POLICY = '@id("nothing")\n@because("Tests call no service.")\nforbid (principal, action, resource);\n'
# The interpreter's own modules stand in for what tests would import anew from files.
RUNNER = """
import _imp, sys, unittest, warnings
_imp._override_frozen_modules_for_tests = lambda _number: None
warnings.simplefilter("ignore")
name = sys.argv[1]
try:
    suite = unittest.defaultTestLoader.loadTestsFromName("test." + name)
except unittest.SkipTest as error:
    print("skipped", error, sep="\\t")
    sys.exit()
class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        print("begun", test.id(), sep="\\t")
result = Result()
suite.run(result)
for test, traceback in result.failures + result.errors:
    print("failed", test.id().removeprefix(f"test.{name}."), sep="\\t")
print("ran", result.testsRun, len(result.failures) + len(result.errors), len(result.skipped), sep="\\t")
"""
MODULES = """
test_abc test_annotationlib test_argparse test_array test_ast test_asyncgen test_atexit test_augassign test_base64
test_baseexception test_binascii test_binop test_bisect test_bool test_builtin test_bz2 test_calendar test_call test_class
test_cmath test_cmd test_code test_codecs test_codeop test_collections test_colorsys test_compare test_complex
test_configparser test_contextlib test_contextlib_async test_copy test_coroutines test_csv test_dataclasses test_datetime
test_decimal test_decorators test_defaultdict test_deque test_descr test_dict test_dictcomps test_dictviews test_difflib
test_dis test_doctest test_email test_enum test_enumerate test_eof test_except_star test_exception_group test_exceptions
test_extcall test_fileio test_float test_fnmatch test_format test_fractions test_frame test_fstring test_funcattrs
test_functools test_gc test_generators test_genexps test_getopt test_gettext test_glob test_global test_grammar
test_graphlib test_gzip test_hash test_hashlib test_heapq test_hmac test_html test_htmlparser test_inspect test_int test_io
test_ipaddress test_isinstance test_iter test_itertools test_json test_keyword test_keywordonlyarg test_lambda test_list
test_listcomps test_locale test_logging test_long test_lzma test_math test_memoryio test_memoryview test_metaclass
test_mimetypes test_minidom test_named_expressions test_netrc test_numeric_tower test_opcodes test_operator test_optparse
test_ordered_dict test_os test_pathlib test_patma test_pickle test_plistlib test_positional_only_arg test_pow test_pprint
test_print test_property test_pyexpat test_queue test_quopri test_raise test_random test_range test_re test_reprlib
test_richcmp test_sax test_sched test_scope test_secrets test_set test_setcomps test_shlex test_shutil test_slice test_sort
test_sqlite3 test_statistics test_str test_string test_string_literals test_stringprep test_strptime test_struct
test_subclassinit test_super test_symtable test_syntax test_tarfile test_tempfile test_textwrap test_time test_timeit
test_tokenize test_tomllib test_traceback test_tuple test_type_aliases test_type_annotations test_type_params test_typechecks
test_types test_typing test_unary test_unicode_identifiers test_unicodedata test_unittest test_univnewlines test_unpack
test_unpack_ex test_urlparse test_userdict test_userlist test_userstring test_uuid test_warnings test_wave test_weakref
test_weakset test_with test_xml_etree test_yield_from test_zipfile test_zlib test_zoneinfo
""".split()


def run(options, policies, tests, name):
    """One module: a row of the table, as its cells."""
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        shutil.copytree(tests, place / "test", ignore=shutil.ignore_patterns("__pycache__", "*.zip", "crashers"))
        (place / "run.py").write_text(RUNNER)
        command = [options.sandgate, "run", "--quiet", "--policies", policies, "--context", CONTEXT]
        command += ["--state-dir", policies.parent / "state", "--workspace", place, place / "run.py", name]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    begun = [rest[0] for kind, *rest in lines if kind == "begun" and rest]
    for kind, *rest in lines:
        if kind == "ran":
            failed = [f"`{line[1].split(' ')[0]}`" for line in lines if line[0] == "failed" and len(line) > 1]
            failed = list(dict.fromkeys(failed))
            more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
            return (*rest, ", ".join(failed[:3]) + more)
        if kind == "skipped":
            return "", "", "", f"all skipped: {rest[0]}"
    last = begun[-1] if begun else "loading"
    why = (done.stderr.strip().splitlines() or ["nothing was printed"])[-1].removeprefix("sandgate: ")
    return str(len(begun)), "", "", f"stopped at `{last}`: {why}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tests", type=pathlib.Path, help="CPython's directory `test`, with `support` in it")
    parser.add_argument("--sandgate", default="sandgate", help="the binary to test")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these modules, and write no file")
    parser.add_argument("--timeout", type=int, default=120, metavar="SECONDS", help="for one module")
    options = parser.parse_args()
    if not (options.tests / "support" / "__init__.py").exists():
        parser.error(f"{options.tests} has no `support`: name the directory `test` of CPython's Lib")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        policies = pathlib.Path(scratch) / "policies"
        (policies / CONTEXT).mkdir(parents=True)
        (policies / CONTEXT / "limits.toml").write_text(LIMITS.format(seconds=options.timeout))
        (policies / CONTEXT / "policy.cedar").write_text(POLICY)
        for name in options.only or MODULES:
            rows.append((name, *run(options, policies, options.tests, name)))
            print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    ran = sum(int(row[1] or 0) for row in rows)
    failed = sum(int(row[2] or 0) for row in rows)
    lines = [
        "CPython 3.14's own tests in sandgate; `cpython.py` writes this file. A subtest that fails counts as well.",
        "",
        f"{ran} tests ran in {len(rows)} modules, {failed} failed.",
        "",
        "| module | ran | failed | skipped | which |",
        "|---|---|---|---|---|",
        *("| " + " | ".join(cell.replace("|", "\\|").replace("<", "\\<") for cell in row) + " |" for row in rows),
    ]
    text = "\n".join(lines) + "\n"
    if options.only:
        print(text, end="")
    else:
        (HERE / "cpython.md").write_text(text)


if __name__ == "__main__":
    main()

# Prints what becomes of an import of each module of CPython's standard library: one line each, for limitations.rs.
import importlib
import io
import sys

STAND_INS = "cProfile multiprocessing resource signal socket ssl subprocess threading tracemalloc".split()
sys.stdout, out = io.StringIO(), sys.stdout  # what modules print when they are imported
for name in MODULES:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        result = f"absent|{error}"
    except Exception as error:
        result = f"broken|{type(error).__name__}: {error}"
    else:
        result = "stand-in|" if name in STAND_INS else "works|"
    print(name, result, sep="|", file=out)

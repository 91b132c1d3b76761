import os, pathlib, tempfile


def attempt(act, *arguments):
    try:
        print(act.__name__, *arguments, "->", act(*arguments))
    except OSError as error:
        print(act.__name__, *arguments, "->", type(error).__name__, os.strerror(error.errno))


def read(path):
    return open(path).read().strip()


attempt(read, "f.txt")
attempt(sorted, os.listdir("."))
for mode in ("w", "a", "r+", "x"):
    attempt(open, "f.txt", mode)
attempt(open, "new.txt", "w")
attempt(open, "missing/new.txt", "w")
attempt(open, "sub", "w")
attempt(os.mkdir, "new")
attempt(os.mkdir, "sub")
attempt(os.rmdir, "sub")
attempt(os.remove, "f.txt")
attempt(os.rename, "f.txt", "g.txt")
attempt(os.utime, "f.txt")
attempt(os.truncate, "f.txt", 0)
attempt(pathlib.Path.touch, pathlib.Path("new.txt"))
attempt(tempfile.mkdtemp)

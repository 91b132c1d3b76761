import base64
import gzip
import hashlib
import io
import os.path
import pickle
import struct
import zipfile
import zlib
from pathlib import PurePosixPath, PureWindowsPath

p = PurePosixPath("/data/in/report.tar.gz")
print(p.name, p.stem, p.suffix, p.suffixes, p.parent, p.parts, p.with_suffix(".zip"), p.with_name("x"), p.relative_to("/data"), p / "../y", p.is_absolute())
print(PurePosixPath("a") / "b" / "c.txt", PurePosixPath("a/b").joinpath("c", "/d"), p.match("*.gz"), [str(x) for x in p.parents], PureWindowsPath(r"C:\a\b.txt").drive)
print(os.path.join("a", "b", "../c"), os.path.normpath("a/b/../c"), os.path.splitext("x/y.tar.gz"), os.path.basename("/a/b"), os.path.dirname("/a/b"), os.path.commonpath(["/a/b", "/a/c"]))
f = io.StringIO("one\ntwo\nthree")
print(f.readline(), f.tell(), f.read(), f.seek(0), [line.strip() for line in f], f.closed)
b = io.BytesIO()
b.write(struct.pack(">IhB3s", 1, -2, 3, b"abc"))
print(b.getvalue(), struct.unpack(">IhB3s", b.getvalue()), struct.calcsize("<qd"))
with io.TextIOWrapper(io.BytesIO("é\r\nb".encode()), encoding="utf-8", newline=None) as t:
    print(t.readlines())
blob = gzip.compress(b"hello " * 100, mtime=0)
print(gzip.decompress(blob)[:6], len(zlib.decompress(zlib.compress(b"x" * 1000))), zlib.crc32(b"abc"), base64.b64encode(b"hi there"), base64.urlsafe_b64decode("-_8="))
print(hashlib.sha256(b"abc").hexdigest(), hashlib.md5(b"").hexdigest())
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("dir/a.txt", "content")
with zipfile.ZipFile(archive) as z:
    print(z.namelist(), z.read("dir/a.txt"))

class Point:
    def __init__(self, x): self.x = x
    def __eq__(self, other): return self.x == other.x
data = {"a": [1, (2, 3)], "p": Point(3), "s": {1}}
print(pickle.loads(pickle.dumps(data)) == data)
out = io.StringIO()
print("a", 1, sep="-", end="!\n", file=out)
print(repr(out.getvalue()))
try:
    open("/no/such/file.txt")
except FileNotFoundError as error:
    print(type(error).__name__, error.filename, error.strerror.split(" (")[0])

import csv
import io
import json
from collections import OrderedDict
from datetime import date

data = {"name": "Zoë", "tags": ["a", "b"], "nested": {"n": None, "t": True, "f": 1.5, "e": 1e20}, "big": 10 ** 20, "empty": [], "o": {}}
print(json.dumps(data))
print(json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False))
print(json.dumps([1, (2, 3)], separators=(",", ":")), json.dumps("é\n\"\\\u2028"), json.dumps({1: "a", None: "b", True: "c", 2.5: "d"}))
print(json.loads('{"a": [1, 2.0, -3e2, true, null, "\\u00e9\\n"]}'), json.loads("  3 "), json.loads('"x"'), json.loads(b'{"b": 1}'))
print(json.dumps(date(2024, 1, 2), default=str), json.loads('{"a": 1, "a": 2}'), json.dumps(float("nan")), json.loads("[NaN, Infinity]"))
for bad in ("", "{", '{"a" 1}', "{'a': 1}", "[1, 2,]", '{"a": 1} x', "nul", '"abc', '{"a": 1,}', "01", "\t{\n  \"a\": tru\n}"):
    try:
        json.loads(bad)
    except json.JSONDecodeError as error:
        print(f"{error} | {error.msg} {error.pos} {error.lineno} {error.colno}")
for bad in ({1, 2}, object, {"a": {"b": [3 + 4j]}}, {(1, 2): 3}):
    try:
        json.dumps(bad)
    except TypeError as error:
        print(error)

class Encoder(json.JSONEncoder):
    def default(self, o):
        if isinstance(o, set):
            return sorted(o)
        return super().default(o)

print(json.dumps({"s": {3, 1}}, cls=Encoder), json.loads('{"x": 1.10}', parse_float=str), json.loads('{"p": {"q": 1}}', object_hook=lambda d: tuple(d.items())))
loop = []
loop.append(loop)
try:
    json.dumps(loop)
except ValueError as error:
    print(error)

rows = list(csv.reader(io.StringIO('name,qty\n"Smith, J",3\n"say ""hi""",4\n\n')))
print(rows)
out = io.StringIO()
writer = csv.DictWriter(out, fieldnames=["a", "b"], extrasaction="ignore", lineterminator="\n")
writer.writeheader()
writer.writerows([{"a": 1, "b": "x,y"}, {"a": None, "b": 'q"q', "c": 3}])
print(out.getvalue())
for row in csv.DictReader(io.StringIO("id;v\n1;2\n3\n4;5;6"), delimiter=";"):
    print(row)
out = io.StringIO()
csv.writer(out, quoting=csv.QUOTE_NONNUMERIC).writerow([1, "a", 2.5, None])
print(repr(out.getvalue()), csv.Sniffer().sniff("a|b\n1|2\n").delimiter)

import traceback


class Record:
    def __init__(self, **fields):
        self.__dict__.update(fields)


def shown(function, *arguments):
    try:
        function(*arguments)
    except Exception:
        traceback.print_exc(file=__import__("sys").stdout)


def numbers():
    yield 1
    yield 1 / 0


def comprehension(rows):
    return [row["a"] for row in rows]


def several_lines(values):
    return (
        values["a"]
        + values["b"]
        + len(values)
    )


def chained(text):
    return (
        text
        .upper()
        .missing()
    )


def call_over_lines():
    return max(
        1,
        "two",
        key=lambda value: value + 1,
    )


def checked(items):
    assert len(items) > 2, f"only {len(items)}"


def managed():
    with open("/nowhere/at/all") as file:
        return file.read()


def wide(x):
    return "日本語" + x + 1


def tabbed():
	return	1 +	None


def unpacked():
    a, b = [1, 2, 3]


def decorated():
    @Record
    def inner():
        pass


a, b = 4, 0
shown(lambda: a + b * 3 / (b * 2) - 1)
shown(lambda: Record(inner=Record(value=None)).inner.value.deeper.still)
shown(lambda: {"users": [{"name": "x"}]}["users"][0]["address"]["city"])
shown(lambda: [1, 2][5] + 1)
shown(lambda: f"hello {a.upper()} end")
shown(lambda: sorted([3, None, 1], key=lambda x: x + 1))
shown(lambda: list(numbers()))
shown(comprehension, [{"a": 1}, {"b": 2}])
shown(several_lines, {"a": 1})
shown(chained, "abc")
shown(call_over_lines)
shown(checked, [])
shown(wide, "é")
shown(tabbed)
shown(unpacked)
shown(decorated)
shown(lambda: (yield_ for yield_ in 5))
shown(lambda: a if b else a.b.c)
shown(lambda: not a.missing and b)
shown(lambda: -"text" + 1)
shown(lambda: a < "text")
shown(lambda: [x for x in a])
shown(lambda: {"k": a / b})
shown(lambda: print(*5))
shown(lambda: exec("x = 1\ny = x / 0"))
shown(lambda: eval("1 + undefined_name"))
shown(lambda: (lambda value: value[0])(5))
x = 1; y = 0
shown(lambda: x
      / y)

import collections
import datetime
import json
import math
import sys
import traceback


def shown(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        print("".join(traceback.format_exception(error)[-1:]), end="")


class User:
    rate = 3

    def __init__(self):
        self.username, self.items, self._hidden = "ada", [], 1

    def get_name(self, *, upper=False):
        return usrname

    def without_self(self):
        return items

    def helper_of(self):
        return get_name()

    def of_the_class(self):
        return rate


total_count = 1


def local():
    counter = 1
    return coutner


def nested():
    message = "x"

    def inner():
        return mesage + message

    return inner()


def area(width, height, *, unit="cm", **rest_not_given):
    return width * height


def sized(width, height, unit="cm"):
    return width * height


user = User()
for function in (
    local,
    nested,
    lambda: total_cuont,
    lambda: lenn([1]),
    lambda: rnage(3),
    lambda: true,
    lambda: null,
    lambda: string.digits,
    lambda: itertools.count(),
    lambda: np.zeros(3),
    lambda: defaultdict(list),
    lambda: something_completely_different,
    user.without_self,
    user.helper_of,
    user.of_the_class,
    lambda: user.usrname,
    lambda: user.getname(),
    lambda: user.hidden,
    lambda: User.raet,
    lambda: math.sqr(3),
    lambda: json.load_s("1"),
    lambda: "abc".uper(),
    lambda: [1].apend(2),
    lambda: [1].push(2),
    lambda: {}.item(),
    lambda: {}.has_key(1),
    lambda: None.strip(),
    lambda: datetime.now(),
    lambda: datetime(2024, 1, 1),
    lambda: datetime.timedelta(day=1),
    lambda: collections.OrderedDcit(),
    lambda: sized(1, 2, unti="m"),
    lambda: sized(1, 2, color="red"),
    lambda: User(name="x"),
    lambda: user.get_name(uper=True),
    lambda: print("a", ends=""),
    lambda: max([1], defalt=0),
    lambda: int("3", bas=2),
    lambda: json.dumps({}, ident=2),
    lambda: open("x", moed="r"),
):
    shown(function)
for statement in ("import maths", "import jsonn", "from itertools import izip", "from math import squareroot", "import os.pth", "from . import x"):
    shown(exec, statement)

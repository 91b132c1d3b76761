"""Times of two that were measured in turns, and what they come to: medians of paired ratios.

Rows are made of them. It must never compare a time with one of another turn: the machine may have been another one by then.
"""

import math
import statistics


class Pair:
    """One turn: seconds by the wall and of the processor, of ours and of the other."""

    def __init__(self, ours, theirs):
        self.ours = ours
        self.theirs = theirs


def in_turns(ours, theirs, turns):
    """Both, in turns, each first in every second one."""
    pairs = []
    for turn in range(turns):
        if turn % 2:
            other = theirs()
            pairs.append(Pair(ours(), other))
        else:
            mine = ours()
            pairs.append(Pair(mine, theirs()))
    return pairs


def compared(pairs):
    """What pairs come to, ready for a result."""

    def column(side, kind):
        return [getattr(pair, side)[kind] for pair in pairs]

    def quotients(kind):
        # Where the system counts in hundredths of a second, nothing is a possible amount.
        return sorted(pair.ours[kind] / pair.theirs[kind] for pair in pairs if pair.theirs[kind] > 0)

    wall, processor = quotients(0), quotients(1)
    return {
        "ours": statistics.median(column("ours", 0)),
        "theirs": statistics.median(column("theirs", 0)),
        "ratio": statistics.median(wall),
        "least": wall[0],
        "most": wall[-1],
        "ours_processor": statistics.median(column("ours", 1)),
        "theirs_processor": statistics.median(column("theirs", 1)),
        "processor_ratio": statistics.median(processor) if processor else None,
        "turns": len(pairs),
    }


def mean(ratios):
    """Of ratios: the geometric one."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))

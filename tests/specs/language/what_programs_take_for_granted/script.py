import bz2
import csv
import gzip
import io
import sys
import time

smallest = sys.maxsize
for value in (5_000_000_000, 3_000_000_000):
    smallest = min(smallest, value)
print(sys.maxsize, -sys.maxsize - 1, smallest)
csv.field_size_limit(sys.maxsize)
started, cpu = time.perf_counter(), time.process_time()
print(time.process_time() >= cpu, time.process_time_ns() > 0, time.perf_counter() >= started)
print(time.strptime("30 Nov 2024", "%d %b %Y").tm_yday, time.gmtime(0).tm_year)
print(sum([0.1] * 10), sum([1e16, 1, -1e16]), sum([1, 2.5]), sum([[1], [2]], []), sum(range(101)), sum([2**62] * 4), sum([], start=0.5))
print(sum(x / 10 for x in range(11)), sum({1: 2, 3: 4}), sum([True, 2]), sum([1.5, 2, 3j]))
with gzip.open(io.BytesIO(gzip.compress(b"gzip")), "rt") as text, bz2.open(io.BytesIO(bz2.compress(b"bz2"))) as data:
    print(text.read(), data.read(), sum([], False))

import itertools as it
import operator

print(list(it.chain([1], "ab", range(2))), list(it.chain.from_iterable([[1], [2, 3]])))
print(list(it.combinations("abc", 2)), list(it.permutations([1, 2, 3], 2))[:3], list(it.product("ab", [0, 1])))
print(list(it.combinations_with_replacement("ab", 2)), list(it.product([0, 1], repeat=2)))
print(list(it.accumulate([1, 2, 3, 4])), list(it.accumulate([3, 1, 2], max)), list(it.accumulate([1, 2], operator.mul, initial=10)))
print([(k, list(g)) for k, g in it.groupby(sorted(["apple", "avocado", "bean", "cherry"]), key=lambda w: w[0])])
print(list(it.islice(it.count(10, 5), 3)), list(it.islice("abcdef", 1, None, 2)), list(it.repeat("x", 2)))
print(list(it.takewhile(lambda x: x < 3, [1, 2, 3, 1])), list(it.dropwhile(lambda x: x < 3, [1, 2, 3, 1])), list(it.filterfalse(lambda x: x % 2, range(5))))
print(list(it.zip_longest("ab", [1], fillvalue="-")), list(it.starmap(pow, [(2, 3), (3, 2)])), list(it.compress("abcd", [1, 0, 1, 0])))
print(list(it.pairwise([1, 4, 9])), [b for b in it.batched("abcdefg", 3)])
a, b = it.tee(iter([1, 2, 3]))
print(list(a), list(b))
cycle = it.cycle("ab")
print([next(cycle) for _ in range(5)])
print(max(range(5), key=operator.neg), operator.itemgetter(1, 0)([5, 6]), operator.attrgetter("real")(3), operator.methodcaller("upper")("x"))
print(list(zip(*[iter(range(6))] * 2)), dict(zip("ab", it.count())))
print(len(list(it.permutations(range(5)))), sum(1 for _ in it.combinations(range(10), 3)))

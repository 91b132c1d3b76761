import math
import random
from collections import deque
from functools import lru_cache
from typing import List, Optional

def quicksort(xs: List[int]) -> List[int]:
    if len(xs) <= 1:
        return xs
    pivot, *rest = xs
    return quicksort([x for x in rest if x < pivot]) + [pivot] + quicksort([x for x in rest if x >= pivot])

def binary_search(xs, target):
    low, high = 0, len(xs) - 1
    while low <= high:
        mid = (low + high) // 2
        if xs[mid] == target:
            return mid
        if xs[mid] < target:
            low = mid + 1
        else:
            high = mid - 1
    return -1

def knapsack(weights, values, capacity):
    best = [[0] * (capacity + 1) for _ in range(len(weights) + 1)]
    for i, (w, v) in enumerate(zip(weights, values), 1):
        for c in range(capacity + 1):
            best[i][c] = best[i - 1][c]
            if w <= c:
                best[i][c] = max(best[i][c], best[i - 1][c - w] + v)
    return best[-1][-1]

def lcs(a, b):
    @lru_cache(maxsize=None)
    def go(i, j):
        if i == len(a) or j == len(b):
            return ""
        if a[i] == b[j]:
            return a[i] + go(i + 1, j + 1)
        return max(go(i + 1, j), go(i, j + 1), key=len)
    return go(0, 0)

class ListNode:
    def __init__(self, val=0, next=None):
        self.val, self.next = val, next

def reverse(head: Optional[ListNode]) -> Optional[ListNode]:
    previous = None
    while head:
        head.next, previous, head = previous, head, head.next
    return previous

def queens(n, row=0, cols=(), found=None):
    if row == n:
        return 1
    return sum(queens(n, row + 1, cols + (c,)) for c in range(n) if all(c != k and abs(c - k) != row - r for r, k in enumerate(cols)))

def bfs(grid, start, goal):
    queue, seen = deque([(start, 0)]), {start}
    while queue:
        (r, c), steps = queue.popleft()
        if (r, c) == goal:
            return steps
        for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            nr, nc = r + dr, c + dc
            if 0 <= nr < len(grid) and 0 <= nc < len(grid[0]) and grid[nr][nc] != "#" and (nr, nc) not in seen:
                seen.add((nr, nc))
                queue.append(((nr, nc), steps + 1))
    return None

def evaluate(expression):
    precedence = {"+": 1, "-": 1, "*": 2, "/": 2}
    output, stack = [], []
    def apply():
        op, b, a = stack.pop(), output.pop(), output.pop()
        output.append({"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else math.nan}[op])
    for token in expression.replace("(", " ( ").replace(")", " ) ").split():
        if token in precedence:
            while stack and stack[-1] != "(" and precedence[stack[-1]] >= precedence[token]:
                apply()
            stack.append(token)
        elif token == "(":
            stack.append(token)
        elif token == ")":
            while stack[-1] != "(":
                apply()
            stack.pop()
        else:
            output.append(float(token))
    while stack:
        apply()
    return output[0]

def hanoi(n, a="A", b="B", c="C"):
    return [] if n == 0 else hanoi(n - 1, a, c, b) + [(a, c)] + hanoi(n - 1, b, a, c)

class Trie:
    def __init__(self): self.root = {}
    def insert(self, word):
        node = self.root
        for ch in word:
            node = node.setdefault(ch, {})
        node["$"] = True
    def words(self, prefix, node=None):
        if node is None:
            node = self.root
            for ch in prefix:
                node = node.get(ch)
                if node is None:
                    return
        for ch, child in sorted(node.items(), key=lambda kv: kv[0]):
            if ch == "$":
                yield prefix
            else:
                yield from self.words(prefix + ch, child)

print(quicksort([3, 6, 1, 8, 2, 9, 2]), binary_search([1, 3, 5, 7], 5), knapsack([1, 3, 4], [15, 20, 30], 4), lcs("AGGTAB", "GXTXAYB"))
node = reverse(ListNode(1, ListNode(2, ListNode(3))))
values = []
while node:
    values.append(node.val)
    node = node.next
print(values, queens(6), bfs(["..#", ".#.", "..."], (0, 0), (2, 2)), evaluate("2 * ( 3 + 4 ) - 6 / 3"), len(hanoi(5)), hanoi(2))
trie = Trie()
for word in ("car", "card", "cat", "dog"):
    trie.insert(word)
print(list(trie.words("ca")), [n for n in range(2, 40) if all(n % d for d in range(2, math.isqrt(n) + 1))], [1 if i in (0, 4) else 0 for i in range(5)])
random.seed(42)
print([random.randint(1, 100) for _ in range(5)], random.choice("abc"), random.sample(range(10), 3), round(random.random(), 6), round(random.gauss(0, 1), 6))
deck = list(range(8))
random.shuffle(deck)
print(deck, random.Random(7).choices("xy", weights=[1, 3], k=5), random.uniform(1, 2) < 2, "FizzBuzz Buzz".split(), ["Fizz" * (i % 3 == 0) + "Buzz" * (i % 5 == 0) or i for i in range(1, 16)])

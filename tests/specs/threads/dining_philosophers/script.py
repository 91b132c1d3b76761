import threading
forks, meals = [threading.Lock() for _ in range(5)], [0] * 5
def dine(n):
    first, second = sorted((n, (n + 1) % 5))
    for _ in range(20):
        with forks[first], forks[second]:
            meals[n] += 1
ts = [threading.Thread(target=dine, args=(n,)) for n in range(5)]
for t in ts: t.start()
for t in ts: t.join()
print(meals)

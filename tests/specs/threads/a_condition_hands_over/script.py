import threading
condition, items, got = threading.Condition(), [], []
def consume():
    for _ in range(3):
        with condition:
            condition.wait_for(lambda: items)
            got.append(items.pop(0))
t = threading.Thread(target=consume)
t.start()
for n in range(3):
    with condition:
        items.append(n)
        condition.notify()
t.join()
print(got)

import threading, time
order = []
def work(name, delay):
    time.sleep(delay)
    order.append(name)
ts = [threading.Thread(target=work, args=(n, d)) for n, d in (("slow", 0.3), ("fast", 0.1), ("middle", 0.2))]
for t in ts: t.start()
for t in ts: t.join()
print(order)

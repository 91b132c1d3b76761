import threading
results = []
def bad(): raise RuntimeError("broken")
def good(): results.append("good")
threading.excepthook = lambda args: results.append(f"{args.exc_type.__name__}: {args.exc_value} in {args.thread.name}")
for name, f in (("one", bad), ("two", good)):
    t = threading.Thread(target=f, name=name)
    t.start(); t.join()
print(results)

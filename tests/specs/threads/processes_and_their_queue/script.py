from multiprocessing import Process, Queue
def square(numbers, out):
    for n in numbers: out.put(n * n)
if __name__ == "__main__":
    out = Queue()
    ps = [Process(target=square, args=(ns, out)) for ns in ([1, 2], [3])]
    for p in ps: p.start()
    for p in ps: p.join()
    print(sorted(out.get() for _ in range(3)), [p.exitcode for p in ps])

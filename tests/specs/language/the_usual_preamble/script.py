import faulthandler, logging, os, resource, signal, sys, threading

sys.setrecursionlimit(10**6)
threading.stack_size(1 << 26)
resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY,) * 2)
signal.signal(signal.SIGINT, lambda *_: None)
signal.alarm(10)
faulthandler.enable()
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
logging.info("%s %s", os.environ.get("HOME"), sys.stdin.buffer.read())

def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)

threading.Thread(target=lambda: print(depth(2000))).start()

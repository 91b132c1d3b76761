import threading
class ReadWrite:
    def __init__(self):
        self.condition, self.readers = threading.Condition(), 0
    def read(self):
        with self.condition: self.readers += 1
    def done(self):
        with self.condition:
            self.readers -= 1
            if not self.readers: self.condition.notify_all()
    def write(self, function):
        with self.condition:
            while self.readers: self.condition.wait()
            function()
lock, log = ReadWrite(), []
lock.read()
t = threading.Thread(target=lock.write, args=(lambda: log.append("written"),))
t.start()
log.append("read")
lock.done()
t.join()
print(log)

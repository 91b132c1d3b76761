def load(path):
    return parse(path.upper())

def parse(text):
    rows = [int(x) for x in text.split(",")]
    return sum(rows)

class Loader:
    def __init__(self, path):
        self.path = path
    def run(self):
        return load(self.path)

Loader("1,2,x").run()

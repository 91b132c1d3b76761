class A:
    def __init__(self):
        self.items = []
    def go(self):
        return items
A().go()

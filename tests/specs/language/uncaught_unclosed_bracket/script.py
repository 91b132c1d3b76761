import os

def a():
    pass

def b(x):
    y = [1, 2, 3
    return y

print(b(1))

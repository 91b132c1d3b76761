import os

for directory, _, names in sorted(os.walk(".")):
    for name in sorted(names):
        path = os.path.join(directory, name)
        print(path, open(path).read().strip())

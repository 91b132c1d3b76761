import multiprocessing, os, socket, subprocess, urllib.request

for ask in (
    socket.socket,
    lambda: socket.create_connection(("localhost", 80)),
    lambda: urllib.request.urlopen("http://localhost/"),
    lambda: subprocess.run(["ls"]),
    lambda: os.system("ls"),
    lambda: multiprocessing.Pool(2),
    lambda: multiprocessing.Process(target=print),
):
    try:
        ask()
    except Exception as error:
        print(type(error).__name__, error)

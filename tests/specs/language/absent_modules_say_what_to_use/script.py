for name in ("requests", "httpx", "ssl", "numpy", "pandas", "ctypes", "yaml", "tkinter", "nothing_of_that_name"):
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        print(error)

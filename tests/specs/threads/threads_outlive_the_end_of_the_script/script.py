import threading, time
def late():
    time.sleep(0.05)
    print("late, but printed")
threading.Thread(target=late).start()
print("main ends")

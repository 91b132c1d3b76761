files = []
path = "C:\Users\ada"

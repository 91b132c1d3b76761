open("upper.csv", "w").write(open("data.csv").read().upper())

print("ping", flush=True)
print("got", input())

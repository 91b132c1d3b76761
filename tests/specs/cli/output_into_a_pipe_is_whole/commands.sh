sandgate run -c 'for i in range(300000): print(i)' | wc -lc
sandgate run -c 'for i in range(300000): print(i)' | tail -n 1
sandgate run --output-limit 1KiB -c 'while True: print("x" * 1000)' > out.txt
wc -c < out.txt
sandgate run --json --output-limit 10 -c 'print("0123456789abc")' | sed 's/,"usage.*//'

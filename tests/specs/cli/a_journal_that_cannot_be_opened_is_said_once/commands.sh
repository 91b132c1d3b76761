echo 'what is no directory' > state
sandgate run -c 'print(1)'
sandgate run -c 'for n in range(3): print(n)' 2> said
cat said
sandgate --quiet run -c 'print(1)'
rm state
sandgate run -c 'print(1)'

sandgate service add calendar --socket sockets/calendar/rpc.sock --timeout 1h
# The run is killed while the service has the call.
sandgate run --policies policies --context office book.py & run=$!; until sandgate journal show last 2>&1 | tail -1 | grep -q '  sent'; do :; done; { kill -9 $run; wait $run; } 2> killed
sandgate journal show last
sandgate resume last --policies policies
sandgate resolve last 2
sandgate resolve last 7 --not-made
sandgate resolve last 2 --result '{id: 8}'
sandgate resolve last 2 --result '{"id": 8}' --as grace
sandgate resume last --policies policies
sandgate resolve last 2 --not-made
sandgate journal show last
sandgate run --policies policies --context office book.py & run=$!; until sandgate journal show last 2>&1 | tail -1 | grep -q '  sent'; do :; done; { kill -9 $run; wait $run; } 2> killed
sandgate resolve last 2 --not-made --as grace
sandgate resume last --policies policies
sandgate journal verify

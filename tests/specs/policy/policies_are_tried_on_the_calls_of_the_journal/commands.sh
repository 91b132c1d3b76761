sandgate service add calendar --socket sockets/calendar/rpc.sock --sensitive room.book.code --effect event.list=read
sandgate policy replay --policies policies
sandgate run --policies policies --context office week.py
sandgate policy replay --policies policies --since 1d
sandgate policy replay --policies stricter --since 1d
sandgate policy replay --policies stricter --context office --json
sandgate policy replay --policies stricter --since 9999-01-01
sandgate policy replay --policies stricter --context offcie
sandgate policy suggest last --policies policies | sed -E 's/^now = .*/now = THEN/'
sandgate policy suggest last --policies policies --json | grep -o '"still_refused.*'
sandgate run -c '1'
sandgate policy suggest last --policies policies

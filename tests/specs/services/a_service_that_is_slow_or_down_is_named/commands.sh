sandgate service add calendar --socket sockets/calendar/rpc.sock --timeout 2s
sandgate run --policies policies --context office -c 'from services import calendar; calendar.room_get_never()'
sandgate service add calendar --socket sockets/calendar/rpc.sock --replace --timeout 1h
sandgate run --policies policies --context office --timeout 5s -c 'from services import calendar; calendar.room_get_never()' 2>&1 | sed 's/after [^,]*/after SOME TIME/'
rm sockets/calendar/rpc.sock
sandgate run --policies policies --context office -c 'from services import calendar; calendar.event_list()'

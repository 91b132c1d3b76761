sandgate service add calendar --socket sockets/calendar/rpc.sock
sandgate service refresh --policies policies --dry-run
cp changed.json documents/calendar.json
sandgate service refresh --policies policies --dry-run
sandgate run --policies policies --context office -c 'from services import calendar; print(calendar.event_list())'
sandgate service refresh calendar --policies policies --accept
sandgate service list
sandgate service refresh calendar --decline
sandgate run --policies policies --context office -c 'from services import calendar; print(calendar.event_list())'
sandgate service refresh calendar --policies policies --accept --force
sandgate service refresh calendar --policies policies --dry-run

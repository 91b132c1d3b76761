sandgate service add calendar --socket sockets/calendar/rpc.sock --json > registered
sandgate service add mail --socket sockets/mail/rpc.sock --json > registered
sandgate service search who comes to the event
sandgate service search reserve a room -n 1
sandgate service search who comes to the event --context office --policies policies
sandgate service search who comes to the event --context office --policies policies -n 1 --json
sandgate service search letters --context office --policies policies
sandgate service search letters --context office --policies policies --json
sandgate service search letters --context offic --policies policies
sandgate service search letters -n 0
sandgate service search

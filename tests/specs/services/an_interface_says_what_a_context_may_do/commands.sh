sandgate service add calendar --socket sockets/calendar/rpc.sock
sandgate service interface
sandgate service interface --context office --policies policies
sandgate service interface calendar --context office --policies policies --json
sandgate service interface --context offic --policies policies

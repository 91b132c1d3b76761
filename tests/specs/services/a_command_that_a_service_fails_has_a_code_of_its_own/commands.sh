sandgate service add calendar --socket sockets/calendar/rpc.sock >/dev/null && sandgate service test calendar event.list
mv sockets/calendar/rpc.sock gone
sandgate service test calendar
sandgate service test calendar event.list
sandgate service refresh calendar
sandgate service refresh
sandgate service add other --socket sockets/other/rpc.sock
sandgate service add other --socket documents/calendar.json
sandgate service interface calendar >/dev/null && echo 'what is registered is known without it'
sandgate service interface other

sandgate service add calendar --socket sockets/calendar/rpc.sock --effect room.book=destroy
sandgate service effect calendar event.create=read event.delete=write
sandgate service effect calendar event.creat=read
sandgate service effect calendar event.create=reads
sandgate service effect calendar event.create=unset
sandgate service effect calendar event.create=unset
sed -i s/event.delete/event.remove/ documents/calendar.json
sandgate service add calendar --socket sockets/calendar/rpc.sock --replace --effect event.create=write
sandgate service show calendar | grep operator

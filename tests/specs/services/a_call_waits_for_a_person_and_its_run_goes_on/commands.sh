sandgate service add crm --socket sockets/crm/rpc.sock --undo 'contact.add=contact.delete(id=params.id)' 2>&1 | head -1
# Nobody is at a terminal: the run waits.
sandgate run --policies policies --context office add.py
sandgate approvals
# It is made again up to the call, and goes on to the next.
sandgate approve --all --run last --policies policies --as ada
sandgate approve --all --run last --policies policies --as ada
sandgate approvals
sandgate approve --all --run last --policies policies --as ada
# What was done is undone down the same road, once.
sandgate replay last
sandgate undo last --policies policies --dry-run
sandgate undo last --policies policies
# Somebody says no.
sandgate run --policies policies --context office add.py
sandgate reject --all --run last --because 'not before Monday' --policies policies --as ada
sandgate reject --all --run last --because 'nor on it' --policies policies --as ada
# What would it change?
sandgate plan --policies policies --context office add.py
sandgate call --policies policies --context office crm contact.list '{"limit": 2}'
sandgate call --policies policies --context office crm contact.lst

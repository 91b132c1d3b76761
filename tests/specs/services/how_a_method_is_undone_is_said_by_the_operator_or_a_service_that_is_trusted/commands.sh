sandgate service add crm --socket sockets/crm/rpc.sock
sandgate service show crm
sandgate service interface crm
sandgate service mark crm --undo 'deal.add=deal.delete(ids=result.id)'
sandgate service mark crm --undo 'deal.add=deal.delete(id=result.idd)'
sandgate service mark crm --undo 'deal.add=deal.delete'
sandgate service mark crm --undo 'deal.ad=deal.delete(id=result.id)'
sandgate service mark crm --undo deal.add=unset
sandgate service mark crm
sandgate service mark crm --undo 'deal.rename=deal.rename(id=params.id, title=result)'
sandgate service show crm --json | grep -A 10 '"method": "deal.rename"'
sandgate service add crm --socket sockets/crm/rpc.sock --trust --replace
sandgate service interface crm
sandgate service mark crm --undo deal.add=no --undo deal.rename=unset
sandgate service export crm | grep undo
sed -i 's/"result.id"/"result.title"/' documents/crm.json
sandgate service mark crm --undo deal.add=unset
sandgate service refresh crm --accept
sandgate service mark crm --undo 'deal.rename=deal.rename(id=params.id, title=result)'
sed -i 's/"string"}}$/"array"}}/; s/"name": "title", "required"/"name": "name", "required"/' documents/crm.json
sandgate service add crm --socket sockets/crm/rpc.sock --replace

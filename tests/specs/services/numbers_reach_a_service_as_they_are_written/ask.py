import json
import _sandgate

for params in (
    '{"room": "blue", "cost": 50.10, "weight": 0.1000000000000000055511151231257827}',
    '["blue", 1e1, 18446744073709551617]',
    '{"room": "blue", "cost": 0.1000000000000000055511151231257827}',
):
    request = '{"service":"calendar","method":"room.book","params":%s}' % params
    reply = json.loads(_sandgate.collect(_sandgate.begin(request)))
    print(reply.get("ok") or reply["refused"]["message"])

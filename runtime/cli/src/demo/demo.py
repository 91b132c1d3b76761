import services
from services import crm

print("contacts:", ", ".join(contact["name"] for contact in crm.contact_list(limit=5)))

try:
    ada = crm.contact_add(name="Ada Lovelace", email="ada@example.org")
    print("added:", ada["name"], "with id", ada["id"])
except services.Refused as refusal:
    print("not added:", refusal)

try:
    crm.contact_delete(id=1)
except services.Refused as refusal:
    print("not deleted:", refusal)

print("now there are", crm.stats_count()["contacts"], "contacts")

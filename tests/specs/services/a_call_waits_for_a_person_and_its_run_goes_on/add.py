from services import crm, Refused

print("before:", crm.contact_list(limit=3))
for number, name in ((7, "Ada"), (8, "Bob")):
    try:
        print("added:", crm.contact_add(number, name))
    except Refused as refused:
        print(refused.code, refused.because)

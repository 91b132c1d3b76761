from services import crm

crm.contact_add(8, "Bob")

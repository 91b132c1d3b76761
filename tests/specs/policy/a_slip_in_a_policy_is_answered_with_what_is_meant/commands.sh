sandgate policy check policies/office

sandgate policy check policies/office
sandgate policy check policies/clear

sandgate policy test policies

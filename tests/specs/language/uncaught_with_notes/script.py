error = ValueError("bad row")
error.add_note("in file data.csv")
error.add_note("line 3\ncolumn 4")
raise error

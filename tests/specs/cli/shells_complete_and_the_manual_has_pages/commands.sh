sandgate completions bash > sandgate.bash && bash -n sandgate.bash && grep -c -- --timeout sandgate.bash
sandgate completions tcsh
sandgate man man/man1 && ls man/man1
sandgate man /proc/nowhere

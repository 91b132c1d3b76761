sandgate policy try --policies policies --context office report.py
sandgate policy try --policies policies --context office --no report.py
sandgate policy try --policies policies --context offic report.py

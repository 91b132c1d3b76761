sandgate check --policies policies --context office mistakes.py
sandgate check --policies policies --context office right.py
sandgate check --policies policies --context office --json right.py
echo 'from services import calendar' | sandgate check -
echo 'for x in y print(x)' | sandgate check --json -
echo 'print(1 + 1)' | sandgate check -
sandgate check --policies policies --context offic right.py

sandgate run -c 'from services import notes'
sandgate -q run -c 'from services import notes'
sandgate run --policies policies --context reader -c 'from services import notes' 2>&1 | grep WARN

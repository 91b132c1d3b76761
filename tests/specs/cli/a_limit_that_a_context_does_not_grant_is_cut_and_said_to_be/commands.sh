sandgate run --policies policies --context notes --timeout 50s --memory 1GiB --output-limit 2MiB -c 'print(1)'
sandgate -q run --policies policies --context notes --timeout 50s -c 'print(1)'
sandgate run --policies policies --context notes --timeout 10s -c 'print(1)'

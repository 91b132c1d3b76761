# /// script
# requires-python = ">=3.99"
# ///
print("the script runs")

# /// script
# requires-python = ">=3.12"
# dependencies = [
#   "requests<3",
#   "Python-Dateutil",
#   "left.pad[extra]>=1",
# ]
# ///
print("the script runs")

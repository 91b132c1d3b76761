# /// script
# dependencies = [
# ///
print("the script runs")

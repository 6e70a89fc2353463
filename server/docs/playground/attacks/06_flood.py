# Flood of output
# about: "Output is kept up to its limit, and the rest is thrown away. The page keeps the last part and stays awake."
# outcomes: ["ok"]

def main():
    line = "All work and no play makes Jack a dull boy. " * 4
    for number in range(100_000):
        print(number, line)
    return "100000 lines were printed"

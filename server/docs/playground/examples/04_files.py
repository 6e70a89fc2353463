# Files in and out
# about: "A job finds its files in its working directory. Patterns name those that come back."
# files: {"sales.csv": "month,price\nMay,2.5\nJune,4\n"}
# return_files: ["*.csv"]

import pandas as pd


def main():
    sales = pd.read_csv("sales.csv")
    sales["tax"] = sales.price * 0.2
    sales.to_csv("taxed.csv", index=False)
    return sales

# A table
# about: "display() shows a DataFrame as a table, and a value that is returned is shown as JSON or as rows."

import pandas as pd


def main():
    sales = pd.DataFrame({
        "month": ["May", "May", "June", "June"],
        "drink": ["tea", "coffee", "tea", "coffee"],
        "price": [2.5, 4.0, 2.75, 4.25],
        "sold": [120, 80, 95, 140],
    })
    sales["income"] = sales.price * sales.sold
    display(sales.pivot_table("income", "month", "drink", sort=False))
    return sales

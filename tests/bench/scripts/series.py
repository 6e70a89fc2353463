import pandas as pd

def main():
    s = pd.Series([1, 2, 3])
    print("len:", len(s))
    return {"sum": int(s.sum())}

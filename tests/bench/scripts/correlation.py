import pandas as pd
import numpy as np

def main():
    print("Creating dataset...")
    data = pd.DataFrame({
        "x": np.arange(1, 11),
        "y": np.arange(1, 11) ** 2
    })
    print(f"Dataset has {len(data)} rows")
    return {
        "x_sum": int(data["x"].sum()),
        "y_sum": int(data["y"].sum()),
        "correlation": float(data["x"].corr(data["y"]))
    }

# A plot
# about: "matplotlib draws, and plt.show() puts the picture beside the output."

import matplotlib.pyplot as plt
import numpy as np

x = np.linspace(0, 4 * np.pi, 400)
plt.figure(figsize=(7, 3.2), dpi=110)
for damping in 0.05, 0.15, 0.4:
    plt.plot(x, np.exp(-damping * x) * np.cos(x), label=f"damping {damping}")
plt.legend()
plt.grid(alpha=0.3)
plt.tight_layout()
plt.show()

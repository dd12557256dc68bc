"""A command for sweeps: ZDT1 of x0, x1, … and DTLZ2 of three objectives, on standard arguments `problem=… x0=… x1=…`.

Sources: Zitzler, Deb and Thiele (2000), "Comparison of Multiobjective Evolutionary Algorithms"; Deb, Thiele, Laumanns
and Zitzler (2002), "Scalable Multi-Objective Optimization Test Problems". No import of the package: it starts at once.
"""

import json
import math
import os
import sys


def zdt1(x):
    g = 1.0 + 9.0 * sum(x[1:]) / (len(x) - 1)
    return {"f1": x[0], "f2": g * (1.0 - math.sqrt(x[0] / g))}


def dtlz2(x):
    g = sum((value - 0.5) ** 2 for value in x[2:])
    first, second = (math.pi / 2 * value for value in x[:2])
    return {
        "f1": (1 + g) * math.cos(first) * math.cos(second),
        "f2": (1 + g) * math.cos(first) * math.sin(second),
        "f3": (1 + g) * math.sin(first),
    }


if __name__ == "__main__":
    given = dict(argument.split("=", 1) for argument in sys.argv[2:])
    x = [float(given[f"x{i}"]) for i in range(len(given))]
    values = {"zdt1": zdt1, "dtlz2": dtlz2}[sys.argv[1]](x)
    result = os.environ["SWEEP_RESULT"]
    with open(result + ".new", "w") as file:
        json.dump(values, file)
    os.replace(result + ".new", result)

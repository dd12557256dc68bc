"""A command for sweeps that takes a while: `slow_command.py NOTES SECONDS x=0.5`; its objective is f1 = x squared.

It notes begin and end in files of the folder NOTES, with its process number and SLOW_COMMAND_NODE, and has a process
of its own beside it, so that tests see who ran where, and whether anything outlives a sweep. No import of the package.
"""

import json
import os
import subprocess
import sys
import time


def note(folder, what, **facts):
    place = os.path.join(folder, f"{time.time_ns()}_{what}_{os.getpid()}.json")
    with open(place + ".new", "w") as file:
        json.dump({"what": what, "pid": os.getpid(), **facts}, file)
    os.replace(place + ".new", place)


if __name__ == "__main__":
    notes, seconds, given = sys.argv[1], float(sys.argv[2]), dict(argument.split("=", 1) for argument in sys.argv[3:])
    result = os.environ["SWEEP_RESULT"]
    trial = os.path.basename(os.path.dirname(result))
    helper = subprocess.Popen(["sleep", "300"])
    note(notes, "begin", trial=trial, x=given["x"], node=os.environ.get("SLOW_COMMAND_NODE", ""), helper=helper.pid)
    time.sleep(seconds)
    helper.kill()
    helper.wait()
    with open(result + ".new", "w") as file:
        json.dump({"f1": float(given["x"]) ** 2}, file)
    os.replace(result + ".new", result)
    note(notes, "end", trial=trial)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What run.sh compares, from what weir prints.

    weir state dump SAVEPOINT | lines.py position      where the demo job's source and watermarks stand, as arguments of jobs.Delays
    weir state dump SAVEPOINT | lines.py kinds INFO    entries of the process functions of kinds.c, as jobs.Kinds prints them; INFO: what weir info says
    lines.py results FOLDER                            the demo job's results, as jobs.Delays prints them
    lines.py flink FILE                                what jobs.Delays printed
"""
import glob
import json
import sys

UIDS = ("states-by-long", "states-by-text", "states-by-pair")


def entries():
    for line in sys.stdin:
        entry = json.loads(line)
        if "op" in entry:
            yield entry


def position():
    rows, marks = 0, []
    for e in entries():
        if e["state"] == "splits":
            rows += e["value"][5]
        elif e["state"] == "watermark":
            marks.append(e["value"])
    mark = max(marks, key=lambda m: m[3])
    print("--rows %d --max %d --emitted %d --since %d" % (rows, mark[2], mark[3], mark[4]))


def kinds(info):
    uid_of = {n["operator_id"]: n["uid"] for n in json.load(open(info))["nodes"] if n["uid"] in UIDS}
    out = []
    for e in entries():
        uid = uid_of.get(e["op"])
        if uid is None:
            continue
        if e["kind"] == "timer":
            if e["state"].endswith("event_user-timers"):
                out.append("%s timer %s %d" % (uid, e["key_hex"], e["timestamp"]))
        elif e["kind"] == "map":
            assert e["value_hex"].startswith("00")  # not null
            out.append("%s %s %s %s %s" % (uid, e["state"], e["key_hex"], e["uk_hex"], e["value_hex"][2:]))
        else:
            out.append("%s %s %s - %s" % (uid, e["state"], e["key_hex"], e["value_hex"]))
    return out


def results(folder):
    out = []
    for kind in ("hours", "late", "alerts"):
        for name in glob.glob("%s/%s/part-*" % (folder, kind)):
            for line in open(name, encoding="utf-8"):
                out.append(kind + " " + same_numbers(kind, line.rstrip("\n")))
    return out


def same_numbers(kind, line):
    """The mean as Python prints it: Java before 19 prints some doubles longer than needed."""
    if kind != "hours":
        return line
    c = line.split(",")
    c[3] = repr(float(c[3]))
    return ",".join(c)


def main():
    if sys.argv[1] == "position":
        position()
        return
    if sys.argv[1] == "kinds":
        out = kinds(sys.argv[2])
    elif sys.argv[1] == "results":
        out = results(sys.argv[2])
    else:  # of Flink
        out = [k + " " + same_numbers(k, v) for k, v in (line.rstrip("\n").split(" ", 1) for line in open(sys.argv[2], encoding="utf-8"))]
    sys.stdout.writelines(line + "\n" for line in sorted(out))


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""expect.py FULL.ndjson DIR: from what Flink's own classes say is in a savepoint (the oracle's complete dump) write DIR/states.txt, one line
"sha256 lines op kind state" per state, and DIR/samples.ndjson, the first two lines of each. The JSON of values whose serializer weir does not know
(KryoSerializer here: state "opaque") is taken out first; their bytes stay."""
import hashlib, json, os, re, sys

groups = {}
for line in open(sys.argv[1], encoding="utf-8"):
    o = json.loads(line)
    if "summary" in o:
        continue
    if o["state"] == "opaque":
        line = re.sub(r',"value":.*(,"value_hex":"[0-9a-f]*"}\n)$', r"\1", line)
    groups.setdefault("%s %s %s" % (o.get("op", "-"), o["kind"], o["state"]), []).append(line)
os.makedirs(sys.argv[2], exist_ok=True)
with open(sys.argv[2] + "/states.txt", "w", encoding="utf-8") as f:
    for name, lines in groups.items():
        f.write("%s %d %s\n" % (hashlib.sha256("".join(lines).encode()).hexdigest(), len(lines), name))
with open(sys.argv[2] + "/samples.ndjson", "w", encoding="utf-8") as f:
    for lines in groups.values():
        f.writelines(lines[:2])

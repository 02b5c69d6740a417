#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Includes point down: a file includes only from its own floor and the floors below. Prints each offence.
cd "$(dirname "$0")/../.."
bad=$(grep -rnoE '^#include "[^"]+"' $(ls -d base fs-abstraction state runtime sql statetool fusefs cli 2>/dev/null) --include='*.[ch]' | awk -F: '
    function floor(p) { sub(/\/.*/, "", p); return p }
    BEGIN {
        below["base"] = "base"
        below["fs-abstraction"] = "base fs-abstraction"
        below["state"] = "base fs-abstraction state"
        below["runtime"] = "base fs-abstraction state runtime"
        below["sql"] = "base fs-abstraction state runtime sql"
        below["statetool"] = "base fs-abstraction state statetool"
        below["fusefs"] = "base fs-abstraction state statetool fusefs"
        below["cli"] = "base fs-abstraction state runtime sql statetool fusefs cli"
    }
    { from = floor($1); to = $3; gsub(/#include "|"/, "", to); to = floor(to)
      if ((" " below[from] " ") !~ (" " to " ")) print $1 ":" $2 ": " from " must not include from " to }')
[ -z "$bad" ] || { printf '%s\n' "$bad"; exit 1; }

#!/bin/sh
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/../.." || exit 1
git ls-files 2>/dev/null | while read -r f; do
        case $(head -c 32 "$f" 2>/dev/null | head -n 1) in '#!/bin/sh'* | '#!/usr/bin/env bash'* | '#!/bin/bash'*) echo "$f" ;; esac
done >build/shell.list
[ -s build/shell.list ] || find . -path ./build -prune -o -name '*.sh' -print >build/shell.list
xargs shellcheck <build/shell.list

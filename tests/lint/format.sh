#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything in C is formatted as the checked-in .clang-format says.
cd "$(dirname "$0")/../.." || exit 1
find daemon include tests -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror 2>&1 | grep -E 'error:' | head -40 >build/format.log
[ ! -s build/format.log ] || { cat build/format.log; echo "clang-format -i mends it"; exit 1; }

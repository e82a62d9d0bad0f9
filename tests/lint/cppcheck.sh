#!/bin/sh
# SPDX-License-Identifier: MIT
# memleak, resourceLeak: it knows nothing of cleanup attributes (leaks are found by LeakSanitizer). internalAstError: it cannot read compound literals in ?:.
cd "$(dirname "$0")/../.." || exit 1
mkdir -p build/cppcheck
exec cppcheck --quiet --error-exitcode=1 -j "$(nproc)" --cppcheck-build-dir=build/cppcheck --std=c11 --enable=warning,portability,performance --inline-suppr \
        --suppress=missingInclude --suppress=missingIncludeSystem --suppress=checkersReport --suppress=memleak --suppress=resourceLeak --suppress=internalAstError --suppress=shiftTooManyBitsSigned --suppress=unknownMacro \
        --suppress=normalCheckLevelMaxBranches \
        -Iinclude -D_GNU_SOURCE -D__GNUC__ -DLEADD_VERSION='"x"' -DLEADD_PREFIX='"/usr"' daemon

#!/bin/sh
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/../.." || exit 1
exec luacheck --quiet --no-color rules

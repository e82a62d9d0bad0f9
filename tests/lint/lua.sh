#!/bin/sh
# SPDX-License-Identifier: MIT
# With the words that contrib/editor gives to those who write rules.
cd "$(dirname "$0")/../.." || exit 1
exec luacheck --quiet --no-color --config contrib/editor/.luacheckrc rules

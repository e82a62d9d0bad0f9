#!/bin/sh
# SPDX-License-Identifier: MIT
# The rule reference says what the code says: leadd-rules(5), rules/README.md, contrib/editor.
cd "$(dirname "$0")/../.." || exit 1
exec contrib/generate-reference --check

#!/bin/sh
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/../.." || exit 1
mandoc -Tlint -W warning contrib/man/*

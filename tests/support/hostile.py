# SPDX-License-Identifier: MIT
"""What people might write into a form, and what a message makes of it."""

PIECES = ["\r\nBcc: evil@firm.de", "\nSubject: other\n", "\r\n\r\nbody", "=?utf-8?q?=0d=0aBcc:_evil@firm.de?=", "=?utf-8?b?DQpCY2M6IGV2aWxAZmlybS5kZQ==?=", "=?", "?=", "\u202egnitset\u202c", "\u2066x\u2069", "\u200f",
          "\u2028next\u2029", "\x85Bcc: e@x.de", "\x1b[31m", "\x7f", "\t", "'; rm -rf /", "-oQ/tmp -be", "<script>", "ü", "ö" * 300, "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "e\u0301", "漢字かな交じり文", "שלום עולם",
          "مرحبا", "a" * 200, "x" * 1500, ",", "\"", "\\", "(", ")", ";", ":", "undisclosed:;", "\r\n.\r\n", "\n.\n", "..", "From me", "\nFrom me\n", "=", "=20", "=\r\n", " ", "  ", "${lead.id}", "$(id)", "%0d%0a", "\ufeff", "\u00a0", "\u00ad"]


def value(dice, size=1000):
    return "".join(dice.choice(PIECES) for _ in range(dice.randint(1, 6)))[:size]


def is_harmful(c):
    n = ord(c)
    return n < 0x20 or 0x7f <= n < 0xa0 or n == 0x61c or n in (0x200e, 0x200f) or 0x2028 <= n <= 0x202e or 0x2066 <= n <= 0x2069


def clean(text):
    """A value in a message: what could end a line or turn the reading direction is a blank."""
    return "".join(" " if is_harmful(c) else c for c in text)


def header(text):
    """The same in a header, where no encoded word may begin; at most 500 bytes."""
    return clean(text.encode()[:500].decode(errors="ignore")).replace("=?", " ?")

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leadd-mail alone: the first line and the token come out of any mail program's reply, and whatever else comes is read or refused in time."""
import email, email.encoders, json, os, pathlib, random, subprocess, sys, time
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, check, main  # noqa: E402

TOKEN = "0000005400fz9" + "k" * 27


def read(data):
    done = subprocess.run([str(BUILD / "leadd-mail")], input=data, capture_output=True, timeout=60)
    check(done.returncode in (0, 65), True, f"exit {done.returncode}: {done.stderr.decode()}\n{data[:2000]!r}")
    return json.loads(done.stdout) if done.returncode == 0 else None


def encoded(text, kind, charset, encoding):
    part = MIMEBase("text", kind, charset=charset)
    part.set_payload(text.encode(charset, errors="xmlcharrefreplace" if kind == "html" else "replace"))
    if encoding == "base64":
        email.encoders.encode_base64(part)
    elif encoding == "quoted-printable":
        email.encoders.encode_quopri(part)
    else:
        email.encoders.encode_7or8bit(part)
    return part


def replies_of_every_shape_say_the_same():
    """Encodings, charsets, posting styles and hostile surroundings, mixed at random: the first line and the token come out of each."""
    seed = int(os.environ.get("LEADD_SEED", time.time_ns() % 1_000_000))
    dice = random.Random(seed)
    print(f"  seed {seed}")
    line = "reject no_budget – später"
    quoted = f"Lead L-42 waits\n[L-42 {TOKEN}]"
    styles = {
        "top": f"{line}\n\nAm Do., 5. März 2026 um 10:15 Uhr schrieb Leads <leads@firm.de>:\n" + "".join(f"> {q}\n" for q in quoted.split("\n")),
        "bottom": "On Thu, 5 Mar 2026 at 10:15, Leads\n<leads@firm.de>\nwrote:\n\n" + "".join(f"> {q}\n" for q in quoted.split("\n")) + f"\n{line}\n",
        "nested": "".join(f">> {q}\n" for q in quoted.split("\n")) + f"> earlier\n\n\t{line} \n-- \nAnna\n",
        "outlook": f"\r\n\r\n{line}\r\n\r\nAnna Keller\r\n________________________________\r\nFrom: Leads <leads@firm.de>\r\n\r\n{quoted}",
        "original": f"{line}\n-----Original Message-----\nFrom: Leads\n{quoted}\n",
        "wrapped": f"{line}\n\n> Lead L-42 waits\n> [L-42\n> {TOKEN}]\n",
        "broken": f"{line}\n\n> [L-42 {TOKEN[:17]}\n> {TOKEN[17:]}]\n",
        "blanks": f"\ufeff\u200b\n\xa0\n \xa0{line}\u200b\n\n{quoted}\n",
    }
    html = {
        "div": f"<html><head><title>Re: accept</title><style>p {{ color: red }}</style></head><body><div>{line}</div><div><br></div><div class=gmail_quote><div>On Thursday Leads wrote:<br></div><blockquote>Lead L-42 waits<br>[L-42 {TOKEN}]</blockquote></div></body></html>",
        "apple": f"<html><body dir=auto><!-- accept -->{line.replace('ä', '&auml;').replace('–', '&#8211;')}<br><br>Sent from my phone<hr><blockquote type=cite>accept<br>[L-42&nbsp;{TOKEN}]</blockquote></body></html>",
        "word": f"<html><head><script>accept()</script></head><body><p class=MsoNormal>&nbsp;</p><p><b><span>{line}</span></b></p><p>&nbsp;</p><div><p>{quoted.replace(chr(10), '<br>')}</p></div></body></html>",
        "bottom": f"<body><blockquote>accept<p>[L-42 {TOKEN}]</p></blockquote><p>{line}</p></body>",
    }
    n = 0
    for _ in range(80):
        plain, page = dice.choice(list(styles)), dice.choice(list(html))
        shape = dice.choice(["plain", "plain", "html", "alternative", "empty alternative", "mixed"])
        charset, encoding = dice.choice(["utf-8", "utf-8", "windows-1252", "utf-16"]), dice.choice(["base64", "quoted-printable", "8bit"])
        if charset == "windows-1252" and plain == "blanks":
            charset = "utf-8"
        if charset == "utf-16" and encoding == "8bit":
            encoding = "base64"
        text, rich = encoded(styles[plain], "plain", charset, encoding), encoded(html[page], "html", charset, encoding)
        if shape == "plain":
            message = text
        elif shape == "html":
            message = rich
        else:
            message = MIMEMultipart("mixed" if shape == "mixed" else "alternative")
            message.attach(encoded(" \r\n", "plain", "utf-8", "8bit") if shape == "empty alternative" else text)
            message.attach(rich)
            if shape == "mixed":
                logo = MIMEBase("image", "png")
                logo.set_payload(bytes(dice.randrange(256) for _ in range(3000)))
                email.encoders.encode_base64(logo)
                message.attach(logo)
        message["From"], message["Subject"] = "Anna <anna@firm.de>", "Re: =?utf-8?q?=C3=9Cber?="
        where = f"{shape}, {plain}, {page}, {charset}, {encoding}"
        got = read(message.as_bytes())
        check(got["line"], line, where)
        check((got["quoted"], got["tokens"]), (TOKEN, ""), where)
        n += 1
    # What is no answer says nothing, and what is too much ends in time.
    for name, data in {
        "only a signature": b"Subject: x\n\n-- \nAnna\naccept\n",
        "only a quotation": b"Subject: x\n\n> accept\n> [L-42\n",
        "nothing": b"Subject: x\n\n",
        "only a rule": b"Subject: x\n\n____________________\naccept\n",
    }.items():
        check(read(data)["line"], "", name)
    big = read(b"Subject: x\n\naccept\n" + b"[L-1 " * 4_000_000)
    check((big["line"], big["quoted"]), ("accept", ""))
    check(read(b"Subject: x\n\n" + b"a" * (33 << 20)), None, "too large")
    check(read(b"Subject: x\n\nacc\0ept\n")["line"] != "accept", True, "no NUL hides in a word")
    check(len(read(b"Subject: x\n\n" + b"accept " * 5000)["line"]) <= 4000, True)
    check(len(read(b"Subject: x\n\naccept\n" + b"".join(b"[L-1 %040d]\n" % i for i in range(1000)))["quoted"].split()), 64)
    nested = b"Subject: x\n" + b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (i, i) for i in range(5000)) + b"\naccept\n"
    read(nested)
    print(f"  {n} shapes")


def noise_is_read_or_refused():
    """A good mail with bytes changed, lost and doubled: whatever comes, leadd-mail answers."""
    dice = random.Random(int(os.environ.get("LEADD_SEED", time.time_ns() % 1_000_000)))
    message = MIMEMultipart("alternative")
    message["Subject"], message["In-Reply-To"] = f"Re: [L-42 {TOKEN}]", f"<leadd.17.{TOKEN}@firm.de>"
    message.attach(encoded("accept\n", "plain", "utf-8", "base64"))
    message.attach(encoded("<p>accept</p>", "html", "utf-8", "quoted-printable"))
    good = message.as_bytes()
    for _ in range(40):
        data = bytearray(good)
        for _ in range(dice.randint(1, 30)):
            at = dice.randrange(len(data))
            kind = dice.randrange(3)
            if kind == 0:
                data[at] = dice.randrange(256)
            elif kind == 1:
                del data[at:at + dice.randint(1, 40)]
            else:
                data[at:at] = data[at:at + dice.randint(1, 40)]
        read(bytes(data))


main(replies_of_every_shape_say_the_same, noise_is_read_or_refused)

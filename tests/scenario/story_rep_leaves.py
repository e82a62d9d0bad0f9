#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A rep leaves: taking her out of the rules is refused while she has leads; said to have left, what she has open is Ben's, by Ben's clock, and
what she won stays hers."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main  # noqa: E402
from story import Story  # noqa: E402

RULES = """
settings "site" { zone = "Europe/Berlin", ops = "ops@example.com" }
calendar "berlin" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" } }
calendar "newyork" { zone = "America/New_York", open = { mon_fri = "09:00-17:00" } }
team "marketing" { doc = "a queue" }
team "desk" { calendar = "berlin", head = "petra", strategy = "round_robin", members = {
  anna = {},
  ben = { calendar = "newyork" },
  petra = { weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "mql" { team = "desk", kind = "sla", meaning = "offered" }
status "sal" { team = "desk", kind = "open", meaning = "accepted" }
status "won" { team = "desk", kind = "final", meaning = "a customer" }
move "raise" { from = "inquiry", to = "mql", by = "rules" }
move "accept" { from = "mql", to = "sal", by = "owner" }
move "win" { from = "sal", to = "won", by = "owner" }
route "ALL" { team = "desk" }
sla "ANSWER" { status = "mql", within = "4h", clock = "owner", steps = { { at = "2h", remind = "owner" }, { at = "4h", every = "1wd", remind = { "owner", "head" } } } }
channel "crm" { via = "drop" }
message "reminder" { channel = "crm", subject = "Lead ${lead.id} waits for you", body = "Answer by ${due}." }
"""


def what_she_has_open_is_passed_on_and_what_she_won_stays():
    with Story("Thu 2026-03-05 10:00", rules=RULES) as s:
        for who in ("maria", "noor", "olga", "piet", "quin"):
            s.submits(who, "demo")
        check([s.owner(who) for who in ("maria", "noor", "olga", "piet", "quin")], ["anna", "ben", "anna", "ben", "anna"])
        s.answers("anna", "accept", "maria")
        s.answers("anna", "accept", "olga")
        s.answers("anna", "win", "olga")
        s.comes("Thu 2026-03-05 13:00")
        check(s.reminders("quin"), [("Thu 2026-03-05 12:00", "ANSWER step 1: owner")])

        # Struck out, she would leave two open leads with nobody: refused, counting them, and nothing changes.
        s.change("rules.lua", "  anna = {},\n", "")
        refused = s.ctl("reload", check_code=1)
        said = refused.stdout + refused.stderr
        check("anna" in said and "2" in said and "left" in said, True, said)
        s.stands("maria", "sal", owner="anna")
        s.stands("quin", "mql", owner="anna", due="Thu 2026-03-05 14:00")

        # Said to have left, both are Ben's at once. For Quin the clock begins anew, by his: at seven in New York, two hours before he opens.
        s.change("rules.lua", "  ben = {", "  anna = { left = true },\n  ben = {")
        check(s.json("reload")["loaded"], True)
        s.stands("maria", "sal", owner="ben")
        shown = s.stands("quin", "mql", owner="ben", due="Thu 2026-03-05 19:00")
        check(s.local(shown["due"], "America/New_York"), "Thu 2026-03-05 13:00")
        s.stands("olga", "won", owner="anna")
        refusal = s.answers("anna", "accept", "quin", refused=True)
        check("anna" in refusal, True, refusal)

        # She hears no more of it; he does, and the head when he does not answer. The next lead is his, too.
        s.comes("Thu 2026-03-05 19:00")
        check(s.reminders("quin")[1:], [("Thu 2026-03-05 17:00", "ANSWER step 1: owner"), ("Thu 2026-03-05 19:00", "ANSWER step 2: owner, head")])
        check([(when, lead) for when, lead, _ in s.mailbox("anna")], [("Thu 2026-03-05 12:00", "L-5")])
        check([(when, lead) for when, lead, _ in s.mailbox("petra") if lead == "L-5"], [("Thu 2026-03-05 19:00", "L-5")])
        s.submits("rosa", "demo")
        check(s.owner("rosa"), "ben")


main(what_she_has_open_is_passed_on_and_what_she_won_stays)

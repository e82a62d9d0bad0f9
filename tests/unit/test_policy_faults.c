/* SPDX-License-Identifier: MIT */
/*
 * What a person reads who has made a mistake in a rule file. Each snippet stands in a.lua beside the faultless
 * tests/data/rules/base.lua (as zz-base.lua); the whole report is compared, so that no mistake is said twice.
 */
#include "test_policy_directory.h"

/* Data, one case a paragraph: not for a formatter. */
/* clang-format off */
static const struct {
        const char *snippet, *want;
} faults[] = {
        { "status \"x\" { team = \"desk\"",
          "a.lua:1: '}' expected near <eof>\n" },
        { "status \"x\" { team = \"desk\", }}",
          "a.lua:1: unexpected symbol near '}'\n" },
        { "local t = nil; t.x = 1",
          "a.lua:1: attempt to index a nil value (local 't')\n" },
        { "error(\"stop here\")",
          "a.lua:1: stop here\n" },
        { "error({})",
          "a.lua:1: raised an error that is no text but a table\n" },
        { "while true do end",
          "a.lua:1: took too long: more than 5000000 steps\n" },
        { "local s = \"x\" while true do s = s .. s end",
          "a.lua:1: made too long a text: more than 64 KiB\n" },
        { "local t = {} for i = 1, 1e9 do t[i] = { i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i } end",
          "a.lua:1: took too much memory: more than 16 MiB\n" },
        { "statsu \"x\" { team = \"desk\" }",
          "a.lua:1: unknown name \"statsu\"; did you mean \"status\"?\n" },
        { "frobnicate \"x\" { }",
          "a.lua:1: unknown name \"frobnicate\"\n" },
        { "segment \"x\" { when = { [\"person.title\"] = haz(\"vp\") } }",
          "a.lua:1: unknown name \"haz\"; did you mean \"has\"?\n" },
        { "print(\"hello\")",
          "a.lua:1: unknown name \"print\"\n" },
        { "status = \"x\"",
          "a.lua:1: \"status\" is a word of the rule language and keeps its meaning; choose another name or make it local\n" },
        { "segment \"x\"\n"
          "segment \"y\" { when = { [\"person.title\"] = present } }",
          "a.lua:1: segment \"x\": its table is missing: segment \"x\" { ... }\n" },
        { "segment \"x\" \"y\"",
          "a.lua:1: segment \"x\": a table must follow: segment \"x\" { ... }, not a text\n" },
        { "segment \"x\" (nil)",
          "a.lua:1: segment \"x\": a table must follow: segment \"x\" { ... }, not nothing\n" },
        { "segment { when = { } }",
          "a.lua:1: segment: a name must follow: segment \"NAME\" { ... }, not a table\n" },
        { "segment(42)",
          "a.lua:1: segment: a name must follow: segment \"NAME\" { ... }, not a number\n" },
        { "segment \"\" { when = { [\"person.title\"] = present } }",
          "a.lua:1: segment: a name is 1 to 100 characters without control characters and without blanks around it\n" },
        { "segment \" x\" { when = { [\"person.title\"] = present } }",
          "a.lua:1: segment: a name is 1 to 100 characters without control characters and without blanks around it\n" },
        { "segment \"big\" { when = { [\"person.title\"] = present } }",
          "zz-base.lua:19: segment \"big\": is already declared at a.lua:1\n" },
        { "junk \"SCANNER\" { doc = \"d\" }",
          "a.lua:1: junk \"SCANNER\": \"when\" is missing\n" },
        { "junk \"SCANNER\" { when = { } }",
          "a.lua:1: junk \"SCANNER\": when: is every activity: none would count\n" },
        { "junk \"SCANNER\" { when = did{ } }",
          "a.lua:1: junk \"SCANNER\": when: is every activity: none would count\n" },
        { "junk \"SCANNER\" { when = any{ did{ type = \"email_clicked\", within = \"1d\" }, { name = \"x\" } } }",
          "a.lua:1: junk \"SCANNER\": when: within does not fit: an activity is junk for good or not at all\n" },
        { "junk \"SCANNER\" { when = none{ did{ type = \"email_clicked\", since = \"move\" } } }",
          "a.lua:1: junk \"SCANNER\": when: since does not fit: an activity is junk for good or not at all\n" },
        { "junk \"SCANNER\" { when = did{ type = \"email_clicked\", at_least = 2 } }",
          "a.lua:1: junk \"SCANNER\": when: at_least does not fit: here one activity is looked at\n" },
        { "junk \"SCANNER\" { when = function(lead) return true end }",
          "a.lua:1: junk \"SCANNER\": when: a function cannot judge an activity: write did{ type = .. }\n" },
        { "junk \"SCANNER\" { when = { typ = \"email_clicked\" } }",
          "a.lua:1: junk \"SCANNER\": unknown path \"typ\"; did you mean \"type\"?\n" },
        { "junk \"SCANNER\" { when = { [\"person.title\"] = present } }",
          "a.lua:1: junk \"SCANNER\": when: \"person.title\" is about the lead; here only an activity can be asked: type, name, url, ...\n" },
        { "campaign \"c\" { owner = \"queue\", include = { } }",
          "a.lua:1: campaign \"c\": means nobody: no status lets marketing write (marketing_may_contact)\n" },
        { "message \"to_lead\" { channel = \"log\", to = \"lead\", subject = \"s\", body = \"b\" }\n"
          "sla \"x\" { status = \"work\", when = { segment = \"big\" }, within = \"1h\", steps = { { at = \"1h\", every = \"1h\", remind = \"owner\", message = \"to_lead\" } } }",
          "a.lua:2: sla \"x\": steps[1]: the message \"to_lead\" is for the lead, and no reminder\n" },
        { "test \"a test\" { }",
          "a.lua:1: test: tests stand in files whose names end in _test.lua\n" },
        { "segment \"x\" { wehn = { [\"person.title\"] = present } }",
          "a.lua:1: segment \"x\": unknown key \"wehn\"; did you mean \"when\"?\n" },
        { "segment \"x\" { }",
          "a.lua:1: segment \"x\": \"when\" is missing\n" },
        { "segment \"x\" { when = { [\"person.title\"] = present }, 5 }",
          "a.lua:1: segment \"x\": has a value without a key\n" },
        { "segment \"x\" { doc = 5, when = { [\"person.title\"] = present } }",
          "a.lua:1: segment \"x\": \"doc\" must be a text, not 5\n" },
        { "segment \"x\" { doc = \"\\xff\", when = { [\"person.title\"] = present } }",
          "a.lua:1: segment \"x\": \"doc\" is not UTF-8 text\n" },
        { "segment \"x\" { when = { [\"person.titel\"] = present } }",
          "a.lua:1: segment \"x\": unknown path \"person.titel\"; did you mean \"person.title\"?\n" },
        { "principle \"P\" { \"one\", \"two\" }",
          "a.lua:1: principle \"P\": must hold one sentence: { \"...\" }\n" },
        { "principle \"P\" { text = \"one\" }",
          "a.lua:1: principle \"P\": must hold one sentence: { \"...\" }\n" },
        { "settings \"a\" { zone = \"Europe/Berln\" }",
          "a.lua:1: settings \"a\": zone: there is no time zone \"Europe/Berln\" (names are like Europe/Berlin)\n" },
        { "settings \"a\" { phone_region = \"Germany\", keep_done = \"soon\", retain = \"3 years\" }",
          "a.lua:1: settings \"a\": \"phone_region\" must be a country's two capital letters such as \"DE\", not \"Germany\"\n"
          "a.lua:1: settings \"a\": \"keep_done\" must be a duration such as \"4h\" or \"30d\", not \"soon\"\n"
          "a.lua:1: settings \"a\": \"retain\" must be a duration such as \"4h\" or \"30d\", not \"3 years\"\n" },
        { "settings \"a\" { keep_done = \"2wd\" }",
          "a.lua:1: settings \"a\": \"keep_done\" cannot be in working days (\"2wd\"): they are for SLAs and recycle dates\n" },
        { "settings \"a\" { }\n"
          "settings \"b\" { }",
          "a.lua:2: settings \"b\": there is one already, \"a\" at a.lua:1\n" },
        { "settings \"a\" { roles = { viewr = { \"x\" } } }",
          "a.lua:1: settings \"a\": unknown role \"viewr\"; did you mean \"viewer\"?\n" },
        { "settings \"a\" { spool = { crm = { \"outcomes\" } } }",
          "a.lua:1: settings \"a\": unknown kind of record in \"spool\": \"outcomes\"; did you mean \"outcome\"?\n" },
        { "settings \"a\" { spool = \"crm\" }",
          "a.lua:1: settings \"a\": \"spool\" must be a table of lists, not a text\n" },
        { "calendar \"x\" { zone = \"Europe/Berlin\" }",
          "a.lua:1: calendar \"x\": \"open\" is missing\n" },
        { "calendar \"x\" { open = { mon = \"09:00-17:00\" } }",
          "a.lua:1: calendar \"x\": \"zone\" is missing\n" },
        { "calendar \"x\" { zone = \"Mars/Base\", open = { mon = \"09:00-17:00\" } }",
          "a.lua:1: calendar \"x\": zone: there is no time zone \"Mars/Base\" (names are like Europe/Berlin)\n" },
        { "calendar \"x\" { zone = \"UTC\", open = { mond = \"09:00-17:00\" } }",
          "a.lua:1: calendar \"x\": open.mond: \"mond\" is no day; did you mean \"mon\"?\n" },
        { "calendar \"x\" { zone = \"UTC\", open = { mon = \"9-17\" } }",
          "a.lua:1: calendar \"x\": open.mon: \"9-17\" must be \"closed\" or times such as \"09:00-12:30 13:00-18:00\"\n" },
        { "calendar \"x\" { zone = \"UTC\", open = { mon = \"closed\" } }",
          "a.lua:1: calendar \"x\": open: there is no open interval in the whole week\n" },
        { "calendar \"x\" { zone = \"UTC\", open = { mon = \"09:00-17:00\" }, except = { [\"2026-13-01\"] = \"closed\" } }",
          "a.lua:1: calendar \"x\": except[\"2026-13-01\"]: must be a date such as \"2026-12-24\" or \"2026-12-24..2026-12-26\"\n" },
        { "calendar \"x\" { zone = \"UTC\", open = { mon = \"09:00-17:00\" }, holidays = \"nowhere.ics\" }",
          "a.lua:1: calendar \"x\": the holiday file \"nowhere.ics\" cannot be read: No such file or directory\n" },
        { "calendar \"x\" { zone = \"UTC\", open = { mon = \"09:00-17:00\" }, holidays = \"../../etc/passwd\" }",
          "a.lua:1: calendar \"x\": \"holidays\" must name an .ics file beside the rules, not \"../../etc/passwd\"\n" },
        { "calendar \"x\" { zone = \"UTC\", open = \"09:00-17:00\" }",
          "a.lua:1: calendar \"x\": \"open\" must be a table such as { mon_fri = \"09:00-18:00\" }, not a text\n" },
        { "calendar \"x\" { zone = \"UTC\", open = { mon = 9 } }",
          "a.lua:1: calendar \"x\": \"open.mon\" must be a text, not 9\n" },
        { "team \"x\" { strategy = \"wieghted\" }",
          "a.lua:1: team \"x\": \"strategy\" must be round_robin, weighted, least_open or top_first, not \"wieghted\"; did you mean \"weighted\"?\n" },
        { "team \"x\" { strategy = \"best\" }",
          "a.lua:1: team \"x\": \"strategy\" must be round_robin, weighted, least_open or top_first, not \"best\"\n" },
        { "team \"x\" { head = \"ann\" }",
          "a.lua:1: team \"x\": unknown member \"ann\"; did you mean \"anna\"?\n" },
        { "team \"x\" { calendar = \"d\" }",
          "a.lua:1: team \"x\": unknown calendar \"d\"\n" },
        { "team \"x\" { members = { \"anna\" } }",
          "a.lua:1: team \"x\": \"members\" has an entry without a name\n" },
        { "team \"x\" { members = { carl = \"carl@example.com\" } }",
          "a.lua:1: team \"x\": \"members.carl\" must be a table, not a text\n" },
        { "team \"x\" { members = { anna = { } } }",
          "zz-base.lua:5: member \"anna\": is already declared at a.lua:1\n" },
        { "team \"x\" { members = { carl = { wieght = 3 } } }",
          "a.lua:1: member \"carl\": unknown key \"wieght\"; did you mean \"weight\"?\n" },
        { "team \"x\" { members = { carl = { weight = -1 } } }",
          "a.lua:1: member \"carl\": \"weight\" must be a whole number that is not negative, not -1\n" },
        { "team \"x\" { members = { carl = { weight = 1.5 } } }",
          "a.lua:1: member \"carl\": \"weight\" must be a whole number that is not negative, not 1.5\n" },
        { "team \"x\" { members = { carl = { user = \"anna\" } } }",
          "zz-base.lua:5: member \"anna\": the user \"anna\" is already member \"carl\" (a.lua:1)\n" },
        { "team \"x\" { members = { carl = { away = { \"2026-03-9\" } } } }",
          "a.lua:1: member \"carl\": \"away[1]\" must be a day or a range of days such as \"2026-03-09..2026-03-13\", not \"2026-03-9\"\n" },
        { "team \"x\" { members = { carl = { away = \"2026-03-13..2026-03-09\" } } }",
          "a.lua:1: member \"carl\": \"away[1]\" ends before it begins: \"2026-03-13..2026-03-09\"\n" },
        { "team \"x\" { members = { carl = { skills = { \"de\" } } } }",
          "a.lua:1: member \"carl\": \"skills\" has an entry without a name\n" },
        { "team \"x\" { members = { carl = { deputy = \"carl\" } } }",
          "a.lua:1: member \"carl\": cannot be their own deputy\n" },
        { "team \"x\" { on_absence = \"deputy\", members = { carl = { } } }",
          "a.lua:1: team \"x\": on_absence is \"deputy\", but \"carl\" has none\n" },
        { "team \"owner\" { }",
          "a.lua:1: team \"owner\": a team cannot be called \"owner\": in `by` that word means something else\n" },
        { "team \"x\" { members = { head = { } } }",
          "a.lua:1: member \"head\": a member cannot be called \"head\": in `remind` that word means somebody else\n" },
        { "team \"x\" { head = \"anna\", members = { carl = { } } }",
          "a.lua:1: team \"x\": its head \"anna\" is in the team \"desk\"; only a member can own its leads (weight = 0: gets no turns)\n" },
        { "team \"x\" { head = \"carl\", members = { carl = { left = true } } }",
          "a.lua:1: team \"x\": its head \"carl\" has left\n" },
        { "team \"x\" { on_absence = \"deputy\", deputy = \"anna\", members = { carl = { } } }",
          "a.lua:1: team \"x\": its deputy \"anna\" is in the team \"desk\"; only a member can own its leads (weight = 0: gets no turns)\n" },
        { "team \"x\" { members = { carl = { deputy = \"dora\" }, dora = { left = true } } }",
          "a.lua:1: member \"carl\": its deputy \"dora\" has left\n" },
        { "team \"x\" { members = { carl = { deputy = \"anne\" } } }",
          "a.lua:1: member \"carl\": unknown member \"anne\"; did you mean \"anna\"?\n" },
        { "status \"x\" { team = \"desk\", kind = \"final\", renamed_from = \"old\" }\n"
          "status \"y\" { team = \"desk\", kind = \"final\", renamed_from = \"old\" }",
          "a.lua:2: status \"y\": \"renamed_from\" names \"old\", which already became \"x\"\n" },
        { "move \"x\" { from = \"work\", to = \"work\", by = \"owner\" }\n"
          "sla \"y\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { { at = \"4h\", move = \"x\" } } }",
          "a.lua:2: sla \"y\": its last step's move \"x\" leads back to \"work\" and does not repeat (\"every\"): after it there would be silence\n" },
        { "reason \"x\" { to = \"done\", wake_on = { did{ typ = \"x\" } } }",
          "a.lua:1: reason \"x\": unknown path \"typ\"; did you mean \"type\"?\n"
          "a.lua:1: warning: reason \"x\": no move has this reason\n" },
        { "move \"x\" { from = \"work\", by = \"owner\", reasons = { \"y\" } }\n"
          "reason \"y\" { to = \"done\", recycle_after = \"2wd\", needs = { \"REACHABL\" } }",
          "a.lua:2: reason \"y\": unknown criterion \"REACHABL\"; did you mean \"REACHABLE\"?\n"
          "a.lua:2: warning: reason \"y\": recycle_after brings nobody back: \"done\" is final\n" },
        { "fence \"x\" { blocks = \"work\", since = { \"bda\" }, hold = \"3d\" }",
          "a.lua:1: fence \"x\": unknown reason \"bda\"; did you mean \"bad\"?\n" },
        { "fence \"x\" { blocks = \"work\", since = { \"bad\" }, hold = \"2wd\" }",
          "a.lua:1: fence \"x\": \"hold\" cannot be in working days (\"2wd\"): they are for SLAs and recycle dates\n" },
        { "group \"x\" { half_life = \"2wd\" }",
          "a.lua:1: group \"x\": \"half_life\" cannot be in working days (\"2wd\"): they are for SLAs and recycle dates\n" },
        { "status \"x\" { team = \"dsek\" }",
          "a.lua:1: status \"x\": unknown team \"dsek\"; did you mean \"desk\"?\n" },
        { "status \"x\" { }",
          "a.lua:1: status \"x\": \"team\" is missing\n" },
        { "status \"x\" { team = \"desk\", kind = \"slow\" }",
          "a.lua:1: status \"x\": \"kind\" must be open, sla or final, not \"slow\"; did you mean \"sla\"?\n" },
        { "status \"x\" { team = \"desk\", initial = \"yes\" }",
          "a.lua:1: status \"x\": \"initial\" must be true or false, not \"yes\"\n" },
        { "status \"x\" { team = \"desk\", kind = \"final\", renamed_from = \"work\" }",
          "a.lua:1: status \"x\": \"renamed_from\" names the status \"work\", which still exists\n" },
        { "criterion \"X\" { doc = \"no condition\" }",
          "a.lua:1: criterion \"X\": \"when\" is missing\n" },
        { "move \"x\" { from = \"nwe\", to = \"done\", by = \"rules\" }",
          "a.lua:1: move \"x\": unknown status \"nwe\"; did you mean \"new\"?\n" },
        { "move \"x\" { from = \"new\", by = \"rules\" }",
          "a.lua:1: move \"x\": leads nowhere: it needs \"to\", or \"reasons\" that say where to\n" },
        { "move \"x\" { from = \"work\", to = \"done\", by = \"ownr\" }",
          "a.lua:1: move \"x\": unknown team in \"by\": \"ownr\"; did you mean \"owner\"?\n" },
        { "move \"x\" { from = \"work\", to = \"done\", by = \"owner\", reasons = { \"good\" } }",
          "a.lua:1: move \"x\": has both \"to\" and \"reasons\": each reason says where to\n" },
        { "move \"x\" { from = \"work\", by = \"owner\", reasons = { \"godo\" } }",
          "a.lua:1: move \"x\": unknown reason \"godo\"; did you mean \"good\"?\n" },
        { "move \"x\" { from = \"work\", to = \"done\", by = \"owner\", when = { idle = ge(\"3d\") } }",
          "a.lua:1: move \"x\": \"when\" is for moves by \"rules\"; what a person's move requires stands in \"needs\"\n" },
        { "move \"x\" { from = \"new\", by = \"rules\", reasons = { \"good\" } }",
          "a.lua:1: move \"x\": \"reasons\" are for people: a move by \"rules\" has \"to\"\n" },
        { "move \"x\" { from = \"new\", to = \"new\", by = \"rules\" }",
          "a.lua:1: move \"x\": a move by \"rules\" cannot lead from \"new\" to itself\n" },
        { "move \"x\" { from = \"work\", to = \"done\", by = \"owner\", alias = \"finished\" }",
          "zz-base.lua:13: move \"finish\": its alias \"finished\" is also one of the move \"x\" (a.lua:1)\n" },
        { "move \"x\" { from = \"work\", to = \"done\", by = \"owner\", alias = { \"take\" } }",
          "a.lua:1: move \"x\": its alias \"take\" is the name of the move at zz-base.lua:12\n" },
        { "move \"x\" { from = { \"work\", \"work\" }, to = \"done\", by = \"owner\" }",
          "a.lua:1: move \"x\": \"from\" names \"work\" twice\n" },
        { "move \"x\" { from = \"work\", to = \"done\", by = \"owner\", needs = { \"REACHBLE\" } }",
          "a.lua:1: move \"x\": unknown criterion \"REACHBLE\"; did you mean \"REACHABLE\"?\n" },
        { "move \"x\" { from = \"new\", to = \"done\", by = \"owner\" }",
          "a.lua:1: move \"x\": nobody owns a lead in \"new\": the team \"queue\" has no members\n" },
        { "move \"x\" { from = \"new\", to = \"done\", by = \"team\" }",
          "a.lua:1: move \"x\": nobody is in the team \"queue\" of the status \"new\"\n" },
        { "move \"x\" { from = 7, to = \"done\", by = \"owner\" }",
          "a.lua:1: move \"x\": \"from\" must be a text or a list of texts, not 7\n" },
        { "reason \"x\" { to = \"dnoe\", recycle_after = \"soon\" }",
          "a.lua:1: reason \"x\": unknown status \"dnoe\"; did you mean \"done\"?\n"
          "a.lua:1: reason \"x\": \"recycle_after\" must be a duration such as \"4h\", \"30d\" or \"2wd\", not \"soon\"\n"
          "a.lua:1: warning: reason \"x\": no move has this reason\n" },
        { "reason \"x\" { to = \"done\", note = \"requird\" }",
          "a.lua:1: reason \"x\": \"note\" must be optional or required, not \"requird\"; did you mean \"required\"?\n"
          "a.lua:1: warning: reason \"x\": no move has this reason\n" },
        { "fence \"x\" { blocks = \"work\" }",
          "a.lua:1: fence \"x\": is never closed: it needs \"when\", or \"since\" and \"hold\"\n" },
        { "fence \"x\" { blocks = \"work\", since = { \"bad\" } }",
          "a.lua:1: fence \"x\": \"since\" and \"hold\" belong together: for how long after a move with one of these reasons\n" },
        { "fence \"x\" { blocks = \"work\", when = { [\"person.email\"] = present }, since = { \"bad\" }, hold = \"3d\" }",
          "a.lua:1: fence \"x\": has both \"when\" and \"since\": make two fences of it\n" },
        { "list \"x\" { \"a\", 5 }",
          "a.lua:1: list \"x\": entry 2 must be a text, not a number\n" },
        { "list \"x\" { a = \"b\" }",
          "a.lua:1: list \"x\": must be a plain list: { \"a\", \"b\" }\n" },
        { "list \"x\" { \"a\", nil, \"b\" }",
          "a.lua:1: list \"x\": must be a plain list: { \"a\", \"b\" }\n" },
        { "group \"x\" { min = 10, max = 5 }",
          "a.lua:1: group \"x\": \"min\" must be less than \"max\"\n" },
        { "group \"x\" { half_life = \"2wd\" }",
          "a.lua:1: group \"x\": \"half_life\" cannot be in working days (\"2wd\"): they are for SLAs and recycle dates\n" },
        { "group \"x\" { min = \"low\" }",
          "a.lua:1: group \"x\": \"min\" must be a number of points, not \"low\"\n" },
        { "score \"X\" { group = \"fitt\", points = 5 }",
          "a.lua:1: score \"X\": unknown group \"fitt\"; did you mean \"fit\"?\n" },
        { "grade \"G\" { fit = { A = 50, B = 50, C = 0 }, engagement = { [\"1\"] = 0 } }",
          "a.lua:1: grade \"G\": \"fit\": the bands \"A\" and \"B\" begin at the same points\n" },
        { "grade \"G\" { fit = { A = 50 }, engagement = { [\"1\"] = 0 } }",
          "a.lua:1: grade \"G\": \"fit\": the lowest band begins at 50, but the group can fall to 0\n" },
        { "grade \"G\" { fit = { [\"?\"] = 0 }, engagement = { A = 0 } }",
          "a.lua:1: grade \"G\": \"fit\": a band's name is made of letters, not \"?\"\n"
          "a.lua:1: grade \"G\": \"engagement\": a band's name is made of digits, not \"A\"\n" },
        { "grade \"G\" { fit = { A = 0 }, engagement = { 10, 0 } }",
          "a.lua:1: grade \"G\": \"engagement\" has an entry without a name\n" },
        { "grade \"G\" { fit = { A = 0 } }",
          "a.lua:1: grade \"G\": \"engagement\" is missing\n" },
        { "route \"x\" { }",
          "a.lua:1: route \"x\": leads to nobody: it needs \"team\", or owner = \"account\" or \"previous\"\n" },
        { "route \"x\" { team = \"desk\", owner = \"account\" }",
          "a.lua:1: route \"x\": has both \"team\" and \"owner\"\n" },
        { "route \"x\" { owner = \"acount\" }",
          "a.lua:1: route \"x\": \"owner\" must be account or previous, not \"acount\"; did you mean \"account\"?\n" },
        { "route \"x\" { team = \"queue\" }",
          "a.lua:1: route \"x\": the team \"queue\" has no members: its leads are a queue and need no route\n" },
        { "route \"x\" { team = \"desk\", match = { langs = \"person.locale\" } }",
          "a.lua:1: route \"x\": nobody in the team \"desk\" has the skill \"langs\"\n" },
        { "route \"x\" { team = \"desk\", match = { languages = \"person.local\" } }",
          "a.lua:1: route \"x\": unknown path \"person.local\"; did you mean \"person.locale\"?\n" },
        { "sla \"x\" { status = \"new\", within = \"4h\", steps = { { at = \"4h\", every = \"4h\", remind = \"owner\" } } }",
          "a.lua:1: sla \"x\": steps[1] reminds the owner, but the team \"queue\" has no members\n"
          "a.lua:1: sla \"x\": the status \"new\" is not of kind \"sla\"\n" },
        { "sla \"x\" { status = \"work\", within = \"4x\", steps = { } }",
          "a.lua:1: sla \"x\": \"within\" must be a duration such as \"4h\", \"30d\" or \"2wd\", not \"4x\"\n"
          "a.lua:1: sla \"x\": \"steps\" is empty: nothing would ever happen\n"
          "zz-base.lua:17: warning: sla \"answer\": never applies: \"x\" (a.lua:1) comes first and applies to every lead\n" },
        { "sla \"x\" { status = \"work\", within = \"4h\", clock = \"d\", steps = { { at = \"4h\", every = \"4h\", remind = \"owner\" } } }",
          "a.lua:1: sla \"x\": unknown calendar in \"clock\": \"d\"\n"
          "zz-base.lua:17: warning: sla \"answer\": never applies: \"x\" (a.lua:1) comes first and applies to every lead\n" },
        { "sla \"x\" { status = \"work\", within = \"1wd\", clock = \"wall\", steps = { { at = \"4h\", every = \"4h\", remind = \"owner\" } } }",
          "a.lua:1: sla \"x\": counts working days, but the clock \"wall\" has none\n"
          "zz-base.lua:17: warning: sla \"answer\": never applies: \"x\" (a.lua:1) comes first and applies to every lead\n" },
        { "sla \"x\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { { at = \"4h\", remnid = \"owner\" } } }",
          "a.lua:1: sla \"x\": unknown key in \"steps[1]\": \"remnid\"; did you mean \"remind\"?\n" },
        { "sla \"x\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { { at = \"4h\", remind = { \"onwer\" }, every = \"4h\" } } }",
          "a.lua:1: sla \"x\": unknown reader in \"remind\": \"onwer\"; did you mean \"owner\"?\n" },
        { "sla \"x\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { { at = \"4h\", remind = { \"ops\" }, every = \"4h\" } } }",
          "a.lua:1: sla \"x\": steps[1] reminds ops, but the settings name no \"ops\" address\n" },
        { "sla \"x\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { { at = \"4h\", remind = { \"owner\" } } } }",
          "a.lua:1: sla \"x\": its last step neither moves the lead nor repeats (\"every\"): after it there would be silence\n" },
        { "sla \"x\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { { at = \"4h\", every = \"1h\", remind = \"owner\" }, { at = \"2h\", every = \"1h\", remind = \"owner\" } } }",
          "a.lua:1: sla \"x\": steps[1] repeats, but only the last step can\n"
          "a.lua:1: sla \"x\": steps[2] comes before a step above it\n" },
        { "sla \"x\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { { at = \"4h\", move = \"finish\" } } }",
          "a.lua:1: sla \"x\": steps[1]: the move \"finish\" needs a reason\n" },
        { "sla \"x\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { { at = \"4h\", move = \"take\" } } }",
          "a.lua:1: sla \"x\": steps[1]: the move \"take\" does not start from \"work\"\n" },
        { "sla \"x\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { { at = \"4h\", every = \"1s\", remind = \"owner\" } } }",
          "a.lua:1: sla \"x\": steps[1] repeats more often than once a minute\n" },
        { "sla \"x\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { \"4h\" } }",
          "a.lua:1: sla \"x\": \"steps[1]\" must be a table such as { at = \"4h\", remind = { \"owner\" } }, not a text\n" },
        { "sla \"x\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { { at = \"4h\", every = \"1h\", remind = \"owner\", message = \"remidner\" } } }",
          "a.lua:1: sla \"x\": unknown message \"remidner\"; did you mean \"reminder\"?\n" },
        { "channel \"x\" { via = \"mail\" }",
          "a.lua:1: channel \"x\": \"via\" must be journal, sendmail, smtp, exec, webhook or drop, not \"mail\"\n" },
        { "channel \"x\" { via = \"sendmail\" }",
          "a.lua:1: channel \"x\": mail needs \"from\"\n" },
        { "channel \"x\" { via = \"exec\" }",
          "a.lua:1: channel \"x\": exec needs \"target\": the program\n" },
        { "channel \"x\" { via = \"journal\", quiet = \"always\" }",
          "a.lua:1: channel \"x\": \"quiet\" must be recipient, not \"always\"\n" },
        { "channel \"x\" { via = \"journal\", gather = \"1m\" }",
          "a.lua:1: channel \"x\": \"gather\" is for mail (sendmail, smtp): what goes to programs is one record each\n" },
        { "channel \"x\" { via = \"sendmail\", from = \"a@b.de\", gather = \"2h\" }",
          "a.lua:1: channel \"x\": \"gather\" may be at most 1h: who is to be reminded is not to wait longer\n" },
        { "channel \"x\" { via = \"sendmail\", from = \"a@b.de\", gather = \"1wd\" }",
          "a.lua:1: channel \"x\": \"gather\" cannot be in working days (\"1wd\"): they are for SLAs and recycle dates\n" },
        { "channel \"x\" { via = \"sendmail\", from = \"a@b.de\", gather = 3 }",
          "a.lua:1: channel \"x\": \"gather\" must be a duration such as \"4h\" or \"30d\", not 3\n" },
        { "message \"x\" { channel = \"lgo\", subject = \"s\", body = \"b\" }",
          "a.lua:1: message \"x\": unknown channel \"lgo\"; did you mean \"log\"?\n" },
        { "message \"x\" { channel = \"log\", subject = \"two\\nlines\", body = \"b\" }",
          "a.lua:1: message \"x\": \"subject\" must be one line\n" },
        { "message \"x\" { channel = \"log\", to = \"laed\", subject = \"s\", body = \"b\" }",
          "a.lua:1: message \"x\": unknown reader in \"to\": \"laed\"; did you mean \"lead\"?\n" },
        { "feed \"../x\" { via = \"drop\", types = { \"moved\" } }",
          "a.lua:1: feed \"../x\": what goes via \"drop\" is a directory below outgoing/: its name has no \"/\", does not begin with \".\" and is at most 200 bytes long\n" },
        { "channel \"a/b\" { via = \"drop\" }",
          "a.lua:1: channel \"a/b\": what goes via \"drop\" is a directory below outgoing/: its name has no \"/\", does not begin with \".\" and is at most 200 bytes long\n" },
        { "feed \"x\" { via = \"exec\", types = { \"moved\" } }",
          "a.lua:1: feed \"x\": a feed goes via \"drop\" in this version of leadd\n" },
        { "feed \"x\" { via = \"drop\", types = { \"move\" } }",
          "a.lua:1: feed \"x\": unknown type \"move\"; did you mean \"moved\"?\n" },
        { "adapter \"x\" { map = { a = \"person.email\" } }",
          "a.lua:1: adapter \"x\": matches nothing: it needs \"match\" or \"source\"\n" },
        { "adapter \"x\" { match = { \"a\" }, map = { a = \"person.emial\" } }",
          "a.lua:1: adapter \"x\": unknown target \"person.emial\"; did you mean \"person.email\"?\n" },
        { "adapter \"x\" { match = { \"a\" }, map = { a = \"answers\" } }",
          "a.lua:1: adapter \"x\": \"map.a\": \"answers\" needs a key, such as \"answers.name\"\n" },
        { "adapter \"x\" { match = { \"a\" }, map = { a = { \"person.email\", as = \"lowr\" } } }",
          "a.lua:1: adapter \"x\": \"map.a.as\" must be auto, integer, number, bool, phone, country, strip, lower or last_urn, not \"lowr\"; did you mean \"lower\"?\n" },
        { "adapter \"x\" { match = { \"a\" }, map = { a = { \"person.email\", as = \"lower\", strip = \"x\" } } }",
          "a.lua:1: adapter \"x\": \"map.a\": one of \"as\" and \"strip\"\n" },
        { "adapter \"x\" { match = { \"a\" }, map = { a = 5 } }",
          "a.lua:1: adapter \"x\": \"map.a\" must be a target or { \"target\", as = ... }, not a number\n" },
        { "adapter \"x\" { match = { \"a\" }, rest = \"person.email\" }",
          "a.lua:1: adapter \"x\": \"rest\" cannot be \"person.email\": only answers, activity.properties, consent, external_ids and click_ids take any name\n" },
        { "adapter \"x\" { match = { \"a\" }, rest = \"answers\", type = \"lead.submited\" }",
          "a.lua:1: adapter \"x\": unknown record type in \"type\": \"lead.submited\"; did you mean \"lead.submitted\"?\n" },
        { "adapter \"x\" { match = { \"a\" }, rest = \"answers\", type_from = { \"kind\", x = \"activity.clicked\", y = \"nothing\" } }",
          "a.lua:1: adapter \"x\": unknown record type in \"type_from.y\": \"nothing\"\n" },
        { "adapter \"x\" { match = { \"a\" }, rest = \"answers\", time = { \"t\", form = \"unixms\" } }",
          "a.lua:1: adapter \"x\": \"time.form\" must be auto, rfc3339, unix, unix_ms or local, not \"unixms\"; did you mean \"unix_ms\"?\n" },
        { "adapter \"x\" { match = { \"a\" }, rest = \"answers\", time = { \"t\", form = \"local\", zone = \"Berlin\" } }",
          "a.lua:1: adapter \"x\": time.zone: there is no time zone \"Berlin\" (names are like Europe/Berlin)\n" },
        { "adapter \"x\" { match = { \"a\" }, rest = \"answers\", set = { [\"company.employees\"] = \"many\" } }",
          "a.lua:1: adapter \"x\": \"set.company.employees\": \"company.employees\" holds a number\n" },
        { "adapter \"x\" { match = { \"a\" }, rest = \"answers\", secret = { field = \"k\", file = \"a/b\" } }",
          "a.lua:1: adapter \"x\": \"secret.file\" must be an absolute path or the name of a credential, not \"a/b\"\n" },
        { "adapter \"x\" { match = { \"a\" }, pairs = { { list = \"l\", name = \"n\" } } }",
          "a.lua:1: adapter \"x\": \"pairs[1].value\" is missing\n" },
        { "adapter \"x\" { match = { \"a\" }, rest = \"answers\", format = \"xml\" }",
          "a.lua:1: adapter \"x\": \"format\" must be json, csv or form, not \"xml\"\n" },
        { "adapter \"x\" { match = { \"a\" }, rest = \"answers\", set = { [\"timer.rule\"] = \"x\" } }",
          "a.lua:1: adapter \"x\": \"set\": \"timer.rule\" is leadd's own\n" },
        { "adapter \"x\" { match = { \"a\" }, map = { a = { \"company.employees\", values = { small = \"few\" } } } }",
          "a.lua:1: adapter \"x\": \"map.a.values.small\": \"company.employees\" holds a number\n" },
        { "segment \"x\" { when = { [\"company.domain\"] = in_list \"ee\" } }",
          "a.lua:1: segment \"x\": unknown list \"ee\"; did you mean \"eea\"?\n" },
        { "move \"x\" { from = \"new\", to = \"work\", by = \"rules\", when = { status = \"nwe\" } }",
          "a.lua:1: move \"x\": unknown status \"nwe\"; did you mean \"new\"?\n" },
        { "team \"x\" { members = { carl = { max_open = \"many\", per_day = true, left = \"no\" } } }",
          "a.lua:1: member \"carl\": \"max_open\" must be a whole number that is not negative, not \"many\"\n"
          "a.lua:1: member \"carl\": \"per_day\" must be a whole number that is not negative, not true\n"
          "a.lua:1: member \"carl\": \"left\" must be true or false, not \"no\"\n" },
        { "team \"x\" { members = { carl = { [\"a\\nb\"] = 1 } } }",
          "a.lua:1: member \"carl\": unknown key \"a b\"\n" },
        { "local score = 5\n"
          "score \"X\" { group = \"fit\", points = 5 }",
          "a.lua:2: attempt to call a number value (local 'score')\n" },
        { "function helper() return undefined_name end\n"
          "helper()",
          "a.lua:1: unknown name \"undefined_name\"\n" },
        { "list \"x\" { }",
          "a.lua:1: warning: list \"x\": is empty: nothing is in it\n" },};

/* Whole rule sets, in which each declaration is right and the sum is not. */
static const struct {
        const char *rules, *want;
} sums[] = {
        { "",
          "no status is declared\n" },
        { "principle \"P\" { \"p\" }",
          "no status is declared\n" },
        { "team \"queue\" { }\n"
          "status \"new\" { team = \"queue\" }\n"
          "status \"done\" { team = \"queue\", kind = \"final\" }\n"
          "move \"x\" { from = \"new\", to = \"done\", by = \"rules\" }",
          "no status is initial: new leads have no place (initial = true)\n" },
        { "team \"queue\" { }\n"
          "status \"new\" { team = \"queue\", initial = true }\n"
          "status \"old\" { team = \"queue\", initial = true }\n"
          "status \"done\" { team = \"queue\", kind = \"final\" }\n"
          "move \"x\" { from = { \"new\", \"old\" }, to = \"done\", by = \"rules\" }",
          "a.lua:3: status \"old\": is initial, but so is \"new\" (a.lua:2); new leads need one place\n" },
        { "team \"queue\" { }\n"
          "status \"done\" { team = \"queue\", kind = \"final\", initial = true }",
          "a.lua:2: status \"done\": is initial and final: nothing would ever happen\n" },
        { "team \"queue\" { }\n"
          "status \"new\" { team = \"queue\", initial = true }\n"
          "status \"stuck\" { team = \"queue\" }\n"
          "status \"done\" { team = \"queue\", kind = \"final\" }\n"
          "move \"x\" { from = \"new\", to = \"done\", by = \"rules\" }\n"
          "move \"y\" { from = \"new\", to = \"stuck\", by = \"rules\" }",
          "a.lua:3: status \"stuck\": no moves lead from here to a status of kind \"final\"\n" },
        { "team \"queue\" { }\n"
          "status \"new\" { team = \"queue\", initial = true }\n"
          "status \"island\" { team = \"queue\" }\n"
          "status \"done\" { team = \"queue\", kind = \"final\" }\n"
          "move \"x\" { from = { \"new\", \"island\" }, to = \"done\", by = \"rules\" }",
          "a.lua:3: status \"island\": cannot be reached: no moves lead there from \"new\"\n" },
        { "team \"desk\" { members = { anna = { } } }\n"
          "team \"queue\" { }\n"
          "status \"new\" { team = \"queue\", initial = true }\n"
          "status \"work\" { team = \"desk\" }\n"
          "status \"done\" { team = \"queue\", kind = \"final\" }\n"
          "move \"x\" { from = \"new\", to = \"work\", by = \"rules\" }\n"
          "move \"y\" { from = \"work\", to = \"done\", by = \"owner\" }",
          "a.lua:1: team \"desk\": no route leads to it: route \"NAME\" { team = \"desk\" }\n" },
        { "team \"desk\" { members = { anna = { } } }\n"
          "team \"queue\" { }\n"
          "status \"new\" { team = \"queue\", initial = true }\n"
          "status \"work\" { team = \"desk\" }\n"
          "status \"done\" { team = \"queue\", kind = \"final\" }\n"
          "move \"x\" { from = \"new\", to = \"work\", by = \"rules\" }\n"
          "move \"y\" { from = \"work\", to = \"done\", by = \"owner\" }\n"
          "route \"some\" { team = \"desk\", when = { country = \"DE\" } }",
          "a.lua:8: route \"some\": is the last route to the team \"desk\", so it must take every lead (no \"when\", no \"match\")\n" },
        { "team \"desk\" { members = { anna = { } } }\n"
          "team \"queue\" { }\n"
          "status \"new\" { team = \"queue\", initial = true }\n"
          "status \"work\" { team = \"desk\", kind = \"sla\" }\n"
          "status \"done\" { team = \"queue\", kind = \"final\" }\n"
          "move \"x\" { from = \"new\", to = \"work\", by = \"rules\" }\n"
          "move \"y\" { from = \"work\", to = \"done\", by = \"owner\" }\n"
          "route \"all\" { team = \"desk\" }",
          "a.lua:4: status \"work\": is of kind \"sla\", but no sla has status = \"work\"\n" },
        { "team \"desk\" { members = { anna = { } } }\n"
          "team \"queue\" { }\n"
          "status \"new\" { team = \"queue\", initial = true }\n"
          "status \"work\" { team = \"desk\", kind = \"sla\" }\n"
          "status \"done\" { team = \"queue\", kind = \"final\" }\n"
          "move \"x\" { from = \"new\", to = \"work\", by = \"rules\" }\n"
          "move \"y\" { from = \"work\", to = \"done\", by = \"owner\" }\n"
          "route \"all\" { team = \"desk\" }\n"
          "sla \"s\" { status = \"work\", when = { country = \"DE\" }, within = \"4h\", steps = { { at = \"4h\", move = \"y\" } } }",
          "a.lua:4: status \"work\": every sla for it has a condition: one must apply to the leads that are left (without \"when\" and \"start_on\")\n" },
        { "team \"desk\" { members = { anna = { } } }\n"
          "team \"queue\" { }\n"
          "status \"new\" { team = \"queue\", initial = true }\n"
          "status \"work\" { team = \"desk\", kind = \"sla\" }\n"
          "status \"done\" { team = \"queue\", kind = \"final\" }\n"
          "move \"x\" { from = \"new\", to = \"work\", by = \"rules\" }\n"
          "move \"y\" { from = \"work\", to = \"done\", by = \"owner\" }\n"
          "route \"all\" { team = \"desk\" }\n"
          "sla \"s\" { status = \"work\", within = \"1wd\", steps = { { at = \"4h\", remind = \"head\", every = \"1h\" } } }",
          "a.lua:9: sla \"s\": steps[1] reminds the head, but the team \"desk\" has none\n"
          "a.lua:9: sla \"s\": counts working days, but neither \"anna\" nor the team \"desk\" has a calendar\n" },
        { "grade \"G\" { fit = { A = 0 }, engagement = { [\"1\"] = 0 } }\n"
          "team \"queue\" { }\n"
          "status \"new\" { team = \"queue\", initial = true }\n"
          "status \"done\" { team = \"queue\", kind = \"final\" }\n"
          "move \"x\" { from = \"new\", to = \"done\", by = \"rules\" }",
          "a.lua:1: grade \"G\": needs the group \"fit\", which is not declared\n"
          "a.lua:1: grade \"G\": needs the group \"engagement\", which is not declared\n" },
        { "team \"desk\" { members = { anna = { weight = 0 } } }\n"
          "team \"queue\" { }\n"
          "status \"new\" { team = \"desk\", initial = true }\n"
          "status \"done\" { team = \"queue\", kind = \"final\" }\n"
          "move \"x\" { from = \"new\", to = \"done\", by = \"rules\" }\n"
          "route \"all\" { team = \"desk\" }\n"
          "",
          "a.lua:1: team \"desk\": nobody gets its leads: every member has weight 0 or has left\n" },};
/* clang-format on */

static void check_report(const Directory *directory, const char *rules, const char *want) {
        _cleanup_(base_freep) char *got = directory_load(directory, 0, NULL);
        if (strcmp(got, want) != 0)
                fail_msg("%s\n got %s\nwant %s", rules, got, want);
}

static void policy_load__a_faulty_snippet__is_told_by_place_and_text(void **state) {
        (void) state;
        Directory directory;
        _cleanup_(base_freep) char *base = file_content(DATA "base.lua", NULL);
        directory_open(&directory);
        directory_write_text(&directory, "zz-base.lua", base);
        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                directory_write_text(&directory, "a.lua", faults[i].snippet);
                check_report(&directory, faults[i].snippet, faults[i].want);
        }
        directory_close(&directory);
}

static void policy_load__rules_that_do_not_add_up__are_told_what_is_missing(void **state) {
        (void) state;
        Directory directory;
        directory_open(&directory);
        for (size_t i = 0; i < ARRAY_SIZE(sums); i++) {
                directory_write_text(&directory, "a.lua", sums[i].rules);
                check_report(&directory, sums[i].rules, sums[i].want);
        }
        directory_close(&directory);
}

static void policy_load__many_mistakes_in_many_files__are_all_told_in_order(void **state) {
        (void) state;
        static const char want[] = "10.lua:1: team \"queue\": unknown key \"dco\"; did you mean \"doc\"?\n"
                                   "10.lua:3: unknown name \"sttus\"; did you mean \"status\"?\n"
                                   "20.lua:2: '}' expected (to close '{' at line 1) near '\"b\"'\n"
                                   "30.lua:1: segment \"x\": \"when\" is missing\n"
                                   "adapters/a.lua:2: adapter \"a\": unknown target \"person.emial\"; did you mean \"person.email\"?\n"
                                   "lists/a\x7f.txt: cannot be the name of a list\n"
                                   "lists/bad.txt:2: is not UTF-8 text\n";
        Directory directory;
        directory_open(&directory);
        directory_write_text(
                &directory, "10.lua", "team \"queue\" { dco = \"x\" }\n\nsttus \"new\" { team = \"queue\", initial = true }\n");
        directory_write_text(&directory, "20.lua", "list \"a\" { \"a\"\n\"b\" b }\n");
        directory_write_text(&directory, "30.lua", "segment \"x\" { }\nreason \"r\" { to = \"nurture\" }\n");
        directory_write_text(&directory, "adapters/a.lua", "\nadapter \"a\" { match = { \"x\" }, map = { x = \"person.emial\" } }\n");
        directory_write_text(&directory, "lists/a\x7f.txt", "good\n");
        directory_write_text(&directory, "lists/bad.txt", "good\nb\xff\xff\n");
        check_report(&directory, "six files", want);
        directory_close(&directory);
}

static void policy_load__more_mistakes_than_anybody_reads__are_cut(void **state) {
        (void) state;
        Directory directory;
        PolicyReport report = { 0 };
        RuleSet *rules = NULL;
        Text text = { 0 };
        for (int i = 0; i < 2000; i++)
                text_printf(&text, "criterion \"c%d\" { }\n", i);
        directory_open(&directory);
        directory_write(&directory, "a.lua", text.data, text.size);
        assert_int_equal(policy_load(directory.path, 0, &rules, &report), POLICY_E_RULES);
        assert_null(rules);
        assert_int_equal(report.n_problems, 501);
        assert_true(report.n_errors >= 2000);
        assert_string_equal(report.problems[0].text, "there are more than 500 problems; these are the first");
        assert_int_equal(report.problems[500].line, 500);
        policy_report_done(&report);
        text_free(&text);
        directory_close(&directory);
}

static void policy_load__more_declarations_than_a_rule_set_may_have__is_said_once(void **state) {
        (void) state;
        Directory directory;
        directory_open(&directory);
        directory_write_text(&directory, "a.lua", "for i = 1, 5000 do list(\"l\" .. i) { \"a\" } end");
        check_report(&directory, "5000 lists", "a.lua:1: is one declaration more than the 4096 a rule set may have\n");
        directory_close(&directory);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(policy_load__a_faulty_snippet__is_told_by_place_and_text),
                cmocka_unit_test(policy_load__rules_that_do_not_add_up__are_told_what_is_missing),
                cmocka_unit_test(policy_load__many_mistakes_in_many_files__are_all_told_in_order),
                cmocka_unit_test(policy_load__more_mistakes_than_anybody_reads__are_cut),
                cmocka_unit_test(policy_load__more_declarations_than_a_rule_set_may_have__is_said_once),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

-- SPDX-License-Identifier: MIT
-- By what both teams are measured: the stages of the funnel (`leadctl report funnel`), and what each promised the other
-- (`leadctl report alignment`). Numbers that one side can reach by itself were left out: leads sent, calls made.

stage "inquiry"     { every = true }
stage "mql"         { status = "mql" }
stage "accepted"    { accepted = true }
stage "meeting"     { move = "meeting_booked" }
stage "opportunity" { status = "opportunity", opportunity = true }
stage "won"         { status = "customer" }

target "WANTED"    { side = "marketing", measure = "acceptance_rate", at_least = 70, doc = "what we hand over is wanted" }
target "REAL"      { side = "marketing", measure = "bad_data", at_most = 5, doc = "numbers and names are real" }
target "RECYCLED"  { side = "marketing", measure = "recycled", at_least = 15, doc = "what comes back is worked, and comes again" }
target "ANSWERED"  { side = "sales", measure = "sla_kept", at_least = 90, doc = "accepted or returned in time" }
target "REASONS"   { side = "sales", measure = "reasons_given", at_least = 100, doc = "what goes back says why" }
target "FEEDBACK"  { side = "sales", measure = "feedback_given", at_least = 80, doc = "we tell what became of what we accepted" }
target "NO_LEAKS"  { side = "sales", measure = "leaks", at_most = 0, doc = "no lead lies where nobody looks" }

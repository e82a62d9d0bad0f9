-- SPDX-License-Identifier: MIT
-- luacheck: a rule file is a series of declarations; these are the only words it has besides the language itself.
std = "none"
max_line_length = 170
read_globals = {
  -- the kinds
  "principle", "settings", "calendar", "team", "status", "criterion", "move", "reason", "fence", "list", "segment", "group", "score", "grade", "junk",
  "route", "sla", "channel", "message", "campaign", "track", "feed", "adapter", "test",
  -- conditions and matchers
  "any", "all", "none", "did", "one_of", "is_not", "has", "word", "starts", "ends", "like", "ge", "gt", "le", "lt", "between", "present", "absent",
  "in_list",
  -- in tests beside the rules
  "lead", "activity",
  -- what is left of Lua in the sandbox
  "assert", "error", "ipairs", "next", "pairs", "pcall", "select", "tonumber", "tostring", "type", "math", "string", "table", "utf8",
}

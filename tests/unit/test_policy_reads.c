/* SPDX-License-Identifier: MIT */
/*
 * Functions that surely only read are run one after the other without taking the sandbox back (sandbox_reads.c). Bodies made at random,
 * of which some write and some do not, answer as when it is taken back before each of them, in whatever order they stand.
 */
#include "test_policy_fixture.h"
#include "test_policy_script.h"

#include "../../daemon/policy/condition.h"
#include "../../daemon/policy/score.h"

static const char *const random_values[] = { "lead.person.title", "lead.company.employees", "lead.id", "lead.person.nothing", "lead.source",
        "lead.activities[1].url", "lead.activities[2].type", "#lead.activities", "lead.answers.fleet", "now - lead.created", "('x')", "(7)",
        "lead.country", "lead.nothing" };
/* The last RANDOM_WILD of each fail often or take all there is, after which everything is taken back: every second seed is without. */
#define RANDOM_WILD 4
static const char *const random_conditions[] = {
        "tostring(%s):lower():find('%s')",
        "type(%s) == 'string' or '%s' == 'x'",
        "(%s or 'none') == '%s'",
        "tostring(%s):rep(50, '%s'):len() > 300",
        "math.max(tonumber(%s) or 0, #'%s') > 5",
        "tostring(%s):upper():match('^%%u+') == '%s'",
        "(tostring(%s):gsub('%s', '-')):len() > 4",
        "tostring(%s) .. '%s' > 'f'",
        "string.format('%%s-%%s', %s, '%s'):byte(2) > 60",
        "select('#', table.unpack({ %s, '%s' })) == 1",
        "pcall(function() return %s.x == '%s' end)",
        "(function(s) for w in s:gmatch('%%a+') do if w == '%2$s' then return true end end end)(tostring(%1$s))",
        "%s:len() > #'%s'",
        "%s .. '%s' > 'f'",
};
static const char *const random_loops[] = {
        "for _, a in ipairs(lead.activities) do if a.%s and tostring(a.%s):find('%s') then n = n + 1 end end",
        "for k, v in pairs(lead.answers) do if k == '%s' or tostring(v) == '%s' or v == '%s' then n = n + 10 end end",
        "for k in pairs(lead) do if k < '%s' or #k == #'%s' or k == '%s' then n = n + 3 end end",
        "for w in tostring(lead.%s):gmatch('%%w') do if w == '%s' or w == '%s' then n = n + 7 end end",
        "local s = '%s' for i = 1, 40 do s = s .. i .. '%s' .. '%s' end n = n + #s %% 17",
        "lead.person.title = '%s%s' n = n + #'%s'",
        "n = n + #tostring(lead.person.%s or lead.activities[1].%s or lead.%s)",
        "seen = seen + 1 n = n + seen + #'%s%s%s'",
        "local own = { '%s', a = '%s' } own.b = #own[1] table.insert(own, '%s') n = n + #table.concat(own, ' ') + own.b",
        "local own = { lead.person } own[1].title = '%s%s%s' n = n + 1",
        "table.insert(lead.activities, 1, { %s = '%s%s' }) n = n + #lead.activities",
        "if lead.%s then return n, 'because of ' .. tostring(lead.%s) .. ' %s' end",
        "n = n + put({ '%s' }, '%s') + #'%s'",
        "n = n + put(shared, '%s') + #'%s%s'",
        "each(lead.activities, function(a) n = n + #tostring(a.%s) end) n = n + #'%s%s'",
        "each(lead.activities, function(a) put(shared, a.%s) end) n = n + #shared + #'%s%s'",
        "local own = make({}) own('%s') n = n + own('%s%s')",
        "local ours = make(shared) ours('%s') n = n + ours('%s%s')",
        "local t = { 'b', '%s', '%s' } table.sort(t, function(a, b) return a < b end) n = n + #t[1] + #'%s'",
        "local t = { 'b', '%s', '%s' } table.sort(t, function(a, b) bump() return a < b end) n = n + bump() + #'%s'",
        "n = n + select(2, pcall(put, shared, '%s')) + #'%s%s'",
        "n = n + select(2, pcall(put, {}, '%s')) + #'%s%s'",
        "n = n + #(tostring(lead.%s):gsub('%%a', function(c) return c .. '%s%s' end))",
        "tostring('%s%s%s'):gsub('e', function() put(shared, 1) end) n = n + #shared",
        "local t = {} local function w(v) t[#t + 1] = v end w(1) if lead.%s then t = shared end w('%s%s') n = n + #t + #shared",
        "local t = {} local function w(v) t[#t + 1] = v end w(1) w('%s%s%s') n = n + #t + #shared",
        "local function set(v) shared = { v, v } end if lead.%s then set('%s%s') end n = n + #shared",
        /* A large text makes steps be counted more finely; the next takes about as long as the budget lasts. */
        "n = n + ('%s%s%s'):rep(700):len() %% 3",
        "for i = 1, 99970 + #'%s%s%s' * 3 do n = n + 1 end",
        "for i = 1, #'%s%s%s' < 5 and 1e9 or 3 do n = n + #('x'):rep(i) end",
        "local s = ('%s%s%s'):rep(900) for i = 1, 20 do n = n + (s .. i):len() %% 3 end",
        "local own = {} for i = 1, 3000 do own[i] = '%s' .. i end n = n + #own[#own] + #'%s%s'",
        "for i = 1, 6 do n = n + #tostring(lead.id):rep(9000, '%s%s%s') end",
};
static const char *const random_words[] = { "type", "name", "url", "title", "e", "x", "vp", "id", "p", "fleet", "country", "source" };

#define PICK(from) (from[random_below(&seed, ARRAY_SIZE(from))])
#define PICK_CALM(from, calm) (from[random_below(&seed, ARRAY_SIZE(from) - (calm ? RANDOM_WILD : 0))])
#define RANDOM_RULES 8
#define RANDOM_SEEDS 100

static uint64_t random_below(uint64_t *seed, uint64_t n) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (*seed >> 33) % n;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void random_body(Text *text, uint64_t seed, bool calm) {
        for (uint64_t i = random_below(&seed, 4); i > 0; i--) {
                const char *a = PICK(random_words), *b = PICK(random_words), *c = PICK(random_words);
                if (random_below(&seed, 2) == 0)
                        text_printf(text, PICK_CALM(random_loops, calm), a, b, c);
                else {
                        text_append(text, "if ");
                        text_printf(text, PICK_CALM(random_conditions, calm), PICK(random_values), a);
                        text_printf(text, " then n = n + %d end", (int) random_below(&seed, 100));
                }
                text_append(text, " ");
        }
        text_append(text, "if ");
        text_printf(text, PICK_CALM(random_conditions, calm), PICK(random_values), PICK(random_words));
        text_append(text, " then n = n + 1 end");
}
#pragma GCC diagnostic pop

/* The rules of the seed in an order. */
static RuleSet *random_rules(uint64_t seed, const uint8_t order[static RANDOM_RULES]) {
        Text text = { 0 };

        text_append(&text,
                "seen, shared = 0, {} local function put(t, v) t[#t + 1] = v return #t end\n"
                "local function each(list, f) for i, v in ipairs(list) do f(v, i) end end\n"
                "local function make(t) return function(v) return put(t, v) end end function bump() seen = seen + 1 return seen end\n"
                "group 'fit' { min = -1e9, max = 1e9 } segment 'on' { when = { country = 'DE' } }\n");
        for (size_t i = 0; i < RANDOM_RULES; i++) {
                text_printf(&text, "score 'S%d' { group = 'fit', points = function(lead, now) local n = 0 ", order[i]);
                random_body(&text, seed * RANDOM_RULES + order[i], seed % 2 == 0);
                text_append(&text, " return n end }\n");
        }
        RuleSet *rules = rules_load(text.data);
        text_free(&text);
        return rules;
}

static Function *function_of(const RuleSet *rules, size_t score) { return &((ScoreBody *) (void *) rules->scores[score])->function; }

static void lead_fill(Lead *lead, int which) {
        lead_text(lead, "person.title", which == 1 ? "Head of Fleet" : "VP Sales");
        lead_text(lead, "company.country", "DE");
        lead_set(lead, "company.employees", value_integer(180 + which));
        lead_text(lead, "answers.fleet", "51-200");
        lead_set(lead, "answers.x", value_bool(true));
        Activity *visit = lead_did(lead, "page_viewed", US_PER_HOUR);
        activity_text(lead, visit, "activity.url", "/pricing");
        if (which == 2)
                for (int i = 0; i < 20; i++)
                        activity_text(lead, lead_did(lead, "form_submitted", (5 + i) * US_PER_DAY), "attribution.form_name", "Demo");
}

static void function__that_only_reads__whatever_ran_before__answers_as_when_taken_back(void **state _unused_) {
        size_t n_reading = 0, n_matched = 0, n_failed = 0;

        for (uint64_t seed = 1; seed <= RANDOM_SEEDS; seed++) {
                Text want[3][RANDOM_RULES] = { 0 };
                uint8_t order[RANDOM_RULES];
                uint64_t shuffle = seed;

                for (uint8_t i = 0; i < RANDOM_RULES; i++)
                        order[i] = i;
                /* The first time taken back before each, then as it comes. */
                for (int turn = 0; turn < 4; turn++) {
                        RuleSet *rules = random_rules(seed, order);
                        for (size_t i = 0; i < rules->n_scores; i++) {
                                n_reading += turn == 0 && function_of(rules, i)->only_reads;
                                if (turn == 0)
                                        function_of(rules, i)->only_reads = false;
                        }
                        /* Three leads one after the other: what was left of one must not be felt on the next. */
                        for (int which = 0; which < 3; which++) {
                                Receipts receipts = { .all = true };
                                Lead lead;

                                lead_begin(&lead);
                                lead_fill(&lead, which);
                                lead_judge(&lead, rules, &receipts);
                                for (uint8_t i = 0; i < RANDOM_RULES; i++) {
                                        char name[8];
                                        Text got = { 0 };

                                        snprintf(name, sizeof(name), "S%d", i);
                                        const Receipt *receipt = receipt_of(&receipts, name);
                                        /* Errors name a line, which is the rule's place in the order. */
                                        text_printf(&got, "%d %d %lld %s", receipt->matched, receipt->failed,
                                                (long long) receipt->points_mp,
                                                !receipt->note    ? "-"
                                                : receipt->failed ? strchr(strchr(receipt->note, ':') + 1, ':')
                                                                  : receipt->note);
                                        if (turn == 0) {
                                                want[which][i] = got;
                                                n_matched += which == 0 && receipt->points_mp != 0;
                                                n_failed += which == 0 && receipt->failed;
                                                continue;
                                        }
                                        if (!base_streq(got.data, want[which][i].data))
                                                fail_msg("seed %llu, turn %d, lead %d, %s:\n got %s\nwant %s", (unsigned long long) seed,
                                                        turn, which, name, got.data, want[which][i].data);
                                        text_free(&got);
                                }
                                lead_end(&lead);
                        }
                        /* But for what Lua notes in the metatable of `lead`: which metamethods are not there. */
                        assert_in_range(sandbox_still_changes(policy_body(rules)->sandbox), 0, 1);
                        policy_free(rules);
                        for (size_t i = RANDOM_RULES - 1; i > 0; i--) {
                                size_t other = random_below(&shuffle, i + 1);
                                uint8_t kept = order[i];
                                order[i] = order[other];
                                order[other] = kept;
                        }
                }
                for (size_t i = 0; i < 3 * (size_t) RANDOM_RULES; i++)
                        text_free(&want[i / RANDOM_RULES][i % RANDOM_RULES]);
        }
        print_message("%zu of %d functions only read, %zu gave points, %zu failed\n", n_reading, RANDOM_SEEDS * RANDOM_RULES, n_matched,
                n_failed);
        assert_true(
                n_reading > RANDOM_SEEDS && n_reading < RANDOM_SEEDS * RANDOM_RULES && n_matched > RANDOM_SEEDS && n_failed > RANDOM_SEEDS);
}

/* After a large text, steps are counted more finely: whether a function that just keeps its budget keeps it must not depend on that. */
static void function__whose_budget_just_lasts__is_not_cut_for_what_ran_before(void **state _unused_) {
        size_t n_cut = 0, n_kept = 0;

        for (int n = 99980; n < 100100; n += 2) {
                bool failed[2];

                for (int after = 0; after < 2; after++) {
                        Text text = { 0 };
                        Receipts receipts = { .all = true };
                        Lead lead;

                        text_append(&text, "group 'fit' { min = -1e9, max = 1e9 }\n");
                        if (after)
                                text_append(&text,
                                        "score 'BEFORE' { group = 'fit', points = function(lead) return lead.id:rep(1500):len() end }\n");
                        text_printf(&text, "score 'LONG' { group = 'fit', points = function() for i = 1, %d do local x = i end end }", n);
                        RuleSet *rules = rules_load(text.data);
                        assert_true(function_of(rules, 0)->only_reads && function_of(rules, rules->n_scores - 1)->only_reads);
                        lead_begin(&lead);
                        lead_judge(&lead, rules, &receipts);
                        failed[after] = receipt_of(&receipts, "LONG")->failed;
                        lead_end(&lead);
                        policy_free(rules);
                        text_free(&text);
                }
                if (failed[0] != failed[1])
                        fail_msg("%d times: alone it is %s", n, failed[0] ? "cut" : "not cut");
                n_cut += failed[0];
                n_kept += !failed[0];
        }
        assert_true(n_cut > 10 && n_kept > 10);
}

/* ---- which functions leave nothing behind --------------------------------- */

static void look_only_reads(lua_State *L, void *userdata) {
        Script *script = userdata;
        bool only_reads;
        lua_rawgeti(L, LUA_REGISTRYINDEX, script->f);
        assert_int_equal(sandbox_only_reads(L, -1, &only_reads), 0);
        snprintf(script->result, sizeof(script->result), "%s", only_reads ? "reads" : "may write");
        lua_pop(L, 1);
}

static void sandbox_only_reads__each_way_to_write__is_known(void **state) {
        (void) state;
        static const struct {
                const char *function;
                bool only_reads;
        } cases[] = {
                { "function(x) end", true },
                { "function(x) return x end", true },
                { "function(lead) if lead.interest.budget then return 15, 'names a budget' end end", true },
                { "function(lead) return (lead.company.employees or 0) > 10 and 2 or 0 end", true },
                { "function(lead, now) return now - lead.created > 30 * 86400 end", true },
                { "function(lead) local n = 0 for i = 1, #lead.activities do n = n + (lead.activities[i].count or 1) end return n end",
                        true },
                { "function(lead) return -lead.a.b[lead.c] // 2 ~ 3 == 4 or not lead.d end", true },
                { "function(...) local a, b = ... return b, a end", true },
                { "function(lead) return up and up.x and global end", true },
                { "function(lead) while lead.a do if lead.b then break end end end", true },
                { "function(lead, now) lead.a = 1 end", false },
                { "function(lead, now) lead[1] = 1 end", false },
                { "function(lead, now) lead[lead.a] = 1 end", false },
                { "function(lead, now) up = 1 end", false },
                { "function(lead, now) up.x = 1 end", false },
                { "function(lead, now) global = 1 end", false },
                { "function(lead, now) _ENV = {} end", false },
                { "function(lead, now) lead.person.title = lead.person.title:lower() end", false },
                { "function(lead, now) up.x = up.x + 1 end", false },
                { "function(lead, now) up[lead.id] = true end", false },
                { "function(lead, now) _ENV.x = 1 end", false },
                { "function(lead, now) string.lower = string.upper end", false },
                { "function(lead, now) math.max = nil end", false },
                { "function(lead, now) return {} end", true },
                { "function(lead, now) return { 1, 2 } end", true },
                { "function(lead, now) local t = {} t.x = 1 return t.x end", true },
                { "function(lead, now) local f = function() up = 2 end end", true },
                { "function(lead, now) local f = function() up = 2 end f() end", false },
                { "function(lead, now) local x <close> = nil end", false },
                { "function(lead, now) return f(lead) end", false },
                { "function(lead, now) f(lead) end", false },
                { "function(lead, now) return pcall(f) end", false },
                { "function(lead, now) return pcall(type, 1) end", true },
                { "function(lead, now) return up.x(1) end", false },
                { "function(lead, now) return lead.f(1) end", false },
                { "function(lead, now) return lead:f(1) end", false },
                { "function(lead, now) return lead.person:save() end", false },
                { "function(lead, now) for k, v in f, lead do end end", false },
                { "function(lead, now) for k, v in up.x do end end", false },
                { "function(lead, now) return (lead.a or f)(1) end", false },
                { "function(lead, now) return (lead.a and type or f)(1) end", false },
                { "function(lead, now) table.insert(lead.activities, 1) end", false },
                { "function(lead, now) table.remove(lead.activities) end", false },
                { "function(lead, now) table.sort(lead.activities) end", false },
                { "function(lead, now) table.sort(lead.activities, function(a, b) return a.time < b.time end) end", false },
                { "function(lead, now) return lead.person.title:gsub('a', f) end", false },
                { "function(lead, now) return lead.person.title:gsub('a', up.x) end", true },
                { "function(lead, now) return lead.person.title:gsub(up.p(), 'x') end", false },
                { "function(lead, now) return lead.person.title:gsub(select(1, 'a', f)) end", false },
                { "function(lead, now) return string.gsub(lead.id, '.', f) end", false },
                { "function(lead, now) return string.gsub(lead.id, '.', function() up = 1 end) end", false },
                { "function(lead, now) return up:lower() end", false },
                { "function(lead, now) return up.x:lower() end", true },
                { "function(lead, now) return mine:lower() end", false },
                { "function(lead, now) return (lead.a or mine):lower() end", false },
                { "function(lead, now) return (lead.a and mine):lower() end", false },
                { "function(lead, now) local t = mine if lead.a then t = lead.b end return t:lower() end", false },
                { "function(lead, now) for _, a in ipairs(up) do if a:lower() then return 1 end end end", false },
                { "function(lead, now) for _, a in ipairs(mine) do a.lower() end end", false },
                { "function(lead, now) for k, v in pairs(up) do v:lower() end end", false },
                { "function(lead, now) return select(1, mine):lower() end", false },
                { "function(lead, now) return assert(mine):lower() end", false },
                { "function(lead, now) return table.unpack(mine):lower() end", false },
                { "function(lead, now) return table.pack(mine)[1]:lower() end", false },
                { "function(lead, now) local a = lead.a for i = 1, 2 do a:lower() a = mine end end", false },
                { "function(lead, now) local a, b = lead.a, lead.b for i = 1, 3 do a:lower() a = b b = mine end end", false },
                { "function(lead, now) local s = lead.a ::again:: s:lower() s = mine if lead.b then goto again end end", false },
                { "function(lead, now) local s = lead.a while lead.c do s = s:lower() if lead.d then s = mine.x end end end", false },
                { "function(lead, now) repeat local s = lead.a s = up s:find('x') until lead.b end", false },
                { "function(lead, now) local string = mine return string.lower(lead.id) end", false },
                { "function(lead, now) local string = up return string.len('x') end", false },
                { "function(lead, now) local type = f return type(lead) end", false },
                { "function(lead, now) local ipairs = f for _, a in ipairs(lead.activities) do end end", false },
                { "function(lead, now) local g = type if lead.a then g = f end return g(1) end", false },
                { "function(lead, now) local g = type for i = 1, 2 do g(1) g = f end end", false },
                { "function(lead, now) local g = lead.a and type or f return g(1) end", false },
                { "function(lead, now) local g = type local h = g g = f return h(1), g(1) end", false },
                { "function(lead, now) local m = math if lead.a then m = mine end return m.max(1, 2) end", false },
                { "function(lead, now) local m = math m = mine return m.max(1) end", false },
                { "function(lead, now) local _ENV = mine return lower('x') end", false },
                { "function(lead, now) local _ENV = up return type(1) end", false },
                { "function(lead, now) local _ENV = { type = f } return type(1) end", false },
                { "function(lead, now) return mine.lower(lead.id) end", false },
                { "function(lead, now) return own_global(lead) end", true },
                { "function(lead, now) return string.nothing(lead) end", false },
                { "function(lead, now) return math(1) end", false },
                { "function(lead, now) return lead.person.title.rep('x', 3) end", false },
                { "function(lead, now) local f = lead.person.title.gsub return f('x', 'x', mine.lower) end", false },
                { "function(lead, now) return lead.person.title:lower():find('head') ~= nil end", true },
                { "function(lead, now) return lead.person.title:lower():find('head', 1, true) and 5 or nil end", true },
                { "function(lead, now) if lead.person.title:len() == 3 then return 1 end end", true },
                { "function(lead, now) return #lead.id:upper():sub(1, 2):rep(3, '-') end", true },
                { "function(lead, now) return 1, 'names ' .. lead.a .. ' and ' .. 2 end", true },
                { "function(lead, now) return math.max(1, lead.a or 0, math.floor(lead.b / 2)) end", true },
                { "function(lead, now) return type(lead.a) == 'string' and tonumber(lead.a) or tostring(lead.b) end", true },
                { "function(lead, now) local n = 0 for _, a in ipairs(lead.activities) do if a.type == 'x' and a.url:find('/pricing') then "
                  "n = n + 1 end end return n end",
                        true },
                { "function(lead, now) for _, a in ipairs(lead.activities) do if a.name then return 1, 'saw ' .. a.name:lower() end end "
                  "end",
                        true },
                { "function(lead, now) for _, a in ipairs(lead.activities) do if a.x then break end end return 2 end", true },
                { "function(lead, now) for k, v in pairs(lead.answers) do if tostring(v):match('^%d+$') then return 1 end end end", true },
                { "function(lead, now) for w in lead.person.title:gmatch('%a+') do if w:lower() == 'vp' then return 1 end end end", true },
                { "function(lead, now) for a in pairs(lead) do for _, b in ipairs(lead[a]) do for c in b.x:gmatch('.') do if c:byte() > 3 "
                  "then return 1 end end end end end",
                        true },
                { "function(lead, now) local s = (lead.a or lead.b or 'none'):lower() return s == 'x' or s:match('y') ~= nil end", true },
                { "function(lead, now) local s = lead.a s = s and s:lower() or '' while s:find('x') do s = s:sub(2) end return #s end",
                        true },
                { "function(lead, now) local find = string.find return find(lead.a, 'x') end", true },
                { "function(lead, now) local m = math return m.max(1, 2) + m.min(3, lead.a) end", true },
                { "function(lead, now) return ('%d of %s'):format(2, lead.id) end", true },
                { "function(lead, now) return string.format('%s', lead.id), table.concat(lead.list, ', ') end", true },
                { "function(lead, now) return lead.a:gsub('x', 'y') end", true },
                { "function(lead, now) return (lead.a:gsub('%s+', lead.map)) end", true },
                { "function(lead, now) return select('#', table.unpack(lead.list)) > 2 end", true },
                { "function(lead, now) assert(lead.a, 'no a') return 1 end", true },
                { "function(lead, now) if not lead.a then error('no a') end end", true },
                { "function(lead, now) for _, v in ipairs(up) do if v == lead.a then return 1 end end end", true },
                { "function(lead, now) for k, v in pairs(mine) do if k == lead.a then return v end end end", true },
                { "function(lead, now) return up.x == 1 and #mine + #up > lead.a:len() end", true },
                { "function(lead, now) ::again:: if lead.a:find('x') then goto again end end", true },
                { "function(lead, now) return now - lead.created > math.abs(3) * 86400 end", true },
                { "function(lead, now) local seen, n = {}, 0 for _, a in ipairs(lead.activities) do if not seen[a.url] then seen[a.url] = "
                  "true n = n + 1 end end return n end",
                        true },
                { "function(lead, now) local t = {} for i, a in ipairs(lead.activities) do t[#t + 1] = a.type table.insert(t, 1, a.url) "
                  "end return #table.concat(t, ' ') end",
                        true },
                { "function(lead, now) for _, w in ipairs({ 'head', 'vp' }) do if lead.person.title:lower():find(w) then return 1 end end "
                  "end",
                        true },
                { "function(lead, now) local t = table.pack(lead.a, 2) t.n = nil return table.remove(t) end", true },
                { "function(lead, now) return lead.a:gsub('x', { x = 'y' }) end", true },
                { "function(lead, now) local t = { lead.person } t[1].title = 'x' end", false },
                { "function(lead, now) local t = { up } t[1].x = 2 end", false },
                { "function(lead, now) local t = lead.a and {} or up t.x = 1 end", false },
                { "function(lead, now) local t = {} if lead.a then t = up end t.x = 1 end", false },
                { "function(lead, now) local t = {} for i = 1, 2 do t.x = 1 t = up end end", false },
                { "function(lead, now) local t = { up } for _, v in ipairs(t) do v.x = 1 end end", false },
                { "function(lead, now) local t = {} t = t.x t.y = 1 end", false },
                { "function(lead, now) lead.own = {} end", false },
                { "function(lead, now) up.x = {} end", false },
                { "function(lead, now) local t = { f } return t[1](1) end", false },
                { "function(lead, now) local t = { lower = f } return t:lower() end", false },
                { "function(lead, now) local t = {} t.lower = f return t.lower(t) end", false },
                { "function(lead, now) table.insert(up, 1) end", false },
                { "function(lead, now) table.insert(({ up })[1], 1) end", false },
                { "function(lead, now) local t = {} table.sort(t, f) end", false },
                { "function(lead, now) table.remove(lead.a or {}) end", false },
                { "function(lead, now) local t = { lead.a } t[1], up.x = 1, 2 end", false },
                { "function(lead, now) return lead.a:gsub('x', ({ f })[1]) end", false },
                { "function(lead, now) local t = { x = up } t.x.y, t.z = 1, 2 end", false },
                { "function(lead, now) local insert = table.insert insert(up, 1) end", false },
                { "function(lead, now) table.insert(select(1, up), 1) end", false },
                { "function(lead, now) table.insert(table.unpack({ up, 1 })) end", false },
                { "function(...) local s = ... return s:lower() end", false },
                { "function(lead, ...) local s = ... return s:lower() end", false },
                { "function(lead, ...) return lead.a:lower() end", true },
                { "function(lead, now, x) return x:lower() end", false },
                { "function(lead, now) local n = 0 local function add(x) n = n + x end add(2) add(3) return n end", true },
                { "function(lead, now) local t = {} local function add(x) t[#t + 1] = x end add(lead.a) return #t end", true },
                { "function(lead, now) local function find(x) return lead.person[x] end return find('title'):lower() end", true },
                { "function(lead, now) local function g() local function h() return lead.a:lower() end return h() end return g() end",
                        true },
                { "function(lead, now) local function g() local function h() up = 1 end h() end g() end", false },
                { "function(lead, now) local function g() local function h() up.x = 1 end return h end return g()() end", false },
                { "function(lead, now) local t = {} local function g() local function h() t.x = 1 end return h end return g()() end",
                        true },
                { "function(lead, now) local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(7) "
                  "end",
                        true },
                { "function(lead, now) local function g(n) if n > 0 then return g(n - 1) end up = 1 end return g(7) end", false },
                { "function(lead, now) local g function g(n) return n == 0 and 1 or g(n - 1) end return g(3) end", false },
                { "function(lead, now) local t = {} local function g() t.x = 1 end t = up g() end", false },
                { "function(lead, now) local t = {} local function g() t = up end g() t.x = 1 end", false },
                { "function(lead, now) local t = {} local function g() t.x = 1 end local function h() t = up end h() g() end", false },
                { "function(lead, now) local t = {} local function h() t = up end local function g() t.x = 1 end h() g() end", false },
                { "function(lead, now) local t = {} for i = 1, 2 do local function g() t.x = i end g() t = up end end", false },
                { "function(lead, now) local t = {} local g if lead.a then g = function() t.x = 1 end end t = up g() end", false },
                { "function(lead, now) local t = {} local g = type if lead.a then g = function() t.x = 1 end else t = up end g() end",
                        false },
                { "function(lead, now) local t if lead.a then t = {} else t = up end local function g() t.x = 1 end g() end", false },
                { "function(lead, now) for i = 1, 3 do local t = {} local function g() t.x = i end g() if lead.a then break end end local "
                  "u = up return u.x end",
                        true },
                { "function(lead, now) for i = 1, 3 do local t = {} local function g() t.x = i end g() if lead.a then break end end local "
                  "u = up u.x = 1 end",
                        false },
                { "function(lead, now) local g = length g = function() up = 1 end g() end", false },
                { "function(lead, now) local g = lead.a and length or count return g('x') end", false },
                { "function(lead, now) local g = length for i = 1, 2 do g('x') g = count end end", false },
                { "function(lead, now) local t = { count } return t[1]() end", false },
                { "function(lead, now) local t = { g = function() up = 1 end } return t.g() end", false },
                { "function(lead, now) local n = lead.a local function g() n = up end g() return n:lower() end", false },
                { "function(lead, now) local n = lead.a local function g() return n:lower() end return g() end", true },
                { "function(lead, now) local n = lead.a local function g() return n:lower() end n = up return g() end", false },
                { "function(lead, now) local n = lead.a local function g() return n:lower() end n = lead.b return g() end", true },
                { "function(lead, now) local a, b = {}, up local function g() a, b = b, a end g() a.x = 1 end", false },
                { "function(lead, now) while lead.a do local t = {} local g = function() t.x = 1 end g() t = lead.b end end", false },
                { "function(lead, now) local t = {} local function g() t.x = 1 end do local t = up g() end end", true },
                { "function(lead, now) local function g(...) local t = ... t.x = 1 end g({}) end", false },
                { "function(lead, now) local function g(t) t.x = 1 end g({}) g(up) end", false },
                { "function(lead, now) local function g(t) t.x = 1 end g(lead) end", false },
                { "function(lead, now) local function g(t) t.x = 1 end g({}) end", true },
                { "function(lead, now) local function g(t, u) u.x = 1 end g({}, {}) end", true },
                { "function(lead, now) local function g(t, u) u.x = 1 end g({}, select(1, up)) end", false },
                { "function(lead, now) local _ENV = { x = 1 } local function g() x = 2 end g() end", true },
                { "function(lead, now) local function g() global = 2 end g() end", false },
                { "function(lead, now) local function g() mine.x = 2 end g() end", false },
                { "function(lead, now) return deep(lead) end", true },
                { "function(lead, now) return length(lead.person.title) end", true },
                { "function(lead, now) return count() end", false },
                { "function(lead, now) return count_deep() end", false },
                { "function(lead, now) return has(lead.person.title, 'vp') end", true },
                { "function(lead, now) return has(up, 'vp') end", false },
                { "function(lead, now) return has(mine, 'vp') end", false },
                { "function(lead, now) return has(select(1, lead.a), 'vp') end", false },
                { "function(lead, now) return title(lead):lower() end", true },
                { "function(lead, now) return has(title(lead), word) and word:len() end", true },
                { "function(lead, now) local t = split(lead.person.title) t[1] = 'x' return #t end", true },
                { "function(lead, now) return split(mine) end", false },
                { "function(lead, now) return put({}, 1) end", true },
                { "function(lead, now) return put(up, 1) end", false },
                { "function(lead, now) return put(lead, 1) end", false },
                { "function(lead, now) return put(lead.a or {}, 1) end", false },
                { "function(lead, now) put_or({}, 1) end", false },
                { "function(lead, now) put_any({}, 1) end", false },
                { "function(lead, now) put_any(up) end", false },
                { "function(lead, now) local n = 0 each(lead.activities, function(a) n = n + #a.url end) return n end", true },
                { "function(lead, now) each(lead.activities, function(a) up.x = a end) end", false },
                { "function(lead, now) each(lead.activities, count) end", false },
                { "function(lead, now) each(lead.activities, f) end", false },
                { "function(lead, now) each(lead.activities, length) end", true },
                { "function(lead, now) each(up, function(a) a.x = 1 end) end", false },
                { "function(lead, now) each(lead.activities, up) end", false },
                { "function(lead, now) each(lead.activities, pick(length, count)) end", false },
                { "function(lead, now) each(lead.activities, select(1, count)) end", false },
                { "function(lead, now) make({})(1) end", true },
                { "function(lead, now) make(up)(1) end", false },
                { "function(lead, now) local g = make({}) if lead.a then g = make(up) end g(1) end", false },
                { "function(lead, now) make(lead)(1) end", false },
                { "function(lead, now) local next = counter() next() return next() + counter()() end", true },
                { "function(lead, now) return factorial(5) end", true },
                { "function(lead, now) return even(7), odd(3) end", true },
                { "function(lead, now) return bad(7) end", false },
                { "function(lead, now) return find(lead.a, 'x') end", true },
                { "function(lead, now) return strings.lower(lead.a) end", true },
                { "function(lead, now) return find(mine, 'x'):lower() end", true },
                { "function(lead, now) local t = {} list.insert(t, 1) return #t end", true },
                { "function(lead, now) list.insert(up, 1) end", false },
                { "function(lead, now) return same(up):lower() end", false },
                { "function(lead, now) same(up).x = 1 end", false },
                { "function(lead, now) return mine.good(lead.a) end", false },
                { "function(lead, now) return mine.lower(lead.a) end", false },
                { "function(lead, now) return mine.nothing(lead.a) end", false },
                { "function(lead, now) return tools.good(lead.a) end", true },
                { "function(lead, now) return tools.bad(lead.a) end", false },
                { "function(lead, now) return tools.nothing(lead.a) end", false },
                { "function(lead, now) tools.good = tools.bad end", false },
                { "function(lead, now) return lead.person.title:gsub('a', tools.bad) end", false },
                { "function(lead, now) pick({}, {}).x = 1 end", true },
                { "function(lead, now) pick({}, up).x = 1 end", false },
                { "function(lead, now) return pick(lead.a, lead.b):lower() end", true },
                { "function(lead, now) return pick(lead.a, up):lower() end", false },
                { "function(lead, now) put(pick({}, up), 1) end", false },
                { "function(lead, now) return word:lower() end", true },
                { "function(lead, now) own_global = 1 end", false },
                { "function(lead, now) word = 'x' end", false },
                { "function(lead, now) find = nil end", false },
                { "function(lead, now) local ok, n = pcall(function() return #lead.person.title end) return ok and n end", true },
                { "function(lead, now) pcall(function() up.x = 1 end) end", false },
                { "function(lead, now) pcall(table.insert, up, 1) end", false },
                { "function(lead, now) pcall(table.insert, {}, 1) end", true },
                { "function(lead, now) pcall(pcall, table.insert, up, 1) end", false },
                { "function(lead, now) pcall(pcall, table.insert, {}, 1) end", true },
                { "function(lead, now) pcall(pcall, count) end", false },
                { "function(lead, now) pcall(count_deep) end", false },
                { "function(lead, now) pcall(deep, lead) end", true },
                { "function(lead, now) pcall(put, up, 1) end", false },
                { "function(lead, now) pcall(put, {}, 1) end", true },
                { "function(lead, now) pcall(error, 'x') end", true },
                { "function(lead, now) pcall(lead.a) end", false },
                { "function(lead, now) pcall(select(1, count)) end", false },
                { "function(lead, now) pcall(mine.lower) end", false },
                { "function(lead, now) local _, t = pcall(pick, {}, {}) t.x = 1 end", false },
                { "function(lead, now) local _, t = pcall(same, up) t.x = 1 end", false },
                { "function(lead, now) pcall() end", true },
                { "function(lead, now) pcall(same(count)) end", false },
                { "function(lead, now) local t = { 3, 1 } table.sort(t) return t[1] end", true },
                { "function(lead, now) local t = { 3, 1 } table.sort(t, function(a, b) return a > b end) return t[1] end", true },
                { "function(lead, now) local t = { 3, 1 } table.sort(t, function(a, b) up = a return a > b end) end", false },
                { "function(lead, now) local t = { {}, {} } table.sort(t, function(a, b) a.x = 1 end) end", false },
                { "function(lead, now) local t = { 3, 1 } table.sort(t, count) end", false },
                { "function(lead, now) local n, t = 0, { 3, 1 } table.sort(t, function(a, b) n = n + 1 return a > b end) return n end",
                        true },
                { "function(lead, now) table.sort(up) end", false },
                { "function(lead, now) table.sort(up, function(a, b) return a > b end) end", false },
                { "function(lead, now) table.sort(lead.activities) end", false },
                { "function(lead, now) local t = { 3, 1 } table.sort(t, select(1, count)) end", false },
                { "function(lead, now) local t = { 3, 1 } table.sort(t, lead.a) end", false },
                { "function(lead, now) table.sort(table.unpack({ up })) end", false },
                { "function(lead, now) return (lead.a:gsub('%a', function(w) return w:upper() end)) end", true },
                { "function(lead, now) return (lead.a:gsub('%a', function(w) up.x = w end)) end", false },
                { "function(lead, now) return (lead.a:gsub('%a', count)) end", false },
                { "function(lead, now) return (lead.a:gsub('%a', length)) end", true },
                { "function(lead, now) return (lead.a:gsub('%a', mine.lower)) end", false },
                { "function(lead, now) return (lead.a:gsub('%a', function(w) return count_deep() end)) end", false },
                { "function(lead, now) return string.gsub(lead.a, '%a', function(w) f() end) end", false },
                { "function(lead, now) local i = 0 for v in function() i = i + 1 return lead.list[i] end do i = i + #v end return i end",
                        true },
                { "function(lead, now) for v in function() up = 1 end do end end", false },
                { "function(lead, now) for v in count do end end", false },
                { "function(lead, now) for v in counter() do if v > 3 then break end end end", true },
                { "function(lead, now) for v in select(1, count) do end end", false },
                { "('x').rep", false },
                { "f", false },
                { "pcall", false },
        };
        static const char rules[] =
                "local up = { x = 1 } mine = { lower = function() up = 2 end, good = function(x) return #x end } global = 1\n"
                "function f() up.x = 2 end function own_global() end\n"
                "local word, find, strings, list = 'vp', string.find, string, table\n"
                "local function length(text) return #text end\n"
                "local function deep(lead) return length(lead.person.title) end\n"
                "local function has(text, what) return text:lower():find(what, 1, true) ~= nil end\n"
                "local function title(lead) if lead.person then return lead.person.title end return 'none' end\n"
                "local function split(text) local t = {} for w in text:gmatch('%a+') do t[#t + 1] = w end return t end\n"
                "local function put(t, v) t[#t + 1] = v return #t end\n"
                "local function put_or(t, v) t = t or up t[1] = v end\n"
                "local function put_any(...) local t = ... t[1] = 1 end\n"
                "local function each(list, g) for i, v in ipairs(list) do g(v, i) end end\n"
                "local function count() up = up + 1 return up end\n"
                "local function count_deep() return count() end\n"
                "local function make(t) return function(v) t.x = v end end\n"
                "local function counter() local n = 0 return function() n = n + 1 return n end end\n"
                "local function factorial(n) return n < 2 and 1 or n * factorial(n - 1) end\n"
                "local even, odd function even(n) return n == 0 or odd(n - 1) end function odd(n) return n > 0 and even(n - 1) end\n"
                "local bad, worse function bad(n) return n == 0 or worse(n - 1) end function worse(n) count() return bad(n) end\n"
                "local function same(...) return ... end\n"
                "local tools = { good = length, bad = f }\n"
                "local function pick(a, b) if a then return a end return b end\n";
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char source[4096];
                Script script;
                snprintf(source, sizeof(source), "%sreturn %s", rules, cases[i].function);
                script_open(&script, source);
                assert_int_equal(sandbox_run(script.sandbox, look_only_reads, &script, script.error, sizeof(script.error)), 0);
                if (strcmp(script.result, cases[i].only_reads ? "reads" : "may write") != 0)
                        fail_msg("%s: %s", cases[i].function, script.result);
                script_close(&script);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sandbox_only_reads__each_way_to_write__is_known),
                cmocka_unit_test(function__that_only_reads__whatever_ran_before__answers_as_when_taken_back),
                cmocka_unit_test(function__whose_budget_just_lasts__is_not_cut_for_what_ran_before),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

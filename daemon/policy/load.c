/* SPDX-License-Identifier: MIT */
/*
 * load: from files to a checked, compiled rule set, or to a list of everything that is wrong with them.
 * Drives the passes named in internal.h: run files (declare.c), make heads, compile bodies (kind_*.c,
 * condition.c, score.c), check the whole (check.c), seal the sandbox, write the archive.
 *
 * Passes 2 to 4 run inside one protected call, because reading Lua tables can run out of Lua's memory: they keep
 * what they build in arenas or in the rule set, never in a local that would have to be freed.
 */
#include "load.h"
#include "condition.h"
#include "leadd/plans.h"
#include "test.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>

#define KIND(KIND_, name_, Type, items) \
        .kind = KIND_, .name = name_, .head_size = sizeof(Type), .items_at = offsetof(RuleSet, items), \
        .count_at = offsetof(RuleSet, n_##items)

/* In the order in which bodies are compiled: what others read (a zone, a calendar, a criterion's condition) comes before them. */
const KindInfo load_kinds[] = {
        { .kind = RULE_SETTINGS,
                .name = "settings",
                .head_size = sizeof(Settings),
                .items_at = offsetof(RuleSet, settings),
                .single = true,
                .compile = kind_compile_settings },
        { KIND(RULE_CALENDAR, "calendar", CalendarDecl, calendars), .compile = kind_compile_calendar },
        { KIND(RULE_TEAM, "team", Team, teams), .compile = kind_compile_team },
        { KIND(RULE_MEMBER, "member", Member, members), .compile = kind_compile_member },
        { KIND(RULE_STATUS, "status", Status, statuses), .compile = kind_compile_status },
        { KIND(RULE_PRINCIPLE, "principle", Principle, principles), .compile = kind_compile_principle },
        { KIND(RULE_LIST, "list", List, lists), .compile = kind_compile_list },
        { KIND(RULE_CRITERION, "criterion", Criterion, criteria), .compile = kind_compile_criterion },
        { KIND(RULE_JUNK, "junk", Junk, junks), .compile = kind_compile_junk },
        { KIND(RULE_SEGMENT, "segment", Segment, segments), .compile = kind_compile_segment },
        { KIND(RULE_GROUP, "group", Group, groups), .compile = kind_compile_group },
        { .kind = RULE_SCORE, .name = "score", .compile = kind_compile_score },
        { .kind = RULE_GRADE,
                .name = "grade",
                .head_size = sizeof(Grade),
                .items_at = offsetof(RuleSet, grade),
                .single = true,
                .compile = kind_compile_grade },
        { KIND(RULE_REASON, "reason", Reason, reasons), .compile = kind_compile_reason },
        { KIND(RULE_MOVE, "move", Move, moves), .compile = kind_compile_move },
        { KIND(RULE_FENCE, "fence", Fence, fences), .compile = kind_compile_fence },
        { KIND(RULE_ROUTE, "route", Route, routes), .compile = kind_compile_route },
        { KIND(RULE_CHANNEL, "channel", Channel, channels), .compile = kind_compile_channel },
        { KIND(RULE_MESSAGE, "message", Message, messages), .compile = kind_compile_message },
        { KIND(RULE_SLA, "sla", Sla, slas), .compile = kind_compile_sla },
        { KIND(RULE_FEED, "feed", Feed, feeds), .compile = kind_compile_feed },
        { KIND(RULE_DIGEST, "digest", DigestDecl, digests), .compile = kind_compile_digest },
        { KIND(RULE_ADAPTER, "adapter", AdapterDecl, adapters), .compile = kind_compile_adapter },
        { KIND(RULE_CAMPAIGN, "campaign", Campaign, campaigns), .compile = kind_compile_campaign },
        { KIND(RULE_TRACK, "track", Track, tracks), .compile = kind_compile_track },
        { KIND(RULE_STAGE, "stage", Stage, stages), .compile = kind_compile_stage },
        { KIND(RULE_TARGET, "target", Target, targets), .compile = kind_compile_target },
        { KIND(RULE_TEST, "test", Test, tests), .compile = kind_compile_test },
};
const size_t load_n_kinds = ARRAY_SIZE(load_kinds);

const KindInfo *load_kind(RuleKind kind) {
        for (size_t i = 0; i < ARRAY_SIZE(load_kinds); i++)
                if (load_kinds[i].kind == kind)
                        return &load_kinds[i];
        return NULL;
}

const char *rule_kind_name(RuleKind kind) {
        const KindInfo *info = load_kind(kind);
        return info ? info->name : "rule";
}

/* ---- problems ------------------------------------------------------------ */

int load_exhausted(Load *load) {
        load->loader.out_of_memory = true;
        return -ENOMEM;
}

void *load_grow(Load *load, void *items, size_t n, size_t *capacity, size_t item_size) {
        if (n < *capacity)
                return items;
        size_t wanted = *capacity ? 2 * *capacity : 16;
        void *fresh = arena_alloc(load->scratch, wanted * item_size);
        if (!fresh) {
                (void) load_exhausted(load);
                return NULL;
        }
        if (n > 0)
                memcpy(fresh, items, n * item_size);
        *capacity = wanted;
        return fresh;
}

/* Names and texts of rule files end up in lines, tables and JSON: no control characters, nothing that is not UTF-8 (also where
 * a long text was cut in the middle of a character). */
static void problem_clean(char *text) {
        for (size_t size; *text; text += size) {
                for (size = 1; size < 4 && text[size] && !utf8_is_valid(text, size); size++)
                        ;
                if (utf8_is_valid(text, size) && (unsigned char) *text >= 0x20 && *text != 0x7f)
                        continue;
                *text = (unsigned char) *text < 0x20 ? ' ' : '?';
                size = 1;
        }
}

static void problem_add(Load *load, bool is_error, const char *file, int line, const char *prefix, const char *format, va_list args) {
        PolicyReport *report = load->loader.report;
        report->n_errors += is_error ? 1 : 0;
        if (report->n_problems > POLICY_PROBLEMS_MAX)
                return;
        /* Doubling from 16: the array is full whenever its size is a power of two. */
        size_t n = report->n_problems;
        if (n == 0 || (n >= 16 && (n & (n - 1)) == 0)) {
                PolicyProblem *fresh = realloc(report->problems, (n < 16 ? 16 : 2 * n) * sizeof(PolicyProblem));
                if (!fresh) {
                        (void) load_exhausted(load);
                        return;
                }
                report->problems = fresh;
        }
        Text text = {};
        if (n == POLICY_PROBLEMS_MAX) {
                text_printf(&text, "there are more than %d problems; these are the first", POLICY_PROBLEMS_MAX);
                file = "";
                line = 0;
        } else {
                text_append(&text, prefix);
                text_vprintf(&text, format, args);
        }
        char *file_copy = strdup(file);
        if (text.error < 0 || !text.data || !file_copy) {
                text_free(&text);
                free(file_copy);
                (void) load_exhausted(load);
                return;
        }
        problem_clean(text.data);
        report->problems[report->n_problems++] =
                (PolicyProblem){ .is_error = is_error, .file = file_copy, .line = line, .text = text.data };
}

void load_problem(Load *load, bool is_error, const char *file, int line, const char *format, ...) {
        va_list args;
        va_start(args, format);
        problem_add(load, is_error, file, line, "", format, args);
        va_end(args);
}

static void loader_problem(Loader *loader, bool is_error, const char *format, va_list args) {
        char prefix[POLICY_TEST_NAME_SIZE_MAX + 32];
        const Rule *rule = loader->rule;
        snprintf(prefix, sizeof(prefix), "%s \"%s\": ", rule_kind_name(rule->kind), rule->name);
        Load *load = load_of(loader);
        if (is_error && load->broken && rule->index < loader->rules->n_rules)
                load->broken[rule->index] = true;
        /* No lead is judged by a test: one that is not understood any more is left out (kind_compile_test). */
        if (load->archived && rule->kind == RULE_TEST)
                is_error = false;
        problem_add(load, is_error, rule->file, rule->line, prefix, format, args);
}

void loader_error(Loader *loader, const char *format, ...) {
        va_list args;
        va_start(args, format);
        loader_problem(loader, true, format, args);
        va_end(args);
}

void loader_refuse(Loader *loader, const char *format, ...) {
        va_list args;
        va_start(args, format);
        loader_problem(loader, !load_of(loader)->archived, format, args);
        va_end(args);
}

void loader_warning(Loader *loader, const char *format, ...) {
        va_list args;
        va_start(args, format);
        loader_problem(loader, false, format, args);
        va_end(args);
}

/* Whether what is missed is a rule ("team", "team in \"by\":"), which may stand in a file that did not run to its end. */
static bool is_rule(const char *what) {
        for (size_t i = 0; i < ARRAY_SIZE(load_kinds); i++) {
                size_t size = strlen(load_kinds[i].name);
                if (strncmp(what, load_kinds[i].name, size) == 0 && (what[size] == '\0' || what[size] == ' '))
                        return true;
        }
        return strncmp(what, "reader", 6) == 0;
}

void loader_unknown(Loader *loader, const char *what, const char *word, const char *const *candidates, size_t n_candidates) {
        const Load *load = load_of(loader);
        for (size_t i = 0; i < load->n_lost; i++)
                if (base_streq(load->lost[i], word))
                        return;
        const char *closest = text_closest(word, candidates, n_candidates);
        if (closest)
                loader_error(loader, "unknown %s \"%.100s\"; did you mean \"%s\"?", what, word, closest);
        else if (!load->incomplete || !is_rule(what))
                loader_error(loader, "unknown %s \"%.100s\"", what, word);
}

void policy_report_done(PolicyReport *report) {
        for (size_t i = 0; i < report->n_problems; i++) {
                free(report->problems[i].file);
                free(report->problems[i].text);
        }
        free(report->problems);
        *report = (PolicyReport){};
}

int policy_report_format(const PolicyReport *report, Text *out) {
        for (size_t i = 0; i < report->n_problems; i++) {
                const PolicyProblem *problem = &report->problems[i];
                if (problem->file[0] != '\0' && problem->line > 0)
                        text_printf(out, "%s:%d: ", problem->file, problem->line);
                else if (problem->file[0] != '\0')
                        text_printf(out, "%s: ", problem->file);
                text_printf(out, "%s%s\n", problem->is_error ? "" : "warning: ", problem->text);
        }
        return out->error;
}

/* Stable: what was found first at a line stays first. */
static int problem_compare(const PolicyProblem *a, const PolicyProblem *b) {
        int order = strcmp(a->file, b->file);
        return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static void report_sort(PolicyReport *report) {
        for (size_t i = 1; i < report->n_problems; i++) {
                PolicyProblem problem = report->problems[i];
                size_t at = i;
                for (; at > 0 && problem_compare(&report->problems[at - 1], &problem) > 0; at--)
                        report->problems[at] = report->problems[at - 1];
                report->problems[at] = problem;
        }
}

/* ---- pass 2: heads ------------------------------------------------------- */

int load_declare(Load *load, Declaration declaration) {
        bool is_test = declaration.kind == RULE_TEST;
        if (is_test ? load->n_tests == POLICY_TESTS_MAX : load->n_declarations - load->n_tests == POLICY_RULES_MAX) {
                if (!load->too_many)
                        load_problem(load, true, declaration.file, declaration.line, "is one %s more than the %d a rule set may have",
                                is_test ? "test" : "declaration", is_test ? POLICY_TESTS_MAX : POLICY_RULES_MAX);
                load->too_many = load->incomplete = true;
                return POLICY_E_RULES;
        }
        Declaration *declarations = load_grow(load, load->declarations, load->n_declarations, &load->capacity, sizeof(Declaration));
        if (!declarations)
                return -ENOMEM;
        load->declarations = declarations;
        declarations[load->n_declarations++] = declaration;
        load->n_tests += is_test;
        return 0;
}

static int rule_compare(const void *a, const void *b) {
        const Rule *x = *(const Rule *const *) a, *y = *(const Rule *const *) b;
        if (x->kind != y->kind)
                return (int) x->kind - (int) y->kind;
        return strcmp(x->name, y->name);
}

static const Rule *rule_find(const Rule *const *by_name, size_t n, RuleKind kind, const char *name) {
        Rule wanted = { .kind = kind, .name = name };
        const Rule *key = &wanted;
        const Rule *const *found = n > 0 ? bsearch(&key, by_name, n, sizeof(*by_name), rule_compare) : NULL;
        return found ? *found : NULL;
}

const Rule *load_find(const Load *load, RuleKind kind, const char *name) {
        return rule_find(load->body->by_name, load->body->n_by_name, kind, name);
}

const Rule *policy_find(const RuleSet *rules, RuleKind kind, const char *name) {
        const RuleSetBody *body = (const RuleSetBody *) rules;
        return name ? rule_find(body->by_name, body->n_by_name, kind, name) : NULL;
}

const char *const *loader_names(Loader *loader, RuleKind kind, size_t *ret_n) {
        const Load *load = load_of(loader);
        const char **names = ARENA_ARRAY(load->scratch, const char *, load->body->n_by_name + 1);
        *ret_n = 0;
        if (!names) {
                loader->out_of_memory = true;
                return NULL;
        }
        for (size_t i = 0; i < load->body->n_by_name; i++)
                if (load->body->by_name[i]->kind == kind)
                        names[(*ret_n)++] = load->body->by_name[i]->name;
        return names;
}

static int declaration_compare(const void *a, const void *b) {
        const Declaration *x = *(Declaration *const *) a, *y = *(Declaration *const *) b;
        if (x->kind != y->kind)
                return (int) x->kind - (int) y->kind;
        int order = strcmp(x->name, y->name);
        return order != 0 ? order : (x > y) - (x < y);
}

/* Strikes out what is declared twice (the later one), and second ones of kinds that are single. Members count across teams. */
static int load_strike_doubles(Load *load, bool *struck) {
        Declaration **sorted = ARENA_ARRAY(load->scratch, Declaration *, load->n_declarations + 1);
        if (!sorted)
                return load_exhausted(load);
        for (size_t i = 0; i < load->n_declarations; i++)
                sorted[i] = &load->declarations[i];
        qsort(sorted, load->n_declarations, sizeof(*sorted), declaration_compare);
        for (size_t i = 1; i < load->n_declarations; i++) {
                const Declaration *first = sorted[i - 1], *second = sorted[i];
                if (first->kind != second->kind || !base_streq(first->name, second->name))
                        continue;
                struck[second - load->declarations] = true;
                load_problem(load, true, second->file, second->line, "%s \"%s\": is already declared at %s:%d",
                        rule_kind_name(second->kind), second->name, first->file, first->line);
                sorted[i] = sorted[i - 1]; /* a third one is compared with the first */
        }
        for (size_t i = 0; i < load->n_declarations; i++) {
                const Declaration *second = &load->declarations[i];
                const KindInfo *info = load_kind(second->kind);
                for (size_t j = 0; info->single && j < i; j++) {
                        const Declaration *first = &load->declarations[j];
                        if (first->kind != second->kind || struck[i] || struck[j])
                                continue;
                        struck[i] = true;
                        load_problem(load, true, second->file, second->line, "%s \"%s\": there is one already, \"%s\" at %s:%d", info->name,
                                second->name, first->name, first->file, first->line);
                }
        }
        return 0;
}

/* Members are declared inside their team, but are rules like others: each gets a declaration right behind its team's. */
static int load_expand_members(Load *load) {
        lua_State *L = load->loader.L;
        Declaration *before = load->declarations;
        size_t n_before = load->n_declarations;
        load->declarations = NULL;
        load->n_declarations = load->capacity = load->n_tests = 0;
        for (size_t i = 0; i < n_before; i++) {
                int r = load_declare(load, before[i]);
                if (r < 0)
                        return r;
                if (before[i].kind != RULE_TEAM || before[i].table < 0)
                        continue;
                const Rule team = { .kind = RULE_TEAM, .name = before[i].name, .file = before[i].file, .line = before[i].line };
                size_t team_place = load->n_declarations - 1;
                load->loader.rule = &team;
                luaL_checkstack(L, 10, NULL);
                int top = lua_gettop(L);
                declare_push_table(L, before[i].table);
                if (lua_getfield(L, top + 1, "members") == LUA_TTABLE) {
                        const char *const *names;
                        size_t n;
                        r = keys_names(load, top + 2, "members", &names, &n);
                        for (size_t m = 0; r == 0 && m < n; m++) {
                                Declaration member = before[i];
                                member.kind = RULE_MEMBER;
                                member.name = names[m];
                                member.team = team_place;
                                if (lua_getfield(L, top + 2, names[m]) != LUA_TTABLE)
                                        loader_error(
                                                &load->loader, "\"members.%s\" must be a table, not %s", names[m], keys_type_name(L, -1));
                                else if (!name_is_good(names[m], strlen(names[m])))
                                        loader_error(&load->loader,
                                                "\"members.%s\": a name has no control characters and no blanks around it", names[m]);
                                else {
                                        lua_pushvalue(L, -1);
                                        member.table = declare_keep_table(L);
                                        r = load_declare(load, member);
                                }
                                lua_settop(L, top + 2);
                        }
                }
                lua_settop(L, top);
                load->loader.rule = NULL;
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Each team's members by name; both ends know each other from here on. */
static int load_join_members(Load *load) {
        RuleSet *rules = load->loader.rules;
        for (size_t t = 0; t < rules->n_teams; t++) {
                Team *team = (Team *) &rules->teams[t];
                const Member **members = ARENA_ARRAY(load->loader.arena, const Member *, rules->n_members + 1);
                if (!members)
                        return load_exhausted(load);
                for (size_t m = 0; m < rules->n_members; m++)
                        if (rules->members[m].team == team)
                                members[team->n_members++] = &rules->members[m];
                team->members = members; /* a team's members were declared in the order of their names */
        }
        return 0;
}

static int load_make_heads(Load *load) {
        RuleSet *rules = load->loader.rules;
        Arena *arena = load->loader.arena;
        size_t n = load->n_declarations;
        bool *struck = ARENA_ARRAY(load->scratch, bool, n + 1);
        const Rule **all = ARENA_ARRAY(arena, const Rule *, n + 1), **by_name = ARENA_ARRAY(arena, const Rule *, n + 1);
        const Score **scores = ARENA_ARRAY(arena, const Score *, n + 1);
        load->broken = ARENA_ARRAY(load->scratch, bool, n + 1);
        if (!struck || !all || !by_name || !scores || !load->broken)
                return load_exhausted(load);
        int r = load_strike_doubles(load, struck);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (load->declarations[i].kind == RULE_MEMBER && struck[load->declarations[i].team])
                        struck[i] = true;
        for (size_t k = 0; k < load_n_kinds; k++) {
                const KindInfo *info = &load_kinds[k];
                size_t n_kind = 0;
                for (size_t i = 0; i < n; i++)
                        n_kind += load->declarations[i].kind == info->kind && !struck[i];
                if (info->head_size == 0 || (info->single && n_kind == 0))
                        continue;
                uint8_t *items = arena_alloc(arena, (n_kind + 1) * info->head_size);
                if (!items)
                        return load_exhausted(load);
                *(void **) (void *) ((uint8_t *) rules + info->items_at) = items;
        }
        size_t n_rules = 0, n_scores = 0;
        for (size_t i = 0; i < n; i++) {
                Declaration *declaration = &load->declarations[i];
                const KindInfo *info = load_kind(declaration->kind);
                Rule *rule;
                if (struck[i])
                        continue;
                if (info->head_size > 0) {
                        size_t one = 0, *count = info->single ? &one : (size_t *) (void *) ((uint8_t *) rules + info->count_at);
                        rule = (Rule *) (void *) (*(uint8_t **) (void *) ((uint8_t *) rules + info->items_at) + *count * info->head_size);
                        (*count)++;
                } else {
                        Score *score = score_new(arena);
                        if (!score)
                                return load_exhausted(load);
                        scores[n_scores++] = score;
                        rule = &score->rule;
                }
                *rule = (Rule){ .index = (uint32_t) n_rules,
                        .kind = declaration->kind,
                        .name = declaration->name,
                        .file = declaration->file,
                        .line = declaration->line };
                declaration->rule = rule;
                if (rule->kind == RULE_MEMBER)
                        ((Member *) (void *) rule)->team = (const Team *) (const void *) load->declarations[declaration->team].rule;
                by_name[n_rules] = all[n_rules] = rule;
                n_rules++;
        }
        rules->rules = all;
        rules->n_rules = n_rules;
        rules->scores = scores;
        rules->n_scores = n_scores;
        qsort(by_name, n_rules, sizeof(*by_name), rule_compare);
        load->body->by_name = by_name;
        load->body->costs = ARENA_ARRAY(arena, RuleCost, n_rules + 1);
        if (!load->body->costs)
                return load_exhausted(load);
        load->body->n_by_name = n_rules;
        return load_join_members(load);
}

/* ---- pass 3: bodies ------------------------------------------------------ */

static int load_compile_body(Load *load, const KindInfo *info, const Declaration *declaration) {
        lua_State *L = load->loader.L;
        load->loader.rule = declaration->rule;
        if (declaration->list)
                return kind_compile_list_file(load, declaration->list, (List *) (void *) declaration->rule);
        if (declaration->table < 0)
                return 0;
        luaL_checkstack(L, 40, NULL);
        int top = lua_gettop(L);
        declare_push_table(L, declaration->table);
        int r = info->compile(load, top + 1, declaration->rule);
        lua_settop(L, top);
        return r;
}

/* Settings are there even when nobody declared them: other bodies read their zone. */
static int load_compile_settings(Load *load) {
        Settings *settings = (Settings *) load->loader.rules->settings;
        if (!settings) {
                settings = ARENA_NEW(load->loader.arena, Settings);
                if (!settings)
                        return -ENOMEM;
                settings->rule = (Rule){ .index = UINT32_MAX, .kind = RULE_SETTINGS, .name = "site", .file = "" };
        }
        return kind_finish_settings(load, settings);
}

static int load_compile_bodies(Load *load) {
        for (size_t k = 0; k < load_n_kinds; k++) {
                for (size_t i = 0; i < load->n_declarations; i++) {
                        if (load->declarations[i].kind != load_kinds[k].kind || !load->declarations[i].rule)
                                continue;
                        int r = load_compile_body(load, &load_kinds[k], &load->declarations[i]);
                        if (r < 0)
                                return r;
                }
                if (load_kinds[k].kind == RULE_SETTINGS) {
                        int r = load_compile_settings(load);
                        if (r < 0)
                                return r;
                }
                if (load_kinds[k].kind == RULE_STAGE) {
                        int r = kind_finish_stages(load);
                        if (r < 0)
                                return r;
                }
        }
        declare_drop_tables(load->loader.L);
        return 0;
}

/* ---- all of it ----------------------------------------------------------- */

static void on_register(lua_State *L, void *userdata _unused_) {
        if (condition_register(L) < 0)
                (void) luaL_error(L, "not enough memory");
        test_words_register(L);
        declare_register(L);
}

typedef struct Compiling {
        Load *load;
        int r;
} Compiling;

static void on_compile(lua_State *L _unused_, void *userdata) {
        Compiling *compiling = userdata;
        Load *load = compiling->load;
        int r = load_expand_members(load);
        if (r >= 0)
                r = load_make_heads(load);
        if (r >= 0)
                r = load_compile_bodies(load);
        if (r >= 0)
                r = score_check(&load->loader);
        if (r >= 0)
                r = condition_index_types(&load->loader);
        if (r >= 0)
                r = function_prepare(&load->loader);
        compiling->r = r;
}

static int load_run(Load *load) {
        Sandbox *sandbox = load->body->sandbox;
        char error[512];
        sandbox_set_user(sandbox, load);
        if (sandbox_run(sandbox, on_register, NULL, error, sizeof(error)) != 0)
                return -ENOMEM;
        int r = declare_run(load);
        if (r < 0)
                return r;
        Compiling compiling = { .load = load };
        if (sandbox_run(sandbox, on_compile, &compiling, error, sizeof(error)) != 0)
                load_problem(load, true, "", 0, "%s", error);
        else if (compiling.r >= 0)
                compiling.r = check_whole(load); /* reads no Lua: its time is not the rule files' */
        if (load->loader.out_of_memory || compiling.r < 0)
                return compiling.r < 0 ? compiling.r : -ENOMEM;
        if (load->loader.report->n_errors > 0)
                return POLICY_E_RULES;
        r = sandbox_seal(sandbox);
        if (r < 0)
                return r;
        r = files_write_archive(load, &load->body->archive);
        if (r < 0)
                return r;
        RuleSet *rules = load->loader.rules;
        r = digest_sha256(load->body->archive.data, load->body->archive.size, rules->hash);
        digest_hex(rules->hash, DIGEST_SIZE, rules->hash_text);
        return r;
}

/* An empty rule set with its arena and its sandbox. */
static int rules_new(const char *directory, RuleSet **ret) {
        RuleSetBody *body = calloc(1, sizeof(RuleSetBody));
        if (!body)
                return -ENOMEM;
        int r = sandbox_new(&body->sandbox);
        body->arena = arena_new(POLICY_ARENA_MAX);
        if (r == 0 && body->arena)
                body->public.directory = arena_strdup(body->arena, directory);
        if (r == 0 && !body->public.directory)
                r = -ENOMEM;
        if (r < 0) {
                (void) policy_free(&body->public);
                return r;
        }
        *ret = &body->public;
        return 0;
}

static int load_any(const char *directory, const void *archive, size_t archive_size, unsigned flags, RuleSet **ret, PolicyReport *report) {
        *report = (PolicyReport){};
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        _cleanup_(arena_freep) Arena *scratch = arena_new(POLICY_ARENA_MAX);
        if (!scratch)
                return -ENOMEM;
        int r = rules_new(directory ? directory : "", &rules);
        if (r < 0)
                return r;
        RuleSetBody *body = policy_body(rules);
        Load load = { .loader = { .L = sandbox_state(body->sandbox), .arena = body->arena, .rules = rules, .report = report },
                .body = body,
                .scratch = scratch,
                .calendars_suffice = (flags & POLICY_LOAD_CALENDARS) != 0,
                .archived = !directory,
                .files = { .directory_fd = -1 } };
        r = directory ? files_read_directory(&load, directory) : files_read_archive(&load, archive, archive_size);
        if (r == 0)
                r = report->n_errors > 0 && load.files.n_items == 0 ? POLICY_E_RULES : load_run(&load);
        base_closep(&load.files.directory_fd);
        text_free(&load.text);
        (void) intake_free(load.intake);
        (void) intake_free(load.payloads);
        report_sort(report);
        if (r != 0)
                return r;
        *ret = TAKE(rules);
        return 0;
}

/* One rule may say the same thing in two places; who reads the report wants it once. */
static void report_drop_double(PolicyReport *report) {
        PolicyProblem *last = report->n_problems > 0 ? &report->problems[report->n_problems - 1] : NULL;

        for (size_t i = 0; i + 1 < report->n_problems; i++) {
                const PolicyProblem *other = &report->problems[i];

                if (last->is_error != other->is_error || last->line != other->line || !base_streq(last->file, other->file) ||
                        !base_streq(last->text, other->text))
                        continue;
                free(last->file);
                free(last->text);
                report->n_errors -= last->is_error;
                report->n_problems--;
                return;
        }
}

static int report_late(PolicyReport *report, const Rule *rule, bool is_error, const char *format, va_list args) {
        Load load = { .loader = { .report = report, .rule = rule } };

        if (rule)
                loader_problem(&load.loader, is_error, format, args);
        else
                problem_add(&load, is_error, "", 0, "", format, args);
        report_drop_double(report);
        report_sort(report);
        return load.loader.out_of_memory ? -ENOMEM : 0;
}

int policy_report_warn(PolicyReport *report, const Rule *rule, const char *format, ...) {
        va_list args;

        va_start(args, format);
        int r = report_late(report, rule, false, format, args);
        va_end(args);
        return r;
}

int policy_report_error(PolicyReport *report, const Rule *rule, const char *format, ...) {
        va_list args;

        va_start(args, format);
        int r = report_late(report, rule, true, format, args);
        va_end(args);
        return r;
}

int policy_report_refuse(PolicyReport *report, const char *format, ...) {
        va_list args;

        va_start(args, format);
        int r = report_late(report, NULL, true, format, args);
        va_end(args);
        return r;
}

int policy_load(const char *directory, unsigned flags, RuleSet **ret, PolicyReport *report) {
        return load_any(directory, NULL, 0, flags, ret, report);
}

int policy_load_archive(const void *data, size_t size, RuleSet **ret, PolicyReport *report) {
        return load_any(NULL, data, size, 0, ret, report);
}

int policy_archive(const RuleSet *rules, const void **ret_data, size_t *ret_size) {
        const RuleSetBody *body = (const RuleSetBody *) rules;
        *ret_data = body->archive.data;
        *ret_size = body->archive.size;
        return 0;
}

RuleSet *policy_free(RuleSet *rules) {
        if (!rules)
                return NULL;
        RuleSetBody *body = policy_body(rules);
        for (size_t i = 0; i < rules->n_calendars; i++)
                (void) calendar_free(rules->calendars[i].calendar);
        if (rules->settings)
                (void) zone_unref(rules->settings->zone);
        body->sandbox = sandbox_free(body->sandbox);
        overruns_done(&body->overruns);
        body->person_hours = person_hours_free(body->person_hours);
        free(body->failures);
        text_free(&body->archive);
        body->covered = coverage_free(body->covered);
        body->arena = arena_free(body->arena);
        free(body);
        return NULL;
}

void policy_freep(RuleSet **rules) { *rules = policy_free(*rules); }

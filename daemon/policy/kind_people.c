/* SPDX-License-Identifier: MIT */
/*
 * kind_people: the bodies of settings, calendar, team and member: who works when, and what holds for the whole site.
 * A calendar's times are read by worktime; here they are only handed on, with its complaints.
 */
#include "load.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>

#define AWAY_MAX 200 /* stretches of days of one member */
#define RETAIN_YEARS_MAX 99

/* ---- settings ------------------------------------------------------------ */

static const char *const spool_families[] = { "outcome", "owner", "erased", NULL };
static const char *const role_names[] = { "viewer", "sales", "operator", "integrator", "admin", NULL };

/* A table NAME = { "word", ... } whose words, or names, are among known. */
static int compile_grants(Load *load, int index, const char *where, const char *const *known_names, const char *const *known_words,
        const char *const **ret, size_t *ret_n) {
        lua_State *L = load->loader.L;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table of lists, not %s", where, keys_type_name(L, index));
                return 0;
        }
        const char *const *names;
        const char **grants = NULL;
        size_t n_names, n = 0, capacity = 0;
        int r = keys_names(load, index, where, &names, &n_names);
        for (size_t i = 0; r == 0 && i < n_names; i++) {
                const char *const *words = NULL;
                size_t n_words = 0;
                if (known_names && !keys_is_among(names[i], known_names))
                        loader_unknown(&load->loader, "role", names[i], known_names, keys_count(known_names));
                lua_getfield(L, index, names[i]);
                r = keys_compile_texts(load, lua_gettop(L), keys_where(load, where, names[i]), &words, &n_words);
                lua_pop(L, 1);
                for (size_t j = 0; r == 0 && j < n_words; j++) {
                        if (known_words && !keys_is_among(words[j], known_words)) {
                                loader_unknown(
                                        &load->loader, "kind of record in \"spool\":", words[j], known_words, keys_count(known_words));
                                continue;
                        }
                        grants = load_grow(load, grants, n, &capacity, sizeof(*grants));
                        if (!grants || !(grants[n++] = arena_printf(load->loader.arena, "%s %s", names[i], words[j])))
                                return load_exhausted(load);
                }
        }
        if (r < 0)
                return r;
        const char **kept = ARENA_ARRAY(load->loader.arena, const char *, n + 1);
        if (!kept)
                return load_exhausted(load);
        if (n > 0)
                memcpy(kept, grants, n * sizeof(*grants));
        *ret = kept;
        *ret_n = n;
        return 0;
}

static int compile_spool(Load *load, int index, const char *where, void *target) {
        Settings *settings = target;
        return compile_grants(load, index, where, NULL, spool_families, &settings->spool_may, &settings->n_spool_may);
}

/* Checked so that a mistake is found when it is made; the socket's own table decides who may do what. */
static int compile_roles(Load *load, int index, const char *where, void *target _unused_) {
        const char *const *grants;
        size_t n;
        return compile_grants(load, index, where, role_names, NULL, &grants, &n);
}

static int compile_zone(Load *load, int index, const char *where, void *target) {
        Settings *settings = target;
        const char *text = keys_text(load, index, where);
        if (!text)
                return 0;
        int r = zone_new(text, &settings->zone);
        if (r == WORKTIME_E_ZONE)
                loader_error(&load->loader, "zone: there is no time zone \"%.80s\" (names are like Europe/Berlin)", text);
        else if (r < 0)
                return r;
        settings->zone_text = text;
        return 0;
}

static int compile_phone_region(Load *load, int index, const char *where, void *target) {
        Settings *settings = target;
        const char *text = keys_text(load, index, where);
        if (!text)
                return 0;
        if (strlen(text) == 2 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' && text[1] <= 'Z')
                settings->phone_region = text;
        else
                loader_error(&load->loader, "\"phone_region\" must be a country's two capital letters such as \"DE\", not \"%.60s\"", text);
        return 0;
}

/* Retention is thought of in years, which no other duration is: 365 days each. */
static int compile_retain(Load *load, int index, const char *where, void *target) {
        lua_State *L = load->loader.L;
        Settings *settings = target;
        const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : "";
        char *end;
        long years = text[0] >= '1' && text[0] <= '9' ? strtol(text, &end, 10) : 0;
        if (years < 1 || years > RETAIN_YEARS_MAX || !base_streq(end, "y"))
                return keys_compile_duration(load, index, where, false, &settings->retain);
        settings->retain = (Duration){ .us = years * 365 * US_PER_DAY };
        return 0;
}

static int compile_answer_within(Load *load, int index, const char *where, void *target) {
        Settings *settings = target;
        size_t n_before = load->loader.report->n_errors;
        int r = keys_compile_duration(load, index, where, false, &settings->answer_within);
        int64_t within_us = settings->answer_within.us;
        if (r == 0 && load->loader.report->n_errors == n_before &&
                (within_us < POLICY_ANSWER_WITHIN_MIN_US || within_us > POLICY_ANSWER_WITHIN_MAX_US))
                loader_error(&load->loader, "\"%s\" must be between 1h and 365d", where);
        return r;
}

void kind_check_leak_limit(Load *load, const char *where, const Duration *limit) {
        if (limit->us != 0 && (limit->us < POLICY_LEAK_MIN_US || limit->us > POLICY_LEAK_MAX_US))
                loader_error(&load->loader, "\"%s\" must be between 1h and 365d", where);
}

/* leaks = { stale = "14d", ... } */
static int compile_leaks(Load *load, int index, const char *where, void *target) {
        static const BodyKey keys[] = {
                { .name = "untouched", .type = KEY_DURATION, .at = offsetof(LeakLimits, untouched) },
                { .name = "stale", .type = KEY_DURATION, .at = offsetof(LeakLimits, stale) },
                { .name = "opportunity", .type = KEY_DURATION, .at = offsetof(LeakLimits, opportunity) },
        };
        lua_State *L = load->loader.L;
        LeakLimits *leaks = &((Settings *) target)->leaks;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table such as { stale = \"14d\" }, not %s", where, keys_type_name(L, index));
                return 0;
        }
        int r = keys_compile(load, index, where, keys, ARRAY_SIZE(keys), leaks);
        kind_check_leak_limit(load, "leaks.untouched", &leaks->untouched);
        kind_check_leak_limit(load, "leaks.stale", &leaks->stale);
        kind_check_leak_limit(load, "leaks.opportunity", &leaks->opportunity);
        return r;
}

int kind_finish_settings(Load *load, Settings *settings) {
        if (!settings->zone_text)
                settings->zone_text = "UTC";
        if (!settings->zone) {
                int r = zone_new("UTC", &settings->zone);
                if (r != 0)
                        return r < 0 ? r : -EIO;
        }
        if (settings->answer_within.us == 0)
                settings->answer_within = (Duration){ .us = POLICY_ANSWER_WITHIN_US };
        if (settings->leaks.untouched.us == 0)
                settings->leaks.untouched = (Duration){ .us = POLICY_LEAK_UNTOUCHED_US };
        if (settings->leaks.stale.us == 0)
                settings->leaks.stale = (Duration){ .us = POLICY_LEAK_STALE_US };
        if (settings->leaks.opportunity.us == 0)
                settings->leaks.opportunity = (Duration){ .us = POLICY_LEAK_OPPORTUNITY_US };
        load->loader.rules->settings = settings;
        return 0;
}

int kind_compile_settings(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Settings, rule.doc) },
                { .name = "zone", .type = KEY_OWN, .compile = compile_zone },
                { .name = "phone_region", .type = KEY_OWN, .compile = compile_phone_region },
                { .name = "keep_done", .type = KEY_DURATION, .at = offsetof(Settings, keep_done) },
                { .name = "retain", .type = KEY_OWN, .compile = compile_retain },
                { .name = "ops", .type = KEY_TEXT, .at = offsetof(Settings, ops) },
                { .name = "answer_within", .type = KEY_OWN, .compile = compile_answer_within },
                { .name = "leaks", .type = KEY_OWN, .compile = compile_leaks },
                { .name = "roles", .type = KEY_OWN, .compile = compile_roles },
                { .name = "spool", .type = KEY_OWN, .compile = compile_spool },
        };
        return keys_compile(load, index, "", keys, ARRAY_SIZE(keys), head);
}

/* ---- calendar ------------------------------------------------------------ */

typedef struct CalendarBody {
        CalendarSpec spec;
        const char *doc;
        bool broken; /* reported; worktime would report it again */
} CalendarBody;

static int compile_days(Load *load, int index, const char *where, const CalendarRule **ret, size_t *ret_n, bool *ret_broken) {
        lua_State *L = load->loader.L;
        const char *const *names;
        size_t n, n_good = 0;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table such as { mon_fri = \"09:00-18:00\" }, not %s", where,
                        keys_type_name(L, index));
                *ret_broken = true;
                return 0;
        }
        size_t n_before = load->loader.report->n_errors;
        int r = keys_names(load, index, where, &names, &n);
        if (r < 0)
                return r;
        CalendarRule *rules = ARENA_ARRAY(load->loader.arena, CalendarRule, n + 1);
        if (!rules)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                lua_getfield(L, index, names[i]);
                const char *value = keys_text(load, lua_gettop(L), keys_where(load, where, names[i]));
                lua_pop(L, 1);
                if (value)
                        rules[n_good++] = (CalendarRule){ .key = names[i], .value = value };
        }
        *ret = rules;
        *ret_n = n_good;
        *ret_broken = *ret_broken || load->loader.report->n_errors > n_before;
        return 0;
}

static int compile_open(Load *load, int index, const char *where, void *target) {
        CalendarBody *body = target;
        return compile_days(load, index, where, &body->spec.open, &body->spec.n_open, &body->broken);
}

static int compile_except(Load *load, int index, const char *where, void *target) {
        CalendarBody *body = target;
        return compile_days(load, index, where, &body->spec.except, &body->spec.n_except, &body->broken);
}

static int compile_holidays(Load *load, int index, const char *where, void *target) {
        CalendarBody *body = target;
        const char *name = keys_text(load, index, where);
        const RuleFile *file = NULL;
        int r = name ? files_find_holidays(load, name, &file) : 0;
        if (r < 0)
                return r;
        if (!file) {
                body->broken = true;
                return 0;
        }
        body->spec.holidays_path = file->name;
        body->spec.holidays_data = file->data;
        body->spec.holidays_size = file->size;
        return 0;
}

int kind_compile_calendar(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(CalendarBody, doc) },
                { .name = "zone", .type = KEY_TEXT, .required = true, .at = offsetof(CalendarBody, spec.zone) },
                { .name = "open", .type = KEY_OWN, .required = true, .compile = compile_open },
                { .name = "except", .type = KEY_OWN, .compile = compile_except },
                { .name = "holidays", .type = KEY_OWN, .compile = compile_holidays },
        };
        CalendarDecl *declared = head;
        CalendarBody body = { .spec.name = declared->rule.name };
        size_t n_before = load->loader.report->n_errors;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), &body);
        declared->rule.doc = body.doc;
        if (r < 0 || body.broken || load->loader.report->n_errors > n_before)
                return r;
        char *text = NULL; /* nothing below enters Lua, so it cannot be lost to an error there */
        r = calendar_new(&body.spec, &declared->calendar, &text);
        if (r > 0) {
                loader_error(&load->loader, "%s", text ? text : "cannot be read");
                r = 0;
        }
        free(text);
        return r;
}

/* ---- team ---------------------------------------------------------------- */

static const char *const strategies[] = { "round_robin", "weighted", "least_open", "top_first", NULL };
static const char *const absences[] = { "keep", "reassign_unaccepted", "deputy", NULL };

/* Its members are declarations of their own by now. */
static int compile_members(Load *load, int index, const char *where, void *target _unused_) {
        lua_State *L = load->loader.L;
        if (lua_type(L, index) != LUA_TTABLE)
                loader_error(&load->loader, "\"%s\" must be a table of members, not %s", where, keys_type_name(L, index));
        return 0;
}

int kind_compile_team(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Team, rule.doc) },
                { .name = "calendar", .type = KEY_RULE, .at = offsetof(Team, calendar), .kind = RULE_CALENDAR },
                { .name = "head", .type = KEY_RULE, .at = offsetof(Team, head), .kind = RULE_MEMBER },
                { .name = "strategy", .type = KEY_CHOICE, .at = offsetof(Team, strategy), .choices = strategies },
                { .name = "on_absence", .type = KEY_CHOICE, .at = offsetof(Team, on_absence), .choices = absences },
                { .name = "deputy", .type = KEY_RULE, .at = offsetof(Team, deputy), .kind = RULE_MEMBER },
                { .name = "members", .type = KEY_OWN, .compile = compile_members },
        };
        /* by = "owner" and the like mean something else. */
        static const char *const taken[] = { "rules", "owner", "team", NULL };
        Team *team = head;
        if (keys_is_among(team->rule.name, taken))
                loader_refuse(&load->loader, "a team cannot be called \"%s\": in `by` that word means something else", team->rule.name);
        return keys_compile(load, index, "", keys, ARRAY_SIZE(keys), team);
}

/* ---- member -------------------------------------------------------------- */

static int compile_skills(Load *load, int index, const char *where, void *target) {
        lua_State *L = load->loader.L;
        Member *member = target;
        const char *const *names;
        size_t n;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table such as { languages = { \"de\", \"en\" } }, not %s", where,
                        keys_type_name(L, index));
                return 0;
        }
        int r = keys_names(load, index, where, &names, &n);
        if (r < 0)
                return r;
        Skill *skills = ARENA_ARRAY(load->loader.arena, Skill, n + 1);
        if (!skills)
                return load_exhausted(load);
        for (size_t i = 0; r == 0 && i < n; i++) {
                skills[i].name = names[i];
                lua_getfield(L, index, names[i]);
                r = keys_compile_texts(load, lua_gettop(L), keys_where(load, where, names[i]), &skills[i].values, &skills[i].n_values);
                lua_pop(L, 1);
        }
        member->skills = skills;
        member->n_skills = n;
        return r;
}

/* The zone whose days a member's days are. */
static const Zone *member_zone(const Load *load, const Member *member) {
        const CalendarDecl *calendar = member->calendar ? member->calendar : member->team->calendar;
        if (calendar && calendar->calendar)
                return calendar_zone(calendar->calendar);
        return load->loader.rules->settings->zone;
}

static int absence_compare(const void *a, const void *b) {
        const Absence *x = a, *y = b;
        return (x->from_us > y->from_us) - (x->from_us < y->from_us);
}

/* "2026-03-09" or "2026-03-09..2026-03-13", both days included. Sorted, and joined where they touch. */
static int compile_away(Load *load, int index, const char *where, void *target) {
        Member *member = target;
        const Zone *zone = member_zone(load, member);
        const char *const *texts = NULL;
        size_t n = 0, n_good = 0, n_kept = 0;
        int r = keys_compile_texts(load, index, where, &texts, &n);
        if (r < 0)
                return r;
        if (n > AWAY_MAX) {
                loader_error(&load->loader, "\"%s\" has more than %d entries", where, AWAY_MAX);
                return 0;
        }
        Absence *absences_kept = ARENA_ARRAY(load->loader.arena, Absence, n + 1);
        if (!absences_kept)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                Absence absence;
                if (policy_parse_days(zone, texts[i], &absence) != 0)
                        loader_error(&load->loader,
                                "\"%s[%zu]\" must be a day or a range of days such as \"2026-03-09..2026-03-13\", not \"%.60s\"", where,
                                i + 1, texts[i]);
                else if (absence.to_us <= absence.from_us)
                        loader_error(&load->loader, "\"%s[%zu]\" ends before it begins: \"%s\"", where, i + 1, texts[i]);
                else
                        absences_kept[n_good++] = absence;
        }
        if (n_good > 0)
                qsort(absences_kept, n_good, sizeof(Absence), absence_compare);
        for (size_t i = 0; i < n_good; i++) {
                Absence *last = n_kept > 0 ? &absences_kept[n_kept - 1] : NULL;
                if (last && absences_kept[i].from_us <= last->to_us)
                        last->to_us = absences_kept[i].to_us > last->to_us ? absences_kept[i].to_us : last->to_us;
                else
                        absences_kept[n_kept++] = absences_kept[i];
        }
        member->absences = absences_kept;
        member->n_absences = n_kept;
        return 0;
}

int kind_compile_member(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Member, rule.doc) },
                { .name = "user", .type = KEY_TEXT, .at = offsetof(Member, user) },
                { .name = "email", .type = KEY_TEXT, .at = offsetof(Member, email) },
                { .name = "weight", .type = KEY_COUNT, .at = offsetof(Member, weight) },
                { .name = "rank", .type = KEY_COUNT, .at = offsetof(Member, rank) },
                { .name = "max_unaccepted", .type = KEY_COUNT, .at = offsetof(Member, max_unaccepted) },
                { .name = "max_open", .type = KEY_COUNT, .at = offsetof(Member, max_open) },
                { .name = "per_day", .type = KEY_COUNT, .at = offsetof(Member, per_day) },
                { .name = "calendar",
                        .type = KEY_RULE,
                        .at = offsetof(Member, calendar),
                        .kind = RULE_CALENDAR }, /* before away: its zone */
                { .name = "skills", .type = KEY_OWN, .compile = compile_skills },
                { .name = "away", .type = KEY_OWN, .compile = compile_away },
                { .name = "left", .type = KEY_BOOL, .at = offsetof(Member, left) },
                { .name = "deputy", .type = KEY_RULE, .at = offsetof(Member, deputy), .kind = RULE_MEMBER },
        };
        /* remind = { "owner" } and the like mean somebody else. */
        static const char *const taken[] = { "owner", "head", "ops", "lead", "team", "rules", NULL };
        Member *member = head;
        member->weight = 1;
        if (keys_is_among(member->rule.name, taken))
                loader_refuse(
                        &load->loader, "a member cannot be called \"%s\": in `remind` that word means somebody else", member->rule.name);
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), member);
        if (r == 0 && member->deputy == member)
                loader_error(&load->loader, "cannot be their own deputy");
        for (const Member *other = load->loader.rules->members; member->user && other < member; other++)
                if (other->user && base_streq(other->user, member->user))
                        loader_refuse(&load->loader, "the user \"%s\" is already member \"%s\" (%s:%d)", member->user, other->rule.name,
                                other->rule.file, other->rule.line);
        return r;
}

/* SPDX-License-Identifier: MIT */
/*
 * kind_plan: the bodies of what marketing plans for many leads and of what both teams count: campaign, track, stage, target. What makes
 * no sense by itself is an error here; what no lead could ever meet is check_plans.c's business.
 *
 * Nothing here sends or counts. A status without marketing_may_contact keeps its leads out of every campaign and track whatever the
 * conditions say, so that no mistake in a rule can write to them.
 */
#include "leadd/plans.h"
#include "load.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>

#define DAY_SIZE 10 /* "2026-03-01" */

/* ---- what campaigns and tracks have in common ---- */

/* Of a consent, as records say it. */
static int compile_purpose(Load *load, int index, const char *where, void *target) {
        const char *text = keys_text(load, index, where);

        if (text && !name_is_good(text, strlen(text)))
                loader_error(&load->loader, "\"%s\" is the purpose of a consent, such as \"%s\"", where, POLICY_PURPOSE_DEFAULT);
        else if (text)
                *(const char **) target = text;
        return 0;
}

/* ---- campaign ---- */

static void compile_day(Load *load, int index, const char *where, bool is_end, const char **ret_text, int64_t *ret_us) {
        const char *text = keys_text(load, index, where);

        if (!text)
                return;
        if (strlen(text) != DAY_SIZE || policy_parse_day(load->loader.rules->settings->zone, text, DAY_SIZE, is_end, ret_us) != 0)
                loader_error(&load->loader, "\"%s\" must be a day such as \"2026-03-01\", not \"%.60s\"", where, text);
        else
                *ret_text = text;
}

static int compile_from(Load *load, int index, const char *where, void *target) {
        Campaign *campaign = target;

        compile_day(load, index, where, false, &campaign->from_text, &campaign->from_us);
        return 0;
}

static int compile_to(Load *load, int index, const char *where, void *target) {
        Campaign *campaign = target;

        compile_day(load, index, where, true, &campaign->to_text, &campaign->to_us);
        return 0;
}

/* { 2, per = "7d" } */
static int compile_at_most(Load *load, int index, const char *where, void *target) {
        static const BodyKey parts[] = {
                { .name = "per", .type = KEY_DURATION, .required = true, .at = offsetof(Campaign, cap_per) },
                { .name = "", .type = KEY_ITEMS },
        };
        Campaign *campaign = target;
        lua_State *L = load->loader.L;
        size_t n_before = load->loader.report->n_errors;
        int is_integer = 0;

        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a number and a time such as { 2, per = \"7d\" }, not %s", where,
                        keys_type_name(L, index));
                return 0;
        }
        int r = keys_compile(load, index, where, parts, ARRAY_SIZE(parts), campaign);
        if (r < 0 || load->loader.report->n_errors > n_before)
                return r;
        lua_rawgeti(L, index, 1);
        lua_Integer n = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &is_integer) : 0;
        lua_pop(L, 1);
        if (lua_rawlen(L, index) != 1 || !is_integer || n < 1 || n > POLICY_CAP_MAX)
                loader_error(&load->loader, "\"%s\" begins with one number, 1 to %d: { 2, per = \"7d\" }", where, POLICY_CAP_MAX);
        else if (campaign->cap_per.us <= 0)
                loader_error(&load->loader, "\"%s.per\" is nothing: the cap would never hold", where);
        else
                campaign->cap = (uint32_t) n;
        return 0;
}

static int compile_campaign_purpose(Load *load, int index, const char *where, void *target) {
        return compile_purpose(load, index, where, &((Campaign *) target)->purpose);
}

int kind_compile_campaign(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Campaign, rule.doc) },
                { .name = "owner", .type = KEY_RULE, .required = true, .at = offsetof(Campaign, owner), .kind = RULE_TEAM },
                { .name = "priority", .type = KEY_COUNT, .at = offsetof(Campaign, priority) },
                { .name = "from", .type = KEY_OWN, .compile = compile_from },
                { .name = "to", .type = KEY_OWN, .compile = compile_to },
                { .name = "channel", .type = KEY_RULE, .at = offsetof(Campaign, channel), .kind = RULE_CHANNEL },
                { .name = "include", .type = KEY_CONDITION, .required = true, .at = offsetof(Campaign, include), .phase = PHASE_DECISION },
                { .name = "exclude", .type = KEY_CONDITION, .at = offsetof(Campaign, exclude), .phase = PHASE_DECISION },
                { .name = "at_most", .type = KEY_OWN, .compile = compile_at_most },
                { .name = "purpose", .type = KEY_OWN, .compile = compile_campaign_purpose },
                { .name = "needs_consent", .type = KEY_BOOL, .at = offsetof(Campaign, needs_consent) },
        };
        Campaign *campaign = head;

        campaign->from_us = campaign->to_us = TIME_NONE;
        campaign->purpose = POLICY_PURPOSE_DEFAULT;
        campaign->needs_consent = true;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), campaign);
        if (r < 0)
                return r;
        if (campaign->from_us != TIME_NONE && campaign->to_us != TIME_NONE && campaign->to_us <= campaign->from_us)
                loader_refuse(&load->loader, "ends on %s, before it begins (%s)", campaign->to_text, campaign->from_text);
        if (campaign->channel && campaign->channel->via == VIA_JOURNAL)
                loader_refuse(&load->loader, "the journal gets no lead data: a campaign goes by mail, webhook, exec or drop");
        return 0;
}

const Campaign *policy_campaign(const RuleSet *rules, const char *name) {
        return (const Campaign *) (const void *) policy_find(rules, RULE_CAMPAIGN, name);
}

bool policy_campaign_goes_first(const Campaign *a, const Campaign *b) {
        return a->priority != b->priority ? a->priority > b->priority : a->rule.index < b->rule.index;
}

bool policy_campaign_runs(const Campaign *campaign, int64_t now_us) {
        return (campaign->from_us == TIME_NONE || campaign->from_us <= now_us) &&
               (campaign->to_us == TIME_NONE || now_us < campaign->to_us);
}

/* ---- track ---- */

static int compile_track_clock(Load *load, int index, const char *where, void *target) {
        static const char *const words[] = { [TRACK_CLOCK_WALL] = "wall", [TRACK_CLOCK_PERSON] = "person" };
        Track *track = target;
        size_t clock = track->clock;
        int r = keys_compile_clock(load, index, where, words, ARRAY_SIZE(words), &clock, &track->calendar);

        track->clock = (TrackClock) clock;
        return r;
}

static int compile_step_at(Load *load, int index, const char *where, void *target) {
        return keys_compile_time_of_day(load, index, where, &((TrackStep *) target)->at_us);
}

/* What is sent must be for the lead, and reach somebody. */
static void check_track_message(Load *load, const char *where, const Message *message) {
        if (!message->to || !base_streq(message->to, "lead"))
                loader_refuse(
                        &load->loader, "%s: the message \"%s\" is not for the lead: it needs to = \"lead\"", where, message->rule.name);
        else if (message->channel && message->channel->via == VIA_JOURNAL)
                loader_refuse(&load->loader, "%s: the message \"%s\" goes to the journal (channel \"%s\"), which no lead reads", where,
                        message->rule.name, message->channel->rule.name);
}

static void check_track_wait(Load *load, const char *where, const Track *track, Duration wait) {
        if (wait.workdays != 0 && track->clock == TRACK_CLOCK_WALL)
                loader_error(
                        &load->loader, "%s waits working days, but the clock \"wall\" has none: clock = \"person\" or a calendar", where);
        else if (wait.workdays > POLICY_TRACK_WAIT_MAX_WORKDAYS)
                loader_error(&load->loader, "%s waits more than %d working days", where, POLICY_TRACK_WAIT_MAX_WORKDAYS);
        else if (wait.us > POLICY_TRACK_WAIT_MAX_DAYS * US_PER_DAY)
                loader_error(&load->loader, "%s waits more than %d days", where, POLICY_TRACK_WAIT_MAX_DAYS);
}

static int compile_track_step(Load *load, int index, const char *where, const Track *track, TrackStep *step) {
        static const BodyKey keys[] = {
                { .name = "wait", .type = KEY_WORK_DURATION, .required = true, .at = offsetof(TrackStep, wait) },
                { .name = "send", .type = KEY_RULE, .required = true, .at = offsetof(TrackStep, send), .kind = RULE_MESSAGE },
                { .name = "at", .type = KEY_OWN, .compile = compile_step_at },
        };
        lua_State *L = load->loader.L;
        size_t n_before = load->loader.report->n_errors;

        step->at_us = TIME_NONE;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table such as { wait = \"14d\", send = \"MESSAGE\" }, not %s", where,
                        keys_type_name(L, index));
                return 0;
        }
        int r = keys_compile(load, index, where, keys, ARRAY_SIZE(keys), step);
        if (r < 0 || load->loader.report->n_errors > n_before)
                return r;
        check_track_message(load, where, step->send);
        check_track_wait(load, where, track, step->wait);
        return 0;
}

static int compile_track_steps(Load *load, int index, const char *name, void *target) {
        lua_State *L = load->loader.L;
        Track *track = target;
        size_t n;

        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a list of steps, not %s", name, keys_type_name(L, index));
                return 0;
        }
        n = keys_list_count(load, index, name);
        if (n == SIZE_MAX)
                return 0;
        if (n == 0)
                loader_error(&load->loader, "\"%s\" is empty: nothing would ever be sent", name);
        if (n > POLICY_STEPS_MAX) {
                loader_error(&load->loader, "\"%s\" has more than %d entries", name, POLICY_STEPS_MAX);
                return 0;
        }
        TrackStep *steps = ARENA_ARRAY(load->loader.arena, TrackStep, n + 1);
        if (!steps)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                char where[40];

                snprintf(where, sizeof(where), "%s[%zu]", name, i + 1);
                lua_rawgeti(L, index, (lua_Integer) i + 1);
                int r = compile_track_step(load, lua_gettop(L), where, track, &steps[i]);
                lua_pop(L, 1);
                if (r < 0)
                        return r;
        }
        track->steps = steps;
        track->n_steps = n;
        return 0;
}

static int compile_track_purpose(Load *load, int index, const char *where, void *target) {
        return compile_purpose(load, index, where, &((Track *) target)->purpose);
}

int kind_compile_track(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Track, rule.doc) },
                { .name = "enter", .type = KEY_CONDITION, .required = true, .at = offsetof(Track, enter), .phase = PHASE_DECISION },
                { .name = "leave", .type = KEY_CONDITION, .at = offsetof(Track, leave), .phase = PHASE_DECISION },
                { .name = "wake_on", .type = KEY_CONDITION, .at = offsetof(Track, wake_on), .phase = PHASE_ACTIVITY },
                { .name = "calendar", .type = KEY_RULE, .at = offsetof(Track, calendar), .kind = RULE_CALENDAR },
                { .name = "clock", .type = KEY_OWN, .compile = compile_track_clock }, /* before the steps, which need it */
                { .name = "steps", .type = KEY_OWN, .required = true, .compile = compile_track_steps },
                { .name = "purpose", .type = KEY_OWN, .compile = compile_track_purpose },
                { .name = "needs_consent", .type = KEY_BOOL, .at = offsetof(Track, needs_consent) },
        };
        lua_State *L = load->loader.L;
        Track *track = head;
        size_t n_before = load->loader.report->n_errors;

        track->purpose = POLICY_PURPOSE_DEFAULT;
        track->needs_consent = true;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), track);
        if (r < 0 || load->loader.report->n_errors > n_before)
                return r;
        if (track->clock != TRACK_CLOCK_PERSON && keys_has(L, index, "calendar"))
                loader_error(
                        &load->loader, "\"calendar\" goes with clock = \"person\"; a calendar by itself is the clock: clock = \"NAME\"");
        return 0;
}

const Track *policy_track(const RuleSet *rules, const char *name) {
        return (const Track *) (const void *) policy_find(rules, RULE_TRACK, name);
}

/* ---- stage ---- */

int kind_compile_stage(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Stage, rule.doc) },
                { .name = "status",
                        .type = KEY_RULES,
                        .at = offsetof(Stage, statuses),
                        .count_at = offsetof(Stage, n_statuses),
                        .kind = RULE_STATUS },
                { .name = "move",
                        .type = KEY_RULES,
                        .at = offsetof(Stage, moves),
                        .count_at = offsetof(Stage, n_moves),
                        .kind = RULE_MOVE },
                { .name = "every", .type = KEY_BOOL, .at = offsetof(Stage, every) },
                { .name = "accepted", .type = KEY_BOOL, .at = offsetof(Stage, accepted) },
                { .name = "opportunity", .type = KEY_BOOL, .at = offsetof(Stage, opportunity) },
        };
        Stage *stage = head;
        size_t n_before = load->loader.report->n_errors;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), stage);

        if (r < 0 || load->loader.report->n_errors > n_before)
                return r;
        bool named = stage->n_statuses > 0 || stage->n_moves > 0 || stage->accepted || stage->opportunity;
        if (stage->every && named)
                loader_refuse(&load->loader, "is reached by every lead (every = true): what else it names says nothing");
        if (!stage->every && !named)
                loader_error(&load->loader,
                        "is reached by nobody: it needs \"status\", \"move\", or one of every, accepted, opportunity = true");
        return 0;
}

/* ---- the stages that nobody declared ---- */

#define DEFAULT_STAGES_MAX 6

static void add_stage(Stage *stages, size_t *n, const char *name, const char *doc, Stage stage) {
        stage.rule = (Rule){ .index = UINT32_MAX, .kind = RULE_STAGE, .name = name, .file = "", .doc = doc };
        stages[(*n)++] = stage;
}

/* An array of that one in the arena. NULL: memory is out. */
static void *list_of_one(Load *load, const void *one) {
        const void **list = ARENA_ARRAY(load->loader.arena, const void *, 1);

        if (list)
                list[0] = one;
        else
                (void) load_exhausted(load);
        return list;
}

/* The first status in which a lead is handed to a person who owes an answer. */
static const Status *find_handed_over(const RuleSet *rules) {
        for (size_t i = 0; i < rules->n_statuses; i++)
                if (rules->statuses[i].kind == STATUS_SLA && rules->statuses[i].team && rules->statuses[i].team->n_members > 0)
                        return &rules->statuses[i];
        return NULL;
}

static const Move *find_move_called(const RuleSet *rules, const char *name) {
        for (size_t i = 0; i < rules->n_moves; i++) {
                bool is_called = base_streq(rules->moves[i].rule.name, name);

                for (size_t a = 0; a < rules->moves[i].n_aliases && !is_called; a++)
                        is_called = base_streq(rules->moves[i].aliases[a], name);
                if (is_called)
                        return &rules->moves[i];
        }
        return NULL;
}

int kind_finish_stages(Load *load) {
        RuleSet *rules = load->loader.rules;
        const Status *handed = find_handed_over(rules), *deal = policy_status(rules, "opportunity");
        const Move *meeting = find_move_called(rules, "meeting_booked"), *win = find_move_called(rules, "win");
        size_t n = 0;

        rules->stages_are_declared = rules->n_stages > 0;
        if (rules->stages_are_declared)
                return 0;
        Stage *stages = ARENA_ARRAY(load->loader.arena, Stage, DEFAULT_STAGES_MAX);
        if (!stages)
                return load_exhausted(load);
        if (!win)
                win = find_move_called(rules, "won");
        add_stage(stages, &n, "inquiry", "every lead", (Stage){ .every = true });
        if (handed) {
                add_stage(stages, &n, "mql", "handed over", (Stage){ .statuses = list_of_one(load, handed), .n_statuses = 1 });
                add_stage(stages, &n, "accepted", "accepted by the owner it was handed to", (Stage){ .accepted = true });
        }
        if (meeting)
                add_stage(stages, &n, "meeting", "a meeting was booked", (Stage){ .moves = list_of_one(load, meeting), .n_moves = 1 });
        add_stage(stages, &n, "opportunity", "a deal is worked",
                (Stage){ .statuses = deal ? list_of_one(load, deal) : NULL, .n_statuses = deal ? 1 : 0, .opportunity = true });
        if (win && win->to && win->to->kind == STATUS_FINAL)
                add_stage(stages, &n, "won", "bought", (Stage){ .statuses = list_of_one(load, win->to), .n_statuses = 1 });
        if (load->loader.out_of_memory)
                return -ENOMEM;
        rules->stages = stages;
        rules->n_stages = n;
        return 0;
}

/* ---- target ---- */

static const MeasureInfo measures[] = {
        [MEASURE_ACCEPTANCE_RATE] = { "acceptance_rate", UNIT_PERCENT, true, "leads that were answered for: accepted" },
        [MEASURE_SLA_KEPT] = { "sla_kept", UNIT_PERCENT, true, "promises of an answer: kept" },
        [MEASURE_REASONS_GIVEN] = { "reasons_given", UNIT_PERCENT, true, "leads that people sent back: with a reason" },
        [MEASURE_FEEDBACK_GIVEN] = { "feedback_given", UNIT_PERCENT, true, "accepted leads: sales has said what became of them" },
        [MEASURE_MEETINGS] = { "meetings", UNIT_PERCENT, true, "accepted leads: a meeting was booked" },
        [MEASURE_WON] = { "won", UNIT_PERCENT, true, "accepted leads: won" },
        [MEASURE_RECYCLED] = { "recycled", UNIT_PERCENT, true, "leads that went back to marketing: handed over again" },
        [MEASURE_BAD_DATA] = { "bad_data", UNIT_PERCENT, false, "leads that were answered for: no lead at all" },
        [MEASURE_RESPONSE] = { "response", UNIT_HOURS, false, "leads that were answered for: median working time until then" },
        [MEASURE_LEAKS] = { "leaks", UNIT_LEADS, false, "leads that leak now" },
        [MEASURE_OVERDUE] = { "overdue", UNIT_LEADS, false, "leads whose promise is broken now" },
};

const MeasureInfo *policy_measure(TargetMeasure measure) {
        return measure >= MEASURE_ACCEPTANCE_RATE && measure <= MEASURE_LAST ? &measures[measure] : NULL;
}

static int compile_measure(Load *load, int index, const char *where, void *target) {
        const char *names[ARRAY_SIZE(measures)];
        const char *text = keys_text(load, index, where);

        if (!text)
                return 0;
        for (size_t i = MEASURE_ACCEPTANCE_RATE; i < ARRAY_SIZE(measures); i++) {
                if (base_streq(measures[i].name, text))
                        ((Target *) target)->measure = (TargetMeasure) i;
                names[i - 1] = measures[i].name;
        }
        if (((Target *) target)->measure == 0)
                loader_unknown(&load->loader, "measure", text, names, ARRAY_SIZE(measures) - 1);
        return 0;
}

int kind_compile_target(Load *load, int index, void *head) {
        static const char *const sides[] = { [SIDE_SALES] = "sales", [SIDE_MARKETING] = "marketing", NULL };
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Target, rule.doc) },
                { .name = "measure", .type = KEY_OWN, .required = true, .compile = compile_measure },
                { .name = "side", .type = KEY_CHOICE, .required = true, .at = offsetof(Target, side), .choices = sides },
                { .name = "at_least", .type = KEY_POINTS, .at = offsetof(Target, bound_milli) },
                { .name = "at_most", .type = KEY_POINTS, .at = offsetof(Target, bound_milli) },
        };
        lua_State *L = load->loader.L;
        Target *wanted = head;
        size_t n_before = load->loader.report->n_errors;
        bool has_least = keys_has(L, index, "at_least"), has_most = keys_has(L, index, "at_most");
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), wanted);

        if (r < 0 || load->loader.report->n_errors > n_before)
                return r;
        wanted->is_least = has_least;
        const MeasureInfo *info = policy_measure(wanted->measure);
        if (has_least == has_most)
                loader_error(&load->loader, has_least ? "has both \"at_least\" and \"at_most\": make two targets of it"
                                                      : "asks for nothing: it needs \"at_least\" or \"at_most\"");
        else if (wanted->bound_milli < 0 || (info->unit == UNIT_PERCENT && wanted->bound_milli > 100000))
                loader_error(&load->loader,
                        info->unit == UNIT_PERCENT ? "\"%s\" is in percent: 0 to 100" : "\"%s\" cannot be less than nothing", info->name);
        else if (has_least != info->more_is_better)
                loader_warning(&load->loader, "\"%s\" is better when it is %s: \"%s\" is usually meant", info->name,
                        info->more_is_better ? "more" : "less", info->more_is_better ? "at_least" : "at_most");
        return 0;
}

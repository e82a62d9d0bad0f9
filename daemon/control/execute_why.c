/* SPDX-License-Identifier: MIT */
/*
 * Why a lead is not what somebody expected (WhyNot), and what would make it so (Need). decide answers both from the rules; what
 * happened before (who gave the lead to whom, and why) is added from the log. Reads only, where the rule set is.
 */
#include "internal.h"
#include <errno.h>
#include <stdio.h>
#include <time.h>

#define NEED_SECONDS_MAX 1 /* of one search */
#define NAMES_MAX 1024     /* candidates for did-you-mean */

void execute_unknown(ControlCall *call, const char *kind, const char *name, const char *const *names, size_t n) {
        const char *near = text_closest(name, names, n);
        char text[512];
        (void) snprintf(text, sizeof(text), "the rules know no %s \"%s\"%s%s%s", kind, name, near ? "; did you mean \"" : "",
                near ? near : "", near ? "\"?" : "");
        call_fail(call, "NoSuchName", json_pack("{s:s, s:o, s:o}", "kind", kind, "name", json_text(name), "text", json_text(text)));
}

/* Does a rule of this kind have something to say of a lead? */
static bool bears_on_leads(const Rule *rule) {
        switch (rule->kind) {
        case RULE_MEMBER:
        case RULE_STATUS:
        case RULE_CRITERION:
        case RULE_MOVE:
        case RULE_REASON:
        case RULE_FENCE:
        case RULE_SEGMENT:
        case RULE_SCORE:
        case RULE_GRADE:
        case RULE_JUNK:
        case RULE_ROUTE:
        case RULE_SLA:
        case RULE_TRACK:
                return true;
        default:
                return false;
        }
}

/* By name, or KIND:NAME where two kinds share it. kind NULL: any that bears on leads. NULL: the error is set. */
static const Rule *find_rule(const ControlDesk *desk, ControlCall *call, const char *kind, const char *name) {
        const RuleSet *rules = desk->rules;
        const char *names[NAMES_MAX], *colon = kind ? NULL : strchr(name, ':');
        size_t n = 0;
        for (size_t i = 0; i < rules->n_rules; i++) {
                const Rule *rule = rules->rules[i];
                const char *rule_kind = rule_kind_name(rule->kind);
                if (kind ? !base_streq(rule_kind, kind) : !bears_on_leads(rule))
                        continue;
                if (base_streq(rule->name, name))
                        return rule;
                if (colon && strlen(rule_kind) == (size_t) (colon - name) && strncmp(rule_kind, name, (size_t) (colon - name)) == 0 &&
                        base_streq(rule->name, colon + 1))
                        return rule;
                if (n < NAMES_MAX)
                        names[n++] = rule->name;
        }
        execute_unknown(call, !kind ? "rule" : base_streq(kind, "member") ? "owner" : kind, name, names, n);
        return NULL;
}

/* ---- whynot ---- */

static json_t *misses_json(const Miss *misses, size_t n) {
        json_t *list = json_array();
        bool broken = !list;
        for (size_t i = 0; i < n && !broken; i++) {
                json_t *json = json_object();
                bool failed = !json;
                put(json, "path", json_text(misses[i].path), &failed);
                put(json, "wanted", json_text(misses[i].wanted), &failed);
                put(json, "got", json_text(misses[i].got), &failed);
                put(json, "either", misses[i].either ? json_integer(misses[i].either) : json_null(), &failed);
                if (failed)
                        json_decref(json);
                broken = failed || json_array_append_new(list, json) < 0;
        }
        if (broken) {
                json_decref(list);
                return NULL;
        }
        return list;
}

static json_t *hurdle_json(const Hurdle *hurdle) {
        json_t *json = json_object();
        bool failed = !json;
        put(json, "kind", json_text(hurdle->kind), &failed);
        put(json, "rule", json_text(hurdle->rule ? hurdle->rule->name : NULL), &failed);
        put(json, "at", hurdle->rule ? json_place(hurdle->rule) : json_null(), &failed);
        put(json, "text", json_text(hurdle->text), &failed);
        put(json, "until", json_time(hurdle->until_us), &failed);
        put(json, "misses", misses_json(hurdle->misses, hurdle->n_misses), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

static json_t *hurdles_json(const Hurdles *hurdles) {
        json_t *list = json_array();
        for (size_t i = 0; i < hurdles->n_items; i++)
                if (json_array_append_new(list, hurdle_json(&hurdles->items[i])) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

static json_t *way_json(const Way *way) {
        const Status *to = way->move->to ? way->move->to : way->reason ? way->reason->to : NULL;
        json_t *json = json_object();
        bool failed = !json;
        put(json, "move", json_text(way->move->rule.name), &failed);
        put(json, "at", json_place(&way->move->rule), &failed);
        put(json, "reason", json_text(way->reason ? way->reason->rule.name : NULL), &failed);
        put(json, "from", json_text(way->from->rule.name), &failed);
        put(json, "to", json_text(to ? to->rule.name : NULL), &failed);
        put(json, "by", json_text(way->by), &failed);
        put(json, "open", json_boolean(way->hurdles.n_items == 0), &failed);
        put(json, "hurdles", hurdles_json(&way->hurdles), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

/* How the lead came to its owner, and what was said of the one asked about. */
typedef struct Handed {
        char text[1024]; /* of the last assignment */
        char owner[CONTROL_NAME_MAX + 1], route[CONTROL_NAME_MAX + 1];
        uint64_t event;
} Handed;

static int on_handed_event(const StoredEvent *event, void *userdata) {
        Handed *handed = userdata;
        const Assignment *assignment = &event->assignment;
        if (!assignment->changed)
                return 0;
        handed->event = event->id;
        (void) snprintf(handed->owner, sizeof(handed->owner), "%s", assignment->owner ? assignment->owner : "");
        (void) snprintf(handed->route, sizeof(handed->route), "%s", assignment->route ? assignment->route : "");
        (void) snprintf(handed->text, sizeof(handed->text), "%s", assignment->text ? assignment->text : "");
        return 0;
}

/* The last hand-over as a hurdle: "event 12: REST gave it to anna; ben is away until ...". */
static int add_handed(const ControlDesk *desk, uint64_t lead, const char *member, Arena *arena, json_t *hurdles) {
        Handed handed = { 0 };
        Candidacy *others;
        size_t n;
        int r = store_log(desk->store, lead, 0, on_handed_event, &handed);
        if (r < 0 || !*handed.owner)
                return r < 0 ? r : 0;
        r = decide_others_of(handed.text, arena, &others, &n);
        if (r < 0)
                return r;
        const char *cause = NULL;
        for (size_t i = 0; i < n; i++)
                if (base_streq(others[i].member, member))
                        cause = others[i].cause;
        bool by_hand = base_streq(handed.route, "assign");
        Text text = { 0 };
        text_printf(&text, "event %llu: %s %s to %s", (unsigned long long) handed.event, by_hand ? "handed over" : handed.route,
                by_hand ? "by hand" : "gave it", handed.owner);
        if (cause)
                text_printf(&text, "; %s %s", member, cause);
        else if (*handed.text && !by_hand)
                text_printf(&text, " (%s)", handed.text);
        const char *kept = text.error < 0 ? NULL : arena_strdup(arena, text.data);
        text_free(&text);
        const Hurdle hurdle = { .kind = by_hand ? "assigned" : "routed", .text = kept, .until_us = TIME_NONE };
        return kept && json_array_append_new(hurdles, hurdle_json(&hurdle)) == 0 ? 0 : -ENOMEM;
}

static int reply_whynot(const ControlDesk *desk, ControlCall *call, uint64_t lead, const LeadLook *look, const WhyNot *whynot,
        const Rule *asked, Arena *arena) {
        json_t *ways = json_array(), *hurdles = hurdles_json(&whynot->hurdles), *reply = json_object();
        bool failed = !ways || !hurdles || !reply;
        for (size_t i = 0; i < whynot->n_ways && !failed; i++)
                failed = json_array_append_new(ways, way_json(&whynot->ways[i])) < 0;
        if (!failed && asked->kind == RULE_MEMBER && !whynot->is_so)
                failed = add_handed(desk, lead, asked->name, arena, hurdles) < 0;
        put(reply, "lead", json_lead(lead), &failed);
        put(reply, "asked", json_text(asked->name), &failed);
        put(reply, "kind", json_text(rule_kind_name(asked->kind)), &failed);
        put(reply, "at", json_place(asked), &failed);
        put(reply, "so", json_boolean(whynot->is_so), &failed);
        put(reply, "text", json_text(whynot->text), &failed);
        put(reply, "status", json_text(look->state.status), &failed);
        put(reply, "owner", json_text(look->state.owner), &failed);
        put(reply, "ways", ways, &failed);
        put(reply, "hurdles", hurdles, &failed);
        put(reply, "now", json_time(look->input.now_us), &failed);
        put(reply, "rules", json_text(desk->rules->hash_text), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}

int execute_whynot(const ControlDesk *desk, ControlCall *call) {
        const char *status = call_text(call, "status"), *owner = call_text(call, "owner"), *name = call_text(call, "rule");
        if (!!status + !!owner + !!name != 1) {
                call_bad_value(call, status || owner || name ? "rule" : "status", "exactly one of status, owner and rule");
                return 0;
        }
        uint64_t lead;
        int r = execute_find_lead(desk, call, &lead);
        if (r < 0 || lead == 0)
                return r;
        const Rule *rule = find_rule(desk, call, status ? "status" : owner ? "member" : NULL, status ? status : owner ? owner : name);
        if (!rule)
                return 0;
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        if (!arena)
                return -ENOMEM;
        LeadLook look;
        WhyNot whynot;
        r = control_look(desk, lead, clock_now_us(desk->clock), arena, &look);
        if (r != 0)
                return r < 0 ? r : -ESTALE;
        r = decide_whynot_rule(desk->rules, &look.input, rule, arena, &whynot);
        return r < 0 ? r : reply_whynot(desk, call, lead, &look, &whynot, rule, arena);
}

/* ---- need ---- */

static json_t *addition_json(const Addition *addition) {
        const FieldInfo *info = field_info(addition->field);
        char path[256];
        json_t *json = json_object(), *facts = NULL;
        bool failed = !json, is_fact = addition->field != FIELD_NONE;
        (void) snprintf(path, sizeof(path), "%s%s%s", info ? info->path : "", addition->key ? "." : "", addition->key ? addition->key : "");
        /* As a record's `data` has it, so that a program can send it. */
        Facts one = { 0 };
        _cleanup_(arena_freep) Arena *arena = is_fact ? arena_new(CONTROL_LOOK_MEMORY_MAX) : NULL;
        if (is_fact)
                failed = failed || !arena || facts_set(&one, arena, addition->field, addition->key, addition->value, 0) != 0;
        failed = failed || facts_to_json(is_fact ? &one : &addition->facts[0], &facts) < 0;
        put(json, "kind", json_text(is_fact ? "fact" : "activity"), &failed);
        put(json, "text", json_text(addition->text), &failed);
        put(json, "path", json_text(is_fact ? path : NULL), &failed);
        put(json, "type", json_text(addition->type), &failed);
        put(json, "facts", facts ? facts : json_null(), &failed);
        put(json, "times", json_integer(addition->n), &failed);
        put(json, "changes", json_boolean(addition->is_change), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

static json_t *step_json(const NeedStep *step) {
        json_t *json = json_object();
        bool failed = !json;
        put(json, "move", json_text(step->move->rule.name), &failed);
        put(json, "reason", json_text(step->reason ? step->reason->rule.name : NULL), &failed);
        put(json, "by", json_text(step->by), &failed);
        put(json, "from", json_text(step->from->rule.name), &failed);
        put(json, "to", json_text(step->to->rule.name), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

static json_t *set_json(const NeedSet *set) {
        json_t *json = json_object(), *additions = json_array(), *moves = json_array();
        bool failed = !json || !additions || !moves;
        for (size_t i = 0; i < set->n_parts && !failed; i++)
                failed = json_array_append_new(additions, addition_json(set->parts[i])) < 0;
        for (size_t i = 0; i < set->n_steps && !failed; i++)
                failed = json_array_append_new(moves, step_json(&set->steps[i])) < 0;
        put(json, "additions", additions, &failed);
        put(json, "moves", moves, &failed);
        put(json, "changes", json_boolean(set->changes), &failed);
        put(json, "at", json_time(set->at_us), &failed);
        put(json, "grade", json_text(*set->grade ? set->grade : NULL), &failed);
        put(json, "fit", json_points(set->fit_mp), &failed);
        put(json, "engagement", json_points(set->engagement_mp), &failed);
        put(json, "status", json_text(*set->status ? set->status : NULL), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

static int reply_need(
        const ControlDesk *desk, ControlCall *call, uint64_t lead, const LeadLook *look, const NeedGoal *goal, const NeedAnswer *answer) {
        json_t *sets = json_array(), *limits = json_array(), *functions = json_array(), *reply = json_object();
        bool failed = !sets || !limits || !functions || !reply;
        for (size_t i = 0; i < answer->n_sets && !failed; i++)
                failed = json_array_append_new(sets, set_json(&answer->sets[i])) < 0;
        for (size_t i = 0; i < answer->n_limits && !failed; i++)
                failed = json_array_append_new(limits, json_text(answer->limits[i])) < 0;
        for (size_t i = 0; i < answer->n_functions && !failed; i++) {
                char text[512];
                (void) snprintf(text, sizeof(text), "%s %s (%s:%d)", rule_kind_name(answer->functions[i]->kind), answer->functions[i]->name,
                        answer->functions[i]->file, answer->functions[i]->line);
                failed = json_array_append_new(functions, json_text(text)) < 0;
        }
        put(reply, "lead", json_lead(lead), &failed);
        put(reply, "target", json_text(goal->grade ? goal->grade : goal->status->rule.name), &failed);
        put(reply, "so", json_boolean(answer->is_so), &failed);
        put(reply, "text", json_text(answer->text), &failed);
        put(reply, "status", json_text(look->state.status), &failed);
        put(reply, "sets", sets, &failed);
        put(reply, "limits", limits, &failed);
        put(reply, "functions", functions, &failed);
        put(reply, "complete", json_boolean(answer->is_complete), &failed);
        put(reply, "looks", json_integer((json_int_t) answer->n_looks), &failed);
        put(reply, "now", json_time(look->input.now_us), &failed);
        put(reply, "rules", json_text(desk->rules->hash_text), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}

/* Rule functions may be slow, and the judging thread waits: the daemon's own time, not the book's, ends a search. */
static bool is_over(void *userdata) {
        const struct timespec *end = userdata;
        struct timespec now;
        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static int fail_grade(const ControlDesk *desk, ControlCall *call, const char *grade, Arena *arena) {
        const char *const *grades;
        size_t n;
        int r = decide_grades(desk->rules, arena, &grades, &n);
        if (r == 0)
                execute_unknown(call, "grade", grade, grades, n);
        return r;
}

int execute_need(const ControlDesk *desk, ControlCall *call) {
        const char *grade = call_text(call, "grade"), *status = call_text(call, "status"), *within = call_text(call, "within");
        NeedGoal goal = { .grade = grade };
        Duration duration = { 0 };
        if (!!grade + !!status != 1) {
                call_bad_value(call, grade ? "status" : "grade", "exactly one of grade and status");
                return 0;
        }
        if (within && (duration_parse(within, &duration) != 0 || duration.workdays != 0)) {
                call_bad_value(call, "within", "a duration such as 4h or 30d");
                return 0;
        }
        goal.within_us = duration.us;
        struct timespec end;
        (void) clock_gettime(CLOCK_MONOTONIC, &end);
        end.tv_sec += NEED_SECONDS_MAX;
        goal.is_over = is_over;
        goal.userdata = &end;
        uint64_t lead;
        int r = execute_find_lead(desk, call, &lead);
        if (r < 0 || lead == 0)
                return r;
        if (status) {
                goal.status = (const Status *) find_rule(desk, call, "status", status);
                if (!goal.status)
                        return 0;
        }
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        if (!arena)
                return -ENOMEM;
        LeadLook look;
        NeedAnswer answer;
        r = control_look(desk, lead, clock_now_us(desk->clock), arena, &look);
        if (r != 0)
                return r < 0 ? r : -ESTALE;
        r = decide_need(desk->rules, &look.input, &goal, arena, &answer);
        if (r == DECIDE_E_NO_SUCH_GRADE)
                return fail_grade(desk, call, grade, arena);
        return r < 0 ? r : reply_need(desk, call, lead, &look, &goal, &answer);
}

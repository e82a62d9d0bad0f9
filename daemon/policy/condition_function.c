/* SPDX-License-Identifier: MIT */
/*
 * Rules that are Lua functions: the `lead` table they are given, the call, and what they may answer.
 *
 * The table is built once per lead, by the first function that wants it, and filled up as the phases go on: segments from the scores
 * on; status, team, owner, grade and points for decisions only. The sandbox is set back to its image before the first function on
 * each lead, and to where it was with the table just built after each function that is not sure to leave nothing behind: so neither
 * a lead nor a rule can be felt by the next, and it does not matter which of them were asked before, and in which order.
 *
 *   lead.id "L-42"  lead.source  lead.country  lead.test  lead.created  lead.touched       times: whole seconds since 1970, as `now`
 *   lead.person.title  lead.company.employees  lead.interest.budget.amount  ...            as in record.md; what is not known is nil
 *   lead.answers[KEY]  lead.consent[PURPOSE]  lead.person.external_ids[SYSTEM]
 *   lead.activities[i]: { type, time, name, url, campaign, asset, channel, value, count, properties, after_move }, newest first
 *   lead.segments[NAME] = true                                                             scores and later
 *   lead.status  lead.team  lead.owner  lead.grade  lead.fit  lead.engagement  lead.score[GROUP]   decisions only
 *
 * Nobody can know at which moment a function would say something else. One that is declared with a second parameter, `now`, is asked
 * again every day; one that looks at points, which fall by themselves, should be, too.
 */
#include "condition.h"
#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>

#define FUNCTION_ACTIVITIES_MAX 100
#define FUNCTION_POINTS_MAX 1e9

/* Address only: where the registry keeps the table. */
static const char lead_key = 0;

/* ---- building lead ---- */

static void push_value(lua_State *L, const Value *value) {
        switch (value->type) {
        case VALUE_ABSENT:
                lua_pushnil(L);
                break;
        case VALUE_BOOL:
                lua_pushboolean(L, value->boolean);
                break;
        case VALUE_INTEGER:
                lua_pushinteger(L, value->integer);
                break;
        case VALUE_NUMBER:
                lua_pushnumber(L, value->number);
                break;
        case VALUE_TEXT:
                lua_pushlstring(L, value->text, value->size);
                break;
        }
}

static void set_seconds(lua_State *L, const char *key, int64_t time_us) {
        if (time_us == TIME_NONE)
                return;
        lua_pushinteger(L, eval_whole_seconds(time_us));
        lua_setfield(L, -2, key);
}

static void set_text(lua_State *L, const char *key, const char *text) {
        lua_pushstring(L, text); /* nil for NULL */
        lua_setfield(L, -2, key);
}

static void set_points(lua_State *L, const char *key, int64_t mp) {
        if (mp % 1000 == 0)
                lua_pushinteger(L, mp / 1000);
        else
                lua_pushnumber(L, (double) mp / 1000.0);
        lua_setfield(L, -2, key);
}

/* Replaces the table on top by its field of that name (size bytes), which is made when it is missing. A part that already holds a
 * plain value cannot hold fields as well: it is replaced, the field table has no such pair. */
static void enter(lua_State *L, const char *name, size_t size) {
        lua_pushlstring(L, name, size);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) != LUA_TTABLE) {
                lua_pop(L, 1);
                lua_newtable(L);
                lua_pushvalue(L, -2);
                lua_pushvalue(L, -2);
                lua_rawset(L, -5);
        }
        lua_replace(L, -3);
        lua_pop(L, 1);
}

/* Sets one fact in the table at top; prefix bytes of the path are already walked. */
static void set_fact(lua_State *L, const FieldInfo *info, const Fact *fact, size_t prefix) {
        const char *name = info->path + prefix, *dot;

        lua_pushvalue(L, -1);
        while ((dot = strchr(name, '.'))) {
                enter(L, name, (size_t) (dot - name));
                name = dot + 1;
        }
        if (info->kind == FIELD_KIND_MAP) {
                enter(L, name, strlen(name));
                if (!fact->key) {
                        lua_pop(L, 1);
                        return;
                }
                name = fact->key;
        }
        if ((info->kind == FIELD_KIND_TIME || info->id == FIELD_CONSENT_AT) && fact->value.type == VALUE_INTEGER)
                lua_pushinteger(L, eval_whole_seconds(fact->value.integer));
        else
                push_value(L, &fact->value);
        lua_setfield(L, -2, name);
        lua_pop(L, 1);
}

static void push_profile(lua_State *L, const Facts *facts) {
        static const char *const always[] = { "person", "company", "attribution", "interest", "answers", "consent", "opportunity" };

        lua_createtable(L, 0, 24);
        /* A rule may ask for a part of a person of whom nothing is known. */
        for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
                lua_newtable(L);
                lua_setfield(L, -2, always[i]);
        }
        const FieldInfo *info = NULL;
        for (size_t i = 0; i < facts->n_items; i++) {
                const Fact *fact = &facts->items[i];

                if (!info || info->id != fact->field)
                        info = field_info(fact->field);
                if (info && field_is_profile(fact->field))
                        set_fact(L, info, fact, 0);
        }
}

/* ---- activities ---- */

static void push_activity(lua_State *L, const Activity *activity) {
        static const size_t prefix = sizeof("activity.") - 1;

        lua_createtable(L, 0, 6);
        set_text(L, "type", activity->type);
        set_seconds(L, "time", activity->time_us);
        if (activity->after_move) {
                lua_pushboolean(L, true);
                lua_setfield(L, -2, "after_move");
        }
        for (size_t i = 0; i < activity->facts->n_items; i++) {
                const Fact *fact = &activity->facts->items[i];

                if (fact->field >= FIELD_ACTIVITY_NAME && fact->field <= FIELD_ACTIVITY_PROPERTIES)
                        set_fact(L, field_info(fact->field), fact, prefix);
        }
        /* What did{ name = .. } reads, a function reads under the same names. */
        if (!facts_get(activity->facts, FIELD_ACTIVITY_NAME, NULL)) {
                const Value *name = facts_get(activity->facts, FIELD_ATTRIBUTION_FORM_NAME, NULL);
                if (!name)
                        name = facts_get(activity->facts, FIELD_ATTRIBUTION_FORM_ID, NULL);
                if (name) {
                        push_value(L, name);
                        lua_setfield(L, -2, "name");
                }
        }
}

/* The newest first: the order in which the records arrived must not show. */
static void push_activities(lua_State *L, const Subject *subject) {
        const Activity *newest[FUNCTION_ACTIVITIES_MAX];
        size_t n = 0;

        for (size_t i = subject->n_history; i-- > 0;) {
                const Activity *activity = &subject->history[i];
                size_t at = n;

                while (at > 0 && eval_is_newer(activity, newest[at - 1]))
                        at--;
                if (at == FUNCTION_ACTIVITIES_MAX)
                        continue;
                if (n == FUNCTION_ACTIVITIES_MAX)
                        n--;
                memmove(&newest[at + 1], &newest[at], (n - at) * sizeof(*newest));
                newest[at] = activity;
                n++;
        }
        lua_createtable(L, (int) n, 0);
        for (size_t i = 0; i < n; i++) {
                push_activity(L, newest[i]);
                lua_rawseti(L, -2, (lua_Integer) i + 1);
        }
}

/* ---- the phases' parts ---- */

static void set_segments(lua_State *L, const Eval *eval) {
        lua_newtable(L);
        for (size_t i = 0; i < eval->rules->n_segments; i++)
                if (eval->subject->segments[i / 64] >> (i % 64) & 1) {
                        lua_pushboolean(L, true);
                        lua_setfield(L, -2, eval->rules->segments[i].rule.name);
                }
        lua_setfield(L, -2, "segments");
}

/* Set anew for each call: a move changes the status between two of them. */
static void set_decision(lua_State *L, const Eval *eval) {
        const Subject *subject = eval->subject;

        set_text(L, "status", subject->status ? subject->status->rule.name : NULL);
        set_text(L, "team", subject->status && subject->status->team ? subject->status->team->rule.name : NULL);
        set_text(L, "owner", subject->owner);
        set_text(L, "grade", subject->fit_known && subject->grade[0] ? subject->grade : NULL);
        set_seconds(L, "entered", subject->entered_us);
        if (subject->fit_known)
                set_points(L, "fit", subject->fit_mp);
        set_points(L, "engagement", subject->engagement_mp);
        lua_newtable(L);
        for (size_t i = 0; i < eval->rules->n_groups; i++)
                set_points(L, eval->rules->groups[i].rule.name, subject->group_mp[i]);
        lua_setfield(L, -2, "score");
}

/* Leaves the table in the registry. [-0, +0, m] */
static void build_lead(lua_State *L, void *userdata) {
        Eval *eval = userdata;
        const Subject *subject = eval->subject;
        Value storage;
        uint32_t slot;

        luaL_checkstack(L, 12, NULL);
        push_profile(L, subject->facts);
        set_text(L, "id", subject->lead_id);
        set_text(L, "source", subject->source);
        const Value *country = eval_read(eval, &(Ref){ .kind = REF_COUNTRY }, &storage, &slot);
        if (country) {
                push_value(L, country);
                lua_setfield(L, -2, "country");
        }
        push_value(L, eval_read(eval, &(Ref){ .kind = REF_TEST }, &storage, &slot));
        lua_setfield(L, -2, "test");
        set_seconds(L, "created", subject->created_us);
        set_seconds(L, "touched", subject->touched_us);
        push_activities(L, subject);
        lua_setfield(L, -2, "activities");
        lua_rawsetp(L, LUA_REGISTRYINDEX, &lead_key);
}

/* Pushes the table, with what this phase may see. [-0, +1, m] */
static void push_lead(lua_State *L, Eval *eval) {
        static const char *const parts[] = { "segments", "status", "team", "owner", "grade", "entered", "fit", "engagement", "score" };
        RuleSetBody *body = policy_body(eval->rules);

        lua_rawgetp(L, LUA_REGISTRYINDEX, &lead_key);
        if (body->lead_filled && eval->phase != PHASE_DECISION)
                for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                        set_text(L, parts[i], NULL);
        if (eval->phase == PHASE_SCORE || eval->phase == PHASE_DECISION) {
                set_segments(L, eval);
                body->lead_filled = true;
        }
        if (eval->phase == PHASE_DECISION)
                set_decision(L, eval);
}

/* ---- calling ---- */

typedef struct Call {
        Eval *eval;
        const Function *function;
        bool wants_points;
        bool matched;
        int64_t points_mp;
        bool has_note;
        char note[4 * CONDITION_NOTE_MAX + 1];
} Call;

/* Raises at the function's own place: what it returned has none. */
static void refuse_result(lua_State *L, int function_ref, const char *expected, int index) {
        lua_Debug info;

        lua_rawgeti(L, LUA_REGISTRYINDEX, function_ref);
        if (!lua_getinfo(L, ">S", &info))
                (void) luaL_error(L, "returned a %s; expected %s", luaL_typename(L, index), expected);
        (void) luaL_error(L, "%s:%d: returned a %s; expected %s", info.short_src, info.linedefined, luaL_typename(L, index), expected);
}

/* At most CONDITION_NOTE_MAX characters, as one line. */
static void keep_note(Call *call, const char *text, size_t size) {
        size_t n = 0, n_characters = 0;
        bool valid = utf8_is_valid(text, size);

        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char) text[i];
                bool continues = valid && (c & 0xc0) == 0x80;

                if (!continues && n_characters++ == CONDITION_NOTE_MAX)
                        break;
                call->note[n++] = c < 0x20 || c == 0x7f ? ' ' : c >= 0x80 && !valid ? '?' : (char) c;
        }
        call->note[n] = '\0';
        call->has_note = true;
}

static void run_call(lua_State *L, void *userdata) {
        Call *call = userdata;
        Eval *eval = call->eval;
        int base = lua_gettop(L);

        luaL_checkstack(L, 12, NULL);
        lua_rawgeti(L, LUA_REGISTRYINDEX, call->function->ref);
        push_lead(L, eval);
        lua_pushinteger(L, eval_whole_seconds(eval->subject->now_us));
        lua_call(L, 2, 2);

        if (lua_type(L, -1) == LUA_TSTRING) {
                size_t size;
                const char *text = lua_tolstring(L, -1, &size);
                keep_note(call, text, size);
        } else if (!lua_isnil(L, -1))
                refuse_result(L, call->function->ref, "a text as note", -1);

        int type = lua_type(L, -2);
        if (type == LUA_TBOOLEAN && (!call->wants_points || !lua_toboolean(L, -2)))
                call->matched = lua_toboolean(L, -2);
        else if (type == LUA_TNUMBER && call->wants_points) {
                double points = lua_tonumber(L, -2);
                if (!(fabs(points) <= FUNCTION_POINTS_MAX))
                        refuse_result(L, call->function->ref, "points from -1e9 to 1e9", -2);
                call->points_mp = (int64_t) nearbyint(points * 1000.0);
                call->matched = true;
        } else if (type != LUA_TNIL)
                refuse_result(L, call->function->ref, call->wants_points ? "a number of points or nil" : "true, false or nil", -2);
        lua_settop(L, base);
}

static void fail_call(Call *call, const char *note) {
        call->matched = false;
        call->eval->failed = true;
        call->eval->note = note;
        if (!note)
                call->eval->error = -ENOMEM;
}

/* Tables that each call makes for its phase are thrown away by the next restore; before they add up, there is one. */
#define FUNCTION_WASTE_MAX (64 * 1024)

/* Takes the sandbox to where it is with this lead's table just built. As sandbox_run. */
static int enter_lead(Eval *eval, bool only_reads, char *error, size_t error_size) {
        RuleSetBody *body = policy_body(eval->rules);
        int r;

        /* A subject that was never judged has no number: give it one, so that its table is its own. */
        if (eval->subject->serial == 0)
                eval->subject->serial = ++body->last_serial;
        if (body->lead_serial == eval->subject->serial && body->lead_touched && body->lead_marked) {
                sandbox_rewind(body->sandbox);
                body->lead_filled = body->lead_marked_filled;
        } else if (body->lead_serial != eval->subject->serial || body->lead_touched) {
                body->lead_serial = 0;
                body->lead_marked = body->lead_filled = false;
                r = sandbox_begin(body->sandbox);
                if (r == 0)
                        r = sandbox_run(body->sandbox, build_lead, eval, error, error_size);
                if (r != 0)
                        return r;
                body->lead_used = sandbox_used(body->sandbox);
        }
        body->lead_touched = false;
        body->lead_serial = eval->subject->serial;
        if (!only_reads && !body->lead_marked) {
                r = sandbox_mark(body->sandbox);
                if (r < 0)
                        return r;
                body->lead_marked = true;
                body->lead_marked_filled = body->lead_filled;
        }
        return 0;
}

static void call_function(Call *call) {
        Eval *eval = call->eval;
        RuleSetBody *body = policy_body(eval->rules);
        char error[POLICY_NOTE_SIZE] = "";
        uint32_t number;
        int r;

        if (call->function->takes_now)
                eval_wake(eval, (eval->subject->now_us / US_PER_DAY + 1) * US_PER_DAY);
        const char *note;
        if (!overrun_may_call(body, call->function->rule, &number, &note, eval->arena)) {
                fail_call(call, note);
                return;
        }
        r = enter_lead(eval, call->function->only_reads, error, sizeof(error));
        if (r == 0) {
                r = sandbox_run(body->sandbox, run_call, call, error, sizeof(error));
                /* What it half did, or used up, must not be felt by the next function. */
                body->lead_touched =
                        r != 0 || !call->function->only_reads || sandbox_used(body->sandbox) - body->lead_used > FUNCTION_WASTE_MAX;
        }
        if (r == 0) {
                if (call->has_note) {
                        eval->note = arena_strdup(eval->arena, call->note);
                        if (!eval->note)
                                eval->error = -ENOMEM;
                }
                return;
        }
        if (r > 0) {
                bool by_cpu = sandbox_overran_cpu(body->sandbox);
                if (sandbox_overran(body->sandbox))
                        eval->error = overrun_note(body, call->function->rule, number, by_cpu);
                fail_call(call, by_cpu ? overrun_cut_text(call->function->rule, eval->arena) : arena_strdup(eval->arena, error));
                return;
        }
        call->matched = false;
        eval->error = r;
}

bool eval_function_holds(Eval *eval, const Function *function) {
        Call call = { .eval = eval, .function = function };

        call_function(&call);
        if (eval->trace && !eval->error) {
                eval_trace_separate(eval);
                text_append(eval->trace, eval->failed   ? "the function failed"
                                         : call.matched ? "the function says yes"
                                                        : "the function says no");
        }
        return call.matched;
}

int64_t eval_function_points(Eval *eval, const Function *function, bool *ret_matched) {
        Call call = { .eval = eval, .function = function, .wants_points = true };

        call_function(&call);
        *ret_matched = call.matched;
        return call.points_mp;
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules that are Lua functions: the `lead` table they are given, the call, and what they may answer.
 *
 * Of the table a key is made when a function first asks for it, because most ask for one or two of them; a function cannot tell, since
 * pairs() makes all and what it removes stays removed. Segments are there from the scores on; status, team, owner, grade and points for
 * decisions only. After a function that is not sure to leave nothing behind (sandbox_reads.c) the sandbox is set back: to where it was
 * with the lead's table just built, or to its image when the next lead comes. What the others leave is memory that nobody sees, up to
 * FUNCTION_WASTE_MAX. So neither a lead nor a rule can be felt by the next, and it does not matter which of them were asked before, and
 * in which order.
 *
 *   lead.id "L-42"  lead.source  lead.country  lead.test  lead.created  lead.touched       times: whole seconds since 1970, as `now`
 *   lead.person.title  lead.company.employees  lead.interest.budget.amount  ...            as in record.md; what is not known is nil
 *   lead.answers[KEY]  lead.consent[PURPOSE]  lead.person.external_ids[SYSTEM]
 *   lead.activities[i]: { type, time, name, url, campaign, asset, channel, value, count, properties, after_move }, newest first
 *   lead.segments[NAME] = true                                                             scores and later
 *   lead.status  lead.team  lead.owner  lead.track  lead.grade  lead.fit  lead.engagement  lead.score[GROUP]   decisions only
 *
 * Nobody can know at which moment a function would say something else. One that is declared with a second parameter, `now`, is asked
 * again every day; one that looks at points, which fall by themselves, should be, too.
 */
#include "condition.h"
#include "sandbox.h"
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

static void push_points(lua_State *L, int64_t mp) {
        if (mp % 1000 == 0)
                lua_pushinteger(L, mp / 1000);
        else
                lua_pushnumber(L, (double) mp / 1000.0);
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
                if (*name)
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

/* ---- what there is under which name ---- */

/* The keys of `lead`. Each is made when a function asks for it: most ask for one or two. */
typedef enum LeadKey {
        LEAD_ID = 1,
        LEAD_SOURCE,
        LEAD_COUNTRY,
        LEAD_TEST,
        LEAD_CREATED,
        LEAD_TOUCHED,
        LEAD_ACTIVITIES,
        /* not in every phase, and other after a move: made anew for each call */
        LEAD_SEGMENTS,
        LEAD_STATUS,
        LEAD_TEAM,
        LEAD_OWNER,
        LEAD_TRACK,
        LEAD_GRADE,
        LEAD_ENTERED,
        LEAD_FIT,
        LEAD_ENGAGEMENT,
        LEAD_SCORE,
        LEAD_PARTS, /* and further: parts of the profile, by their first field */
} LeadKey;
#define LEAD_KEYS_MAX 64
#define LEAD_PHASE_KEYS ((UINT64_C(1) << LEAD_PARTS) - (UINT64_C(1) << LEAD_SEGMENTS))

static const char *const lead_keys[] = {
        [LEAD_ID] = "id",
        [LEAD_SOURCE] = "source",
        [LEAD_COUNTRY] = "country",
        [LEAD_TEST] = "test",
        [LEAD_CREATED] = "created",
        [LEAD_TOUCHED] = "touched",
        [LEAD_ACTIVITIES] = "activities",
        [LEAD_SEGMENTS] = "segments",
        [LEAD_STATUS] = "status",
        [LEAD_TEAM] = "team",
        [LEAD_OWNER] = "owner",
        [LEAD_TRACK] = "track",
        [LEAD_GRADE] = "grade",
        [LEAD_ENTERED] = "entered",
        [LEAD_FIT] = "fit",
        [LEAD_ENGAGEMENT] = "engagement",
        [LEAD_SCORE] = "score",
};

/* A rule may ask for a part of a person of whom nothing is known. */
static bool is_always_there(const char *part, size_t size) {
        static const char *const always[] = { "person", "company", "attribution", "interest", "answers", "consent", "opportunity" };

        for (size_t i = 0; i < ARRAY_SIZE(always); i++)
                if (strlen(always[i]) == size && memcmp(always[i], part, size) == 0)
                        return true;
        return false;
}

/* The fields from `first` on that share its first word: one part of the profile. The field table keeps them together. */
static bool is_of_part(const FieldInfo *field, const FieldInfo *first, size_t size) {
        return field_is_profile(field->id) && strncmp(field->path, first->path, size) == 0 &&
               (field->path[size] == '.' || field->path[size] == '\0');
}

static void push_part(lua_State *L, const Eval *eval, uint32_t part) {
        const LeadPart *of = &policy_body(eval->rules)->lead_parts[part];
        const Facts *facts = eval->subject->facts;
        const FieldInfo *info = NULL;
        bool there = of->always;
        size_t from = 0, to;

        /* They are sorted by field. A table that has to grow costs more than counting. */
        while (from < facts->n_items && facts->items[from].field < of->first)
                from++;
        for (to = from; to < facts->n_items && facts->items[to].field <= of->last;)
                to++;
        if (there)
                lua_createtable(L, 0, (int) (to - from));
        for (size_t i = from; i < to; i++) {
                const Fact *fact = &facts->items[i];

                if (!info || info->id != fact->field)
                        info = field_info(fact->field);
                if (!info || !field_is_profile(fact->field))
                        continue;
                if (!there) {
                        lua_newtable(L);
                        there = true;
                }
                set_fact(L, info, fact, of->size + (info->path[of->size] == '.'));
        }
        if (!there)
                lua_pushnil(L);
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

static void push_segments(lua_State *L, const Eval *eval) {
        lua_newtable(L);
        for (size_t i = 0; i < eval->rules->n_segments; i++)
                if (eval->subject->segments[i / 64] >> (i % 64) & 1) {
                        lua_pushboolean(L, true);
                        lua_setfield(L, -2, eval->rules->segments[i].rule.name);
                }
}

static void push_seconds(lua_State *L, int64_t time_us) {
        if (time_us == TIME_NONE)
                lua_pushnil(L);
        else
                lua_pushinteger(L, eval_whole_seconds(time_us));
}

/* nil where this phase may not see it, too. [-0, +1, m] */
static void push_phase_key(lua_State *L, const Eval *eval, LeadKey key) {
        const Subject *subject = eval->subject;

        if (eval->phase != PHASE_DECISION && !(eval->phase == PHASE_SCORE && key == LEAD_SEGMENTS)) {
                lua_pushnil(L);
                return;
        }
        switch (key) {
        case LEAD_SEGMENTS:
                push_segments(L, eval);
                return;
        case LEAD_STATUS:
                lua_pushstring(L, subject->status ? subject->status->rule.name : NULL);
                return;
        case LEAD_TEAM:
                lua_pushstring(L, subject->status && subject->status->team ? subject->status->team->rule.name : NULL);
                return;
        case LEAD_OWNER:
                lua_pushstring(L, subject->owner);
                return;
        case LEAD_TRACK:
                lua_pushstring(L, subject->track);
                return;
        case LEAD_GRADE:
                lua_pushstring(L, subject->fit_known && subject->grade[0] ? subject->grade : NULL);
                return;
        case LEAD_ENTERED:
                push_seconds(L, subject->entered_us);
                return;
        case LEAD_FIT:
                if (subject->fit_known)
                        push_points(L, subject->fit_mp);
                else
                        lua_pushnil(L);
                return;
        case LEAD_ENGAGEMENT:
                push_points(L, subject->engagement_mp);
                return;
        case LEAD_SCORE:
                lua_newtable(L);
                for (size_t i = 0; i < eval->rules->n_groups; i++) {
                        push_points(L, subject->group_mp[i]);
                        lua_setfield(L, -2, eval->rules->groups[i].rule.name);
                }
                return;
        default:
                lua_pushnil(L);
        }
}

/* [-0, +1, m] */
static void push_key(lua_State *L, Eval *eval, uint32_t key) {
        const Subject *subject = eval->subject;
        Value storage;
        uint32_t slot;
        const Value *country;

        switch (key) {
        case LEAD_ID:
                lua_pushstring(L, subject->lead_id);
                break;
        case LEAD_SOURCE:
                lua_pushstring(L, subject->source);
                break;
        case LEAD_COUNTRY:
                country = eval_read(eval, &(Ref){ .kind = REF_COUNTRY }, &storage, &slot);
                push_value(L, country ? country : &(Value){ 0 });
                break;
        case LEAD_TEST:
                push_value(L, eval_read(eval, &(Ref){ .kind = REF_TEST }, &storage, &slot));
                break;
        case LEAD_CREATED:
                push_seconds(L, subject->created_us);
                break;
        case LEAD_TOUCHED:
                push_seconds(L, subject->touched_us);
                break;
        case LEAD_ACTIVITIES:
                push_activities(L, subject);
                break;
        default:
                if (key >= LEAD_PARTS)
                        push_part(L, eval, key - LEAD_PARTS);
                else
                        push_phase_key(L, eval, (LeadKey) key);
        }
}

/* ---- making the table as it is asked ---- */

/* Puts the key's value into the table at 1, unless that was done before: what a function has removed stays removed. Leaves the value (nil)
 * on the stack. */
static void make_key(lua_State *L, RuleSetBody *body, uint32_t key) {
        size_t used;

        if (body->lead_made >> key & 1) {
                lua_pushnil(L);
                return;
        }
        /* What is made here is the lead's, not the function's that happened to ask first. */
        used = sandbox_used(body->sandbox);
        push_key(L, body->lead_eval, key);
        if (!lua_isnil(L, -1)) {
                lua_rawgeti(L, lua_upvalueindex(2), (lua_Integer) key);
                lua_pushvalue(L, -2);
                lua_rawset(L, 1);
        }
        body->lead_made |= UINT64_C(1) << key;
        if (!(LEAD_PHASE_KEYS >> key & 1))
                body->lead_used += sandbox_used(body->sandbox) - used;
}

/* Upvalues of the metamethods: 1 numbers by key, 2 keys by number, 3 the rule set. */
static RuleSetBody *body_of(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(3)); }

/* The number of the key at index, 0: it is none of the lead's own. */
static uint32_t number_of_key(lua_State *L, int index) {
        uint32_t key = 0;

        if (lua_type(L, index) != LUA_TSTRING)
                return 0;
        lua_pushvalue(L, index);
        if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNUMBER)
                key = (uint32_t) lua_tointeger(L, -1);
        lua_pop(L, 1);
        return body_of(L)->lead_eval ? key : 0;
}

/* lead[key] where the table has none.  [-0, +1, m] */
static int on_lead_index(lua_State *L) {
        uint32_t key = number_of_key(L, 2);

        if (key == 0)
                lua_pushnil(L);
        else
                make_key(L, body_of(L), key);
        return 1;
}

/* lead[key] = value where the table has none: from now on the key is the function's.  [-0, +0, m] */
static int on_lead_new_index(lua_State *L) {
        uint32_t key = number_of_key(L, 2);

        if (key > 0)
                body_of(L)->lead_made |= UINT64_C(1) << key;
        lua_settop(L, 3);
        lua_rawset(L, 1);
        return 0;
}

/* pairs(lead): everything is wanted.  [-0, +0, m] */
static int on_lead_pairs(lua_State *L) {
        RuleSetBody *body = body_of(L);

        for (uint32_t key = 1; body->lead_eval && key < LEAD_PARTS + body->n_lead_parts; key++) {
                make_key(L, body, key);
                lua_settop(L, 1);
        }
        return 0;
}

/* Address only: where the registry keeps the metatable of `lead`. */
static const char lead_metatable_key = 0;

static int find_parts(Loader *loader) {
        RuleSetBody *body = policy_body(loader->rules);
        size_t n_fields;
        const FieldInfo *fields = field_all(&n_fields), *first = NULL;

        if (body->lead_parts)
                return 0;
        body->lead_parts = ARENA_ARRAY(loader->arena, LeadPart, LEAD_KEYS_MAX - LEAD_PARTS);
        if (!body->lead_parts)
                return -ENOMEM;
        for (size_t i = 0; i < n_fields; i++) {
                size_t size = strcspn(fields[i].path, ".");

                if (!field_is_profile(fields[i].id) || fields[i].id == FIELD_TEST)
                        continue;
                if (first && is_of_part(&fields[i], first, strcspn(first->path, "."))) {
                        body->lead_parts[body->n_lead_parts - 1].last = fields[i].id;
                        continue;
                }
                if (body->n_lead_parts == LEAD_KEYS_MAX - LEAD_PARTS)
                        return -EINVAL;
                first = &fields[i];
                body->lead_parts[body->n_lead_parts++] = (LeadPart){ .name = first->path,
                        .size = size,
                        .first = first->id,
                        .last = first->id,
                        .always = is_always_there(first->path, size) };
        }
        return 0;
}

int function_note_keys(Loader *loader, int index) {
        RuleSetBody *body = policy_body(loader->rules);
        _cleanup_(text_free) Text code = { 0 };
        uint64_t named = 0;
        int r = find_parts(loader);

        if (r == 0)
                r = sandbox_dump(loader->L, index, &code);
        if (r < 0)
                return r;
        if (memmem(code.data, code.size, lead_keys[LEAD_ACTIVITIES], strlen(lead_keys[LEAD_ACTIVITIES])))
                named |= UINT64_C(1) << LEAD_ACTIVITIES;
        for (uint32_t i = 0; i < body->n_lead_parts; i++)
                if (memmem(code.data, code.size, body->lead_parts[i].name, body->lead_parts[i].size))
                        named |= UINT64_C(1) << (LEAD_PARTS + i);
        body->lead_named_often |= body->lead_named & named;
        body->lead_named |= named;
        return 0;
}

int function_prepare(Loader *loader) {
        static const luaL_Reg metamethods[] = { { "__index", on_lead_index }, { "__newindex", on_lead_new_index },
                { "__pairs", on_lead_pairs }, { NULL, NULL } };
        RuleSetBody *body = policy_body(loader->rules);
        lua_State *L = loader->L;
        int r = find_parts(loader);

        if (r < 0)
                return r;
        luaL_checkstack(L, 8, NULL);
        sandbox_new_fixed_table(L, 0, ARRAY_SIZE(metamethods) - 1);
        sandbox_new_fixed_table(L, 0, (int) (LEAD_PARTS + body->n_lead_parts)); /* numbers by key */
        sandbox_new_fixed_table(L, (int) (LEAD_PARTS + body->n_lead_parts), 0); /* keys by number */
        for (uint32_t key = 1; key < LEAD_PARTS + body->n_lead_parts; key++) {
                if (key < LEAD_PARTS)
                        lua_pushstring(L, lead_keys[key]);
                else
                        lua_pushlstring(L, body->lead_parts[key - LEAD_PARTS].name, body->lead_parts[key - LEAD_PARTS].size);
                lua_pushvalue(L, -1);
                lua_pushinteger(L, (lua_Integer) key);
                lua_rawset(L, -5);
                lua_rawseti(L, -2, (lua_Integer) key);
        }
        lua_pushlightuserdata(L, body);
        for (const luaL_Reg *method = metamethods; method->name; method++) {
                for (int i = 0; i < 3; i++)
                        lua_pushvalue(L, -3);
                sandbox_push_fixed_function(L, method->func, 3);
                lua_setfield(L, -5, method->name);
        }
        lua_pop(L, 3);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &lead_metatable_key);
        /* The place where build_lead puts it: the registry must not grow for each lead. */
        lua_pushboolean(L, false);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &lead_key);
        /* Functions that may leave something behind each begin anew: what several want, which is dear, is made before. */
        body->lead_prepared = body->lead_named_often;
        return 0;
}

/* Leaves the table in the registry. [-0, +0, m] */
static void build_lead(lua_State *L, void *userdata) {
        Eval *eval = userdata;
        const RuleSetBody *body = policy_body(eval->rules);

        luaL_checkstack(L, 12, NULL);
        lua_createtable(L, 0, 8);
        for (uint64_t keys = body->lead_prepared; keys != 0; keys &= keys - 1) {
                uint32_t key = (uint32_t) __builtin_ctzll(keys);
                if (key == LEAD_ACTIVITIES) {
                        lua_pushstring(L, lead_keys[key]);
                        push_activities(L, eval->subject);
                } else {
                        lua_pushlstring(L, body->lead_parts[key - LEAD_PARTS].name, body->lead_parts[key - LEAD_PARTS].size);
                        push_part(L, eval, key - LEAD_PARTS);
                }
                lua_rawset(L, -3);
        }
        lua_rawgetp(L, LUA_REGISTRYINDEX, &lead_metatable_key);
        lua_setmetatable(L, -2);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &lead_key);
}

/* Pushes the table, without what an earlier call saw of its own phase. [-0, +1, m] */
static void push_lead(lua_State *L, const Eval *eval) {
        RuleSetBody *body = policy_body(eval->rules);
        uint64_t stale = body->lead_made & LEAD_PHASE_KEYS;

        lua_rawgetp(L, LUA_REGISTRYINDEX, &lead_key);
        for (; stale != 0; stale &= stale - 1) {
                lua_pushstring(L, lead_keys[__builtin_ctzll(stale)]);
                lua_pushnil(L);
                lua_rawset(L, -3);
        }
        body->lead_made &= ~LEAD_PHASE_KEYS;
}

/* ---- calling ---- */

typedef struct Call {
        Eval *eval;
        const Function *function;
        bool wants_points;
        bool build; /* the lead's table first */
        bool fresh; /* nothing ran before */
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
        if (call->build) {
                RuleSetBody *body = policy_body(eval->rules);
                build_lead(L, eval);
                body->lead_made = body->lead_prepared;
                body->lead_used = sandbox_used(body->sandbox);
                body->lead_serial = eval->subject->serial;
        }
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

/* said: what the journal hears of the note. */
static void fail_call(Call *call, const char *note, const char *said) {
        call->matched = false;
        call->eval->failed = true;
        call->eval->note = note;
        if (note)
                eval_note_failure(call->eval, call->function->rule, said, false);
        else
                call->eval->error = -ENOMEM;
}

/* Tables that each call makes for its phase, and texts, are thrown away by the next restore; before they add up, there is one. */
#define FUNCTION_WASTE_MAX (64 * 1024)

/* Takes the sandbox to where it is with this lead's table just built, with nothing made for another function that this one could feel: not
 * even the memory. One that only reads does not feel what others of its kind left, on this lead or on the ones before; only where its
 * budget ends could that show, and there call_function asks for it anew (afresh). As sandbox_run; *ret_build: the table is still to
 * be built. */
static int enter_lead(Eval *eval, bool only_reads, bool afresh, bool *ret_build, char *error, size_t error_size) {
        RuleSetBody *body = policy_body(eval->rules);
        bool is_entered, is_clean;
        int r;

        *ret_build = false;
        /* A subject that was never judged has no number: give it one, so that its table is its own. */
        if (eval->subject->serial == 0)
                eval->subject->serial = ++body->last_serial;
        is_entered = body->lead_serial == eval->subject->serial;
        is_clean = !body->lead_touched && (body->lead_fresh || (only_reads && !afresh));
        if (!is_entered && is_clean && only_reads && !afresh && sandbox_waste(body->sandbox) <= FUNCTION_WASTE_MAX) {
                body->lead_serial = 0;
                body->lead_marked = body->lead_fresh = false;
                *ret_build = true;
                return 0;
        }
        if (is_entered && !is_clean && body->lead_marked) {
                sandbox_rewind(body->sandbox);
                body->lead_fresh = true;
        } else if (!is_entered || !is_clean) {
                body->lead_serial = 0;
                body->lead_marked = false;
                r = sandbox_begin(body->sandbox);
                if (r != 0)
                        return r;
                body->lead_fresh = true;
                body->lead_touched = false;
                /* Of an empty table there is nothing to remember. */
                *ret_build = body->lead_prepared == 0;
                if (*ret_build)
                        return 0;
                r = sandbox_run(body->sandbox, build_lead, eval, error, error_size);
                if (r != 0)
                        return r;
        }
        if (body->lead_fresh) {
                body->lead_made = body->lead_prepared;
                body->lead_used = sandbox_used(body->sandbox);
        }
        body->lead_touched = false;
        body->lead_serial = eval->subject->serial;
        if (!only_reads && !body->lead_marked && body->lead_prepared != 0) {
                r = sandbox_mark(body->sandbox);
                if (r < 0)
                        return r;
                body->lead_marked = true;
        }
        return 0;
}

/* As sandbox_run. */
static int run_entered(Call *call, bool afresh, char *error, size_t error_size) {
        Eval *eval = call->eval;
        RuleSetBody *body = policy_body(eval->rules);
        int r = enter_lead(eval, call->function->only_reads, afresh, &call->build, error, error_size);

        if (r != 0)
                return r;
        call->fresh = body->lead_fresh || !call->function->only_reads;
        body->lead_fresh = false;
        body->lead_eval = eval;
        r = sandbox_run(body->sandbox, run_call, call, error, error_size);
        body->lead_eval = NULL;
        /* What it half did, or used up, must not be felt by the next function. */
        body->lead_touched = r != 0 || !call->function->only_reads || sandbox_used(body->sandbox) - body->lead_used > FUNCTION_WASTE_MAX;
        return r;
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
                fail_call(call, note, note);
                return;
        }
        /* Whether others ran before it must not decide whether its budget is enough; what the backstop cuts is recorded. */
        r = run_entered(call, false, error, sizeof(error));
        if (r >= 0 && !call->fresh && sandbox_neared_limits(body->sandbox) && !sandbox_overran_cpu(body->sandbox)) {
                *call = (Call){ .eval = eval, .function = call->function, .wants_points = call->wants_points };
                r = run_entered(call, true, error, sizeof(error));
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
                char said[POLICY_SAID_SIZE];
                sandbox_say(body->sandbox, error, said, sizeof(said));
                if (sandbox_overran(body->sandbox))
                        eval->error = overrun_note(body, call->function->rule, number, by_cpu);
                fail_call(call, by_cpu ? overrun_cut_text(call->function->rule, eval->arena) : arena_strdup(eval->arena, error), said);
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

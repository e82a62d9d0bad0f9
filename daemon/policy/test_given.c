/* SPDX-License-Identifier: MIT */
/*
 * What happens in a test: lead{..}, activity{..} and the other words, written as the JSON records that a source would send
 * (record.md section 2). They are read by the real intake already here, so that a record it refuses is an error of the test and
 * not a surprise when it runs; and again when it runs, because that is the way everything comes in.
 *
 * Whom a record is about: who it names (person, of), else the lead of the test, which is the first lead{..} in it.
 */
#include "test.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>

#define PATH_SIZE_MAX 300
#define KEYS_MAX 64 /* keys of one word */
#define SOURCE "test"

typedef struct GivenDraft {
        TestDraft *draft;
        TestWord word;
        const char *where; /* "given[1]" */
        int index;         /* of the word's table */
        Duration ago;
        const char *id, *source, *type, *form, *of, *by, *move, *purpose, *owner;
        bool granted;
} GivenDraft;

static Text *text_of(GivenDraft *given) { return &given->draft->load->text; }

/* ---- JSON ---- */

void test_write_text(Text *out, const char *text, size_t size) {
        text_append_char(out, '"');
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char) text[i];
                if (c == '"' || c == '\\') {
                        text_append_char(out, '\\');
                        text_append_char(out, (char) c);
                } else if (c < 0x20)
                        text_printf(out, "\\u%04x", c);
                else
                        text_append_char(out, (char) c);
        }
        text_append_char(out, '"');
}

static void write_string(Text *out, const char *text) { test_write_text(out, text, strlen(text)); }

static void write_member(Text *out, const char *name, const char *text) {
        text_append(out, out->size > 0 && strchr("{[", out->data[out->size - 1]) ? "" : ",");
        write_string(out, name);
        text_append_char(out, ':');
        if (text)
                write_string(out, text);
}

static int write_value(GivenDraft *given, const char *path, int index, int depth);

static int write_list(GivenDraft *given, const char *path, int index, size_t n, int depth) {
        lua_State *L = given->draft->load->loader.L;
        text_append_char(text_of(given), '[');
        for (size_t i = 0; i < n; i++) {
                text_append(text_of(given), i > 0 ? "," : "");
                lua_rawgeti(L, index, (lua_Integer) i + 1);
                int r = write_value(given, path, lua_gettop(L), depth + 1);
                lua_pop(L, 1);
                if (r < 0)
                        return r;
        }
        text_append_char(text_of(given), ']');
        return 0;
}

/* The members of the table at index, each with its path: one that is no field of a record is an error, because a source that
 * misspells it would be heard, and a test that misspells it would test nothing. */
static int write_members(GivenDraft *given, const char *path, int index, int depth) {
        Load *load = given->draft->load;
        lua_State *L = load->loader.L;
        const char *const *names = NULL;
        size_t n = 0;
        int r = keys_names(load, index, path, &names, &n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                char inner[PATH_SIZE_MAX];
                if (snprintf(inner, sizeof(inner), "%s.%s", path, names[i]) >= (int) sizeof(inner)) {
                        loader_error(&load->loader, "%s: a key of \"%.60s\" is too long", given->where, path);
                        continue;
                }
                write_member(text_of(given), names[i], NULL);
                lua_getfield(L, index, names[i]);
                r = write_value(given, inner, lua_gettop(L), depth + 1);
                lua_pop(L, 1);
        }
        return r;
}

static bool check_path(GivenDraft *given, const char *path) {
        FieldId field;
        const char *key;
        char what[120];
        if (strncmp(path, "consent.", 8) == 0)
                return true;
        snprintf(what, sizeof(what), "field in \"%.80s\":", given->where);
        return keys_find_field(given->draft->load, path, what, &field, &key);
}

static int write_value(GivenDraft *given, const char *path, int index, int depth) {
        Load *load = given->draft->load;
        lua_State *L = load->loader.L;
        Text *out = text_of(given);
        size_t size;
        luaL_checkstack(L, 6, NULL);
        if (lua_type(L, index) != LUA_TTABLE && !check_path(given, path)) {
                text_append(out, "null");
                return 0;
        }
        switch (lua_type(L, index)) {
        case LUA_TSTRING: {
                const char *text = lua_tolstring(L, index, &size);
                test_write_text(out, text, size);
                return 0;
        }
        case LUA_TBOOLEAN:
                text_append(out, lua_toboolean(L, index) ? "true" : "false");
                return 0;
        case LUA_TNUMBER:
                if (lua_isinteger(L, index))
                        text_printf(out, "%lld", (long long) lua_tointeger(L, index));
                else if (lua_tonumber(L, index) - lua_tonumber(L, index) == 0)
                        text_printf(out, "%.17g", lua_tonumber(L, index));
                else
                        break;
                return 0;
        case LUA_TTABLE: {
                if (depth > INTAKE_DEPTH_MAX)
                        break;
                size_t n = lua_rawlen(L, index);
                if (n > 0)
                        return write_list(given, path, index, n, depth);
                text_append_char(out, '{');
                int r = write_members(given, path, index, depth);
                text_append_char(out, '}');
                return r;
        }
        default:
                break;
        }
        text_append(out, "null");
        loader_error(&load->loader, "%s: \"%s\" cannot be %s in a record", given->where, path,
                lua_type(L, index) == LUA_TTABLE ? "nested that deep" : keys_type_name(L, index));
        return 0;
}

/* ---- whom it is about ---- */

int test_note_email(TestDraft *draft, const char *email) {
        const char **emails = load_grow(draft->load, draft->emails, draft->n_emails, &draft->emails_capacity, sizeof(*emails));
        if (!emails)
                return -ENOMEM;
        draft->emails = emails;
        emails[draft->n_emails] = arena_strdup(draft->load->scratch, email);
        return emails[draft->n_emails] ? (draft->n_emails++, 0) : load_exhausted(draft->load);
}

/* Appends what the person at index is known by: the first of e-mail, external ids and phone number, as members of data.person. */
static int write_identity(GivenDraft *given, int person) {
        static const char *const keys[] = { "email", "external_ids", "phone_number" };
        lua_State *L = given->draft->load->loader.L;
        int r = 0;
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                char path[40];
                bool is_there = lua_getfield(L, person, keys[i]) != LUA_TNIL;
                if (is_there) {
                        snprintf(path, sizeof(path), "person.%s", keys[i]);
                        write_string(text_of(given), keys[i]);
                        text_append_char(text_of(given), ':');
                        r = write_value(given, path, lua_gettop(L), 1);
                }
                lua_pop(L, 1);
                if (is_there)
                        return r;
        }
        return 0;
}

static int note_subject(TestDraft *draft, int person) {
        Load *load = draft->load;
        lua_State *L = load->loader.L;
        GivenDraft given = { .draft = draft, .where = "given" };
        size_t n_errors = load->loader.report->n_errors;
        draft->has_subject = true;
        text_clear(&load->text);
        int r = write_identity(&given, person);
        if (r < 0 || load->text.size == 0)
                return r;
        draft->subject = load->text.error < 0 ? NULL : arena_strdup(load->loader.arena, load->text.data);
        draft->subject_is_known = load->loader.report->n_errors == n_errors;
        if (!draft->subject)
                return load_exhausted(load);
        if (lua_getfield(L, person, "email") == LUA_TSTRING)
                draft->subject_of = arena_strdup(load->loader.arena, lua_tostring(L, -1));
        lua_pop(L, 1);
        return 0;
}

/* Is that person the one the test is about? What is written to find out is taken back. */
static int is_the_subject(GivenDraft *given, int person, bool *ret) {
        TestDraft *draft = given->draft;
        Text *out = text_of(given);
        size_t size = out->size;
        int r = write_identity(given, person);
        *ret = r == 0 && out->error == 0 && draft->subject && out->size > size && base_streq(out->data + size, draft->subject);
        if (out->error == 0) {
                out->size = size;
                out->data[size] = '\0';
        }
        return r;
}

int test_find_people(TestDraft *draft, int index) {
        lua_State *L = draft->load->loader.L;
        luaL_checkstack(L, 10, NULL);
        size_t n = lua_type(L, index) == LUA_TTABLE ? lua_rawlen(L, index) : 0;
        int r = 0;
        for (size_t i = 0; i < n && r == 0; i++) {
                int top = lua_gettop(L);
                lua_rawgeti(L, index, (lua_Integer) i + 1);
                TestWord word = test_word(L, top + 1);
                if (word != WORD_NONE && lua_rawgeti(L, top + 1, 1) == LUA_TTABLE && lua_getfield(L, top + 2, "person") == LUA_TTABLE) {
                        if (lua_getfield(L, top + 3, "email") == LUA_TSTRING)
                                r = test_note_email(draft, lua_tostring(L, -1));
                        lua_pop(L, 1);
                        if (r == 0 && word == WORD_LEAD && !draft->has_subject)
                                r = note_subject(draft, top + 3);
                }
                lua_settop(L, top);
        }
        return r;
}

bool test_check_of(TestDraft *draft, const char *where, const char *of) {
        if (draft->payload_unread)
                return true;
        for (size_t i = 0; i < draft->n_emails; i++)
                if (base_streq(draft->emails[i], of))
                        return true;
        char what[120];
        snprintf(what, sizeof(what), "e-mail in \"%.80s\":", where);
        loader_unknown(&draft->load->loader, what, of, draft->emails, draft->n_emails);
        return false;
}

static int write_person(GivenDraft *given, bool *ret_is_subject) {
        TestDraft *draft = given->draft;
        lua_State *L = draft->load->loader.L;
        Text *out = text_of(given);
        *ret_is_subject = false;
        if (lua_getfield(L, given->index, "person") != LUA_TNIL) {
                int r = 0;
                if (given->of)
                        loader_error(&draft->load->loader, "%s: has both \"of\" and \"person\"", given->where);
                if (lua_type(L, -1) == LUA_TTABLE) {
                        r = is_the_subject(given, lua_gettop(L), ret_is_subject);
                        write_member(out, "person", NULL);
                        if (r == 0)
                                r = write_value(given, "person", lua_gettop(L), 1);
                } else
                        loader_error(&draft->load->loader, "%s: \"person\" must be a table, not %s", given->where, keys_type_name(L, -1));
                lua_pop(L, 1);
                return r;
        }
        lua_pop(L, 1);
        if (given->of) {
                (void) test_check_of(draft, given->where, given->of);
                *ret_is_subject = draft->subject_of && base_streq(given->of, draft->subject_of);
                write_member(out, "person", NULL);
                text_append(out, "{\"email\":");
                write_string(out, given->of);
                text_append_char(out, '}');
        } else if (draft->subject) {
                *ret_is_subject = true;
                write_member(out, "person", NULL);
                text_printf(out, "{%s}", draft->subject);
        } else if (!draft->payload_unread && (!draft->has_subject || draft->subject_is_known))
                loader_error(&draft->load->loader,
                        "%s: says of nobody: there is no lead{ person = .. } in the test, no payload{ .. } before it, and no \"person\" "
                        "here",
                        given->where);
        return 0;
}

/* ---- the words ---- */

#define SIMPLE(name_, type_, member) \
        { .name = name_, .type = type_, .at = offsetof(GivenDraft, member) }

static const char *const lead_types[] = { "submitted", "updated", NULL };
static const BodyKey common_keys[] = {
        SIMPLE("ago", KEY_DURATION, ago),
        SIMPLE("id", KEY_TEXT, id),
        SIMPLE("source", KEY_TEXT, source),
};
/* Beside the common ones; sections of record.md are read by write_sections. */
static const struct {
        bool about_person;  /* who can be named: person, of, else the test's lead */
        const char *fields; /* the section whose fields are keys of the word itself */
        BodyKey keys[5];
        const char *const *sections;
} word_infos[N_TEST_WORDS] = {
        [WORD_LEAD] = { .about_person = true,
                .keys = { { .name = "type", .type = KEY_WORD, .at = offsetof(GivenDraft, type), .choices = lead_types },
                        SIMPLE("form", KEY_TEXT, form) },
                .sections = (const char *const[]){ "company", "attribution", "interest", "answers", "consent", "opportunity", NULL } },
        [WORD_ACTIVITY] = { .about_person = true,
                .fields = "activity.",
                .keys = { { .name = "type", .type = KEY_TEXT, .required = true, .at = offsetof(GivenDraft, type) },
                        SIMPLE("by", KEY_TEXT, by) },
                .sections = (const char *const[]){ "company", "attribution", "interest", "answers", "consent", "opportunity", NULL } },
        [WORD_OUTCOME] = { .about_person = true,
                .fields = "outcome.",
                .keys = { { .name = "move", .type = KEY_TEXT, .required = true, .at = offsetof(GivenDraft, move) },
                        SIMPLE("by", KEY_TEXT, by) },
                .sections = (const char *const[]){ "opportunity", NULL } },
        [WORD_CONSENT] = { .about_person = true,
                .keys = { { .name = "purpose", .type = KEY_TEXT, .required = true, .at = offsetof(GivenDraft, purpose) },
                        { .name = "granted", .type = KEY_BOOL, .required = true, .at = offsetof(GivenDraft, granted) } } },
        [WORD_COMPANY] = { .about_person = true, .fields = "company." },
        [WORD_AWAY] = { .fields = "owner_absence.",
                .keys = { { .name = "owner", .type = KEY_TEXT, .required = true, .at = offsetof(GivenDraft, owner) } } },
        [WORD_BACK] = { .keys = { { .name = "owner", .type = KEY_TEXT, .required = true, .at = offsetof(GivenDraft, owner) } } },
};

/* The first part of what follows the prefix in a field's path; false when that is not its prefix. */
static bool field_key(const FieldInfo *field, const char *prefix, char key[static 64]) {
        size_t size = strlen(prefix);
        if (strncmp(field->path, prefix, size) != 0)
                return false;
        snprintf(key, 64, "%.*s", (int) strcspn(field->path + size, "."), field->path + size);
        /* Said by other words: `by`, `owner`. */
        return !base_streq(field->path, "outcome.actor") && !base_streq(field->path, "owner_absence.name");
}

static int add_skipped(Load *load, BodyKey *keys, size_t *n, const char *name) {
        for (size_t i = 0; i < *n; i++)
                if (base_streq(keys[i].name, name))
                        return 0;
        const char *copy = arena_strdup(load->scratch, name);
        if (!copy)
                return load_exhausted(load);
        if (*n < KEYS_MAX)
                keys[(*n)++] = (BodyKey){ .name = copy, .type = KEY_SKIP };
        return 0;
}

static int read_keys(GivenDraft *given) {
        Load *load = given->draft->load;
        BodyKey keys[KEYS_MAX];
        size_t n = 0, n_fields;
        int r = 0;
        memcpy(keys, common_keys, sizeof(common_keys));
        n = ARRAY_SIZE(common_keys);
        for (size_t i = 0; i < ARRAY_SIZE(word_infos[0].keys) && word_infos[given->word].keys[i].name; i++)
                keys[n++] = word_infos[given->word].keys[i];
        if (word_infos[given->word].about_person) {
                keys[n++] = (BodyKey) SIMPLE("of", KEY_TEXT, of);
                r = add_skipped(load, keys, &n, "person");
        }
        if (given->word == WORD_LEAD && r == 0)
                r = add_skipped(load, keys, &n, "test");
        for (const char *const *section = word_infos[given->word].sections; section && *section && r == 0; section++)
                r = add_skipped(load, keys, &n, *section);
        const FieldInfo *fields = field_all(&n_fields);
        for (size_t i = 0; word_infos[given->word].fields && i < n_fields && r == 0; i++) {
                char key[64];
                if (field_key(&fields[i], word_infos[given->word].fields, key))
                        r = add_skipped(load, keys, &n, key);
        }
        return r == 0 ? keys_compile(load, given->index, given->where, keys, n, given) : r;
}

/* "rep:anna", "team:marketing". NULL: reported. */
static const char *find_actor(GivenDraft *given) {
        Load *load = given->draft->load;
        const RuleSet *rules = load->loader.rules;
        if (policy_member(rules, given->by))
                return arena_printf(load->scratch, "rep:%s", given->by);
        if (load_find(load, RULE_TEAM, given->by))
                return arena_printf(load->scratch, "team:%s", given->by);
        const char **names = ARENA_ARRAY(load->scratch, const char *, rules->n_members + rules->n_teams + 1);
        if (!names) {
                (void) load_exhausted(load);
                return NULL;
        }
        for (size_t i = 0; i < rules->n_members; i++)
                names[i] = rules->members[i].rule.name;
        for (size_t i = 0; i < rules->n_teams; i++)
                names[rules->n_members + i] = rules->teams[i].rule.name;
        char what[120];
        snprintf(what, sizeof(what), "member in \"%.80s.by\":", given->where);
        loader_unknown(&load->loader, what, given->by, names, rules->n_members + rules->n_teams);
        return NULL;
}

static void check_rule(GivenDraft *given, const char *key, RuleKind kind, const char *name) {
        Loader *loader = &given->draft->load->loader;
        char what[120];
        size_t n;
        if (!name || load_find(given->draft->load, kind, name))
                return;
        const char *const *names = loader_names(loader, kind, &n);
        snprintf(what, sizeof(what), "%s in \"%.80s.%s\":", rule_kind_name(kind), given->where, key);
        loader_unknown(loader, what, name, names, n);
}

/* A person's verb: a move by name or alias, or one of leadctl's own. */
static void check_verb(GivenDraft *given) {
        static const char *const own[] = { "assign", "exclude", "note", "snooze", NULL };
        Load *load = given->draft->load;
        const RuleSet *rules = load->loader.rules;
        if (keys_is_among(given->move, own) || policy_move(rules, given->move) || load_find(load, RULE_MOVE, given->move))
                return;
        size_t n = 0, n_max = keys_count(own);
        for (size_t i = 0; i < rules->n_moves; i++)
                n_max += 1 + rules->moves[i].n_aliases;
        const char **names = ARENA_ARRAY(load->scratch, const char *, n_max);
        if (!names) {
                (void) load_exhausted(load);
                return;
        }
        for (size_t i = 0; i < rules->n_moves; i++) {
                names[n++] = rules->moves[i].rule.name;
                for (size_t a = 0; a < rules->moves[i].n_aliases; a++)
                        names[n++] = rules->moves[i].aliases[a];
        }
        memcpy(names + n, own, keys_count(own) * sizeof(*own));
        char what[120];
        snprintf(what, sizeof(what), "move in \"%.80s\":", given->where);
        loader_unknown(&load->loader, what, given->move, names, n_max);
}

static const char *text_field(GivenDraft *given, const char *key) {
        lua_State *L = given->draft->load->loader.L;
        const char *text = NULL;
        if (lua_getfield(L, given->index, key) == LUA_TSTRING)
                text = arena_strdup(given->draft->load->scratch, lua_tostring(L, -1));
        lua_pop(L, 1);
        return text;
}

static int write_section(GivenDraft *given, const char *name) {
        Load *load = given->draft->load;
        lua_State *L = load->loader.L;
        int r = 0;
        bool has_form = given->form && base_streq(name, "attribution");
        if (lua_getfield(L, given->index, name) == LUA_TTABLE || has_form) {
                write_member(text_of(given), name, NULL);
                text_append_char(text_of(given), '{');
                if (lua_type(L, -1) == LUA_TTABLE)
                        r = write_members(given, name, lua_gettop(L), 1);
                if (has_form)
                        write_member(text_of(given), "form_name", given->form);
                text_append_char(text_of(given), '}');
        } else if (lua_type(L, -1) != LUA_TNIL)
                loader_error(&load->loader, "%s: \"%s\" must be a table, not %s", given->where, name, keys_type_name(L, -1));
        lua_pop(L, 1);
        return r;
}

/* The word's own fields: activity{ url = .. } is data.activity.url. */
static int write_fields(GivenDraft *given, const char *prefix, const char *section, const char *actor) {
        Load *load = given->draft->load;
        lua_State *L = load->loader.L;
        size_t n;
        const FieldInfo *fields = field_all(&n);
        char last[64] = "", key[64];
        int r = 0;
        write_member(text_of(given), section, NULL);
        text_append_char(text_of(given), '{');
        if (given->word == WORD_AWAY || given->word == WORD_BACK)
                write_member(text_of(given), "name", given->owner);
        else if (actor)
                write_member(text_of(given), "actor", actor);
        for (size_t i = 0; i < n && r == 0; i++) {
                if (!field_key(&fields[i], prefix, key) || base_streq(key, last))
                        continue; /* fields of one table stand together */
                memcpy(last, key, sizeof(last));
                if (lua_getfield(L, given->index, key) != LUA_TNIL) {
                        char path[PATH_SIZE_MAX];
                        snprintf(path, sizeof(path), "%s%s", prefix, key);
                        write_member(text_of(given), key, NULL);
                        r = write_value(given, path, lua_gettop(L), 1);
                }
                lua_pop(L, 1);
        }
        text_append_char(text_of(given), '}');
        return r;
}

static int write_data(GivenDraft *given, bool *ret_is_subject) {
        Load *load = given->draft->load;
        lua_State *L = load->loader.L;
        const char *actor = given->by ? find_actor(given) : NULL;
        int r = 0;
        *ret_is_subject = false;
        if (word_infos[given->word].about_person)
                r = write_person(given, ret_is_subject);
        for (const char *const *section = word_infos[given->word].sections; section && *section && r == 0; section++)
                r = write_section(given, *section);
        if (r < 0)
                return r;
        switch (given->word) {
        case WORD_LEAD:
                if (lua_getfield(L, given->index, "test") != LUA_TNIL) {
                        write_member(text_of(given), "test", NULL);
                        r = write_value(given, "test", lua_gettop(L), 1);
                }
                lua_pop(L, 1);
                return r;
        case WORD_ACTIVITY:
                r = write_fields(given, "activity.", "activity", NULL);
                if (r == 0 && actor) {
                        write_member(text_of(given), "outcome", NULL);
                        text_append_char(text_of(given), '{');
                        write_member(text_of(given), "actor", actor);
                        text_append_char(text_of(given), '}');
                }
                return r;
        case WORD_OUTCOME:
                return write_fields(given, "outcome.", "outcome", actor);
        case WORD_CONSENT:
                write_member(text_of(given), "consent", NULL);
                text_append(text_of(given), "[{");
                write_member(text_of(given), "purpose", given->purpose);
                text_printf(text_of(given), ",\"granted\":%s}]", given->granted ? "true" : "false");
                return 0;
        case WORD_COMPANY:
                return write_fields(given, "company.", "company", NULL);
        case WORD_AWAY:
                return write_fields(given, "owner_absence.", "owner", NULL);
        case WORD_BACK:
                return write_fields(given, "-", "owner", NULL);
        default:
                return 0;
        }
}

static const char *type_of(GivenDraft *given) {
        Arena *scratch = given->draft->load->scratch;
        switch (given->word) {
        case WORD_LEAD:
                return given->type && base_streq(given->type, "updated") ? "lead.updated" : "lead.submitted";
        case WORD_ACTIVITY:
                return arena_printf(scratch, "activity.%s", given->type);
        case WORD_OUTCOME:
                return arena_printf(scratch, "outcome.%s", given->move);
        case WORD_CONSENT:
                return given->granted ? "consent.granted" : "consent.withdrawn";
        case WORD_COMPANY:
                return "company.updated";
        case WORD_AWAY:
                return "owner.away";
        default:
                return "owner.back";
        }
}

/* ---- one record ---- */

static bool may_all(const char *directory _unused_, const char *source _unused_, RecordFamily family _unused_, void *userdata _unused_) {
        return true;
}

/* Reads what was written as the daemon would. */
static int check_record(GivenDraft *given, int64_t now_us) {
        static const uint8_t secret[DIGEST_SIZE] = { 0 };
        Load *load = given->draft->load;
        const Settings *settings = load->loader.rules->settings;
        IntakeBatch *batch = NULL;
        int r = 0;
        if (!load->intake) {
                const IntakeSettings how = {
                        .phone_region = settings->phone_region, .zone = settings->zone, .secret = secret, .may = may_all
                };
                r = intake_new(&how, &load->intake);
        }
        if (r == 0)
                r = intake_parse(load->intake, SOURCE, "json", load->text.data, load->text.size, now_us, &batch);
        if (r < 0)
                return r;
        const Refusal *refusal = batch->n_items > 0 ? batch->items[0].refusal : NULL;
        if (refusal)
                loader_error(&load->loader, "%s: no source could send that: %s", given->where, refusal->text);
        else if (batch->n_items != 1 || !batch->items[0].record)
                loader_error(&load->loader, "%s: is no record", given->where);
        intake_batch_free(batch);
        return 0;
}

static int compile_one(TestDraft *draft, int index, TestWord word, const char *where, size_t place, TestGiven *ret) {
        Load *load = draft->load;
        GivenDraft given = { .draft = draft, .word = word, .where = where, .index = index };
        size_t n_errors = load->loader.report->n_errors;
        int r = read_keys(&given);
        if (r < 0)
                return r;
        if (word == WORD_OUTCOME && given.move) {
                check_verb(&given);
                check_rule(&given, "reason", RULE_REASON, text_field(&given, "reason"));
                check_rule(&given, "owner", RULE_MEMBER, text_field(&given, "owner"));
        }
        check_rule(&given, "owner", RULE_MEMBER, given.owner);
        if (draft->at_us == TIME_NONE)
                return 0;
        int64_t step_us = draft->steps[draft->step].at_us;
        int64_t time_us = step_us - given.ago.us;
        if (time_us < 0) {
                loader_error(&load->loader, "%s: \"ago\" leads to before 1970", where);
                return 0;
        }
        char time[TIME_TEXT_SIZE], id[40];
        snprintf(id, sizeof(id), "%zu.%zu", draft->step, place);
        Text *out = &load->text;
        text_clear(out);
        text_append_char(out, '{');
        write_member(out, "specversion", "1.0");
        write_member(out, "id", given.id ? given.id : id);
        write_member(out, "source", given.source ? given.source : SOURCE);
        const char *type = type_of(&given);
        write_member(out, "type", type ? type : "");
        write_member(out, "time", time_format_rfc3339(time_us, time));
        write_member(out, "data", NULL);
        text_append_char(out, '{');
        bool is_subject;
        r = write_data(&given, &is_subject);
        if (r < 0)
                return r;
        text_append(out, "}}");
        if (!type || out->error < 0)
                return load_exhausted(load);
        /* What happened before the test begins was known when it happened; later, what comes with an age comes late. */
        *ret = (TestGiven){ .where = where, .now_us = draft->step == 0 ? time_us : step_us, .size = out->size, .is_subject = is_subject };
        ret->body = arena_strndup(load->loader.arena, out->data, out->size);
        if (!ret->body)
                return load_exhausted(load);
        return load->loader.report->n_errors == n_errors ? check_record(&given, ret->now_us) : 0;
}

int test_compile_given(TestDraft *draft, int index, const char *where) {
        Load *load = draft->load;
        lua_State *L = load->loader.L;
        TestStep *step = &draft->steps[draft->step];
        size_t n = keys_list_count(load, index, where);
        if (n == SIZE_MAX)
                return 0;
        if (n > POLICY_TEST_GIVEN_MAX) {
                loader_error(&load->loader, "\"%s\" has more than %d records", where, POLICY_TEST_GIVEN_MAX);
                return 0;
        }
        TestGiven *all = ARENA_ARRAY(load->loader.arena, TestGiven, n + 1);
        if (!all)
                return load_exhausted(load);
        step->given = all;
        for (size_t i = 0; i < n; i++) {
                const char *place = arena_printf(load->loader.arena, "%s[%zu]", where, i + 1);
                if (!place)
                        return load_exhausted(load);
                int top = lua_gettop(L), r = 0;
                luaL_checkstack(L, 20, NULL);
                lua_rawgeti(L, index, (lua_Integer) i + 1);
                TestWord word = test_word(L, top + 1);
                TestGiven given = { 0 };
                if (word == WORD_NONE)
                        loader_error(&load->loader,
                                "\"%s\" must be lead{ .. }, activity{ .. }, outcome{ .. }, consent{ .. }, company{ .. }, "
                                "payload{ .. }, away{ .. } or back{ .. }, not %s",
                                place, keys_type_name(L, top + 1));
                else if (lua_rawgeti(L, top + 1, 1) != LUA_TTABLE)
                        loader_error(&load->loader, "\"%s\": a table must follow: %s{ .. }", place, test_word_name(word));
                else if (word == WORD_PAYLOAD)
                        r = test_compile_payload(draft, top + 2, place, &given);
                else
                        r = compile_one(draft, top + 2, word, place, i + 1, &given);
                lua_settop(L, top);
                if (r < 0)
                        return r;
                if (!given.body)
                        continue;
                /* In the order in which they happen; of two at one instant, as written. */
                size_t at = step->n_given++;
                for (; at > 0 && all[at - 1].now_us > given.now_us; at--)
                        all[at] = all[at - 1];
                all[at] = given;
        }
        return 0;
}

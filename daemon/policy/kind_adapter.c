/* SPDX-License-Identifier: MIT */
/*
 * kind_adapter: the body of an adapter, as rules/adapters/README.md describes it for people, into the struct that
 * intake reads. Every target is looked up in the field table now, so that a mapping to nowhere is found before the
 * first payload. Knows no payload.
 */
#include "load.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>

#define ADAPTER_ENTRIES_MAX 1000 /* of one map, values or set */

/* ---- record types -------------------------------------------------------- */

/* family.event, or "drop". */
static bool record_type_is_known(const char *type) {
        static const char *const fixed[] = { "drop", "lead.submitted", "lead.updated", "lead.erased", "consent.granted",
                "consent.withdrawn", "company.updated", "owner.away", "owner.back", NULL };
        if (keys_is_among(type, fixed))
                return true;
        const char *event = strncmp(type, "activity.", 9) == 0 ? type + 9 : strncmp(type, "outcome.", 8) == 0 ? type + 8 : "";
        return event[0] != '\0' && event[strspn(event, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static void check_record_type(Load *load, const char *where, const char *type) {
        static const char *const known[] = { "drop", "lead.submitted", "lead.updated", "lead.erased", "consent.granted",
                "consent.withdrawn", "company.updated", "owner.away", "owner.back", "activity.page_viewed", "activity.form_submitted",
                "activity.email_clicked", NULL };
        if (record_type_is_known(type))
                return;
        char what[160];
        snprintf(what, sizeof(what), "record type in \"%.120s\":", where);
        loader_unknown(&load->loader, what, type, known, keys_count(known));
}

static int compile_type(Load *load, int index, const char *where, void *target) {
        Adapter *adapter = target;
        adapter->type = keys_text(load, index, where);
        if (adapter->type)
                check_record_type(load, where, adapter->type);
        return 0;
}

/* ---- targets and values -------------------------------------------------- */

/* NULL when a problem was reported. *ret_info: the field, NULL for the words. */
static const char *compile_target_text(Load *load, const char *where, const char *target, const FieldInfo **ret_info) {
        static const char *const words[] = { "id", "time", "source", "type", "subject", "skip", NULL };
        FieldId field;
        const char *key;
        *ret_info = NULL;
        if (!target || keys_is_among(target, words))
                return target;
        if (!keys_find_field(load, target, "target", &field, &key))
                return NULL;
        *ret_info = field_info(field);
        if (strncmp((*ret_info)->path, "timer.", 6) == 0 || strncmp((*ret_info)->path, "care.", 5) == 0) {
                loader_error(&load->loader, "\"%s\": \"%s\" is leadd's own", where, target);
                return NULL;
        }
        if ((*ret_info)->kind == FIELD_KIND_MAP && !key) {
                loader_error(&load->loader, "\"%s\": \"%s\" needs a key, such as \"%s.name\"", where, target, target);
                return NULL;
        }
        return target;
}

/* A constant of the rules; false when a problem was reported. */
static bool compile_value(Load *load, int index, const char *where, const FieldInfo *info, Value *ret) {
        lua_State *L = load->loader.L;
        switch (lua_type(L, index)) {
        case LUA_TSTRING: {
                const char *text = keys_text(load, index, where);
                if (!text)
                        return false;
                *ret = value_text(text);
                break;
        }
        case LUA_TNUMBER:
                *ret = lua_isinteger(L, index) ? value_integer(lua_tointeger(L, index)) : value_number(lua_tonumber(L, index));
                break;
        case LUA_TBOOLEAN:
                *ret = value_bool(lua_toboolean(L, index));
                break;
        default:
                loader_error(&load->loader, "\"%s\" must be a text, a number, true or false, not %s", where, keys_type_name(L, index));
                return false;
        }
        bool fits = !info || info->kind == FIELD_KIND_MAP || info->kind == FIELD_KIND_TIME ||
                    (info->kind == FIELD_KIND_TEXT && ret->type != VALUE_BOOL) ||
                    (info->kind == FIELD_KIND_BOOL && ret->type == VALUE_BOOL) ||
                    (info->kind == FIELD_KIND_NUMBER && (ret->type == VALUE_INTEGER || ret->type == VALUE_NUMBER));
        if (!fits)
                loader_error(&load->loader, "\"%s\": \"%s\" holds %s", where, info->path,
                        info->kind == FIELD_KIND_BOOL     ? "true or false"
                        : info->kind == FIELD_KIND_NUMBER ? "a number"
                                                          : "text");
        return fits;
}

/* The sorted names of a table; reported (and n 0) when it is none or too large. */
static int compile_names(Load *load, int index, const char *where, const char *example, const char *const **ret, size_t *ret_n) {
        lua_State *L = load->loader.L;
        *ret_n = 0;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table such as %s, not %s", where, example, keys_type_name(L, index));
                return 0;
        }
        int r = keys_names(load, index, where, ret, ret_n);
        if (r == 0 && *ret_n > ADAPTER_ENTRIES_MAX) {
                loader_error(&load->loader, "\"%s\" has more than %d entries", where, ADAPTER_ENTRIES_MAX);
                *ret_n = 0;
        }
        return r;
}

static int compile_values(Load *load, int index, const char *where, const FieldInfo *info, AdapterMap *map) {
        lua_State *L = load->loader.L;
        const char *const *names;
        size_t n, n_good = 0;
        int r = compile_names(load, index, where, "{ [\"1\"] = \"yes\" }", &names, &n);
        AdapterValue *values = ARENA_ARRAY(load->loader.arena, AdapterValue, n + 1);
        if (r < 0 || !values)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                lua_getfield(L, index, names[i]);
                values[n_good].from = names[i];
                n_good += compile_value(load, lua_gettop(L), keys_where(load, where, names[i]), info, &values[n_good].value);
                lua_pop(L, 1);
        }
        map->values = values;
        map->n_values = n_good;
        return 0;
}

/* ---- map ----------------------------------------------------------------- */

static const char *const forms[] = { [ADAPTER_AUTO] = "auto",
        [ADAPTER_INTEGER] = "integer",
        [ADAPTER_NUMBER] = "number",
        [ADAPTER_BOOL] = "bool",
        [ADAPTER_PHONE] = "phone",
        [ADAPTER_COUNTRY] = "country",
        [ADAPTER_STRIP_PREFIX] = "strip",
        [ADAPTER_LOWER] = "lower",
        [ADAPTER_LAST_URN] = "last_urn",
        NULL };

static int compile_form(Load *load, int index, const char *where, void *target) {
        static const BodyKey key = { .name = "as", .type = KEY_CHOICE, .choices = forms };
        AdapterMap *map = target;
        int form = ADAPTER_AUTO;
        int r = keys_compile_value(load, index, where, &key, &form);
        if (form == ADAPTER_STRIP_PREFIX)
                loader_error(&load->loader, "\"%s\": write strip = \"PREFIX\"", where);
        else
                map->form = (AdapterForm) form;
        return r;
}

/* "target", or { "target", as = .., strip = .., values = .. }. *ret_good: it can be used. */
static int compile_map_entry(Load *load, int index, const char *where, AdapterMap *map, bool *ret_good) {
        lua_State *L = load->loader.L;
        const FieldInfo *info = NULL;
        *ret_good = false;
        if (lua_type(L, index) == LUA_TSTRING) {
                map->target = compile_target_text(load, where, keys_text(load, index, where), &info);
                *ret_good = map->target != NULL;
                return 0;
        }
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a target or { \"target\", as = ... }, not %s", where, keys_type_name(L, index));
                return 0;
        }
        static const BodyKey keys[] = {
                { .name = "target", .type = KEY_ITEMS }, { .name = "as", .type = KEY_OWN, .compile = compile_form },
                { .name = "strip", .type = KEY_TEXT, .at = offsetof(AdapterMap, argument) },
                { .name = "values", .type = KEY_SKIP }, /* below: it needs the target */
        };
        int r = keys_compile(load, index, where, keys, ARRAY_SIZE(keys), map);
        if (r < 0)
                return r;
        if (lua_rawlen(L, index) != 1) {
                loader_error(&load->loader, "\"%s\" must begin with one target", where);
                return 0;
        }
        lua_rawgeti(L, index, 1);
        map->target = compile_target_text(load, where, keys_text(load, lua_gettop(L), where), &info);
        lua_pop(L, 1);
        if (map->argument && map->form != ADAPTER_AUTO)
                loader_error(&load->loader, "\"%s\": one of \"as\" and \"strip\"", where);
        if (map->argument)
                map->form = ADAPTER_STRIP_PREFIX;
        if (lua_getfield(L, index, "values") != LUA_TNIL)
                r = compile_values(load, lua_gettop(L), keys_where(load, where, "values"), info, map);
        lua_pop(L, 1);
        *ret_good = map->target != NULL;
        return r;
}

static int compile_map_table(Load *load, int index, const char *where, const AdapterMap **ret, size_t *ret_n) {
        lua_State *L = load->loader.L;
        const char *const *names;
        size_t n, n_good = 0;
        int r = compile_names(load, index, where, "{ [\"email\"] = \"person.email\" }", &names, &n);
        AdapterMap *maps = ARENA_ARRAY(load->loader.arena, AdapterMap, n + 1);
        if (r < 0 || !maps)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                bool good;
                maps[n_good] = (AdapterMap){ .from = names[i] };
                lua_getfield(L, index, names[i]);
                r = compile_map_entry(load, lua_gettop(L), keys_where(load, where, names[i]), &maps[n_good], &good);
                lua_pop(L, 1);
                if (r < 0)
                        return r;
                n_good += good;
        }
        *ret = maps;
        *ret_n = n_good;
        return 0;
}

static int compile_map(Load *load, int index, const char *where, void *target) {
        Adapter *adapter = target;
        return compile_map_table(load, index, where, &adapter->map, &adapter->n_map);
}

/* ---- match --------------------------------------------------------------- */

/* { "path", ["path"] = "text*" }: plain ones first. */
static int compile_match_table(Load *load, int index, const char *where, const AdapterMatch **ret, size_t *ret_n) {
        lua_State *L = load->loader.L;
        size_t n_plain = lua_type(L, index) == LUA_TTABLE ? lua_rawlen(L, index) : 0, n_named = 0, n_good = 0;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table such as { \"path\", [\"path\"] = \"text*\" }, not %s", where,
                        keys_type_name(L, index));
                return 0;
        }
        lua_pushnil(L);
        while (lua_next(L, index)) {
                lua_pop(L, 1);
                n_named += lua_type(L, -1) == LUA_TSTRING;
        }
        if (n_plain > ADAPTER_ENTRIES_MAX) {
                loader_error(&load->loader, "\"%s\" has more than %d entries", where, ADAPTER_ENTRIES_MAX);
                return 0;
        }
        AdapterMatch *matches = ARENA_ARRAY(load->loader.arena, AdapterMatch, n_plain + n_named + 1);
        if (!matches)
                return load_exhausted(load);
        for (size_t i = 0; i < n_plain; i++) {
                lua_rawgeti(L, index, (lua_Integer) i + 1);
                if ((matches[n_good].path = keys_text(load, lua_gettop(L), where)))
                        n_good++;
                lua_pop(L, 1);
        }
        const char *const *names;
        size_t n;
        int r = keys_names_beside_items(load, index, &names, &n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                lua_getfield(L, index, names[i]);
                const char *glob = keys_text(load, lua_gettop(L), keys_where(load, where, names[i]));
                if (glob)
                        matches[n_good++] = (AdapterMatch){ .path = names[i], .equals = glob };
                lua_pop(L, 1);
        }
        if (r == 0 && n_plain + n == 0)
                loader_error(&load->loader, "\"%s\" is empty", where);
        *ret = matches;
        *ret_n = n_good;
        return r;
}

static int compile_match(Load *load, int index, const char *where, void *target) {
        Adapter *adapter = target;
        return compile_match_table(load, index, where, &adapter->match, &adapter->n_match);
}

static int compile_where(Load *load, int index, const char *where, void *target) {
        AdapterPairs *pairs = target;
        return compile_match_table(load, index, where, &pairs->where, &pairs->n_where);
}

/* ---- rest ---------------------------------------------------------------- */

/* A map field, or one with the beginning of a key. */
static const char *compile_rest_target(Load *load, int index, const char *where) {
        const char *target = keys_text(load, index, where), *key;
        FieldId field;
        if (!target || !keys_find_field(load, target, "target", &field, &key))
                return NULL;
        if (field_info(field)->kind == FIELD_KIND_MAP && field != FIELD_CONSENT_AT && field != FIELD_CONSENT_BASIS)
                return target;
        loader_error(&load->loader,
                "\"%s\" cannot be \"%s\": only answers, activity.properties, consent, external_ids and click_ids take any name", where,
                target);
        return NULL;
}

static int compile_rest(Load *load, int index, const char *where, void *target) {
        lua_State *L = load->loader.L;
        Adapter *adapter = target;
        const char *const *names = NULL;
        size_t n = 1;
        bool whole = lua_type(L, index) == LUA_TSTRING;
        int r = whole ? 0 : compile_names(load, index, where, "{ [\"path\"] = \"answers\" }", &names, &n);
        AdapterRest *rests = ARENA_ARRAY(load->loader.arena, AdapterRest, n + 1);
        if (r < 0 || !rests)
                return load_exhausted(load);
        adapter->rest = rests;
        if (whole) {
                rests[0].target = compile_rest_target(load, index, where);
                adapter->n_rest = rests[0].target ? 1 : 0;
                return 0;
        }
        for (size_t i = 0; i < n; i++) {
                lua_getfield(L, index, names[i]);
                const char *to = compile_rest_target(load, lua_gettop(L), keys_where(load, where, names[i]));
                lua_pop(L, 1);
                if (to)
                        rests[adapter->n_rest++] = (AdapterRest){ .from = names[i], .target = to };
        }
        return 0;
}

static int compile_pairs_rest(Load *load, int index, const char *where, void *target) {
        AdapterPairs *pairs = target;
        pairs->rest = compile_rest_target(load, index, where);
        return 0;
}

/* ---- pairs --------------------------------------------------------------- */

static int compile_pairs_map(Load *load, int index, const char *where, void *target) {
        AdapterPairs *pairs = target;
        return compile_map_table(load, index, where, &pairs->map, &pairs->n_map);
}

static int compile_pairs(Load *load, int index, const char *where, void *target) {
        static const BodyKey keys[] = {
                { .name = "list", .type = KEY_TEXT, .required = true, .at = offsetof(AdapterPairs, list) },
                { .name = "where", .type = KEY_OWN, .compile = compile_where },
                { .name = "name", .type = KEY_TEXT, .required = true, .at = offsetof(AdapterPairs, name) },
                { .name = "value",
                        .type = KEY_TEXTS,
                        .required = true,
                        .at = offsetof(AdapterPairs, values),
                        .count_at = offsetof(AdapterPairs, n_values) },
                { .name = "map", .type = KEY_OWN, .compile = compile_pairs_map },
                { .name = "rest", .type = KEY_OWN, .compile = compile_pairs_rest },
        };
        lua_State *L = load->loader.L;
        Adapter *adapter = target;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a list of tables, not %s", where, keys_type_name(L, index));
                return 0;
        }
        size_t n = keys_list_count(load, index, where);
        if (n == SIZE_MAX || n > ADAPTER_ENTRIES_MAX)
                return 0;
        AdapterPairs *pairs = ARENA_ARRAY(load->loader.arena, AdapterPairs, n + 1);
        if (!pairs)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                char place[40];
                snprintf(place, sizeof(place), "%.20s[%zu]", where, i + 1);
                int r = 0;
                if (lua_rawgeti(L, index, (lua_Integer) i + 1) != LUA_TTABLE)
                        loader_error(&load->loader, "\"%s\" must be a table, not %s", place, keys_type_name(L, -1));
                else
                        r = keys_compile(load, lua_gettop(L), place, keys, ARRAY_SIZE(keys), &pairs[i]);
                lua_pop(L, 1);
                if (r < 0)
                        return r;
        }
        adapter->pairs = pairs;
        adapter->n_pairs = n;
        return 0;
}

/* ---- the other keys ------------------------------------------------------ */

static int compile_set(Load *load, int index, const char *where, void *target) {
        lua_State *L = load->loader.L;
        Adapter *adapter = target;
        const char *const *names;
        size_t n, n_good = 0;
        int r = compile_names(load, index, where, "{ [\"attribution.channel\"] = \"website\" }", &names, &n);
        AdapterSet *sets = ARENA_ARRAY(load->loader.arena, AdapterSet, n + 1);
        if (r < 0 || !sets)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                const FieldInfo *info = NULL;
                lua_getfield(L, index, names[i]);
                sets[n_good].target = compile_target_text(load, where, names[i], &info);
                if (sets[n_good].target && compile_value(load, lua_gettop(L), keys_where(load, where, names[i]), info, &sets[n_good].value))
                        n_good++;
                lua_pop(L, 1);
        }
        adapter->set = sets;
        adapter->n_set = n_good;
        return 0;
}

/* type_from = { "path", VALUE = "lead.updated", ["*"] = "drop" } */
static int compile_type_from(Load *load, int index, const char *where, void *target) {
        lua_State *L = load->loader.L;
        Adapter *adapter = target;
        if (lua_type(L, index) != LUA_TTABLE || lua_rawlen(L, index) != 1) {
                loader_error(
                        &load->loader, "\"%s\" must be a table such as { \"path\", VALUE = \"lead.updated\", [\"*\"] = \"drop\" }", where);
                return 0;
        }
        lua_rawgeti(L, index, 1);
        adapter->type_path = keys_text(load, lua_gettop(L), where);
        lua_pop(L, 1);
        const char *const *names;
        size_t n, n_good = 0;
        int r = keys_names_beside_items(load, index, &names, &n);
        AdapterMap *types = ARENA_ARRAY(load->loader.arena, AdapterMap, n + 1);
        if (r < 0 || !types)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                const char *place = keys_where(load, where, names[i]);
                lua_getfield(L, index, names[i]);
                types[n_good] = (AdapterMap){ .from = names[i], .target = keys_text(load, lua_gettop(L), place) };
                lua_pop(L, 1);
                if (!types[n_good].target)
                        continue;
                check_record_type(load, place, types[n_good].target);
                n_good++;
        }
        if (n == 0)
                loader_error(&load->loader, "\"%s\" names no type", where);
        adapter->types = types;
        adapter->n_types = n_good;
        return 0;
}

static const char *const time_forms[] = { [ADAPTER_TIME_AUTO] = "auto",
        [ADAPTER_TIME_RFC3339] = "rfc3339",
        [ADAPTER_TIME_UNIX] = "unix",
        [ADAPTER_TIME_UNIX_MS] = "unix_ms",
        [ADAPTER_TIME_LOCAL] = "local",
        NULL };

/* "path" or { "path", form = F, zone = Z } */
static int compile_time(Load *load, int index, const char *where, void *target) {
        static const BodyKey keys[] = {
                { .name = "path", .type = KEY_ITEMS },
                { .name = "form", .type = KEY_CHOICE, .at = offsetof(Adapter, time_form), .choices = time_forms },
                { .name = "zone", .type = KEY_TEXT, .at = offsetof(Adapter, time_zone) },
        };
        lua_State *L = load->loader.L;
        Adapter *adapter = target;
        if (lua_type(L, index) == LUA_TSTRING) {
                adapter->time = keys_text(load, index, where);
                return 0;
        }
        if (lua_type(L, index) != LUA_TTABLE || lua_rawlen(L, index) != 1) {
                loader_error(&load->loader, "\"%s\" must be a path or { \"path\", form = \"unix_ms\" }", where);
                return 0;
        }
        lua_rawgeti(L, index, 1);
        adapter->time = keys_text(load, lua_gettop(L), where);
        lua_pop(L, 1);
        int r = keys_compile(load, index, where, keys, ARRAY_SIZE(keys), adapter);
        if (r < 0 || !adapter->time_zone)
                return r;
        if (adapter->time_form != ADAPTER_TIME_LOCAL && adapter->time_form != ADAPTER_TIME_AUTO)
                loader_error(&load->loader, "\"%s.zone\" is for times without a zone (form = \"local\")", where);
        Zone *zone = NULL;
        r = zone_new(adapter->time_zone, &zone);
        (void) zone_unref(zone);
        if (r == WORKTIME_E_ZONE)
                loader_error(&load->loader, "%s.zone: there is no time zone \"%.80s\" (names are like Europe/Berlin)", where,
                        adapter->time_zone);
        return r < 0 ? r : 0;
}

/* secret = { field = "path", file = "NAME" } */
static int compile_secret(Load *load, int index, const char *where, void *target) {
        static const BodyKey keys[] = {
                { .name = "field", .type = KEY_TEXT, .required = true, .at = offsetof(Adapter, secret) },
                { .name = "file", .type = KEY_TEXT, .required = true, .at = offsetof(Adapter, secret_file) },
        };
        lua_State *L = load->loader.L;
        Adapter *adapter = target;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table such as { field = \"key\", file = \"NAME\" }, not %s", where,
                        keys_type_name(L, index));
                return 0;
        }
        int r = keys_compile(load, index, where, keys, ARRAY_SIZE(keys), adapter);
        const char *file = adapter->secret_file;
        if (r == 0 && file && file[0] != '/' && (strchr(file, '/') || file[0] == '.' || file[0] == '\0'))
                loader_error(&load->loader, "\"%s.file\" must be an absolute path or the name of a credential, not \"%.60s\"", where, file);
        return r;
}

int kind_compile_adapter(Load *load, int index, void *head) {
        static const char *const formats[] = { "json", "csv", "form", NULL };
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_SKIP },
                { .name = "match", .type = KEY_OWN, .compile = compile_match },
                { .name = "source", .type = KEY_TEXT, .at = offsetof(Adapter, source_glob) },
                { .name = "format", .type = KEY_WORD, .at = offsetof(Adapter, format), .choices = formats },
                { .name = "each", .type = KEY_TEXT, .at = offsetof(Adapter, each) },
                { .name = "id", .type = KEY_TEXTS, .at = offsetof(Adapter, id), .count_at = offsetof(Adapter, n_id) },
                { .name = "type", .type = KEY_OWN, .compile = compile_type },
                { .name = "type_from", .type = KEY_OWN, .compile = compile_type_from },
                { .name = "time", .type = KEY_OWN, .compile = compile_time },
                { .name = "drop", .type = KEY_TEXTS, .at = offsetof(Adapter, drop), .count_at = offsetof(Adapter, n_drop) },
                { .name = "secret", .type = KEY_OWN, .compile = compile_secret },
                { .name = "empty", .type = KEY_TEXTS, .at = offsetof(Adapter, empty), .count_at = offsetof(Adapter, n_empty) },
                { .name = "map", .type = KEY_OWN, .compile = compile_map },
                { .name = "pairs", .type = KEY_OWN, .compile = compile_pairs },
                { .name = "set", .type = KEY_OWN, .compile = compile_set },
                { .name = "rest", .type = KEY_OWN, .compile = compile_rest },
        };
        lua_State *L = load->loader.L;
        AdapterDecl *declared = head;
        Adapter *adapter = &declared->adapter;
        *adapter = (Adapter){ .name = declared->rule.name, .type = "lead.submitted" };
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), adapter);
        if (r < 0)
                return r;
        if (lua_getfield(L, index, "doc") != LUA_TNIL)
                declared->rule.doc = keys_text(load, lua_gettop(L), "doc");
        if (!keys_has(L, index, "match") && !keys_has(L, index, "source"))
                loader_error(&load->loader, "matches nothing: it needs \"match\" or \"source\"");
        if (keys_has(L, index, "type") && keys_has(L, index, "type_from"))
                loader_error(&load->loader, "has both \"type\" and \"type_from\"");
        if (!keys_has(L, index, "map") && !keys_has(L, index, "pairs") && !keys_has(L, index, "rest") &&
                !base_streq(adapter->type ? adapter->type : "", "drop"))
                loader_error(&load->loader, "maps nothing: it needs \"map\", \"pairs\" or \"rest\"");
        return 0;
}

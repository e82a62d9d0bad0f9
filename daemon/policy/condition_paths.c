/* SPDX-License-Identifier: MIT */
/*
 * What a path in a condition means: which part of the lead it reads, of which type that is, and whether the phase that asks may
 * read it yet. The field table of record.h is the only list of fields; what stands here beside it is computed, not recorded.
 */
#include "condition.h"

typedef struct NamedRef {
        const char *path;
        RefKind kind;
        RefType type;
        FieldId field, fallback;
        bool later; /* known only once segments and scores are: decisions may read it */
} NamedRef;

static const NamedRef lead_refs[] = {
        { "source", REF_SOURCE, TYPE_TEXT, 0, 0, false },
        { "country", REF_COUNTRY, TYPE_TEXT, 0, 0, false },
        { "test", REF_TEST, TYPE_BOOL, 0, 0, false },
        { "idle", REF_IDLE, TYPE_DURATION, 0, 0, false },
        { "age", REF_AGE, TYPE_DURATION, 0, 0, false },
        { "opportunity.idle", REF_SINCE, TYPE_DURATION, FIELD_OPPORTUNITY_CHANGED, 0, false },
        { "opportunity.age", REF_SINCE, TYPE_DURATION, FIELD_OPPORTUNITY_OPENED, 0, false },
        { "opportunity.in_stage", REF_SINCE, TYPE_DURATION, FIELD_OPPORTUNITY_STAGED, 0, false },
        { "segment", REF_SEGMENT, TYPE_NAME, 0, 0, false },
        { "status", REF_STATUS, TYPE_NAME, 0, 0, true },
        { "team", REF_TEAM, TYPE_NAME, 0, 0, true },
        { "owner", REF_OWNER, TYPE_NAME, 0, 0, true },
        { "track", REF_TRACK, TYPE_NAME, 0, 0, true },
        { "grade", REF_GRADE, TYPE_GRADE, 0, 0, true },
        { "in_status", REF_IN_STATUS, TYPE_DURATION, 0, 0, true },
        { "fit", REF_GROUP, TYPE_POINTS, 0, 0, true },
        { "engagement", REF_GROUP, TYPE_POINTS, 0, 0, true },
};

/* Inside did{}, `on`, wake_on, roll_on. A form has its page and its campaign as attribution. */
static const NamedRef activity_refs[] = {
        { "type", REF_ACTIVITY_TYPE, TYPE_TEXT, 0, 0, false },
        { "name", REF_ACTIVITY_NAME, TYPE_TEXT, 0, 0, false },
        { "url", REF_ACTIVITY_FIELD, TYPE_TEXT, FIELD_ACTIVITY_URL, FIELD_ATTRIBUTION_PAGE_URL, false },
        { "campaign", REF_ACTIVITY_FIELD, TYPE_TEXT, FIELD_ACTIVITY_CAMPAIGN, FIELD_ATTRIBUTION_CAMPAIGN, false },
        { "asset", REF_ACTIVITY_FIELD, TYPE_TEXT, FIELD_ACTIVITY_ASSET, 0, false },
        { "channel", REF_ACTIVITY_FIELD, TYPE_TEXT, FIELD_ACTIVITY_CHANNEL, 0, false },
        { "value", REF_ACTIVITY_FIELD, TYPE_NUMBER, FIELD_ACTIVITY_VALUE, 0, false },
        { "count", REF_ACTIVITY_FIELD, TYPE_NUMBER, FIELD_ACTIVITY_COUNT, 0, false },
};

static const NamedRef *find_named(const NamedRef *refs, size_t n_refs, const char *path) {
        for (size_t i = 0; i < n_refs; i++)
                if (base_streq(refs[i].path, path))
                        return &refs[i];
        return NULL;
}

/* Everything that could have been meant, for did-you-mean. */
static void report_unknown_path(Loader *loader, const char *path, ConditionPhase phase) {
        size_t n_fields, n = 0;
        const FieldInfo *fields = field_all(&n_fields);
        const char **candidates = ARENA_ARRAY(loader->arena, const char *, n_fields + ARRAY_SIZE(lead_refs) + ARRAY_SIZE(activity_refs));

        if (!candidates) {
                loader->out_of_memory = true;
                return;
        }
        if (phase == PHASE_ACTIVITY)
                for (size_t i = 0; i < ARRAY_SIZE(activity_refs); i++)
                        candidates[n++] = activity_refs[i].path;
        else {
                for (size_t i = 0; i < ARRAY_SIZE(lead_refs); i++)
                        candidates[n++] = lead_refs[i].path;
                for (size_t i = 0; i < n_fields; i++)
                        if (field_is_profile(fields[i].id))
                                candidates[n++] = fields[i].path;
        }
        loader_unknown(loader, "path", path, candidates, n);
}

static bool find_group(Loader *loader, const char *name, uint32_t *ret) {
        for (size_t i = 0; i < loader->rules->n_groups; i++)
                if (base_streq(loader->rules->groups[i].rule.name, name)) {
                        *ret = (uint32_t) i;
                        return true;
                }
        size_t n;
        const char *const *names = loader_names(loader, RULE_GROUP, &n);
        loader_unknown(loader, "group", name, names, n);
        return false;
}

static bool phase_may_read(Loader *loader, const char *where, const char *path, ConditionPhase phase) {
        if (phase == PHASE_DECISION)
                return true;
        loader_error(loader, "%s: %s cannot read \"%s\": it is known only after segments and scores", where,
                phase == PHASE_SEGMENT ? "a segment" : "a score", path);
        return false;
}

static RefType type_of_field(FieldKind kind) {
        switch (kind) {
        case FIELD_KIND_TEXT:
                return TYPE_TEXT;
        case FIELD_KIND_NUMBER:
                return TYPE_NUMBER;
        case FIELD_KIND_BOOL:
                return TYPE_BOOL;
        case FIELD_KIND_TIME:
                return TYPE_TIME;
        case FIELD_KIND_MAP:
                break;
        }
        return TYPE_ANY;
}

static bool compile_activity_ref(Loader *loader, const char *where, const char *path, Ref *ref) {
        static const char properties[] = "properties.";
        const NamedRef *named = find_named(activity_refs, ARRAY_SIZE(activity_refs), path);

        if (named) {
                ref->kind = named->kind;
                ref->type = named->type;
                ref->field = named->field;
                ref->fallback = named->fallback;
                return true;
        }
        if (strncmp(path, properties, sizeof(properties) - 1) == 0 && path[sizeof(properties) - 1] != '\0') {
                ref->kind = REF_ACTIVITY_FIELD;
                ref->type = TYPE_ANY;
                ref->field = FIELD_ACTIVITY_PROPERTIES;
                ref->key = path + sizeof(properties) - 1;
                return true;
        }
        if (base_streq(path, "properties")) {
                loader_error(loader, "%s: \"properties\" needs a key: [\"properties.KEY\"]", where);
                return false;
        }
        FieldId field;
        const char *key;
        if (find_named(lead_refs, ARRAY_SIZE(lead_refs), path) || (field_find(path, &field, &key) && field_is_profile(field))) {
                loader_error(loader, "%s: \"%s\" is about the lead; here only an activity can be asked: type, name, url, ...", where, path);
                return false;
        }
        report_unknown_path(loader, path, PHASE_ACTIVITY);
        return false;
}

bool condition_compile_ref(Loader *loader, const char *where, const char *raw_path, ConditionPhase phase, Ref *ret) {
        char *path = arena_strdup(loader->arena, raw_path);
        Ref ref = { .path = path };

        if (!path) {
                loader->out_of_memory = true;
                return false;
        }
        if (phase == PHASE_ACTIVITY) {
                if (!compile_activity_ref(loader, where, path, &ref))
                        return false;
                *ret = ref;
                return true;
        }

        const NamedRef *named = find_named(lead_refs, ARRAY_SIZE(lead_refs), path);
        if (named) {
                if (named->later && !phase_may_read(loader, where, path, phase))
                        return false;
                if (named->kind == REF_SEGMENT && phase == PHASE_SEGMENT) {
                        loader_error(loader, "%s: a segment cannot read another segment", where);
                        return false;
                }
                if (named->kind == REF_GRADE && !loader->rules->grade) {
                        loader_error(loader, "%s: no grade is declared", where);
                        return false;
                }
                ref.kind = named->kind;
                ref.type = named->type;
                ref.field = named->field;
                if (named->kind == REF_GROUP && !find_group(loader, path, &ref.group))
                        return false;
                *ret = ref;
                return true;
        }
        if (strncmp(path, "score.", 6) == 0) {
                if (!phase_may_read(loader, where, path, phase) || !find_group(loader, path + 6, &ref.group))
                        return false;
                ref.kind = REF_GROUP;
                ref.type = TYPE_POINTS;
                *ret = ref;
                return true;
        }
        if (find_named(activity_refs, ARRAY_SIZE(activity_refs), path) || strncmp(path, "properties.", 11) == 0) {
                loader_error(loader, "%s: \"%s\" is about an activity: write did{ %s = ... }", where, path,
                        strchr(path, '.') ? "[\"properties.KEY\"]" : path);
                return false;
        }
        if (!field_find(path, &ref.field, &ref.key)) {
                report_unknown_path(loader, path, phase);
                return false;
        }
        if (!field_is_profile(ref.field)) {
                loader_error(loader, "%s: \"%s\" describes one event, not the lead", where, path);
                return false;
        }
        const FieldInfo *info = field_info(ref.field);
        if (info->kind == FIELD_KIND_MAP && (!ref.key || !*ref.key)) {
                loader_error(loader, "%s: \"%s\" needs a key: [\"%s.KEY\"]", where, path, info->path);
                return false;
        }
        ref.kind = REF_FIELD;
        ref.type = type_of_field(info->kind);
        *ret = ref;
        return true;
}

#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * Holds a reply against what its interface says about itself: every member is declared and of its type, every member
 * that is not nullable is there. Reads the Varlink types from the method table's own text.
 */
#include "control_harness.h"

typedef struct Conform {
        const Interface *interface;
        const char *at; /* in the text of a type */
        char problem[512];
} Conform;

static inline bool conform_value(Conform *c, const json_t *value, const char *where);

static inline void conform_space(Conform *c) {
        while (*c->at == ' ' || *c->at == '\n')
                c->at++;
}

static inline bool conform_fail(Conform *c, const char *where, const char *what) {
        (void) snprintf(c->problem, sizeof(c->problem), "%s: %s", where, what);
        return false;
}

static inline size_t conform_word(const char *s) {
        size_t n = 0;
        while ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') || (s[n] >= '0' && s[n] <= '9') || s[n] == '_')
                n++;
        return n;
}

/* "(name: type, ...)": value NULL only reads over it. */
static inline bool conform_struct(Conform *c, const json_t *value, const char *where) {
        size_t n_declared = 0;
        if (value && !json_is_object(value))
                return conform_fail(c, where, "not an object");
        for (c->at++, conform_space(c); *c->at != ')';) {
                char name[64], path[256];
                size_t n = conform_word(c->at);
                if (n == 0 || n >= sizeof(name))
                        return conform_fail(c, where, c->at);
                memcpy(name, c->at, n);
                name[n] = '\0';
                c->at += n;
                conform_space(c);
                if (*c->at++ != ':')
                        return conform_fail(c, where, "no colon behind a name");
                conform_space(c);
                (void) snprintf(path, sizeof(path), "%s.%s", where, name);
                const json_t *member = json_object_get(value, name);
                if (member)
                        n_declared++;
                else if (value && *c->at != '?')
                        return conform_fail(c, path, "missing");
                if (!conform_value(c, member, path))
                        return false;
                conform_space(c);
                if (*c->at == ',') {
                        c->at++;
                        conform_space(c);
                }
        }
        c->at++;
        if (value && json_object_size(value) != n_declared) {
                char *all = json_dumps(value, JSON_COMPACT);
                (void) snprintf(c->problem, sizeof(c->problem), "%s: has members that are not declared: %.300s", where, all);
                free(all);
                return false;
        }
        return true;
}

static inline bool conform_named(Conform *c, const json_t *value, const char *name, size_t size, const char *where) {
        char line[80];
        (void) snprintf(line, sizeof(line), "type %.*s (", (int) size, name);
        const char *found = strstr(c->interface->types, line);
        if (!found)
                return conform_fail(c, where, "a type nobody declares");
        if (!value)
                return true;
        Conform inner = { .interface = c->interface, .at = found + strlen(line) - 1 };
        bool ok = conform_struct(&inner, value, where);
        if (!ok)
                memcpy(c->problem, inner.problem, sizeof(c->problem));
        return ok;
}

/* Reads one type; value NULL only reads over it. */
static inline bool conform_value(Conform *c, const json_t *value, const char *where) {
        static const struct {
                const char *name;
                int types[2];
        } basics[] = { { "string", { JSON_STRING, -1 } }, { "int", { JSON_INTEGER, -1 } }, { "float", { JSON_REAL, JSON_INTEGER } },
                { "bool", { JSON_TRUE, JSON_FALSE } }, { "object", { JSON_OBJECT, -1 } } };
        if (*c->at == '?') {
                c->at++;
                if (json_is_null(value))
                        value = NULL;
        } else if (json_is_null(value))
                return conform_fail(c, where, "null where that is not said");
        if (strncmp(c->at, "[]", 2) == 0) {
                c->at += 2;
                const char *type = c->at;
                if (value && !json_is_array(value))
                        return conform_fail(c, where, "not an array");
                size_t i;
                json_t *item;
                if (!conform_value(c, NULL, where))
                        return false;
                const char *end = c->at;
                json_array_foreach((json_t *) value, i, item) {
                        char path[256];
                        (void) snprintf(path, sizeof(path), "%s[%zu]", where, i);
                        c->at = type;
                        if (!conform_value(c, item, path))
                                return false;
                }
                c->at = end;
                return true;
        }
        if (*c->at == '(')
                return conform_struct(c, value, where);
        size_t n = conform_word(c->at);
        const char *name = c->at;
        c->at += n;
        for (size_t i = 0; i < ARRAY_SIZE(basics); i++)
                if (strlen(basics[i].name) == n && memcmp(name, basics[i].name, n) == 0)
                        return !value || (int) json_typeof(value) == basics[i].types[0] || (int) json_typeof(value) == basics[i].types[1]
                                       ? true
                                       : conform_fail(c, where, "of another type than declared");
        return conform_named(c, value, name, n, where);
}

/* Fails the test when the reply of a method, or its error, is not as the interface says. method with the interface's name. */
static inline void conform_reply(const char *method, const char *error, const json_t *parameters) {
        static const Interface *const interfaces[] = { &interface_service, &interface_control, &interface_leads, &interface_report };
        const char *name = *error ? error : method, *dot = strrchr(name, '.');
        for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
                if (strncmp(interfaces[i]->name, name, (size_t) (dot - name)) != 0 || interfaces[i]->name[dot - name] != '\0')
                        continue;
                Conform c = { .interface = interfaces[i] };
                if (*error) {
                        char line[80];
                        (void) snprintf(line, sizeof(line), "error %s (", dot + 1);
                        const char *found = strstr(interfaces[i]->errors, line);
                        if (!found)
                                fail_msg("%s answers %s, which is not declared", method, error);
                        c.at = found + strlen(line) - 1;
                } else
                        c.at = interface_method(interfaces[i], dot + 1)->output;
                if (!conform_struct(&c, parameters, dot + 1))
                        fail_msg("%s: %s", method, c.problem);
                return;
        }
        fail_msg("%s: nobody declares %s", method, name);
}
